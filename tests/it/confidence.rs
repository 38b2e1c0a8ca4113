//! High confidence only where nothing else is possible, and what else is possible where it is not.

use std::collections::BTreeSet;

use cosprobe::diagnose::{CODES, Confidence, Finding};
use cosprobe::report::Report;

use crate::support::{files, read};

/// Every finding of every recorded report.
fn findings() -> Vec<(String, Finding)> {
    let all = files("tests/evidence", &[".json"]).into_iter().chain(files("tests/golden", &[".json"]));
    let of = |(path, text): (String, String)| {
        let report = Report::read(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        report.findings.into_iter().map(move |finding| (path.clone(), finding))
    };
    all.flat_map(of).collect()
}

#[test]
fn a_finding_that_is_not_sure_says_what_else_it_could_be() {
    let all = findings();
    let mut unsure: BTreeSet<&str> = BTreeSet::new();
    for (path, finding) in &all {
        let is_sure = finding.confidence == Confidence::High;
        assert_eq!(finding.candidates.is_empty(), is_sure, "{path}: {finding:?}");
        if !is_sure {
            unsure.insert(&finding.code);
        }
    }
    assert!(unsure.len() > 30, "{unsure:?}");
}

/// Only what COS says of a request has the same other explanation whatever it says: that one server says it.
#[test]
fn only_refusals_have_no_candidates_of_their_own() {
    for (path, finding) in findings() {
        let is_general = finding.candidates.iter().any(|text| text.to_string().contains("answered well elsewhere"));
        let is_refusal = ["AUT", "BKT", "HTP002", "HTP008"].iter().any(|begin| finding.code.starts_with(begin));
        assert!(!is_general || is_refusal, "{path}: {finding:?}");
    }
}

#[test]
fn the_candidates_are_those_of_findings_that_there_are() {
    let source = read("src/diagnose/candidates.rs");
    let is_code = |word: &&str| word.len() == 6 && word[3..].bytes().all(|byte| byte.is_ascii_digit());
    let rows: Vec<&str> = source.split('"').filter(is_code).collect();
    assert!(rows.len() > 45, "{rows:?}");
    for code in rows {
        assert!(CODES.iter().any(|row| row.code == code), "{code}");
    }
}

/// A code is sure as soon as it is found, or its page says that the finding tells what else it could be.
#[test]
fn the_pages_say_whether_something_else_can_be() {
    let source = read("src/diagnose/candidates.rs");
    let unsure = findings().into_iter().filter(|(_, finding)| !finding.candidates.is_empty());
    let unsure: BTreeSet<String> = unsure.map(|(_, finding)| finding.code).collect();
    for row in CODES {
        let (_, section) = row.page.split_once("\n## What was ruled out\n").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        assert!(section.trim().len() > 60, "{}: {section}", row.code);
        let says = section.contains("Where the confidence is not high, the finding names what else it could be.");
        let has_row = source.contains(&format!("\"{}\"", row.code));
        assert!(says || !(has_row || unsure.contains(row.code)), "{}", row.code);
    }
}

#[test]
fn what_was_measured_is_no_candidate_any_more() {
    let of = |name: &str, code: &str| {
        let report = Report::read(&read(&format!("tests/evidence/{name}.json"))).unwrap();
        let finding = report.findings.into_iter().find(|finding| finding.code == code).unwrap();
        finding.candidates.iter().any(|text| text.to_string().contains("MTU"))
    };
    assert!(of("stall-one", "HTP005"));
    assert!(!of("tls-stall-no-size-helps", "TLS005") && !of("stall-large-arrives", "HTP005"));
}
