//! Saved reports that are none, or not as they were written: refused with the reason and what to do, and never a panic.

use std::path::Path;

use cosprobe::diagnose::Severity;
use cosprobe::report::{DiffDocument, FORMATS, Report, Style, View, exit_code, render};
use cosprobe::text::Language;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Cosprobe, Ran, files, read, repository, run};

const GOLDEN: &str = "tests/golden/one-address-dead.json";

/// A file in every place where a report is read.
fn in_every_place(file: &Path) -> [(&'static str, Ran); 3] {
    let good = repository(GOLDEN);
    [
        ("diagnose", Cosprobe::new(["diagnose", "--from"]).arguments([file]).run()),
        ("diff A", Cosprobe::new(["diff"]).arguments([file, &good]).run()),
        ("diff B", Cosprobe::new(["diff"]).arguments([&good, file]).run()),
    ]
}

fn expect_refused(name: &str, input: &[u8], words: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("input.json");
    std::fs::write(&file, input).unwrap();
    for (place, ran) in in_every_place(&file) {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{name}, {place}: {ran:?}");
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.lines().count() == 1, "{name}, {place}: {ran:?}");
        for word in words {
            assert!(ran.stderr.contains(word), "{name}, {place}: no '{word}' in {}", ran.stderr);
        }
    }
}

/// What it is, the change, and words of the reason.
type Edit = (&'static str, fn(&mut Value), &'static str);

const EDITS: &[Edit] = &[
    ("newer major", |d| d["format_version"] = json!("2.0"), "format version 2.0 is not known"),
    ("older major", |d| d["format_version"] = json!("0.9"), "which reads 1.x: write it again"),
    ("no version", |d| d["format_version"] = json!("x"), "format version x is not known"),
    ("version is a number", |d| d["format_version"] = json!(1.0), "invalid type"),
    ("a text for a number", |d| d["evidence"][1]["elapsed_us"] = json!("soon"), "`evidence[1]`: invalid type"),
    ("a number below zero", |d| d["evidence"][1]["elapsed_us"] = json!(-1), "`evidence[1]`: invalid value"),
    ("a list for an object", |d| d["evidence"][2]["outcome"] = json!([1, 2, 3]), "`evidence[2]`: "),
    ("an object for a list", |d| d["evidence"] = json!({}), "`evidence`: invalid type"),
    ("no evidence", |d| drop(d.as_object_mut().unwrap().remove("evidence")), "missing field `evidence`"),
    ("no address", |d| d["evidence"][0]["peer"] = json!("nowhere"), "`evidence[0]`: "),
    ("a port beyond all", |d| d["targets"][0]["services"][0]["port"] = json!(70_000), "`targets[0]`: "),
    ("no time", |d| d["started_at"] = json!("yesterday"), "`started_at`: "),
    ("it ends before it begins", |d| d["ended_at"] = json!("2001-01-01T00:00:00Z"), "before it begins at"),
    ("a policy of texts", |d| d["policy"] = json!("strict"), "`policy`: "),
    ("an id twice", |d| d["evidence"][1]["id"] = d["evidence"][0]["id"].clone(), "two observations with the id 1"),
    (
        "a parent that is not there",
        |d| d["evidence"][3]["parent"] = json!(9999),
        "builds on 9999, which does not stand before",
    ),
    ("its own parent", |d| d["evidence"][3]["parent"] = d["evidence"][3]["id"].clone(), "does not stand before it"),
    (
        "a host of nobody",
        |d| d["evidence"][2]["endpoint"] = json!("x\u{1b}[2J.example"),
        "is about x?[2J.example, which is neither",
    ),
    (
        "a target twice",
        |d| {
            let target = d["targets"][0].clone();
            d["targets"].as_array_mut().unwrap().push(target);
        },
        "two targets with the host examplebucket-1250000000",
    ),
    (
        "a control of nobody",
        |d| {
            let target = d["targets"][0].clone();
            d["controls"] = json!([{"kind": "service_host", "of": "x.example", "target": target}]);
        },
        "a member of x.example, which is no target",
    ),
];

#[test]
fn what_was_changed_is_refused_with_its_place_and_with_what_to_do() {
    for (name, edit, words) in EDITS {
        let mut document: Value = serde_json::from_str(&read(GOLDEN)).unwrap();
        edit(&mut document);
        let advice = match *name {
            "newer major" => "read it with the cosprobe that wrote it",
            "older major" | "no version" => "write it again",
            "version is a number" => "as it was written",
            _ => "use the report as it was written",
        };
        expect_refused(name, document.to_string().as_bytes(), &[words, advice]);
    }
}

#[test]
fn what_is_no_report_is_refused() {
    let text = read(GOLDEN);
    let regions = run(["regions", "--format=json"]).stdout;
    let nested = "[".repeat(100_000);
    let lines = format!("{}\n{}", text.replace('\n', " "), text.replace('\n', " "));
    for (name, input, words) in [
        ("cut in the middle", &text.as_bytes()[..text.len() / 2], &["it is cut short", "--output FILE"][..]),
        ("cut at the end", text.trim_end().strip_suffix('}').unwrap().as_bytes(), &["it is cut short"]),
        ("empty", b"", &["it is cut short"]),
        ("prose", b"no report", &["name a file that --format json wrote"]),
        ("an object", b"{}", &["missing field `format_version`"]),
        ("a list", b"[1]", &["invalid"]),
        ("a number", b"7", &["invalid type"]),
        ("another document", regions.as_bytes(), &["document of kind 'regions'", "only check, head, dns and demo"]),
        ("two documents", lines.as_bytes(), &["trailing characters"]),
        ("not UTF-8", b"{\"format_version\": \"\xff\"}", &["it is not UTF-8"]),
        ("UTF-16", b"\xff\xfe{\0", &["it is not UTF-8"]),
        ("deeply nested", nested.as_bytes(), &["invalid type"]),
        ("the table", read("tests/golden/one-address-dead.txt").as_bytes(), &["--format json"]),
    ] {
        expect_refused(name, input, words);
    }
    let ran = Cosprobe::new(["diagnose", "--from"]).arguments([repository("tests")]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "a directory: {ran:?}");
}

#[test]
fn a_huge_file_is_refused_unread() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("huge.json");
    std::fs::File::create(&file).unwrap().set_len(200 * 1024 * 1024).unwrap();
    for (place, ran) in in_every_place(&file) {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{place}: {ran:?}");
        assert!(ran.stderr.contains("larger than 64 MiB"), "{place}: {ran:?}");
    }
    // With so little memory it could not be read.
    let command = "ulimit -v 60000 && exec \"$0\" \"$@\"";
    let little = Cosprobe::of_shell(command, ["diagnose", "--from"]).arguments([&file]).run();
    assert!(little.code == Some(2) && little.stderr.contains("larger than 64 MiB"), "{little:?}");
    // A stream tells no length; of it no more is read than a report may have.
    let endless = run(["diagnose", "--from", "/dev/zero"]);
    assert!(endless.code == Some(2) && endless.stderr.contains("larger than 64 MiB"), "{endless:?}");
}

/// Every recorded report.
fn recorded() -> Vec<(String, String)> {
    files("tests/golden", &[".json"]).into_iter().chain(files("tests/evidence", &[".json"])).collect()
}

/// The places of all values in a document that hold no others.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                leaves(member, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{number}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

/// Shows a report in every way there is. It must come to an end and to a code.
fn show_all(report: &Report) {
    for language in [Language::English, Language::Chinese] {
        for view in [View::Addresses, View::Exchanges, View::Resolution] {
            for (format, _, _) in FORMATS {
                assert!(render(report, *format, Style { view, language, ..Style::default() }).ends_with('\n'));
            }
        }
    }
    let other = Report::read(&read(GOLDEN)).unwrap();
    for (a, b) in [(report, &other), (&other, report)] {
        assert!(DiffDocument::of(a, b).table(Style::default()).ends_with('\n'));
    }
    assert!([0, 1, 3, 4, 130].contains(&exit_code(report, Severity::Error)));
}

/// Values at which arithmetic and slices go wrong.
fn extremes() -> Vec<Value> {
    vec![
        json!(0),
        json!(1),
        json!(255),
        json!(65_535),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(-1),
        json!(1e308),
        json!(""),
        json!("é中文…"),
        json!("/"),
        json!("-1"),
        json!("0.0.0.0:0"),
        json!("::"),
        json!("255.255.255.255:65535"),
        json!("9999-12-30T22:00:00Z"),
        json!("-009999-01-02T01:00:00Z"),
        json!("%"),
        json!("&=&;,"),
        json!(":"),
        json!(null),
        json!(true),
        json!([]),
        json!({}),
    ]
}

#[test]
fn no_value_of_a_report_that_is_set_to_an_extreme_panics() {
    let text = read(GOLDEN);
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut places = Vec::new();
    for part in ["targets", "evidence", "policy"] {
        leaves(&document[part], &format!("/{part}"), &mut places);
    }
    assert!(places.len() > 300, "{}", places.len());
    // Every place gets some of the values, and all values are used many times.
    let extremes = extremes();
    for (number, place) in places.iter().enumerate() {
        let mut changed = document.clone();
        *changed.pointer_mut(place).unwrap() = extremes[number % extremes.len()].clone();
        if let Ok(report) = Report::read(&changed.to_string()) {
            show_all(&report);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_report_is_shown_or_refused(which: prop::sample::Index, place: prop::sample::Index, value: prop::sample::Index) {
        let recorded = recorded();
        let (path, text) = which.get(&recorded);
        let mut document: Value = serde_json::from_str(text).unwrap();
        let mut places = Vec::new();
        leaves(&document, "", &mut places);
        let (place, extremes) = (place.get(&places), extremes());
        *document.pointer_mut(place).unwrap() = value.get(&extremes).clone();
        match Report::read(&document.to_string()) {
            Ok(report) => show_all(&report),
            Err(problem) => prop_assert!(!problem.is_empty() && problem.len() < 500, "{path}: {problem}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_end_in_a_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = read(GOLDEN).into_bytes();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("report.json");
        std::fs::write(&file, bytes).unwrap();
        for (place, ran) in in_every_place(&file) {
            prop_assert!(ran.code.is_some_and(|code| (0..=4).contains(&code)), "{place}: {ran:?}");
            prop_assert!(!ran.stderr.contains("panicked"), "{place}: {ran:?}");
            prop_assert_eq!(ran.code == Some(2), ran.stdout.is_empty(), "{}: {:?}", place, ran);
        }
    }
}
