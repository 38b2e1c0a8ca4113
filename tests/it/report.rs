//! The report: frozen documents, how they are shown, and that they can be judged again.
//!
//! `tests/golden/*.json` are reports of demo runs: what was observed is frozen, what is concluded can be renewed. `UPDATE=1`
//! judges them again and writes the schema, `SNAPSHOTS=overwrite` then renews the tables beside them. `*.head.txt` is what
//! `head` shows.

use cosprobe::report::{FORMATS, Format, Report, Style, View, render, schema};
use serde_json::Value;

use crate::support::{Cosprobe, files, is_updating, problems_by, read, repository, run, schema_problems};

/// The frozen reports: name and text.
fn goldens() -> Vec<(String, String)> {
    let files = files("tests/golden", &[".json"]);
    assert!(files.len() >= 4, "only {} frozen reports were found", files.len());
    files
}

fn report(text: &str) -> Report {
    Report::read(text).unwrap()
}

#[test]
fn a_frozen_report_looks_as_it_did() {
    for (path, text) in goldens() {
        let table = render(&report(&text), Format::Table, Style { width: 80, color: false, ..Style::default() });
        let frozen = repository(&path.replace(".json", ".txt"));
        let expected = snapbox::Data::read_from(&frozen, Some(snapbox::data::DataFormat::Text)).raw();
        snapbox::Assert::new().action_env("SNAPSHOTS").eq(table, expected);
    }
}

/// What monitoring reads, of a frozen report each.
#[test]
fn a_frozen_report_tells_monitoring_what_it_did() {
    for (path, text) in goldens() {
        for (format, ending) in
            [(Format::Prometheus, "prom"), (Format::OtlpJson, "otlp.jsonl"), (Format::Nagios, "nagios.txt")]
        {
            let shown = render(&report(&text), format, Style::default());
            let frozen = repository(&path.replace("json", ending));
            let expected = snapbox::Data::read_from(&frozen, Some(snapbox::data::DataFormat::Text)).raw();
            snapbox::Assert::new().action_env("SNAPSHOTS").eq(shown, expected);
        }
    }
}

#[test]
fn labels_that_come_to_one_name_are_written_once() {
    let mut document: Value = serde_json::from_str(&read("tests/golden/name-not-found.json")).unwrap();
    document["labels"] = serde_json::json!({"data-team": "a", "data_team": "b", "code": "c"});
    let shown = render(&report(&document.to_string()), Format::Prometheus, Style::default());
    let sample = shown.lines().find(|line| line.starts_with("probe_success{")).unwrap();
    assert_eq!((sample.matches("data_team=").count(), sample.matches("exported_code=").count()), (1, 1), "{sample}");
}

#[test]
fn lines_of_json_are_the_report_in_parts() {
    for (path, text) in goldens() {
        let whole: Value = serde_json::from_str(&render(&report(&text), Format::Json, Style::default())).unwrap();
        let lines = render(&report(&text), Format::Jsonl, Style::default());
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (last, observations) = lines.split_last().unwrap();
        let mut joined = last.clone();
        assert_eq!(joined.as_object_mut().unwrap().remove("event").unwrap(), "report", "{path}");
        let parts: Vec<Value> = observations
            .iter()
            .map(|line| {
                let mut line = line.clone();
                let fields = line.as_object_mut().unwrap();
                assert_eq!(fields.remove("event").unwrap(), "observation", "{path}");
                assert_eq!(fields.remove("format_version").unwrap(), whole["format_version"], "{path}");
                line
            })
            .collect();
        joined["evidence"] = Value::Array(parts);
        assert_eq!(joined, whole, "{path}");
    }
}

/// What `head` shows: reports of every kind of request that can follow, and one with several addresses.
const EXCHANGES: &[&str] = &[
    "tests/golden/bad-signature.json",
    "tests/golden/one-address-dead.json",
    "tests/evidence/bucket-found-in-one.json",
    "tests/evidence/canary-altered-undeleted.json",
    "tests/evidence/canary-delete403.json",
    "tests/evidence/sig-without-token.json",
];

#[test]
fn exchanges_look_as_they_did() {
    for path in EXCHANGES {
        let view = View::Exchanges;
        let table = render(&report(&read(path)), Format::Table, Style { view, ..Style::default() });
        let name = path.rsplit('/').next().unwrap().replace(".json", ".head.txt");
        let expected =
            snapbox::Data::read_from(&repository("tests/golden").join(name), Some(snapbox::data::DataFormat::Text));
        snapbox::Assert::new().action_env("SNAPSHOTS").eq(table, expected.raw());
    }
}

/// What `head` shows of the report with one dead address, after a change of each observation.
fn changed_exchanges(change: impl Fn(&mut Value)) -> String {
    let mut document: Value = serde_json::from_str(&read("tests/golden/one-address-dead.json")).unwrap();
    document["evidence"].as_array_mut().unwrap().iter_mut().for_each(change);
    let style = Style { view: View::Exchanges, ..Style::default() };
    render(&report(&document.to_string()), Format::Table, style)
}

#[test]
fn only_the_same_answers_on_the_same_port_are_shown_once() {
    let (port_80, port_443) = ("the same answers as 203.0.113.10:80", "the same answers as 203.0.113.10:443");
    let text = changed_exchanges(|o| {
        if o["peer"] == "203.0.113.12:443" && o["detail"]["authentication"] == "signed" {
            o["detail"]["status"] = 503.into();
        }
    });
    assert!(text.contains(port_80) && !text.contains(port_443) && text.contains("503 Service Unavailable"), "{text}");
    // Without the signed requests both ports answer alike.
    let text = changed_exchanges(|o| {
        if o["detail"]["authentication"] == "signed" {
            o["detail"] = serde_json::json!({"type": "unknown"});
        }
    });
    assert_eq!((text.matches(port_80).count(), text.matches(port_443).count()), (1, 1), "{text}");
}

#[test]
fn the_connect_that_was_used_is_shown() {
    let text = changed_exchanges(|o| {
        let is_used = o["peer"] == "203.0.113.10:443";
        if let Some(samples) = o["detail"]["samples"].as_array_mut().filter(|_| is_used) {
            samples[0]["outcome"] = serde_json::json!({"status": "failed", "kind": "connect_timeout"});
            samples[0]["elapsed_us"] = 3_000_000.into();
            samples[1]["elapsed_us"] = 77_000.into();
        }
    });
    assert!(text.contains("77.0 ms") && !text.contains("3000"), "{text}");
}

#[test]
fn an_answer_that_is_not_of_cos_is_marked() {
    let text = changed_exchanges(|o| {
        if o["peer"] == "203.0.113.10:443" && o["stage"] == "http_round_trip" {
            o["detail"]["headers"] = serde_json::json!([{"name": "server", "value": "gateway"}]);
        }
    });
    assert!(text.contains("403 Forbidden, not COS") && text.contains("200 OK, not COS"), "{text}");
}

#[test]
fn a_frozen_report_is_judged_as_it_was() {
    for (path, mut text) in goldens() {
        if is_updating() {
            text = render(&cosprobe::replay(&text).unwrap(), Format::Json, Style::default());
            std::fs::write(repository(&path), &text).unwrap();
        }
        let (frozen, replayed) = (report(&text), cosprobe::replay(&text).unwrap());
        assert_eq!(replayed.findings, frozen.findings, "{path}");
        assert_eq!(replayed.verdict, frozen.verdict, "{path}");
        assert_eq!(replayed.addresses, frozen.addresses, "{path}");

        let ran = Cosprobe::new(["diagnose", "--format", "json", "--from"]).arguments([repository(&path)]).run();
        assert_eq!(ran.stderr, "", "{path}");
        let (again, before) = (ran.json(), serde_json::from_str::<Value>(&text).unwrap());
        assert_eq!(again["findings"], before["findings"], "{path}");
        assert_eq!(again["verdict"], before["verdict"], "{path}");
        assert_eq!(ran.stdout, text, "{path}: a report that is read and written again is the same");
    }
}

#[test]
fn a_report_is_read_from_standard_input() {
    let (_, text) = &goldens()[0];
    let ran = Cosprobe::new(["diagnose", "--from", "-", "--format", "json"]).input(text).run();
    assert_eq!(&ran.stdout, text);
}

#[test]
fn exit_code_status_and_last_line_agree() {
    for (path, text) in goldens() {
        let report = report(&text);
        let ran = Cosprobe::new(["diagnose", "--from"]).arguments([repository(&path)]).run();
        let (last, status) = (ran.last_line(), report.verdict.status.as_str());
        assert!(last.starts_with(status), "{path}: {last}");
        assert!(last.contains(&report.verdict.summary.to_string()), "{path}: {last}");
        assert!(report.verdict.code.iter().all(|code| last.contains(code.as_str())), "{path}: {last}");
        assert_eq!(ran.code == Some(0), !report.findings.iter().any(is_failing), "{path}: {ran:?}");
    }
}

fn is_failing(finding: &cosprobe::diagnose::Finding) -> bool {
    finding.is_root() && finding.severity == cosprobe::diagnose::Severity::Error
}

#[test]
fn frozen_reports_fit_the_schema() {
    for (path, text) in goldens() {
        let problems = schema_problems(&serde_json::from_str(&text).unwrap());
        assert!(problems.is_empty(), "{path}: {problems:#?}");
    }
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let whole: Value = serde_json::from_str(&goldens()[0].1).unwrap();
    for field in ["format_version", "started_at", "targets", "evidence", "verdict"] {
        let mut without = whole.clone();
        without.as_object_mut().unwrap().remove(field);
        assert!(!schema_problems(&without).is_empty(), "{field}");
    }
    let mut other = whole;
    other["evidence"][0]["elapsed_us"] = "soon".into();
    assert!(!schema_problems(&other).is_empty());
}

#[test]
fn the_schema_in_the_docs_is_the_schema() {
    const PAGE: &str = "docs/reference/report.v1.schema.json";
    if is_updating() {
        std::fs::create_dir_all(repository("docs/reference")).unwrap();
        std::fs::write(repository(PAGE), schema()).unwrap();
    }
    // Whole documents in a message would help nobody.
    assert!(read(PAGE) == schema(), "{PAGE} is not the schema any more: UPDATE=1 writes it anew");
    assert!(run(["schema"]).stdout == schema());
}

#[test]
fn the_smaller_documents_fit_their_schemas_and_the_schemas_are_strict() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for (kind, arguments) in [
        (
            "ping",
            &["ping", &address, "localhost.invalid", "--resolver=127.0.0.1:1", "-c2", "-i10ms", "--format=json"][..],
        ),
        ("trace", &["trace", &address, "--format=json"]),
        ("regions", &["regions", "--format=json"]),
        ("diff", &["diff", "tests/golden/healthy-public.json", "tests/golden/name-not-found.json", "--format=json"]),
    ] {
        let document = run(arguments.iter().copied()).json();
        assert_eq!((&document["kind"], &document["format_version"]), (&kind.into(), &"1.0".into()));
        let schema = run(["schema", kind]).stdout;
        let problems = problems_by(&schema, &document);
        assert!(problems.is_empty(), "{kind}: {problems:#?}");
        for field in document.as_object().unwrap().keys() {
            let mut without = document.clone();
            without.as_object_mut().unwrap().remove(field);
            assert!(!problems_by(&schema, &without).is_empty(), "{kind}: {field}");
        }
    }
}

#[test]
fn a_table_fits_into_80_columns() {
    for (path, text) in goldens() {
        let table = render(&report(&text), Format::Table, Style { width: 80, color: false, ..Style::default() });
        let lines: Vec<&str> = table.lines().collect();
        // The last line is the verdict, in one line for those who cut it out.
        for line in &lines[..lines.len() - 1] {
            assert!(line.chars().count() <= 80, "{path}: {line}");
            assert_eq!(line.trim_end(), *line, "{path}");
        }
        assert!(table.ends_with('\n') && !table.ends_with("\n\n"), "{path}");
    }
}

#[test]
fn colour_is_there_only_when_asked_for() {
    for (path, text) in goldens() {
        let report = report(&text);
        for (format, word, _) in FORMATS {
            let plain = render(&report, *format, Style { width: 80, color: false, ..Style::default() });
            assert!(!plain.contains('\u{1b}'), "{path}: {word}");
        }
        let painted = render(&report, Format::Table, Style { width: 80, color: true, ..Style::default() });
        assert!(painted.contains("\u{1b}["), "{path}");
        let plain = render(&report, Format::Table, Style { width: 80, color: false, ..Style::default() });
        // A blank at the end of a painted cell is not seen.
        let painted = without_escapes(&painted);
        let unpainted: Vec<&str> = painted.lines().map(str::trim_end).collect();
        assert_eq!(unpainted, plain.lines().collect::<Vec<_>>(), "{path}: colour changes nothing but the colour");
    }
}

/// The text without `ESC [ … m`.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[test]
fn every_width_shows_the_same_findings() {
    for (path, text) in goldens() {
        let report = report(&text);
        for width in [0, 1, 40, 79, 120, 1000] {
            let table = render(&report, Format::Table, Style { width, color: false, ..Style::default() });
            let missing: Vec<_> = report.findings.iter().filter(|finding| !table.contains(&finding.code)).collect();
            assert!(missing.is_empty(), "{path}: at width {width} there is no {missing:?}");
        }
    }
}

#[test]
fn what_a_later_version_adds_is_ignored() {
    let (_, text) = &goldens()[0];
    let mut later: Value = serde_json::from_str(text).unwrap();
    later["format_version"] = "1.7".into();
    later["novelty"] = 1.into();
    later["evidence"][0]["novelty"] = "x".into();
    later["evidence"][0]["detail"]["novelty"] = "x".into();
    let replayed = cosprobe::replay(&later.to_string()).unwrap();
    assert_eq!(replayed.findings, report(text).findings);
}

#[test]
fn a_major_version_that_is_not_known_is_refused() {
    let (_, text) = &goldens()[0];
    for version in ["2.0", "0.9", "", "x"] {
        let mut other: Value = serde_json::from_str(text).unwrap();
        other["format_version"] = version.into();
        let problem = cosprobe::replay(&other.to_string()).unwrap_err();
        assert!(problem.contains("format version"), "{problem}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_report_or_refused(text in "\\PC{0,200}") {
        proptest::prop_assert!(cosprobe::replay(&text).is_err());
    }

    #[test]
    fn a_report_that_is_cut_or_altered_never_panics(at in 0_usize..20_000, byte in 0x20_u8..0x7f) {
        let (_, text) = &goldens()[0];
        let at = at.min(text.len() - 1);
        let cut = text.get(..at).unwrap_or_default();
        proptest::prop_assert!(cosprobe::replay(cut).is_err());
        let mut altered = text.clone().into_bytes();
        altered[at] = byte;
        // It may still be a report; it must be readable and showable, or refused.
        if let Ok(report) = cosprobe::replay(&String::from_utf8_lossy(&altered)) {
            for (format, _, _) in FORMATS {
                proptest::prop_assert!(render(&report, *format, Style::default()).ends_with('\n'));
            }
        }
    }
}

#[test]
fn a_report_of_a_stranger_can_neither_move_the_cursor_nor_forge_a_line() {
    let text = read("tests/golden/bad-signature.json");
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let forged = "\u{1b}[2J\nhealthy [private route]: all is well";
    document["targets"][0]["region"] = forged.into();
    let exchanges = document["evidence"].as_array_mut().unwrap().iter_mut();
    for error in exchanges.filter_map(|o| o["detail"].get_mut("error")).filter(|error| error.is_object()) {
        error["message"] = forged.into();
        error["format_string"] = forged.into();
    }
    let report = Report::read(&document.to_string()).unwrap();
    let table = render(&report, Format::Table, Style::default());
    assert!(!table.contains('\u{1b}'), "{table}");
    assert!(table.contains("?[2J?healthy"), "the planted text is there, and harmless: {table}");
    assert!(!table.lines().any(|line| line.trim_start().starts_with("healthy [")), "{table}");
}
