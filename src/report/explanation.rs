//! The page of a finding: laid out for a terminal, and as a document.
//!
//! A page is Markdown of few forms: headings, paragraphs, lists, tables and blocks of code. [`blocks`] reads these; a form that is new
//! to the pages has to be added there.

use anstyle::Style as Paint;
use schemars::JsonSchema;
use serde::Serialize;

use super::page::{Page, is_wide};
use super::{FORMAT_VERSION, Style, json_text};
use crate::diagnose::{CodeRow, Severity};
use crate::text::{Language, Text};

/// Widest page; longer lines are hard to read.
const MAX_WIDTH: usize = 100;

/// Whether what follows a fence says that the block holds evidence. It is for tests and programs.
fn is_evidence(info: &str) -> bool {
    info.ends_with("evidence")
}

/// What `explain` writes as JSON: what is known about findings.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExplanationDocument {
    /// Version of the format of all JSON documents.
    format_version: &'static str,
    /// `explanation`.
    kind: &'static str,
    /// The language of titles and sections: `en` or `zh`.
    language: &'static str,
    /// The findings that were asked for, in the order of the layers.
    findings: Vec<Explained>,
}

/// A finding and its page.
#[derive(Debug, Serialize, JsonSchema)]
struct Explained {
    /// Stable code, such as `TCP009`.
    code: &'static str,
    /// Stable name, such as `port-443-blocked`.
    name: &'static str,
    /// The usual severity; in a report it may be another.
    severity: Severity,
    /// One line for lists.
    title: &'static str,
    /// The page, heading by heading.
    sections: Vec<Section>,
}

/// A part of a page.
#[derive(Debug, Serialize, JsonSchema)]
struct Section {
    /// Its heading.
    heading: String,
    /// Its text as Markdown, without the evidence.
    text: String,
}

impl ExplanationDocument {
    /// The document of some findings.
    pub fn of(rows: &[&CodeRow], language: Language) -> Self {
        let explained = |row: &&CodeRow| Explained {
            code: row.code,
            name: row.name,
            severity: row.severity,
            title: language.title(row.code).unwrap_or(row.title),
            sections: sections(page_of(row, language)),
        };
        Self {
            format_version: FORMAT_VERSION,
            kind: "explanation",
            language: match language {
                Language::English => "en",
                Language::Chinese => "zh",
            },
            findings: rows.iter().map(explained).collect(),
        }
    }

    /// The document as text, ended by a line end.
    pub fn json(&self) -> String {
        json_text(self)
    }
}

/// The page of a finding as it is written, in Markdown.
pub fn page_of(row: &CodeRow, language: Language) -> &'static str {
    language.page(row.code).unwrap_or(row.page)
}

/// The page of a finding for a terminal, without its evidence.
pub fn explained(row: &CodeRow, style: Style) -> String {
    let style = Style { width: style.width.clamp(40, MAX_WIDTH), ..style };
    let mut page = Page::new(style);
    let mut before: Option<&Block<'_>> = None;
    let blocks = blocks(page_of(row, style.language));
    for block in blocks.iter().filter(|block| !matches!(block, Block::Code { info, .. } if is_evidence(info))) {
        let are_rows = matches!((before, block), (Some(Block::Row(_)), Block::Row(_)));
        let goes_on = are_rows || matches!(block, Block::Item { follows: true, .. });
        if before.is_some() && !goes_on {
            page.blank();
        }
        show(&mut page, block);
        before = Some(block);
    }
    page.into_text()
}

fn show(page: &mut Page, block: &Block<'_>) {
    match block {
        Block::Heading(text) => {
            let mut heading = Page::new(page.style);
            heading.line(&Text::empty(), &Text::literal(*text));
            for line in heading.into_text().lines() {
                let line = page.paint(line, Paint::new().bold());
                page.raw(&line);
            }
        }
        Block::Paragraph(text) => page.line(&Text::literal("  "), &Text::literal(text)),
        Block::Item { marker, text, .. } => {
            page.line(&Text::literal(format!("  {marker} ")), &Text::literal(text));
        }
        Block::Code { lines, .. } => lines.iter().for_each(|line| page.raw(&format!("    {line}"))),
        Block::Row(cells) => {
            for (number, cell) in cells.iter().enumerate() {
                page.line(&Text::literal(if number == 0 { "  " } else { "      " }), &Text::literal(*cell));
            }
        }
    }
}

/// What a page is made of.
#[derive(Debug, PartialEq, Eq)]
enum Block<'a> {
    /// Of the first or the second level.
    Heading(&'a str),
    /// In one line.
    Paragraph(String),
    /// An item of a list, in one line.
    Item {
        marker: &'a str,
        text: String,
        /// Whether one stands right before it.
        follows: bool,
    },
    /// What follows the fence, and the lines.
    Code { info: &'a str, lines: Vec<&'a str> },
    /// The cells of a row of a table.
    Row(Vec<&'a str>),
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut lines = page.lines();
    // Whether the next line goes on with the last block.
    let mut goes_on = false;
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(info) = line.strip_prefix("```") {
            let lines = lines.by_ref().take_while(|line| line.trim() != "```").collect();
            blocks.push(Block::Code { info, lines });
            goes_on = false;
        } else if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("# ")) {
            blocks.push(Block::Heading(heading));
            goes_on = false;
        } else if let Some(cells) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) {
            // The line below the head of a table.
            if !cells.starts_with("---") {
                blocks.push(Block::Row(cells.split('|').map(str::trim).collect()));
            }
            goes_on = false;
        } else if let Some((marker, text)) = item(line) {
            blocks.push(Block::Item { marker, text: plain(text), follows: goes_on });
            goes_on = true;
        } else if line.is_empty() {
            goes_on = false;
        } else {
            match blocks.last_mut().filter(|_| goes_on) {
                Some(Block::Paragraph(text) | Block::Item { text, .. }) => join(text, &plain(line)),
                _ => blocks.push(Block::Paragraph(plain(line))),
            }
            goes_on = true;
        }
    }
    blocks
}

/// The sign or number before an item of a list, and what follows it.
fn item(line: &str) -> Option<(&str, &str)> {
    let (marker, text) = line.split_once(' ')?;
    let is_number = marker.strip_suffix('.').is_some_and(|number| number.parse::<u8>().is_ok());
    (marker == "-" || is_number).then_some((marker, text))
}

/// The text without the signs of emphasis.
fn plain(line: &str) -> String {
    line.replace("**", "")
}

/// Puts a further line behind a text. Chinese has no blank where a line ends, unless a Latin letter is beside.
fn join(text: &mut String, line: &str) {
    let (before, next) = (text.chars().next_back(), line.chars().next());
    let is_sign = |c: char| is_wide(c) && !('\u{3400}'..='\u{9fff}').contains(&c);
    let is_tight = before.zip(next).is_some_and(|(a, b)| is_sign(a) || is_sign(b) || is_wide(a) && is_wide(b));
    if !is_tight {
        text.push(' ');
    }
    text.push_str(line);
}

/// The parts of a page below its headings of the second level.
fn sections(page: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let (mut is_code, mut in_evidence) = (false, false);
    for line in page.lines() {
        if let Some(info) = line.strip_prefix("```") {
            is_code = !is_code;
            in_evidence |= is_code && is_evidence(info);
            if in_evidence {
                in_evidence = is_code;
                continue;
            }
        }
        if in_evidence {
            continue;
        }
        match line.strip_prefix("## ").filter(|_| !is_code) {
            Some(heading) => sections.push(Section { heading: heading.to_owned(), text: String::new() }),
            None => {
                if let Some(section) = sections.last_mut() {
                    section.text.push_str(line);
                    section.text.push('\n');
                }
            }
        }
    }
    for section in &mut sections {
        section.text = section.text.trim_matches('\n').to_owned();
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A b: c\n\n## One\n\nsome **words**\nand `code`，\n中文\n\n- an item\n  goes on\n- two\n\n| a | b |\n|---|---|\n| c | d |\n\n```json evidence\n{}\n```\n\n## Two\n\n```sh\n# no heading\n## nor this\n  x\n```\n";

    #[test]
    fn a_page_is_read_block_by_block() {
        let item = |text: &str, follows| Block::Item { marker: "-", text: text.to_owned(), follows };
        assert_eq!(
            blocks(PAGE),
            [
                Block::Heading("A b: c"),
                Block::Heading("One"),
                Block::Paragraph("some words and `code`，中文".to_owned()),
                item("an item goes on", false),
                item("two", true),
                Block::Row(vec!["a", "b"]),
                Block::Row(vec!["c", "d"]),
                Block::Code { info: "json evidence", lines: vec!["{}"] },
                Block::Heading("Two"),
                Block::Code { info: "sh", lines: vec!["# no heading", "## nor this", "  x"] },
            ]
        );
        assert_eq!(super::item("7. seven"), Some(("7.", "seven")));
        assert_eq!(super::item("1.5 ms"), None);
    }

    #[test]
    fn sections_have_no_evidence_and_keep_their_code() {
        let sections = sections(PAGE);
        let headings: Vec<&str> = sections.iter().map(|section| section.heading.as_str()).collect();
        assert_eq!(headings, ["One", "Two"]);
        assert!(!sections[0].text.contains("{}") && sections[0].text.ends_with("| c | d |"), "{:?}", sections[0]);
        assert_eq!(sections[1].text, "```sh\n# no heading\n## nor this\n  x\n```");
    }
}
