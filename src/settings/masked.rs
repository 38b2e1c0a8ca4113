//! The file as it may be shown to everybody.

use super::secrets::hidden;
use crate::sign::mask::MASK;

/// The text without comments, with stars in the place of what could be a secret: long words of mixed characters, ids of keys, and
/// names with passwords and queries of addresses.
pub fn masked(text: &str) -> String {
    let lines = text.lines().map(|line| without_comment(line).trim_end());
    let lines: Vec<String> = lines.map(|line| hidden(&without_user(line))).collect();
    // What is left of a block of comments is one empty line.
    let mut shown = String::new();
    for (number, line) in lines.iter().enumerate() {
        if !line.is_empty() || (number > 0 && !lines[number - 1].is_empty()) {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown.trim_start_matches('\n').to_owned()
}

/// A line up to its comment. Within quotes there is none; a text over several lines loses what stands behind a number sign, which is
/// less than nothing lost where this is only shown.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut characters = line.char_indices();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (Some('"'), '\\') => {
                characters.next();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') => return &line[..at],
            _ => {}
        }
    }
    line
}

/// A line whose addresses have no name and password in front of the host.
fn without_user(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, behind) = rest.split_at(at + 3);
        let authority = behind.find(['/', '"', '\'', ' ', '?', ',']).unwrap_or(behind.len());
        shown.push_str(before);
        rest = behind;
        if let Some(end) = behind[..authority].rfind('@') {
            shown.push_str(MASK);
            rest = &behind[end..];
        }
    }
    shown + rest
}
