//! `trace`: who answers on the way, where it ends and why, and how long finding that out takes.

use std::process::Command;

use serde_json::Value;

use super::{BUCKET, lab_is_there, netlab, run_command};

/// Runs a trace and returns its exit code and the one path of its JSON.
fn trace(scenario: &str, arguments: &[&str]) -> Option<(Option<i32>, Value)> {
    let (code, document) = run_command("trace", scenario, BUCKET, arguments, &[])?;
    let paths = document["paths"].as_array().expect("a list");
    assert_eq!(paths.len(), 1, "{scenario}: {document:#}");
    Some((code, paths[0].clone()))
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("{field} is no list in {value:#}"))
}

/// The first address of each hop; `*` where there is none.
fn hops(path: &Value) -> Vec<&str> {
    list(path, "hops").iter().map(|hop| hop["addresses"][0]["address"].as_str().unwrap_or("*")).collect()
}

fn has_flag(hop: &Value, flag: &str) -> bool {
    list(hop, "flags").iter().any(|other| other == flag)
}

/// How many times the round trip to the last hop the whole trace took.
fn ratio(path: &Value) -> f64 {
    let last = list(path, "hops").last().expect("a hop");
    let figure = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("no figure: {path:#}"));
    figure(&path["elapsed_us"]) / figure(&last["rtt_us"]["median"])
}

const ROUTERS: [&str; 3] = ["192.168.1.1", "100.64.12.2", "198.51.100.2"];
const ALL: [&str; 4] = [ROUTERS[0], ROUTERS[1], ROUTERS[2], "203.0.113.10"];

#[test]
fn a_path_is_known_in_about_one_round_trip() {
    let Some((code, path)) = trace("high-latency", &[]) else { return };
    assert_eq!((code, &path["stop"], hops(&path).as_slice()), (Some(0), &"reached".into(), &ALL[..]));
    assert_eq!(path["end"]["answer"], "syn_ack");
    let last = &list(&path, "hops")[3]["rtt_us"]["median"];
    assert!((110_000..135_000).contains(&last.as_u64().expect("a time")), "{last}");
    // The kernel's times: they do not wait for the process.
    assert!(list(&path, "hops")[0]["rtt_us"]["median"].as_u64() < Some(5_000), "the first router is near");
    assert!(ratio(&path) < 1.5, "{}", ratio(&path));
}

#[test]
fn every_protocol_and_family_sees_the_same_routers() {
    const ALL_V6: [&str; 4] = ["2001:db8:1::1", "2001:db8:12::2", "2001:db8:23::2", "2001:db8:c05::10"];
    for (scenario, arguments, expected, answer) in [
        ("isp-normal", &["-p", "80"][..], ALL, "syn_ack"),
        ("isp-normal", &["--udp"], ALL, "unreachable"),
        ("isp-normal", &["--icmp"], ALL, "echo_reply"),
        ("dual-stack", &["-6"], ALL_V6, "syn_ack"),
        ("dual-stack", &["-6", "--udp"], ALL_V6, "unreachable"),
        ("dual-stack", &["-6", "--icmp"], ALL_V6, "echo_reply"),
    ] {
        let Some((code, path)) = trace(scenario, &[arguments, &["-c", "2"]].concat()) else { return };
        assert_eq!((code, hops(&path).as_slice()), (Some(0), &expected[..]), "{arguments:?}: {path:#}");
        assert_eq!(path["end"]["answer"], answer, "{arguments:?}");
        for hop in list(&path, "hops") {
            assert_eq!((&hop["sent"], &hop["answered"]), (&2.into(), &2.into()), "{arguments:?}: {hop:#}");
            assert!(hop["rtt_us"]["min"].as_u64() > Some(0), "{arguments:?}: {hop:#}");
        }
    }
}

#[test]
fn what_answers_is_timed_by_the_kernel() {
    for arguments in [&[][..], &["--udp"], &["--icmp"]] {
        let Some((_, document)) = run_command("trace", "isp-normal", BUCKET, arguments, &[]) else { return };
        let of_path = |o: &&Value| o["detail"]["type"] == "path";
        let path = list(&document, "evidence").iter().find(of_path).expect("the observation");
        assert_eq!(path["stage"], "path");
        let probes: Vec<&Value> = list(&path["detail"], "hops").iter().flat_map(|hop| list(hop, "probes")).collect();
        assert!(probes.len() == 4 && probes.iter().all(|probe| probe["kernel_time"] == true), "{probes:#?}");
    }
}

#[test]
fn silent_hops_cost_no_timeout() {
    let Some((code, path)) = trace("silent-hops", &[]) else { return };
    assert_eq!((code, hops(&path)), (Some(0), vec!["*", "*", "169.254.23.2", "169.254.0.47"]));
    assert!(has_flag(&list(&path, "hops")[0], "silent") && has_flag(&list(&path, "hops")[1], "silent"));
    assert!(path["elapsed_us"].as_u64() < Some(300_000), "{}", path["elapsed_us"]);
}

#[test]
fn a_refused_connection_is_reached() {
    let Some((code, path)) = trace("port443-rst", &[]) else { return };
    assert_eq!((code, &path["end"]["answer"]), (Some(0), &"rst".into()));
    assert_eq!(hops(&path)[..3], ROUTERS);
}

#[test]
fn the_router_that_ends_the_way_is_named() {
    for (scenario, kind, code, ttl) in [
        ("net-unreachable", "network_unreachable", 0, 2),
        ("host-unreachable", "host_unreachable", 1, 2),
        ("admin-prohibited", "admin_prohibited", 13, 3),
    ] {
        let Some((exit, path)) = trace(scenario, &[]) else { return };
        assert_eq!((exit, &path["stop"], &path["outcome"]["kind"]), (Some(1), &"unreachable".into(), &kind.into()));
        let end = &path["end"];
        assert_eq!((&end["from"], &end["icmp_code"], &end["ttl"]), (&ROUTERS[1].into(), &code.into(), &ttl.into()));
    }
}

#[test]
fn silence_ends_a_trace_in_about_two_seconds_and_the_last_router_is_named() {
    let Some((code, path)) = trace("all-filtered", &[]) else { return };
    assert_eq!((code, &path["stop"], &path["last_answer_ttl"]), (Some(1), &"silent".into(), &3.into()));
    assert_eq!(hops(&path)[..3], ROUTERS);
    assert!(path["elapsed_us"].as_u64() < Some(2_500_000), "{}", path["elapsed_us"]);
    let Some((_, path)) = trace("all-filtered", &["-m", "3"]) else { return };
    assert_eq!(path["stop"], "ttl_limit");
}

#[test]
fn a_circle_is_told_before_the_largest_ttl() {
    let Some((code, path)) = trace("routing-loop", &[]) else { return };
    assert_eq!((code, &path["stop"], &path["outcome"]["kind"]), (Some(1), &"loop".into(), &"ttl_exceeded".into()));
    assert_eq!(path["repeated"]["first_ttl"], 2);
    assert!(list(&path, "hops").len() < 20, "{:?}", hops(&path));
}

/// Each router answers six packets at once and then one a second, so three of the nine go unanswered.
#[test]
fn a_router_that_limits_its_answers_loses_nothing() {
    let Some((code, path)) = trace("icmp-ratelimited", &["-c", "9"]) else { return };
    assert_eq!((code, hops(&path).as_slice()), (Some(0), &ALL[..]));
    let (routers, last) = list(&path, "hops").split_at(3);
    assert!(routers.iter().all(|hop| has_flag(hop, "rate_limited")), "{routers:#?}");
    assert!(list(&last[0], "flags").is_empty() && last[0]["answered"] == 9, "{last:#?}");
    // Three rounds are within what routers answer.
    let Some((_, path)) = trace("icmp-ratelimited", &["-c", "3"]) else { return };
    assert!(list(&path, "hops").iter().all(|hop| list(hop, "flags").is_empty()), "{path:#}");
}

#[test]
fn flows_show_over_which_routers_traffic_is_balanced() {
    for arguments in [&["--flows", "12"][..], &["--flows", "12", "--udp"]] {
        let Some((code, path)) = trace("ecmp", arguments) else { return };
        assert_eq!(code, Some(0));
        let second = &list(&path, "hops")[1];
        let mut found: Vec<&str> =
            list(second, "addresses").iter().filter_map(|address| address["address"].as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["100.64.12.2", "100.64.13.2"], "{arguments:?}");
        assert!(has_flag(second, "balanced") && !has_flag(second, "rate_limited"), "{second:#}");
        assert!(!has_flag(&list(&path, "hops")[2], "balanced"));
    }
}

/// All packets of a flow have one source port, so that all take one way.
#[test]
fn a_flow_keeps_its_port() {
    let Some((_, document)) = run_command("trace", "ecmp", BUCKET, &["--flows", "3"], &[]) else { return };
    let of_path = |o: &&Value| o["detail"]["type"] == "path";
    let path = &list(&document, "evidence").iter().find(of_path).expect("the observation")["detail"];
    for flow in 1..=3 {
        let of_flow = |hop: &Value| list(hop, "probes").iter().find(|probe| probe["flow"] == flow).cloned();
        let probes: Vec<Value> = list(path, "hops").iter().filter_map(of_flow).collect();
        assert_eq!(probes.len(), 4, "{path:#}");
        assert!(probes.iter().all(|probe| probe["source_port"] == probes[0]["source_port"]), "{probes:#?}");
        assert!(probes.iter().all(|probe| probe["answer"] != "none"), "{probes:#?}");
    }
}

#[test]
fn what_cannot_be_traced_says_why() {
    for (scenario, stop, word) in
        [("no-route", "not_sent", "no_route"), ("policy-prohibit", "not_sent", "local_reject")]
    {
        let Some((code, path)) = trace(scenario, &[]) else { return };
        assert_eq!((code, &path["stop"], &path["outcome"]["kind"]), (Some(3), &stop.into(), &word.into()));
    }
    let Some((code, path)) = trace("dns-nxdomain", &[]) else { return };
    assert_eq!((code, &path["outcome"]["because"]), (Some(3), &"no_address".into()));
}

#[test]
fn an_answer_before_the_gateway_is_remarked() {
    let Some((_, path)) = trace("http-hijack", &["-p", "80"]) else { return };
    assert_eq!((&path["end"]["ttl"], &path["is_answered_too_near"]), (&1.into(), &true.into()));
    let Some((_, path)) = trace("http-hijack", &[]) else { return };
    assert_eq!((&path["end"]["ttl"], &path["is_answered_too_near"]), (&4.into(), &false.into()));
}

#[test]
fn the_names_of_routers_are_asked_for_where_they_are_wanted() {
    let Some((_, path)) = trace("isp-normal", &["--names"]) else { return };
    let names: Vec<&Value> = list(&path, "hops").iter().map(|hop| &hop["addresses"][0]["name"]).collect();
    assert_eq!(names, [&"gateway.home.example".into(), &Value::Null, &"core1.isp.example".into(), &Value::Null]);
    let Some((_, document)) = run_command("trace", "isp-normal", BUCKET, &[], &[]) else { return };
    assert!(!document.to_string().contains("in-addr.arpa"), "{document:#}");
}

/// In a new network namespace no group may send ICMP echo.
#[test]
fn who_may_not_send_icmp_is_told_why() {
    if !lab_is_there() {
        return;
    }
    let binary = env!("CARGO_BIN_EXE_cosprobe");
    let output = Command::new("unshare").args(["-rn", binary, "trace", "--icmp", "127.0.0.1"]).output();
    let output = output.expect("unshare runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(3) && text.contains("net.ipv4.ping_group_range, which is"), "{text}");
}

#[test]
fn what_was_seen_before_an_interrupt_is_shown() {
    if !lab_is_there() {
        return;
    }
    let name = format!("t{}-trace-int", std::process::id());
    let mut command = netlab(&["--name", &name, "run", "all-filtered", "-u", "--"]);
    command.args(["timeout", "--preserve-status", "-s", "INT", "1", env!("CARGO_BIN_EXE_cosprobe"), "trace", BUCKET]);
    let output = command.output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("198.51.100.2") && text.contains("not traced to its end: interrupted"), "{text}");
}

#[test]
fn a_report_for_readers_of_mtr() {
    if !lab_is_there() {
        return;
    }
    let name = format!("t{}-trace-mtr", std::process::id());
    let mut command = netlab(&["--name", &name, "run", "isp-normal", "-u", "--"]);
    command.args([env!("CARGO_BIN_EXE_cosprobe"), "trace", BUCKET, "-c", "2", "--format", "mtr-json"]);
    let output = command.output().expect("python3 runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let hubs = list(&report["report"], "hubs");
    let hosts: Vec<&str> = hubs.iter().filter_map(|hub| hub["host"].as_str()).collect();
    assert_eq!(hosts, ALL);
    assert!(hubs.iter().all(|hub| hub["Loss%"] == 0.0 && hub["Snt"] == 2 && hub["Avg"].as_f64() > Some(0.0)));
    assert_eq!(report["report"]["mtr"]["dst"], "203.0.113.10");
}
