//! Text that was made by others, for people to read: blanks can be told apart, and nothing rewrites a terminal.

use std::fmt::Write;

/// How many characters of a text from outside a message quotes: most hosts of COS fit.
const SHORT: usize = 80;

/// The text with every blank made visible: `·` for a blank at an end or beside another one, `\n`, `\r` and `\t`, and
/// `<U+00A0>` for every other blank, control or invisible character.
pub fn visible(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let is_blank = |index: Option<usize>| index.and_then(|index| characters.get(index)).is_none_or(|c| is_odd(*c));
    let mut shown = String::with_capacity(text.len());
    for (index, character) in characters.iter().enumerate() {
        match character {
            ' ' if is_blank(index.checked_sub(1)) || is_blank(Some(index + 1)) => shown.push('·'),
            ' ' => shown.push(' '),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            character if is_odd(*character) => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "<U+{:04X}>", u32::from(*character));
            }
            character => shown.push(*character),
        }
    }
    shown
}

/// The lines of a text, each with its end made visible. The last one has no `\n` when the text does not end with one.
pub fn visible_lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(visible).collect()
}

/// The beginning of a text from outside, visible, as a part of one line.
pub fn short(text: &str) -> String {
    around(text, 0)
}

/// The part of a text around a character, visible, as a part of one line.
pub(super) fn around(text: &str, at: usize) -> String {
    let length = text.chars().count();
    if length <= SHORT {
        return visible(text);
    }
    let start = at.saturating_sub(SHORT / 3).min(length - SHORT);
    let part: String = text.chars().skip(start).take(SHORT).collect();
    let (before, after) = (if start > 0 { "…" } else { "" }, if start + SHORT < length { "…" } else { "" });
    format!("{before}{}{after}", visible(&part))
}

/// Whether a character is a blank, does something to a terminal, or cannot be seen (Unicode's blanks, controls, marks of
/// direction and characters without width).
fn is_odd(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_shown_where_they_are_easily_missed() {
        for (text, shown) in [
            ("a b", "a b"),
            (" a  b ", "·a··b·"),
            ("a\t\r\n", "a\\t\\r\\n"),
            ("a\u{a0}b\u{3000}\u{feff}", "a<U+00A0>b<U+3000><U+FEFF>"),
            ("\u{1b}[2J\u{202e}", "<U+001B>[2J<U+202E>"),
            ("图片", "图片"),
            ("", ""),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
        assert_eq!(visible_lines("get\n/ \n\nx"), ["get\\n", "/·\\n", "\\n", "x"]);
    }

    #[test]
    fn a_long_text_is_cut_around_what_matters() {
        let text = format!("{}X{}", "a".repeat(100), "b".repeat(100));
        assert!(around(&text, 100).contains('X') && around(&text, 100).chars().count() == SHORT + 2);
        assert_eq!(short(&text), format!("{}…", "a".repeat(SHORT)));
        assert!(around(&text, 200).ends_with('b'));
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_shown_moves_the_cursor(text in proptest::prelude::any::<String>(), at in 0_usize..100) {
            for shown in [visible(&text), around(&text, at)] {
                proptest::prop_assert!(!shown.chars().any(|c| is_odd(c) && c != ' '), "{shown:?}");
            }
        }
    }
}
