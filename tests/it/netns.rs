//! The network-namespace tier: cosprobe as an unprivileged user in real networks with real faults (`tests/netlab`).
//!
//! A row names a scenario of the lab, the roots that must be found, and the verdict. Every fault must yield its finding and no
//! other root; a healthy network yields none. Where namespaces cannot be made the tests say that they are skipped;
//! `COSPROBE_LAB=require` makes a skip a failure.

mod flows;
mod mtu;
mod path;
mod ping;
mod resolution;
pub(crate) mod rows;
mod sender;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;

const BUCKET: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
const REMOTE_BUCKET: &str = "examplebucket-1250000000.cos.ap-shanghai.myqcloud.com";

#[test]
fn the_router_that_reports_an_error_is_named() {
    for (scenario, kind) in [("admin-prohibited", "admin_prohibited"), ("net-unreachable", "network_unreachable")] {
        let Some(report) = check(scenario, BUCKET, &[]) else { return };
        let observations = report["evidence"].as_array().expect("a list");
        let reported = observations.iter().find(|o| o["outcome"]["kind"] == kind).expect(scenario);
        assert_eq!(reported["outcome"]["from"], "100.64.12.2", "{scenario}");
        let finding = &report["findings"][0]["summary"];
        assert!(finding.as_str().is_some_and(|text| text.contains("100.64.12.2")), "{finding}");
    }
}

#[test]
fn dead_addresses_cost_one_timeout_together() {
    let begun = Instant::now();
    let Some(report) =
        check("four-dead-addresses", BUCKET, &["--timeout", "2", "--control", "never", "--trace", "never"])
    else {
        return;
    };
    let run = run_seconds(&report);
    assert!((2.0..3.0).contains(&run), "three dead addresses took {run} s of {:?}", begun.elapsed());
}

#[test]
fn the_deadline_is_kept_and_what_was_cut_off_says_so() {
    let Some(report) = check("all-filtered", BUCKET, &["--deadline", "800ms"]) else { return };
    let run = run_seconds(&report);
    assert!((0.8..1.0).contains(&run), "the run took {run} s");
    assert_eq!(report["ended_because"], "deadline");
    let observations = report["evidence"].as_array().expect("a list");
    assert!(observations.iter().any(|o| o["outcome"]["because"] == "deadline"));
    assert!(observations.iter().any(|o| o["stage"] == "resolve" && o["outcome"]["status"] == "succeeded"));
}

#[test]
fn an_expected_route_that_is_missed_is_exit_code_4() {
    let Some((code, report)) = run("isp-normal", BUCKET, &["--expect", "private"]) else { return };
    assert_roots("isp-normal", &report, &["RTE005"]);
    assert_eq!(code, Some(4));
}

#[test]
fn a_proxy_that_other_programs_use_is_told_and_one_that_they_do_not_is_not() {
    let proxy = ("https_proxy", "http://user:fakePassword@192.0.2.9:3128");
    let judged = |variables: &[(&str, &str)]| run_with("isp-normal", BUCKET, &[], variables);
    let Some((code, report)) = judged(&[proxy, ("no_proxy", "169.254.0.0/16")]) else { return };
    assert_roots("isp-normal", &report, &["HST002"]);
    assert_eq!((code, &report["verdict"]["status"]), (Some(0), &Value::from("degraded")), "a warning");
    assert!(report.to_string().contains("http://192.0.2.9:3128") && !report.to_string().contains("fakePassword"));
    let long = format!("{}myqcloud.com", "service.namespace.svc.cluster.example,".repeat(20));
    let Some((code, report)) = judged(&[proxy, ("no_proxy", &long)]) else { return };
    assert_roots("isp-normal", &report, &[]);
    assert_eq!((code, &report["verdict"]["status"]), (Some(0), &Value::from("healthy")));
}

#[test]
fn a_lost_syn_is_loss_and_not_latency() {
    let Some(report) = check("syn-loss", BUCKET, &[]) else { return };
    let samples = samples(&report);
    let lost: Vec<_> = samples.iter().filter(|sample| sample["syn_retransmits"].as_u64() > Some(0)).collect();
    assert!(!lost.is_empty());
    for sample in lost {
        assert!(sample["elapsed_us"].as_u64() > Some(900_000), "{sample}");
        assert_eq!(sample["kernel_rtt_us"], Value::Null, "{sample}");
    }
    for address in report["addresses"].as_array().expect("a list") {
        for port in address["ports"].as_array().expect("a list") {
            assert!(port["kernel_rtt_us"]["max"].as_u64().is_none_or(|us| us < 500_000), "{port}");
            assert!(port["connect_us"]["max"].as_u64().is_none_or(|us| us < 900_000), "{port}");
        }
    }
}

/// All samples of all connects.
fn samples(report: &Value) -> Vec<Value> {
    let observations = report["evidence"].as_array().expect("a list");
    let of_tcp = observations.iter().filter(|o| o["detail"]["type"] == "tcp");
    of_tcp.flat_map(|o| o["detail"]["samples"].as_array().expect("samples").clone()).collect()
}

fn run_seconds(report: &Value) -> f64 {
    let at = |field: &str| {
        let text = report[field].as_str().expect("a time");
        text.parse::<jiff::Timestamp>().expect("RFC 3339")
    };
    at("ended_at").duration_since(at("started_at")).as_secs_f64()
}

/// The codes of root findings of severity warning or error, once each.
fn roots(report: &Value) -> Vec<&str> {
    codes(report, |finding| finding["caused_by"].is_null() && finding["severity"] != "info")
}

/// The codes of some findings, once each.
fn codes(report: &Value, which: impl Fn(&Value) -> bool) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("a list").iter().filter(|finding| which(finding));
    let mut found: Vec<&str> = findings.filter_map(|f| f["code"].as_str()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn assert_roots(scenario: &str, report: &Value, expected: &[&str]) {
    assert_eq!(roots(report), expected, "{scenario}: {}", summary(report));
}

fn summary(report: &Value) -> String {
    format!("{:#}\n{:#}", report["verdict"], report["findings"])
}

fn check(scenario: &str, target: &str, arguments: &[&str]) -> Option<Value> {
    run(scenario, target, arguments).map(|(_, report)| report)
}

fn run(scenario: &str, target: &str, arguments: &[&str]) -> Option<(Option<i32>, Value)> {
    run_with(scenario, target, arguments, &[])
}

/// Runs a check on the lab's client without privileges, with some variables; `None` where there is no lab.
fn run_with(
    scenario: &str,
    target: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Option<(Option<i32>, Value)> {
    run_command("check", scenario, target, arguments, variables)
}

/// Runs a command that takes a target there.
fn run_command(
    word: &str,
    scenario: &str,
    target: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Option<(Option<i32>, Value)> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    if !lab_is_there() {
        return None;
    }
    let name = format!("t{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut command = netlab(&["--name", &name, "run", scenario, "-u", "--"]);
    command.arg(env!("CARGO_BIN_EXE_cosprobe")).args([word, target, "--format", "json"]).args(arguments);
    // The lab's server judges the time of a signature and not the key.
    command.env("COS_SECRET_ID", "AKIDfakeFAKEfakeFAKE").env("COS_SECRET_KEY", "fakeSecretKey");
    command.envs(variables.iter().copied());
    let output = command.output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{scenario}: {error}\n{text}\n{errors}"));
    Some((output.status.code(), report))
}

fn netlab(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/netlab")).args(arguments).stdin(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    if let Some(directory) = std::env::var_os("XDG_RUNTIME_DIR") {
        command.env("XDG_RUNTIME_DIR", directory);
    }
    command
}

/// Whether labs can be built here. Without one the tests are skipped, loudly, or fail when the lab is required.
fn lab_is_there() -> bool {
    static PROBLEM: OnceLock<Option<String>> = OnceLock::new();
    let problem = PROBLEM.get_or_init(|| {
        match netlab(&["--name", &format!("t{}-doctor", std::process::id()), "run", "vpc-private", "--", "true"])
            .output()
        {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(format!("python3: {error}")),
        }
    });
    let Some(problem) = problem else { return true };
    let required = std::env::var("COSPROBE_LAB").is_ok_and(|value| value == "require");
    assert!(!required, "COSPROBE_LAB=require, and the network lab cannot be built: {problem}");
    // Not by a macro: the test runner would keep that to itself, and a skip has to be seen.
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a network test");
    writeln!(std::io::stderr(), "skipped {name}: the network lab cannot be built here: {problem}")
        .expect("standard error");
    false
}
