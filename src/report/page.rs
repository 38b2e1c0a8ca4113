//! Text for people, line by line, laid out for a width.

use anstyle::Style as Paint;

use super::Style;

/// Text that grows line by line.
pub(super) struct Page {
    pub(super) style: Style,
    text: String,
}

impl Page {
    /// An empty page.
    pub(super) const fn new(style: Style) -> Self {
        Self { style, text: String::new() }
    }

    /// The finished text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(super) fn raw(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A wrapped paragraph whose further lines stand below its first word.
    pub(super) fn line(&mut self, lead: &str, content: &str) {
        let indent = " ".repeat(lead.chars().count());
        let options = textwrap::Options::new(self.style.width)
            .initial_indent(lead)
            .subsequent_indent(&indent)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(content, options) {
            self.raw(&line);
        }
    }

    pub(super) fn paint(&self, text: &str, paint: Paint) -> String {
        if self.style.color { format!("{paint}{text}{paint:#}") } else { text.to_owned() }
    }
}

/// The word of a report as people write it.
pub(super) fn words(word: &impl ToString) -> String {
    word.to_string().replace('_', " ")
}
