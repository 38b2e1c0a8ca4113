//! The Chinese pages of the findings: they say what the English ones say, with the same codes, code and numbers.
//!
//! The evidence stands in the English page only. A new page needs its translation and its title in `titles.json`.

use std::collections::{BTreeMap, BTreeSet};

use cosprobe::diagnose::{CODES, CodeRow, find_code};

use super::{FENCE, headings, mentioned_codes};
use crate::support::{files, read};

/// Beside the pages.
const OTHERS: [&str; 2] = ["docs/explain/zh/glossary.md", "docs/explain/zh/titles.json"];

const HEADINGS: [&str; 6] = ["含义", "判断依据", "已排除的可能", "手动确认", "处理方法", "另请参见"];

fn path(code: &str) -> String {
    format!("docs/explain/zh/{code}.md")
}

/// Every row and its Chinese page.
fn pages() -> impl Iterator<Item = (&'static CodeRow, String)> {
    CODES.iter().map(|row| (row, read(&path(row.code))))
}

fn titles() -> BTreeMap<String, String> {
    serde_json::from_str(&read(OTHERS[1])).unwrap()
}

fn is_han(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

/// An English page without its evidence.
fn without_evidence(page: &str) -> String {
    let (before, rest) = page.split_once(FENCE).unwrap();
    let (_, after) = rest.split_once("```\n").unwrap();
    format!("{before}{after}")
}

/// The page without its blocks of code.
fn text(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// The blocks of code, without what comments say and how far to the right they begin.
fn blocks(page: &str) -> Vec<String> {
    let without_comment = |line: &str| {
        let comment = line.starts_with("# ").then_some(0).or_else(|| line.find(" # "));
        line[..comment.unwrap_or(line.len())].trim_end().to_owned()
    };
    let lines = |block: &str| block.lines().map(without_comment).collect::<Vec<_>>().join("\n");
    page.split("```").skip(1).step_by(2).map(lines).collect()
}

/// How many lines of code have a comment.
fn comments(page: &str) -> usize {
    let code = page.split("```").skip(1).step_by(2).flat_map(str::lines);
    code.filter(|line| line.starts_with("# ") || line.contains(" # ")).count()
}

/// The spans of code, each once, with line ends as blanks.
fn spans(page: &str) -> BTreeSet<String> {
    let text = text(page);
    let spans = text.split('`').skip(1).step_by(2);
    spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The page without any code.
fn prose(page: &str) -> String {
    text(page).split('`').step_by(2).collect()
}

/// The numbers outside code, addresses included.
fn numbers(page: &str) -> BTreeSet<String> {
    let prose = prose(page);
    let words = prose.split(|c: char| !(c.is_ascii_digit() || ".,/".contains(c)));
    let numbers = words.map(|word| word.trim_matches(['.', ',', '/']).to_owned());
    numbers.filter(|number| !number.is_empty()).collect()
}

/// What a page is made of: the levels of its headings, items, rows of tables.
fn shape(page: &str) -> Vec<&'static str> {
    let kind = |line: &str| match line.split_once(' ').map_or("", |(first, _)| first) {
        "#" => Some("title"),
        "##" => Some("heading"),
        "-" => Some("item"),
        word if word.starts_with('|') => Some("row"),
        word if word.ends_with('.') && word[..word.len() - 1].parse::<u8>().is_ok() => Some("numbered item"),
        _ => None,
    };
    text(page).lines().filter_map(kind).collect()
}

#[test]
fn every_finding_has_a_chinese_page() {
    let found: BTreeSet<String> = files("docs/explain/zh", &[""]).into_iter().map(|(path, _)| path).collect();
    let mut wanted: BTreeSet<String> = CODES.iter().map(|row| path(row.code)).collect();
    wanted.extend(OTHERS.map(str::to_owned));
    assert_eq!(found, wanted);
}

#[test]
fn every_finding_has_a_chinese_title_and_its_page_begins_with_it() {
    let titles = titles();
    let codes: BTreeSet<&str> = CODES.iter().map(|row| row.code).collect();
    assert_eq!(titles.keys().map(String::as_str).collect::<BTreeSet<_>>(), codes);
    for (code, title) in &titles {
        assert!(title.chars().any(is_han) && !title.ends_with('。'), "{code}: {title}");
    }
    for (row, page) in pages() {
        let title = format!("# {} {}：{}", row.code, row.name, titles[row.code]);
        assert_eq!(page.lines().next(), Some(title.as_str()));
    }
}

#[test]
fn a_chinese_page_has_the_shape_of_its_english_one() {
    for (row, page) in pages() {
        assert_eq!(headings(&page), HEADINGS, "{}", row.code);
        assert_eq!(shape(&page), shape(&without_evidence(row.page)), "{}", row.code);
        assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{}", row.code);
    }
}

#[test]
fn a_chinese_page_names_the_same_codes_and_shows_the_same_code() {
    for (row, page) in pages() {
        let english = without_evidence(row.page);
        assert_eq!(blocks(&page), blocks(&english), "{}", row.code);
        assert_eq!(comments(&page), comments(&english), "{}", row.code);
        assert_eq!(spans(&page), spans(&english), "{}", row.code);
        assert_eq!(numbers(&page), numbers(&english), "{}", row.code);
        assert_eq!(mentioned_codes(&page), mentioned_codes(&english), "{}", row.code);
    }
}

/// The evidence can be put back into the Chinese page in one place, at the end of its section.
#[test]
fn the_evidence_ends_its_section_in_the_english_page() {
    for row in CODES {
        let (_, rest) = row.page.split_once(FENCE).unwrap();
        let (_, after) = rest.split_once("```\n").unwrap();
        assert!(after.starts_with("\n## What was ruled out"), "{}", row.code);
    }
}

#[test]
fn every_paragraph_of_a_chinese_page_is_in_chinese() {
    for (row, page) in pages() {
        for paragraph in text(&page).split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
            let mut words = paragraph.split(['、', '。']).map(str::trim).filter(|word| !word.is_empty());
            let only_codes = words.all(|word| find_code(word).is_some());
            assert!(only_codes || paragraph.chars().any(is_han), "{}: {paragraph}", row.code);
        }
    }
}

#[test]
fn chinese_sentences_have_full_width_punctuation() {
    for (row, page) in pages() {
        let letters: Vec<char> = prose(&page).chars().collect();
        for pair in letters.windows(2) {
            let is_half = |c: char| ",;:!?()".contains(c);
            let wrong = is_han(pair[0]) && is_half(pair[1]) || is_half(pair[0]) && is_han(pair[1]);
            let tight = is_han(pair[0]) && pair[1].is_ascii_alphanumeric()
                || pair[0].is_ascii_alphanumeric() && is_han(pair[1]);
            assert!(!wrong && !tight, "{}: {}{}", row.code, pair[0], pair[1]);
        }
    }
}
