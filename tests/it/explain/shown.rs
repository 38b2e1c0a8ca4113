//! What `explain` shows in a terminal, and its documents.

use std::collections::BTreeSet;

use cosprobe::diagnose::{CODES, CodeRow};
use cosprobe::report::{Style, explained, page_of};
use cosprobe::text::Language;
use serde_json::Value;
use textwrap::core::display_width;

use super::{FENCE, headings};
use crate::support::{problems_by, run};

const LANGUAGES: [(Language, &str); 2] = [(Language::English, "en"), (Language::Chinese, "zh")];

fn shown(row: &CodeRow, width: usize, language: Language) -> String {
    explained(row, Style { width, language, ..Style::default() })
}

/// An English page without its evidence, a Chinese one as it is.
fn without_evidence(page: &str) -> String {
    let Some((before, rest)) = page.split_once(FENCE) else { return page.to_owned() };
    format!("{before}{}", rest.split_once("```\n").unwrap().1)
}

/// All signs but those that only lay a page out.
fn signs(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("```") && !line.starts_with("|---"));
    let marks = |line: &str| line.trim_start_matches(['#', ' ']).replace("**", "").replace('|', " ");
    lines.map(marks).collect::<String>().chars().filter(|c| !c.is_whitespace()).collect()
}

/// Blocks of code are as wide as they are, and a word may be longer than a narrow terminal.
#[test]
fn a_page_is_wrapped_and_nothing_of_it_is_lost_but_its_evidence() {
    for (language, _) in LANGUAGES {
        for row in CODES {
            let page = without_evidence(page_of(row, language));
            let code: BTreeSet<&str> = page.split("```").skip(1).step_by(2).flat_map(str::lines).collect();
            for width in [0, 40, 60, 80, 200] {
                let text = shown(row, width, language);
                let is_wrapped =
                    |line: &&str| !code.contains(line.trim_start()) && !code.contains(&line[4.min(line.len())..]);
                let is_wide = |line: &&str| display_width(line) > width.clamp(40, 100);
                let wide = text.lines().filter(|line| line.is_char_boundary(4.min(line.len()))).filter(is_wrapped);
                let wide: Vec<&str> = wide.filter(is_wide).filter(|line| line.trim().contains(' ')).collect();
                // A command is kept in one line up to 64 signs.
                assert!(width < 80 && width > 0 || wide.is_empty(), "{} at {width}: {wide:#?}", row.code);
                assert_eq!(signs(&text), signs(&page), "{} at {width}", row.code);
                assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{}", row.code);
            }
        }
    }
}

#[test]
fn headings_stand_out_and_the_rest_is_indented() {
    for (language, _) in LANGUAGES {
        for row in CODES {
            let text = shown(row, 100, language);
            let flush: Vec<&str> = text
                .lines()
                .skip_while(|line| !line.is_empty())
                .filter(|l| !l.is_empty() && !l.starts_with(' '))
                .collect();
            assert_eq!(flush, headings(page_of(row, language)), "{}", row.code);
            let painted = explained(row, Style { width: 100, color: true, language, ..Style::default() });
            for heading in flush {
                assert!(painted.contains(&format!("\u{1b}[1m{heading}\u{1b}[0m\n")), "{}: {heading}", row.code);
            }
            assert_eq!(painted.replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""), text, "{}", row.code);
        }
    }
}

#[test]
fn items_hang_and_code_is_kept() {
    let row = CODES.iter().find(|row| row.code == "TCP002").unwrap();
    let text = shown(row, 60, Language::English);
    assert!(
        text.contains("  - You: look for drop rules on this machine (\n    `sudo nft")
            || text.contains("\n  - You: look")
    );
    let after = text.split("\n  - You: look").nth(1).unwrap().lines().nth(1).unwrap();
    assert!(after.starts_with("    ") && !after.starts_with("     "), "{after}");
    assert!(text.contains("\n    telnet \"$HOST\" 443                 # hangs at \"Trying\"\n"), "{text}");
}

#[test]
fn the_documents_fit_their_schema_and_say_what_the_pages_say() {
    let schema = run(["schema", "explain"]).stdout;
    for (language, word) in LANGUAGES {
        let list = run(["explain", "--list", "--format=json", "--lang", word]).json();
        let one = run(["explain", "tcp009", "--format=json", "--lang", word]).json();
        for document in [&list, &one] {
            let head = ["format_version", "kind", "language"].map(|field| document[field].as_str().unwrap());
            assert_eq!(head, ["1.0", "explanation", word]);
            let problems = problems_by(&schema, document);
            assert!(problems.is_empty(), "{problems:#?}");
            for field in document.as_object().unwrap().keys() {
                let mut without = document.clone();
                without.as_object_mut().unwrap().remove(field);
                assert!(!problems_by(&schema, &without).is_empty(), "{field}");
            }
        }
        let findings = list["findings"].as_array().unwrap();
        assert_eq!(findings.len(), CODES.len());
        assert!(one["findings"].as_array().is_some_and(|of_one| of_one.len() == 1 && findings.contains(&of_one[0])));
        for (finding, row) in findings.iter().zip(CODES) {
            let fields = ["code", "name", "severity"].map(|field| finding[field].as_str().unwrap());
            assert_eq!(fields, [row.code, row.name, row.severity.as_str()]);
            assert_eq!(finding["title"], language.title(row.code).unwrap_or(row.title));
            let sections = finding["sections"].as_array().unwrap();
            let found: Vec<&str> = sections.iter().map(|section| section["heading"].as_str().unwrap()).collect();
            let page = without_evidence(page_of(row, language));
            assert_eq!(found, headings(&page), "{}", row.code);
            let text = |section: &Value| {
                format!("## {}\n\n{}\n", section["heading"].as_str().unwrap(), section["text"].as_str().unwrap())
            };
            let text: String = sections.iter().map(text).collect();
            assert_eq!(signs(&text), signs(page.split_once('\n').unwrap().1), "{}", row.code);
        }
    }
}
