//! `diff`: the first difference is at the stage where the fault is, and the same twice is no difference.

use std::collections::BTreeSet;

use cosprobe::lab::SCENARIOS;
use cosprobe::report::{DiffDocument, Redaction, Report, Style, redact};
use serde_json::{Value, json};

use crate::support::{Cosprobe, demos, files, read, repository, run};

/// Good run, run with a fault, and where they first differ: stage and what, or the finding where no outcome tells.
type Row = (&'static str, &'static str, &'static str, &'static str);

const TLS: &str = "TLS handshakes and certificates";
const CONNECTS_80: &str = "TCP connects to port 80";
const CONNECTS_443: &str = "TCP connects to port 443";
const LOOKUP: &str = "look-up of IPv4 addresses";
const NETWORK: &str = "network of the addresses";
const HTTP: &str = "anonymous HTTP requests";
const HTTPS: &str = "anonymous HTTPS requests";
const SIGNED: &str = "signed HTTPS requests";

/// Demos, each against the one that differs from it by the fault only.
#[rustfmt::skip]
const DEMOS: &[Row] = &[
    ("acceleration", "acceleration-off", "http_round_trip", HTTP),
    ("custom-domain", "custom-domain-unbound", "http_round_trip", HTTP),
    ("healthy-private", "access-denied", "http_round_trip", SIGNED),
    ("healthy-private", "answer-reset", "http_round_trip", HTTP),
    ("healthy-private", "answer-stalls", "http_round_trip", HTTP),
    ("healthy-private", "arrears", "http_round_trip", HTTP),
    ("healthy-private", "bad-signature", "http_round_trip", SIGNED),
    ("healthy-private", "bad-signature-unexplained", "http_round_trip", SIGNED),
    ("healthy-private", "bucket-elsewhere", "http_round_trip", HTTP),
    ("healthy-private", "bucket-not-found", "http_round_trip", HTTP),
    ("healthy-private", "canary-altered", "", "BKT010"),
    ("healthy-private", "canary-object-exists", "", "BKT009"),
    ("healthy-private", "canary-undeletable", "", "BKT008"),
    ("healthy-private", "canary-write-denied", "", "AUT003"),
    ("healthy-private", "certificate-ended-and-no-bucket", "tls_handshake", TLS),
    ("healthy-private", "clock-ahead-and-throttled", "host", "clock"),
    ("healthy-private", "clock-behind", "host", "clock"),
    ("healthy-private", "clock-kills-signature", "host", "clock"),
    ("healthy-private", "clock-skew", "host", "clock"),
    ("healthy-private", "expired-token", "http_round_trip", SIGNED),
    ("healthy-private", "invalid-token", "http_round_trip", SIGNED),
    ("healthy-private", "list-denied", "http_round_trip", SIGNED),
    ("healthy-private", "not-tls", "tls_handshake", TLS),
    ("healthy-private", "object-not-found", "http_round_trip", SIGNED),
    ("healthy-private", "port-443-refused", "connect", CONNECTS_443),
    ("healthy-private", "port-80-closed-and-key-denied", "connect", CONNECTS_80),
    ("healthy-private", "port-80-refused", "connect", CONNECTS_80),
    ("healthy-private", "quoted-key", "http_round_trip", SIGNED),
    ("healthy-private", "redirected", "http_round_trip", HTTP),
    ("healthy-private", "referer-rule", "http_round_trip", SIGNED),
    ("healthy-private", "refused-otherwise", "http_round_trip", HTTP),
    ("healthy-private", "request-expired", "http_round_trip", SIGNED),
    ("healthy-private", "rewritten-host", "http_round_trip", SIGNED),
    ("healthy-private", "rewritten-host-explained", "http_round_trip", SIGNED),
    ("healthy-private", "server-error", "http_round_trip", HTTP),
    ("healthy-private", "strict-signature", "http_round_trip", SIGNED),
    ("healthy-private", "throttled", "http_round_trip", HTTP),
    ("healthy-private", "tls-ends-soon", "", "TLS006"),
    ("healthy-private", "tls-expired", "tls_handshake", TLS),
    ("healthy-private", "tls-not-yet-valid", "tls_handshake", TLS),
    ("healthy-private", "tls-old", "tls_handshake", TLS),
    ("healthy-private", "tls-reset", "tls_handshake", TLS),
    ("healthy-private", "tls-silent", "tls_handshake", TLS),
    ("healthy-private", "tls-wrong-name", "tls_handshake", TLS),
    ("healthy-private", "unknown-key", "http_round_trip", SIGNED),
    ("healthy-public", "all-refused", "connect", CONNECTS_80),
    ("healthy-public", "captive-portal", "tls_handshake", TLS),
    ("healthy-public", "dead-address-and-wrong-secret", "connect", CONNECTS_80),
    ("healthy-public", "fake-ip", "resolve", NETWORK),
    ("healthy-public", "forged-answer", "resolve", "addresses"),
    ("healthy-public", "hosts-override", "host", "entry in the hosts file"),
    ("healthy-public", "mixed-route", "resolve", NETWORK),
    ("healthy-public", "name-not-found", "resolve", LOOKUP),
    ("healthy-public", "no-address", "resolve", LOOKUP),
    ("healthy-public", "not-cos", "http_round_trip", HTTP),
    ("healthy-public", "one-address-dead", "connect", CONNECTS_80),
    ("healthy-public", "resolver-fails", "resolve", LOOKUP),
    ("healthy-public", "resolver-refuses", "resolve", LOOKUP),
    ("healthy-public", "resolver-silent", "resolve", LOOKUP),
    ("healthy-public", "resolvers-disagree", "resolve", "addresses"),
    ("healthy-public", "sinkhole", "resolve", NETWORK),
    ("healthy-public", "tcp-53-blocked", "resolve", LOOKUP),
    ("healthy-public", "tls-untrusted", "tls_handshake", TLS),
    ("path-style", "path-style-forbidden", "http_round_trip", HTTP),
    ("vm-private", "wrong-resolver", "resolve", NETWORK),
    ("vm-private", "wrong-resolver-and-expired-token", "resolve", NETWORK),
    ("website", "website-off", "http_round_trip", HTTP),
    ("acceleration", "acceleration-off-for-object", "http_round_trip", HTTP),
    ("custom-domain", "custom-domain-unbound-for-object", "http_round_trip", HTTP),
    ("healthy-public", "canary-altered-public", "", "BKT010"),
    ("healthy-public", "invalid-token-public", "http_round_trip", SIGNED),
    ("healthy-public", "tls-ends-soon-public", "", "TLS006"),
    ("healthy-public", "tls-old-public", "tls_handshake", TLS),
    ("no-key", "arrears-without-key", "http_round_trip", HTTP),
    ("no-key", "refused-otherwise-without-key", "http_round_trip", HTTP),
    ("object", "expired-token-of-object", "http_round_trip", SIGNED),
    ("object", "redirected-object", "http_round_trip", HTTP),
    ("object", "referer-rule-for-object", "http_round_trip", SIGNED),
    ("object", "server-error-of-object", "http_round_trip", HTTP),
    ("object", "strict-signature-of-object", "http_round_trip", SIGNED),
    ("object", "unknown-key-of-object", "http_round_trip", SIGNED),
    ("path-style", "path-style-forbidden-public", "resolve", NETWORK),
    ("public-read", "canary-object-exists-public", "", "BKT009"),
    ("public-read", "object-not-found-for-everybody", "http_round_trip", HTTP),
    ("temporary-key", "canary-undeletable-temporary", "", "BKT008"),
    ("temporary-key", "request-expired-temporary", "http_round_trip", SIGNED),
    ("website", "website-off-without-key", "http_round_trip", HTTP),
];

/// Recorded evidence, each against a healthy run of the same endpoint.
#[rustfmt::skip]
const RECORDED: &[Row] = &[
    ("canary-fine", "interface-down", "host", "default route"),
    ("canary-fine", "clock-one-answer", "host", "clock"),
    ("canary-fine", "no-nameserver", "resolve", LOOKUP),
    ("canary-fine", "dns-nxdomain", "resolve", LOOKUP),
    ("canary-fine", "slowdns-deadline", "", "DNS008"),
    ("canary-fine", "wrong-certificate-same-answer", "resolve", "addresses"),
    ("canary-fine", "fakeip-dead", "resolve", NETWORK),
    ("private-with-its-own-route", "private-way-blackhole", "route", "the kernel's route"),
    ("canary-fine", "localreject-one", "connect", CONNECTS_443),
    ("canary-fine", "one-noroute", "connect", CONNECTS_443),
    ("interrupted-but-done", "flapping-timeout", "connect", CONNECTS_80),
    ("canary-fine", "v4-dead-v6-ok", "connect", CONNECTS_443),
    ("canary-fine", "tls-reset-one", "tls_handshake", TLS),
    ("canary-fine", "insecure-impostor", "tls_handshake", TLS),
    ("canary-fine", "mix5xx", "http_round_trip", HTTPS),
    ("canary-fine", "stall-one", "http_round_trip", HTTPS),
    ("canary-fine", "signed-mixed", "http_round_trip", SIGNED),
];

fn compared(a: &Report, b: &Report) -> Value {
    serde_json::from_str(&DiffDocument::of(a, b).json()).unwrap()
}

/// Whether two runs first differ where a row says it.
fn is_first(document: &Value, (_, _, stage, what): &Row) -> bool {
    let first = document["first_difference"].as_str().unwrap_or_default();
    let stage = stage.replace('_', " ");
    let expected = if stage.is_empty() { format!("only in B, {what} ") } else { format!("{stage}: {what} of ") };
    first.starts_with(&expected) && document["differs"] == true
}

fn check(rows: &[Row], report: impl Fn(&str) -> Report) {
    let mut problems = Vec::new();
    for row in rows {
        let document = compared(&report(row.0), &report(row.1));
        if !is_first(&document, row) {
            problems.push(format!("{row:?}: {}", document["first_difference"]));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

fn recorded(name: &str) -> Report {
    Report::read(&read(&format!("tests/evidence/{name}.json"))).unwrap()
}

#[test]
fn the_first_difference_of_demos_is_where_the_fault_is() {
    check(DEMOS, |name| demos()[name].clone());
    // A new scenario with a fault belongs into a row.
    let rows: BTreeSet<&str> = DEMOS.iter().map(|row| row.1).collect();
    let is_faulty = |report: &Report| report.verdict.code.is_some();
    let without: Vec<&str> = SCENARIOS
        .iter()
        .map(|scenario| scenario.name)
        .filter(|name| !name.starts_with("hostile-"))
        .filter(|name| is_faulty(&demos()[name]) && !rows.contains(name))
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn the_first_difference_of_recorded_runs_is_where_the_fault_is() {
    check(RECORDED, recorded);
}

#[test]
fn the_same_report_twice_does_not_differ_and_nor_does_it_redacted() {
    let all = files("tests/evidence", &[".json"]).into_iter().chain(files("tests/golden", &[".json"]));
    for (path, text) in all {
        let report = Report::read(&text).unwrap();
        let same = compared(&report, &report);
        assert_eq!((&same["differs"], &same["comparison"]["not_compared"]), (&json!(false), &json!([])), "{path}");
        for level in [Redaction::Default, Redaction::Strict] {
            let redacted = redact(&report, level, 5).unwrap();
            for document in [compared(&report, &redacted), compared(&redacted, &report)] {
                assert_eq!(document["differs"], false, "{path}: {document:#}");
                assert_eq!(document["comparison"]["names_compared"], false, "{path}");
                assert_eq!(document["comparison"]["not_compared"], json!([]), "{path}");
            }
        }
    }
}

#[test]
fn a_fault_is_found_in_redacted_reports_too() {
    for row in RECORDED.iter().filter(|row| row.3 != "addresses") {
        let redacted = |name: &str, seed| redact(&recorded(name), Redaction::Strict, seed).unwrap();
        let document = compared(&redacted(row.0, 1), &redacted(row.1, 2));
        assert!(is_first(&document, row), "{row:?}: {}", document["first_difference"]);
    }
}

#[test]
fn two_runs_of_one_demo_differ_in_times_at_most() {
    for name in ["healthy-private", "healthy-public", "vm-private", "one-address-dead"] {
        let again = run(["demo", name, "--format=json"]).report();
        let document = compared(&demos()[name], &again);
        let differences = document["comparison"]["differences"].as_array().unwrap().iter();
        // A busy machine may be slow once; what it says must be the same.
        let others: Vec<&Value> = differences.filter(|difference| difference["is_time"] == false).collect();
        assert!(others.is_empty(), "{name}: {others:#?}");
        for findings in ["findings_only_in_a", "findings_only_in_b"] {
            assert_eq!(document["comparison"][findings], json!([]), "{name}");
        }
    }
}

#[test]
fn endpoints_go_together_by_host_or_by_kind() {
    let report = |hosts: &[(&str, &str, &str)]| {
        let target = |(host, role, region): &(&str, &str, &str)| json!({"host": host, "role": role, "region": region});
        let targets: Vec<Value> = hosts.iter().map(target).collect();
        let document = json!({"format_version": "1.0", "tool": {"name": "cosprobe", "version": "0"}, "targets": targets, "evidence": [],
            "started_at": "2026-11-23T19:30:15Z", "ended_at": "2026-11-23T19:30:16Z"});
        Report::read(&document.to_string()).unwrap()
    };
    let (a, b, c) = (("a.example", "custom", "r1"), ("b.example", "custom", "r1"), ("c.example", "custom", "r2"));
    let other = ("d.example", "website", "r1");
    for (one, two, pairs, only_a, only_b) in [
        (&[a][..], &[a][..], json!([["a.example", "host"]]), json!([]), json!([])),
        (&[a], &[b], json!([["a.example", "role_and_region"]]), json!([]), json!([])),
        (&[a], &[c], json!([["a.example", "role"]]), json!([]), json!([])),
        (&[a], &[other], json!([]), json!(["a.example"]), json!(["d.example"])),
        (&[a, b], &[b], json!([["b.example", "host"]]), json!(["a.example"]), json!([])),
        (&[a, b], &[b, c], json!([["b.example", "host"]]), json!(["a.example"]), json!(["c.example"])),
    ] {
        let document = compared(&report(one), &report(two));
        let comparison = &document["comparison"];
        let found: Vec<Value> =
            comparison["endpoints"].as_array().unwrap().iter().map(|p| json!([p["a"], p["by"]])).collect();
        assert_eq!(
            (json!(found), &comparison["endpoints_only_in_a"], &comparison["endpoints_only_in_b"]),
            (pairs, &only_a, &only_b)
        );
        assert_eq!(document["differs"], only_a != json!([]) || only_b != json!([]));
    }
}

#[test]
fn the_table_tells_the_first_difference_first_and_fits_into_80_columns() {
    let goldens = files("tests/golden", &[".json"]);
    for (path_a, a) in &goldens {
        for (path_b, b) in &goldens {
            let (a, b) = (Report::read(a).unwrap(), Report::read(b).unwrap());
            let table = DiffDocument::of(&a, &b).table(Style::default());
            for line in table.lines() {
                assert!(line.chars().count() <= 80 && line.trim_end() == line, "{path_a} {path_b}: {line}");
            }
            assert!(table.ends_with('\n') && !table.ends_with("\n\n"), "{table}");
            let mut lines = table.lines();
            let verdicts = [&a, &b]
                .map(|report| format!("{} [{} route]", report.verdict.status.as_str(), report.verdict.route.as_str()));
            let (first, second) = (lines.next().unwrap(), lines.next().unwrap());
            assert!(
                first.starts_with(&format!("A {}", verdicts[0])) && first.contains(&format!("; B {}", verdicts[1])),
                "{first}"
            );
            let begin = if path_a == path_b { "nothing differs that matters" } else { "first difference: " };
            assert!(second.starts_with(begin), "{path_a} {path_b}: {second}");
        }
    }
    let (healthy, dead) = (&goldens[1], &goldens[3]);
    let table =
        DiffDocument::of(&Report::read(&healthy.1).unwrap(), &Report::read(&dead.1).unwrap()).table(Style::default());
    assert!(table.contains("first difference: connect: TCP connects to port 80 of\n"), "{table}");
    assert!(table.contains("  A: connects\n  B: connection refused (203.0.113.11:80); connects\n"), "{table}");
    assert!(table.contains("only in B: warning TCP007 one-address-dead: "), "{table}");
}

#[test]
fn the_exit_code_tells_and_what_is_no_report_is_refused() {
    let good = repository("tests/golden/healthy-public.json");
    let bad = repository("tests/golden/tls-untrusted.json");
    let diff = |arguments: &[&std::path::Path]| Cosprobe::new(["diff"]).arguments(arguments);
    assert_eq!(diff(&[&good, &good]).run().code, Some(0));
    assert_eq!(diff(&[&good, &bad]).run().code, Some(1));
    let quiet = diff(&[&good, &bad]).arguments(["--quiet"]).run();
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (Some(1), "", ""));
    let text = read("tests/golden/healthy-public.json");
    assert_eq!(diff(&["-".as_ref(), &good]).input(&text).run().code, Some(0));
    assert_eq!(diff(&[&good, "-".as_ref()]).input(&text).run().code, Some(0));

    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("diff.json");
    let ran = diff(&[&good, &bad]).arguments(["--format=json", "--output"]).arguments([&output]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&output).unwrap()).unwrap();
    assert_eq!((&written["kind"], &written["differs"]), (&json!("diff"), &json!(true)));

    let newer = text.replace("\"format_version\": \"1.0\"", "\"format_version\": \"2.0\"");
    let huge = " ".repeat(64 * 1024 * 1024 + 1);
    for (input, reason) in [
        (&text[..text.len() / 2], "EOF while parsing"),
        (newer.as_str(), "format version 2.0 is not known"),
        ("{}", "missing field `format_version`"),
        ("no report", "expected"),
        ("", "EOF while parsing"),
        (huge.as_str(), "larger than 64 MiB"),
    ] {
        for arguments in [[good.as_path(), "-".as_ref()], ["-".as_ref(), good.as_path()]] {
            let path = directory.path().join("input.json");
            std::fs::write(&path, input).unwrap();
            let arguments =
                arguments.map(|argument| if argument == std::path::Path::new("-") { path.as_path() } else { argument });
            let ran = diff(&arguments).run();
            assert!(
                ran.code == Some(2) && ran.stdout.is_empty() && ran.stderr.contains(reason),
                "{reason}: {}",
                ran.stderr
            );
        }
    }
    for arguments in [["-".as_ref(), "-".as_ref()], [good.as_path(), "no/such/report.json".as_ref()]] {
        let ran = diff(&arguments).input(&text).run();
        assert!(ran.code == Some(2) && !ran.stderr.is_empty(), "{ran:?}");
    }
}

#[test]
fn the_table_is_said_in_chinese_too_and_json_is_not() {
    let healthy = repository("tests/golden/healthy-public.json");
    let dead = repository("tests/golden/one-address-dead.json");
    let said = |language: &str, format: &str| {
        let diff = Cosprobe::new(["diff", "--lang", language, "--format", format]);
        diff.arguments([&healthy, &dead]).run().stdout
    };
    let table = said("zh", "table");
    assert!(table.contains("首个差异：连接：到端口 80 的 TCP 连接\n"), "{table}");
    assert!(table.contains("  A：能连接\n  B：连接被拒绝（203.0.113.11:80）；能连接\n"), "{table}");
    assert!(table.contains("仅见于 B：警告 TCP007 one-address-dead：\n"), "{table}");
    assert_eq!(said("zh", "json"), said("en", "json"));
}
