//! `--redact`: what is left of a report can be judged as before, and tells nobody whose it is.
//!
//! What has to be gone is collected here by the form of names and not by the code that replaces them.

mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use cosprobe::addr::RANGES;
use cosprobe::evidence::RequestIdHint;
use cosprobe::report::{Format, Redaction, Report, Style, View, redact, render};
use serde_json::{Value, json};

use telling::{telling, telling_document};

use crate::support::{Cosprobe, demos, files, read, repository, run, schema_problems};

const LEVELS: [Redaction; 2] = [Redaction::Default, Redaction::Strict];

/// Every recorded evidence, frozen report, and piece of evidence on the pages of the findings, with its name.
fn recorded() -> Vec<(String, Report)> {
    let mut all = files("tests/evidence", &[".json"]);
    all.extend(files("tests/golden", &[".json"]));
    assert!(all.len() > 200, "only {} recorded reports were found", all.len());
    // The pages in other languages have no evidence of their own.
    let pages = files("docs/explain", &[".md"]).into_iter().filter(|(path, _)| !path.starts_with("docs/explain/zh/"));
    all.extend(pages.map(|(path, page)| (path, evidence_of(&page))));
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
    let table = |view| render(report, Format::Table, Style { width: 120, view, ..Style::default() });
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

/// The places of the texts of a document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| places(member, &format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

#[test]
fn no_field_lets_a_host_or_an_address_through() {
    let document = telling_document();
    let mut all = Vec::new();
    places(&document["evidence"], "/evidence", &mut all);
    places(&document["targets"], "/targets", &mut all);
    // Names of headers and variables stay as they are.
    let stays =
        |place: &str| ["headers", "variables"].iter().any(|list| place.contains(list)) && place.ends_with("/name");
    let (mut tried, mut problems) = (0, Vec::new());
    for place in all.iter().filter(|place| !stays(place)) {
        let mut document = document.clone();
        *document.pointer_mut(place).unwrap() = "db7.secret-corp.internal (10.99.88.77, [2001:db8:5ec::7]:443)".into();
        // Most fields with a form of their own refuse it.
        let Ok(report) = Report::read(&document.to_string()) else { continue };
        if !json!(report).to_string().contains("secret-corp") {
            continue;
        }
        tried += 1;
        for level in LEVELS {
            let text = redact(&report, level, 7).map(|redacted| json!(redacted).to_string());
            let text = text.unwrap_or_else(|problem| format!("secret-corp: {problem}"));
            let left = ["secret-corp", "10.99.88.77", "5ec::7"].into_iter().find(|word| text.contains(word));
            problems.extend(left.map(|word| format!("{place} {level:?}: {word}")));
        }
    }
    assert!(tried > 40, "only {tried} fields took the text");
    assert!(problems.is_empty(), "{problems:#?}");
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
