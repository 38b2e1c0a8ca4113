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
            .word_separator(textwrap::WordSeparator::Custom(words_and_commands))
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(content, options) {
            self.raw(&line);
        }
    }

    pub(super) fn paint(&self, text: &str, paint: Paint) -> String {
        if self.style.color { format!("{paint}{text}{paint:#}") } else { text.to_owned() }
    }
}

/// The longest command that is kept in one line.
const LONGEST_COMMAND: usize = 64;

/// The words of a text. A command between backquotes is one word, so that it can be copied; a long one has to be broken.
fn words_and_commands(text: &str) -> Box<dyn Iterator<Item = textwrap::core::Word<'_>> + '_> {
    let mut rest = text;
    Box::new(std::iter::from_fn(move || {
        let command = rest.strip_prefix('`').and_then(|behind| behind.find('`')).filter(|end| *end <= LONGEST_COMMAND);
        let begin = command.map_or(0, |end| end + 2);
        let end = rest.get(begin..)?.find(' ').map_or(rest.len(), |at| begin + at);
        let blanks = rest.get(end..)?.find(|c| c != ' ').unwrap_or(rest.len() - end);
        let (word, behind) = rest.split_at(end + blanks);
        rest = behind;
        (!word.is_empty()).then(|| textwrap::core::Word::from(word))
    }))
}

/// The word of a report as people write it.
pub(super) fn words(word: &impl ToString) -> String {
    word.to_string().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_stays_in_one_line() {
        let wrapped = |text: &str, width: usize| {
            let mut page = Page::new(Style { width, ..Style::default() });
            page.line("  ", text);
            page.into_text()
        };
        let text = "you: look at `ip route get ADDRESS`; it shows the way";
        assert_eq!(wrapped(text, 25), "  you: look at\n  `ip route get ADDRESS`;\n  it shows the way\n");
        assert_eq!(wrapped("a  `b", 24), "  a  `b\n");
        let long = format!("you: `a {}`", "b ".repeat(40));
        assert!(wrapped(&long, 40).lines().all(|line| line.chars().count() <= 40));
        assert_eq!(wrapped("", 40), "\n");
    }
}
