//! The findings' pages: their form, and that the evidence shown on a page yields its finding and no other.

mod chinese;
mod shown;

use std::collections::BTreeSet;

use cosprobe::config::Policy;
use cosprobe::diagnose::{CODES, CodeRow, Finding, Severity, diagnose, find_code};
use cosprobe::evidence::Evidence;
use serde_json::Value;

use crate::support::{files, run};

const HEADINGS: [&str; 6] = [
    "What it means",
    "How it was decided",
    "What was ruled out",
    "How to confirm it by hand",
    "How to fix it",
    "See also",
];

const FENCE: &str = "```json evidence\n";

/// The evidence on a page, as it stands there.
fn sample(row: &CodeRow) -> Value {
    let text = row.page.split_once(FENCE).and_then(|(_, rest)| rest.split_once("```")).map(|(text, _)| text);
    let text = text.unwrap_or_else(|| panic!("{} has no evidence", row.code));
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", row.code))
}

fn judged(row: &CodeRow) -> (Evidence, Vec<Finding>) {
    let sample = sample(row);
    let policy: Policy = sample.get("policy").map_or_else(Policy::default, |policy| {
        serde_json::from_value(policy.clone()).unwrap_or_else(|error| panic!("{}: {error}", row.code))
    });
    let evidence: Evidence = serde_json::from_value(sample).unwrap_or_else(|error| panic!("{}: {error}", row.code));
    let findings = diagnose(&evidence, &policy);
    (evidence, findings)
}

/// The second-level headings outside code blocks.
fn headings(page: &str) -> Vec<&str> {
    let outside = page.split("```").step_by(2);
    outside.flat_map(str::lines).filter_map(|line| line.strip_prefix("## ")).collect()
}

/// The words of a text that look like codes of findings.
fn mentioned_codes(text: &str) -> BTreeSet<&str> {
    let is_code = |word: &&str| {
        word.len() == 6
            && word[..3].bytes().all(|byte| byte.is_ascii_uppercase())
            && word[3..].bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_code).collect()
}

/// Whether everything that a sample says is in the evidence that was read from it: a misspelt field would not be.
fn lost(sample: &Value, read: &Value, at: &str) -> Vec<String> {
    match (sample, read) {
        (Value::Object(sample), Value::Object(read)) => {
            let inner = |(key, value): (&String, &Value)| match read.get(key) {
                Some(found) => lost(value, found, &format!("{at}/{key}")),
                None => vec![format!("{at}/{key}")],
            };
            sample.iter().flat_map(inner).collect()
        }
        (Value::Array(sample), Value::Array(read)) if sample.len() == read.len() => {
            let numbered = sample.iter().zip(read).enumerate();
            numbered.flat_map(|(number, (sample, read))| lost(sample, read, &format!("{at}/{number}"))).collect()
        }
        _ if sample == read => vec![],
        _ => vec![format!("{at}: {sample} was read as {read}")],
    }
}

#[test]
fn every_page_has_the_form_of_a_page() {
    for row in CODES {
        let first = row.page.lines().next().unwrap_or_default();
        assert_eq!(first, format!("# {} {}: {}", row.code, row.name, row.title));
        assert_eq!(headings(row.page), HEADINGS, "{}", row.code);
        assert_eq!(row.page.matches(FENCE).count(), 1, "{}", row.code);
        let decided = row.page.find("\n## How it was decided").unwrap();
        let ruled_out = row.page.find("\n## What was ruled out").unwrap();
        assert!((decided..ruled_out).contains(&row.page.find(FENCE).unwrap()), "{}", row.code);
        assert!(row.page.ends_with('\n') && !row.page.ends_with("\n\n"), "{}", row.code);
        for code in mentioned_codes(row.page).into_iter().chain(row.explains.iter().copied()) {
            assert!(find_code(code).is_some(), "{} mentions {code}", row.code);
        }
    }
}

#[test]
fn every_page_has_a_row_and_every_row_a_page() {
    let mut pages: Vec<String> = files("docs/explain", &[""]).into_iter().map(|(path, _)| path).collect();
    pages.retain(|path| !path.starts_with("docs/explain/zh/"));
    let mut rows: Vec<String> = CODES.iter().map(|row| format!("docs/explain/{}.md", row.code)).collect();
    rows.sort();
    assert_eq!(pages, rows);
}

#[test]
fn the_evidence_on_a_page_is_read_as_it_stands_there() {
    let mut problems = Vec::new();
    for row in CODES {
        let mut sample = sample(row);
        let evidence: Evidence = serde_json::from_value(sample.clone()).unwrap();
        let policy: Option<Policy> = sample.get("policy").map(|policy| serde_json::from_value(policy.clone()).unwrap());
        let mut read = serde_json::to_value(evidence).unwrap();
        if let Some(policy) = policy {
            read["policy"] = serde_json::to_value(policy).unwrap();
        }
        // Times may be written in more than one way.
        without_times(&mut sample);
        without_times(&mut read);
        problems.extend(lost(&sample, &read, row.code));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

fn without_times(value: &mut Value) {
    const TIMES: [&str; 4] = ["started_at", "answered_at", "not_before", "not_after"];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if TIMES.contains(&name.as_str()) => text.clear(),
                    _ => without_times(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(without_times),
        _ => {}
    }
}

#[test]
fn the_evidence_on_a_page_yields_its_finding_and_no_other_root() {
    let mut problems = Vec::new();
    for row in CODES {
        let (_, findings) = judged(row);
        let roots = findings.iter().filter(|finding| finding.is_root());
        let bad: Vec<&str> =
            roots.clone().filter(|f| f.severity >= Severity::Warning).map(|f| f.code.as_str()).collect();
        let fine = match row.severity {
            Severity::Info => bad.is_empty() && roots.clone().any(|finding| finding.code == row.code),
            Severity::Warning | Severity::Error => bad == [row.code],
        };
        if !fine {
            let all: Vec<_> = findings.iter().map(|f| (f.code.as_str(), f.severity, f.caused_by.as_deref())).collect();
            problems.push(format!("{}: the evidence on its page yields {all:?}", row.code));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_finding_gives_advice_and_cites_evidence_that_exists() {
    for row in CODES {
        let (evidence, findings) = judged(row);
        for finding in findings {
            let code = &finding.code;
            assert_eq!(find_code(code).map(|row| row.name), Some(finding.name.as_str()), "{code}");
            assert!(
                !finding.help.is_empty() && finding.help.iter().all(|line| !line.to_string().trim().is_empty()),
                "{code}"
            );
            assert!(!finding.evidence.is_empty(), "{code}");
            assert!(finding.evidence.iter().all(|id| evidence.get(*id).is_some()), "{code}: {:?}", finding.evidence);
            assert!(
                !finding.summary.is_empty() && !finding.summary.to_string().ends_with('.'),
                "{code}: {}",
                finding.summary
            );
            assert!(!finding.subject.is_empty(), "{code}");
        }
    }
}

#[test]
fn explain_shows_the_page_of_a_code_or_a_name() {
    for row in CODES {
        for word in [row.code, row.name, &row.code.to_lowercase()] {
            let ran = run(["explain", word]);
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{word}");
            assert_eq!(ran.stdout, row.page, "{word}");
        }
    }
}

#[test]
fn explain_lists_every_code_once() {
    let ran = run(["explain", "--list"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let listed: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(listed, CODES.iter().map(|row| row.code).collect::<Vec<_>>());
    for (line, row) in ran.stdout.lines().zip(CODES) {
        assert!(line.contains(row.name) && line.contains(row.severity.as_str()) && line.ends_with(row.title), "{line}");
    }
}

#[test]
fn explain_suggests_what_was_meant() {
    for (word, suggestion) in [("TCP019", "TCP0"), ("port-443-blokced", "TCP009 (port-443-blocked)")] {
        let ran = run(["explain", word]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{word}");
        assert!(ran.stderr.contains(word) && ran.stderr.contains("did you mean"), "{ran:?}");
        assert!(ran.stderr.contains(suggestion), "{ran:?}");
    }
    let ran = run(["explain", "xyzzy-and-nothing-like-it"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(!ran.stderr.contains("did you mean") && ran.stderr.contains("--list"), "{ran:?}");
}
