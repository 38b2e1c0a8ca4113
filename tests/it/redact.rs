//! `--redact`: what is left of a report can be judged as before, and tells nobody whose it is.
//!
//! What has to be gone is collected here by the form of names and not by the code that replaces them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use cosprobe::addr::RANGES;
use cosprobe::evidence::RequestIdHint;
use cosprobe::report::{Format, Redaction, Report, Style, View, redact, render};
use serde_json::{Value, json};

use crate::support::{Cosprobe, demos, files, read, repository, run, schema_problems};

const LEVELS: [Redaction; 2] = [Redaction::Default, Redaction::Strict];

/// Every recorded evidence, frozen report, and piece of evidence on the pages of the findings, with its name.
fn recorded() -> Vec<(String, Report)> {
    let mut all = files("tests/evidence", &[".json"]);
    all.extend(files("tests/golden", &[".json"]));
    assert!(all.len() > 200, "only {} recorded reports were found", all.len());
    all.extend(files("docs/explain", &[".md"]).into_iter().map(|(path, page)| (path, evidence_of(&page))));
    all.into_iter().map(|(path, text)| (path, Report::read(&text).unwrap())).collect()
}

/// The evidence on the page of a finding, as a report.
fn evidence_of(page: &str) -> String {
    let block = page.split("```json evidence\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
    let mut document: Value = serde_json::from_str(block).unwrap();
    let frame = json!({"format_version": "1.0", "tool": {"name": "cosprobe", "version": "0"},
        "started_at": "2026-11-23T19:30:15Z", "ended_at": "2026-11-23T19:30:16Z"});
    document.as_object_mut().unwrap().extend(frame.as_object().unwrap().clone());
    document.to_string()
}

/// A report with something in every place that can tell about somebody.
fn telling() -> Report {
    Report::read(&telling_document().to_string()).unwrap()
}

fn telling_document() -> Value {
    let host = "payroll-1301234567.cos.ap-guangzhou.myqcloud.com";
    let format_string = |path: &str| format!("get\n{path}\nprefix=merger\nhost={host}\n");
    let headers = json!([
        {"name": "server", "value": "gw7.acme.internal"}, {"name": "via", "value": "1.1 proxy01 (squid/4.10)"},
        {"name": "etag", "value": "\"9e107d9d372bb6826bd81d3542a419d6\""},
        {"name": "location", "value": "https://portal.acme.internal/login?from=merger"},
        {"name": "x-cos-request-id", "value": "NmIwNDk0NDdfNTAwMjAwYzBfNjhhZl8w"}, {"name": "x-cos-trace-id", "value": "dHJhY2U="}]);
    let error = json!({"code": "SignatureDoesNotMatch", "message": format!("AKIDacmeacmeacmeacme of uid/1301234567 for {host}"),
        "resource": "/payroll-1301234567/merger/plan v2.pdf", "request_id": "NmIwNDk0NDdfNTAwMjAwYzBfNjhhZl8w", "trace_id": "dHJhY2U=",
        "format_string": format_string("/merger/plan%20v2.pdf"), "string_to_sign": "sha1\n1;2\n9e107d9d372bb6826bd81d3542a419d6aaaabbbb\n"});
    let ok = json!({"status": "succeeded"});
    let machine = |id: u32, detail: Value| json!({"id": id, "stage": "host", "outcome": ok, "detail": detail});
    json!({
        "format_version": "1.0", "tool": {"name": "cosprobe", "version": "0"},
        "started_at": "2026-11-23T19:30:15Z", "ended_at": "2026-11-23T19:30:16Z", "labels": {"ticket": "acme-4711"},
        "targets": [
            {"input": "cos://payroll-1301234567/merger/plan v2.pdf", "host": host, "role": "default", "bucket": "payroll-1301234567",
                "region": "ap-guangzhou", "path": "/merger/plan v2.pdf"},
            {"input": "files.acme.com", "host": "files.acme.com", "role": "custom", "bucket": "payroll-1301234567", "path": "/"},
        ],
        "evidence": [
            machine(1, json!({"type": "machine", "kernel": "Linux 5.14.0-427.acme.el9", "vendor": "Tencent Cloud"})),
            machine(2, json!({"type": "metadata", "url": "http://metadata.tencentyun.com/latest/meta-data/", "region": "ap-guangzhou",
                "zone": "ap-guangzhou-3", "instance_id": "ins-0abc12", "local_ipv4": "10.20.30.40", "public_ipv4": "43.1.2.3",
                "vpc_id": "vpc-0abc12", "subnet_id": "subnet-0abc12"})),
            machine(3, json!({"type": "routes", "default_routes": [{"interface": "acme0", "gateway": "10.20.30.1"}],
                "source_v4": "10.20.30.40", "link_local": [{"destination": "169.254.0.0/17", "kind": "unicast", "interface": "acme0",
                "gateway": "10.20.30.1"}], "rules": [{"priority": 5, "text": "from 10.20.30.0/24 iif acme0 lookup 100"}],
                "interfaces": [{"name": "acme0", "is_up": true, "has_carrier": true, "kind": "ethernet",
                "addresses": ["10.20.30.40", "fe80::5054:ff:fe12:3456", "2402:4e00:1411:2222::1"]}]})),
            machine(4, json!({"type": "proxy_environment", "variables": [{"name": "https_proxy", "value": "http://proxy01:3128"},
                {"name": "no_proxy", "value": "localhost,.acme.com,10.20.0.0/16"}]})),
            machine(5, json!({"type": "resolver_configuration", "path": "/etc/resolv.conf", "servers": ["10.20.30.53:53", "183.60.83.19:53"],
                "search": ["acme.internal", "branch-ulm"], "skipped": [{"line": 3, "problem": "'nameserver intranet.acme' is not an address"}]})),
            machine(6, json!({"type": "key", "source": "/home/jdoe/.cos.yaml (coscli)",
                "searched": [{"place": "/srv/acme/keys", "found": "no such file"}]})),
            {"id": 7, "stage": "resolve", "endpoint": host, "peer": "10.20.30.53:53", "outcome": ok, "detail": {"type": "dns", "name": host,
                "addresses": [{"ip": "43.1.2.99", "ttl_seconds": 5}], "cname_chain": [{"target": "files.acme.com.cdn.dnsv1.com", "ttl_seconds": 1}]}},
            {"id": 8, "parent": 7, "stage": "connect", "endpoint": host, "peer": "43.1.2.99:443", "outcome": ok, "detail": {"type": "tcp",
                "samples": [{"outcome": ok, "local": "10.20.30.40:51234"}]}},
            {"id": 9, "parent": 7, "stage": "path", "endpoint": host, "peer": "43.1.2.99:443", "outcome": ok, "detail": {"type": "path",
                "source": "10.20.30.40", "hops": [{"ttl": 1, "probes": [{"answer": "time_exceeded", "from": "10.20.30.1"}]},
                {"ttl": 2, "probes": [{"answer": "time_exceeded", "from": "100.64.3.7"}]}]}},
            {"id": 10, "stage": "path", "endpoint": host, "outcome": ok, "detail": {"type": "dns", "record_type": "PTR",
                "name": "7.3.64.100.in-addr.arpa", "names": ["core1.ulm.acme.net"]}},
            {"id": 11, "parent": 8, "stage": "tls_handshake", "endpoint": host, "peer": "43.1.2.99:443", "outcome": ok, "detail": {"type": "tls",
                "server_name": host, "chain": [{"subject": "C=DE, O=Acme GmbH, CN=*.acme.com", "issuer": "C=DE, O=Acme GmbH, CN=Acme Inspection CA",
                "names": ["*.acme.com", "43.1.2.99"]}], "verification": {"result": "wrong_name",
                "message": "certificate not valid for name \"payroll-1301234567.cos.ap-guangzhou.myqcloud.com\", only for *.acme.com"}}},
            {"id": 12, "parent": 11, "stage": "http_round_trip", "endpoint": host, "peer": "43.1.2.99:443", "outcome": ok, "detail": {"type": "http",
                "method": "GET", "authentication": "signed", "path": "/merger/plan v2.pdf", "status": 403, "headers": headers, "error": error,
                "signed": {"key_time": "1;2", "format_string": format_string("/merger/plan v2.pdf"), "string_to_sign": "sha1\n1;2\nabc\n"}}},
            {"id": 13, "stage": "connect", "endpoint": "files.acme.com", "peer": "[2402:4e00:1411:2222::9]:443",
                "outcome": {"status": "failed", "kind": "host_unreachable", "from": "10.20.30.1", "message": "no way from /home/jdoe/app"},
                "detail": {"type": "tcp", "redirected_to": "10.20.30.77:443"}},
        ],
    })
}

/// Codes, severities and confidences with subjects counted, what causes what, and the verdict.
fn judgement(report: &Report) -> Value {
    let mut subjects = BTreeMap::new();
    let mut findings: Vec<String> = Vec::new();
    for finding in &report.findings {
        let next = subjects.len();
        let subject = *subjects.entry(finding.subject.clone()).or_insert(next);
        findings.push(format!(
            "{} {:?} {:?} {:?} about {subject} by {:?}",
            finding.code, finding.severity, finding.confidence, finding.caused_by, finding.evidence
        ));
    }
    let verdict = &report.verdict;
    let endpoints: Vec<_> = report.endpoints.iter().map(|view| format!("{:?} {:?}", view.route, view.extent)).collect();
    let scopes: Vec<_> = report.addresses.iter().map(|view| view.scope.as_str()).collect();
    json!({"findings": findings, "status": verdict.status.as_str(), "route": verdict.route.as_str(), "code": verdict.code,
        "endpoints": endpoints, "scopes": scopes})
}

/// Addresses that are the same for everybody, and the first ones of the ranges that `addr` knows, as they stand in routes.
fn is_well_known(ip: IpAddr) -> bool {
    const KNOWN: [&str; 8] = [
        "183.60.83.19",
        "183.60.82.98",
        "119.29.29.29",
        "1.12.12.12",
        "169.254.0.23",
        "8.8.8.8",
        "1.1.1.1",
        "169.254.20.10",
    ];
    let is_first = RANGES.iter().any(|range| range.net.network() == ip);
    ip.is_loopback() || ip.is_unspecified() || is_first || KNOWN.iter().any(|known| known.parse() == Ok(ip))
}

/// The front ends of COS that request ids tell, which the default level keeps. `head` shows them.
fn front_ends(report: &Report) -> BTreeSet<String> {
    let exchanges = report.evidence.iter().filter_map(|observation| observation.detail.http());
    let hints = exchanges.filter_map(|http| RequestIdHint::decode(http.request_id()?));
    hints.map(|hint| hint.front_end.to_string()).collect()
}

/// What stands between other characters than those of names and addresses.
fn tokens(text: &str) -> BTreeSet<String> {
    let text = text.replace("\\n", "\n");
    let split = |is_of: fn(char) -> bool| {
        let words = text.split(move |c: char| !is_of(c));
        words
            .map(|word| word.trim_matches(['.', ':', '-']).to_owned())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
    };
    let mut all: BTreeSet<String> = split(|c| c.is_alphanumeric() || "-_.".contains(c)).into_iter().collect();
    all.extend(
        split(|c| c.is_ascii_hexdigit() || c == ':' || c == '.')
            .into_iter()
            .filter(|word| word.matches(':').count() > 1),
    );
    all
}

/// The texts of a document, and those of its fields of some names.
fn texts<'a>(value: &'a Value, name: &str, names: &[&str], found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if names.is_empty() || names.contains(&name) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, name, names, found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| texts(member, name, names, found)),
        _ => {}
    }
}

/// Names that have to be gone: addresses, buckets and their parts, and hosts outside COS's domains.
fn originals(report: &Report) -> BTreeSet<String> {
    let document = json!({"targets": report.targets, "controls": report.controls, "evidence": report.evidence});
    let mut all = Vec::new();
    texts(&document, "", &[], &mut all);
    let is_private_matter = |word: &String| word.parse().is_ok_and(|ip| !is_well_known(ip));
    let mut found: BTreeSet<String> = all.iter().flat_map(|text| tokens(text)).filter(is_private_matter).collect();
    let mut buckets = Vec::new();
    texts(&document, "", &["bucket"], &mut buckets);
    for bucket in buckets {
        found.insert(bucket.to_owned());
        found.extend(bucket.rsplit_once('-').into_iter().flat_map(|(name, appid)| [name.to_owned(), appid.to_owned()]));
    }
    let mut hosts = Vec::new();
    texts(&document, "", &["host", "endpoint", "server_name", "target", "names"], &mut hosts);
    let is_of_cos = |host: &str| ["myqcloud.com", "tencentcos.cn"].iter().any(|suffix| host.ends_with(suffix));
    let host_names = hosts.into_iter().map(|host| host.trim_start_matches("*.")).filter(|host| !is_of_cos(host));
    found.extend(
        host_names.filter(|host| host.contains('.') && host.parse::<IpAddr>().is_err_and(|_| true)).map(str::to_owned),
    );
    found
}

/// The document and every table of a report.
fn shown(report: &Report) -> Vec<(&'static str, String)> {
    let table = |view| render(report, Format::Table, Style { width: 120, color: false, view });
    vec![
        ("json", render(report, Format::Json, Style::default())),
        ("table", table(View::Addresses)),
        ("head", table(View::Exchanges)),
        ("dns", table(View::Resolution)),
    ]
}

/// What is wrong with the redacted reports of a report.
fn problems(name: &str, report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    let gone = originals(report);
    for level in LEVELS {
        let redacted = redact(report, level, 42).unwrap();
        if judgement(&redacted) != judgement(report) {
            problems.push(format!("{name} {level:?}: {}\n  became {}", judgement(report), judgement(&redacted)));
        }
        for (what, text) in shown(&redacted) {
            let told = if level == Redaction::Default { front_ends(report) } else { BTreeSet::new() };
            let is_left = |word: &&String| !(what == "head" && told.contains(*word));
            let left: Vec<String> = tokens(&text).intersection(&gone).filter(is_left).cloned().collect();
            if !left.is_empty() {
                problems.push(format!("{name} {level:?}: {left:?} is left in {what}"));
            }
        }
        let document = render(&redacted, Format::Json, Style::default());
        let schema = schema_problems(&serde_json::from_str(&document).unwrap());
        problems.extend(schema.into_iter().map(|problem| format!("{name} {level:?}: {problem}")));
        let again = render(&Report::read(&document).unwrap(), Format::Json, Style::default());
        if again != document {
            problems.push(format!("{name} {level:?}: read and written again it is another one"));
        }
    }
    problems
}

#[test]
fn recorded_reports_are_judged_as_before_and_name_nobody() {
    let all = recorded();
    let found: Vec<String> = all.iter().flat_map(|(name, report)| problems(name, report)).collect();
    assert!(found.is_empty(), "{} problems:\n{}", found.len(), found.join("\n"));
}

#[test]
fn reports_of_every_demo_are_judged_as_before_and_name_nobody() {
    let found: Vec<String> = demos().iter().flat_map(|(name, report)| problems(name, report)).collect();
    assert!(found.is_empty(), "{} problems:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_place_that_can_tell_about_somebody_is_covered() {
    let report = telling();
    assert_eq!(problems("telling", &report), Vec::<String>::new());
    let text =
        |level| shown(&redact(&report, level, 42).unwrap()).into_iter().map(|(_, text)| text).collect::<String>();
    let (default, strict) = (text(Redaction::Default), text(Redaction::Strict));
    for gone in [
        "payroll",
        "1301234567",
        "merger",
        "plan",
        "v2.pdf",
        "acme.com",
        "acme.internal",
        "acme.net",
        "intranet",
        "branch-ulm",
        "proxy01",
        "portal",
        "gw7",
        "ulm",
        "jdoe",
        "Acme",
        "AKIDacme",
        "ins-0abc12",
        "vpc-0abc12",
        "subnet-0abc12",
        "5054:ff:fe12",
        "7.3.64.100",
        "9e107d9d372bb682",
    ] {
        assert!(!default.contains(gone), "{gone} is left:\n{default}");
        assert!(!strict.contains(gone), "{gone} is left:\n{strict}");
    }
    let only_strict = ["NmIwNDk0NDdfNTAwMjAwYzBfNjhhZl8w", "dHJhY2U=", "acme-4711", "acme0", "5.14.0-427", "/srv/acme"];
    for kept in only_strict {
        assert!(default.contains(kept), "{kept} is gone");
        assert!(!strict.contains(kept), "{kept} is left:\n{strict}");
    }
    for kept in [
        "ap-guangzhou-3",
        "183.60.83.19:53",
        "metadata.tencentyun.com",
        ".cdn.dnsv1.com",
        "/etc/resolv.conf",
        "squid/4.10",
    ] {
        assert!(default.contains(kept) && strict.contains(kept), "{kept} is gone");
    }
}

#[test]
fn what_belongs_together_still_does() {
    let redacted = redact(&telling(), Redaction::Default, 42).unwrap();
    let document: Value = serde_json::from_str(&render(&redacted, Format::Json, Style::default())).unwrap();
    let at = |pointer: &str| document.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let (bucket, host) = (at("/targets/0/bucket"), at("/targets/0/host"));
    assert_eq!(host, format!("{bucket}.cos.ap-guangzhou.myqcloud.com"));
    for same in ["/evidence/6/detail/name", "/evidence/10/detail/server_name", "/evidence/11/endpoint"] {
        assert_eq!(at(same), host, "{same}");
    }
    let message = at("/evidence/11/detail/error/message");
    let appid = bucket.rsplit_once('-').unwrap().1.to_owned();
    assert!(message.contains(&host) && message.contains(&format!("uid/{appid} ")), "{message}");
    // The same subnet, the same gateway, the same router.
    let gateway = at("/evidence/2/detail/default_routes/0/gateway");
    assert_eq!(at("/evidence/8/detail/hops/0/probes/0/from"), gateway);
    let net: ipnet::IpNet = at("/evidence/2/detail/rules/0/text").split(' ').nth(1).unwrap().parse().unwrap();
    for inside in [gateway, at("/evidence/1/detail/local_ipv4")] {
        assert!(net.prefix_len() == 24 && net.contains(&inside.parse::<IpAddr>().unwrap()), "{inside} in {net}");
    }
    // A wildcard of somebody else, and a name that it covers.
    let (san, custom) = (at("/evidence/10/detail/chain/0/names/0"), at("/targets/1/host"));
    assert_eq!(san.strip_prefix('*'), custom.find('.').map(|dot| &custom[dot..]));
    let key = at("/targets/0/path");
    assert_eq!(at("/evidence/11/detail/error/resource"), format!("/{bucket}{key}"));
    assert_eq!(at("/targets/0/input"), format!("cos://{bucket}{key}"));
    let signed = at("/evidence/11/detail/signed/format_string");
    assert!(
        signed.contains(&key) && at("/evidence/11/detail/error/format_string") == signed.replace(' ', "%20"),
        "{signed}"
    );
}

#[test]
fn the_same_seed_gives_the_same_and_another_another() {
    let report = telling();
    for level in LEVELS {
        let text = |seed| render(&redact(&report, level, seed).unwrap(), Format::Json, Style::default());
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }
    // A report that was redacted can be redacted again.
    let once = redact(&report, Redaction::Default, 1).unwrap();
    assert_eq!(judgement(&redact(&once, Redaction::Strict, 1).unwrap()), judgement(&report));
}

#[test]
fn the_flag_redacts_what_is_written_and_each_time_otherwise() {
    let path = repository("tests/golden/one-address-dead.json");
    let redacted = |flag: &str| Cosprobe::new(["diagnose", "--format=json", flag, "--from"]).arguments([&path]).run();
    let (once, again, strict) = (redacted("--redact"), redacted("--redact=default"), redacted("--redact=strict"));
    let before = Cosprobe::new(["diagnose", "--format=json", "--from"]).arguments([&path]).run();
    assert_eq!([&once.code, &again.code, &strict.code], [&before.code; 3]);
    assert!(before.json()["redacted"].is_null());
    assert_eq!((&once.json()["redacted"], &strict.json()["redacted"]), (&json!("default"), &json!("strict")));
    assert_ne!(once.stdout, again.stdout, "two runs have two seeds");
    for ran in [&once, &again, &strict] {
        assert!(!ran.stdout.contains("examplebucket") && !ran.stdout.contains("203.0.113."), "{}", ran.stdout);
        assert_eq!(judgement(&ran.report()), judgement(&before.report()));
    }
    let table = Cosprobe::new(["diagnose", "--redact", "--from"]).arguments([&path]).run().stdout;
    assert!(table.contains("stand-ins (--redact)") && !table.contains("examplebucket"), "{table}");

    let demo = run(["demo", "--redact", "one-address-dead"]);
    assert!(demo.stdout.contains("bucket-1-0") && !demo.stdout.contains("examplebucket"), "{}", demo.stdout);
    assert_eq!(run(["diagnose", "--redact=much", "--from", "-"]).code, Some(2));
    let watched = run(["dns", "h.example", "--watch-resolution=1s", "--redact"]);
    assert!(watched.code == Some(2) && watched.stderr.contains("--redact"), "{}", watched.stderr);
    assert!(read("docs/howto/send-a-report.md").contains("--redact"));
}
