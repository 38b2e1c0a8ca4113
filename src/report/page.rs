//! Text for people, line by line, laid out for a width.

use anstyle::Style as Paint;
use textwrap::core::{Word, display_width};

use super::Style;
use crate::text::Text;

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

    /// A text in the language of the page.
    pub(super) fn say(&self, text: &Text) -> String {
        text.say(self.style.language)
    }

    /// A line as it is.
    pub(super) fn tell(&mut self, text: &Text) {
        self.raw(&self.say(text));
    }

    /// A wrapped paragraph whose further lines stand below its first word.
    pub(super) fn line(&mut self, lead: &Text, content: &Text) {
        self.paragraph(&self.say(lead), &self.say(content));
    }

    /// A paragraph with a name before it, in a column of names.
    pub(super) fn field(&mut self, name: &Text, content: &Text) {
        let name = self.say(name);
        let blanks = " ".repeat(WIDEST_NAME.saturating_sub(display_width(&name)));
        self.paragraph(&format!("  {name}{blanks}"), &self.say(content));
    }

    fn paragraph(&mut self, lead: &str, content: &str) {
        let indent = " ".repeat(display_width(lead));
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

/// The widest name of a field, in columns, with the blanks behind it.
const WIDEST_NAME: usize = 13;

/// The longest command that is kept in one line.
const LONGEST_COMMAND: usize = 64;

/// Signs that must not begin a line.
const CLOSING: &str = "，。；：！？、）》”’…";
/// Signs that must not end one.
const OPENING: &str = "（《“‘";

/// The words of a text. A command between backquotes is one word, so that it can be copied; a long one has to be broken. Chinese is
/// broken between any two characters.
fn words_and_commands(text: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = text;
    Box::new(std::iter::from_fn(move || {
        let end = end_of_word(rest);
        let blanks = rest.get(end..)?.find(|c| c != ' ').unwrap_or(rest.len() - end);
        let (word, behind) = rest.split_at(end + blanks);
        rest = behind;
        (!word.is_empty()).then(|| Word::from(word))
    }))
}

/// Where the first word ends: before a blank, or between two characters of which one is Chinese.
fn end_of_word(text: &str) -> usize {
    let mut at = command(text).unwrap_or(0);
    let mut before = text[..at].chars().next_back();
    while let Some(next) = text[at..].chars().next() {
        let can_break = before.is_some_and(|before| {
            let is_between = is_wide(before) || is_wide(next);
            is_between && !OPENING.contains(before) && !CLOSING.contains(next)
        });
        if next == ' ' || can_break {
            break;
        }
        // Chinese has no blank before a command.
        let command = before.filter(|before| is_wide(*before)).and_then(|_| command(&text[at..]));
        let end = at + command.unwrap_or(next.len_utf8());
        before = text[at..end].chars().next_back();
        at = end;
    }
    at
}

/// The length of the command that a text begins with, if it is one that is kept in one line.
fn command(text: &str) -> Option<usize> {
    let end = text.strip_prefix('`')?.find('`').filter(|end| *end <= LONGEST_COMMAND)?;
    Some(end + 2)
}

/// The text between backquotes apart from what stands around it: a piece of text first, then a command, and so on.
pub(super) fn commands_apart(text: &str) -> Vec<&str> {
    let pieces: Vec<&str> = text.split('`').collect();
    // A backquote without another one begins no command.
    if pieces.len() % 2 == 1 { pieces } else { vec![text] }
}

/// Whether a character takes two columns, as those of Chinese do.
pub(super) fn is_wide(c: char) -> bool {
    ('\u{2e80}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ff60}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    #[test]
    fn chinese_is_broken_between_characters_and_not_before_a_comma() {
        let mut page = Page::new(Style { width: 24, ..Style::default() });
        page.line(&Text::literal("  处理："), &Text::literal("先检查时钟，再用（`ip route`）查看。"));
        assert_eq!(page.into_text(), "  处理：先检查时钟，再用\n        （`ip route`）查\n        看。\n");
    }

    #[test]
    fn a_command_stays_in_one_line() {
        let wrapped = |text: &str, width: usize| {
            let mut page = Page::new(Style { width, ..Style::default() });
            page.line(&text!("  "), &Text::literal(text));
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
