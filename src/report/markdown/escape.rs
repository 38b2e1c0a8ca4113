//! Foreign text in Markdown: it breaks out of no cell and no block, and becomes neither link, mention nor HTML.
//!
//! Backslashes do not keep a program from making a link or a mention of what it finds in the text afterwards; a code span does. So
//! a word stands as it is only where it can mean nothing to such a program, and every other word becomes a code span. That is how
//! hosts, addresses and names are best read anyway.

use super::super::page::{commands_apart, is_wide};

/// Text within a line.
pub(super) fn inline(text: &str) -> String {
    let mut line = String::new();
    for (index, piece) in commands_apart(text).into_iter().enumerate() {
        // Every second piece is a command between backquotes.
        let shown = if index % 2 == 1 { code(piece) } else { words(piece) };
        if line.ends_with('`') && shown.starts_with('`') {
            line.push(' ');
        }
        line.push_str(&shown);
    }
    line.trim().to_owned()
}

/// Text within a cell of a table. Programs differ about how a bar is written there, so another one stands for it.
pub(super) fn cell(text: &str) -> String {
    if text == "-" { text.to_owned() } else { inline(&text.replace('|', "¦")) }
}

/// The words of a text, each fit to be shown, with a blank wherever there was room between them.
fn words(text: &str) -> String {
    let blank = |there| if there { " " } else { "" };
    let words: Vec<String> = text.split_whitespace().map(of_word).collect();
    let (before, after) = (text.starts_with(char::is_whitespace), text.ends_with(char::is_whitespace));
    format!("{}{}{}", blank(before), words.join(" "), blank(after))
}

/// What stands between two blanks. Chinese has none between its words and others.
fn of_word(word: &str) -> String {
    let letters: Vec<char> = word.chars().collect();
    let pieces = letters.chunk_by(|one, other| is_wide(*one) == is_wide(*other)).map(|piece| piece.iter().collect());
    pieces.map(|piece: String| if piece.contains(is_wide) { piece } else { one_word(&piece) }).collect()
}

/// A word: punctuation around it stays, and what is left is a code span where it could mean something.
fn one_word(word: &str) -> String {
    let core = word.trim_start_matches(['(', '“', '"', '\'']);
    // A parenthesis that is opened within the word belongs to it.
    let ends = |c: char| {
        matches!(c, '”' | '"' | '\'' | ',' | '.' | ';' | ':' | '!' | '?') || (c == ')' && !core.contains('('))
    };
    let bare = core.trim_end_matches(ends);
    let (lead, tail) = (&word[..word.len() - core.len()], &core[bare.len()..]);
    match bare {
        "" => word.to_owned(),
        _ if is_plain(bare) && !begins_a_list(lead, bare, tail) => word.to_owned(),
        _ => format!("{lead}{}{tail}", code(bare)),
    }
}

/// Whether a word would make a list of the line that it begins.
fn begins_a_list(lead: &str, bare: &str, tail: &str) -> bool {
    lead.is_empty() && bare.chars().all(|c| c.is_ascii_digit()) && tail.starts_with(['.', ')'])
}

/// Whether a word means nothing but itself, whatever reads it: letters, digits, and few signs between them.
fn is_plain(word: &str) -> bool {
    is_number(word) || is_of_a_language(word) && !is_a_reference(word)
}

/// Whether a word is a number, some of them, or a share: `3`, `0.1/0.2/0.3`, `5/5`, `10-20`, `40%`. An address is none.
fn is_number(word: &str) -> bool {
    let number = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_digit() || c == '.')
            && part.matches('.').count() < 2
    };
    word.trim_end_matches('%').split(['/', '-']).all(number)
}

/// Whether a word looks like one of a language.
fn is_of_a_language(word: &str) -> bool {
    let is_sign = |c: char| !c.is_ascii() && !c.is_alphanumeric();
    let at_the_ends = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || is_sign(c));
    word.chars().all(|c| c.is_alphanumeric() || is_sign(c) || matches!(c, '-' | '/' | '\''))
        && at_the_ends(word.chars().next())
        && at_the_ends(word.chars().next_back())
}

/// Longest word that is not taken for an id.
const LONGEST_WORD: usize = 24;

/// Shortest word of hexadecimal digits that may be the id of a commit.
const SHORTEST_COMMIT: usize = 7;

/// Whether a word could be read as a ticket (`ABC-12`) or a commit, or is an id that is to be copied.
fn is_a_reference(word: &str) -> bool {
    let is_numbered = word.split('-').skip(1).any(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    word.len() > LONGEST_WORD
        || is_numbered
        || (word.len() >= SHORTEST_COMMIT && word.chars().all(|c| c.is_ascii_hexdigit()))
}

/// A code span, with more backquotes around it than there are side by side within.
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    if text.trim().is_empty() { String::new() } else { format!("{fence}{pad}{text}{pad}{fence}") }
}

/// A block of code.
pub(super) fn block(language: &str, lines: &[String]) -> String {
    let fence = "`".repeat(lines.iter().map(|line| longest_run(line) + 1).fold(3, usize::max));
    let lines: String = lines.iter().map(|line| line.replace(char::is_control, "?") + "\n").collect();
    format!("{fence}{language}\n{lines}{fence}")
}

/// The most backquotes that stand side by side.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_as_they_are_and_names_are_code() {
        for (text, expected) in [
            ("1 of 3 addresses fail, the others work", "1 of 3 addresses fail, the others work"),
            ("(203.0.113.1:80, b.example) refuses", "(`203.0.113.1:80`, `b.example`) refuses"),
            ("COS's answer – TLS 1.3, 5/5, 0.1/0.2/0.3 ms, 40%", "COS's answer – TLS 1.3, 5/5, 0.1/0.2/0.3 ms, 40%"),
            ("you: look at `ip route get ADDRESS`; so", "you: look at `ip route get ADDRESS`; so"),
            ("a lone ` here", "a lone `` ` `` here"),
            ("`a``b`", "`a` `b`"),
            (
                "@you #12 ABC-12 0123abc <b> [x](y) www.x.example",
                "`@you` `#12` `ABC-12` `0123abc` `<b>` `[x](y)` `www.x.example`",
            ),
            ("1. x", "`1`. x"),
            (
                "3 个地址中有 1 个失败（203.0.113.11：拒绝连接），查看`ip route`，问@you",
                "3 个地址中有 1 个失败（`203.0.113.11`：拒绝连接），查看`ip route`，问`@you`",
            ),
            ("- x", "`-` x"),
            ("    x\n\ny", "x y"),
            ("…", "…"),
            ("", ""),
        ] {
            assert_eq!(inline(text), expected);
        }
        assert_eq!([cell("-"), cell("a|b `c|d`")], ["-", "a¦b `c¦d`"].map(str::to_owned));
    }

    #[test]
    fn a_block_ends_where_it_should() {
        assert_eq!(block("sh", &["a\nb".to_owned()]), "```sh\na?b\n```");
        assert_eq!(block("sh", &["````".to_owned()]), "`````sh\n````\n`````");
    }
}
