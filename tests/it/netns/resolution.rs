//! Who answers what, and why this machine goes public: `dns` and the comparison in `check`, against real name servers.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{BUCKET, REMOTE_BUCKET, check, lab_is_there, netlab, run_command, run_seconds};

fn dns(scenario: &str, target: &str, arguments: &[&str]) -> Option<(Option<i32>, Value)> {
    run_command("dns", scenario, target, arguments, &[])
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("{field} is no list in {value:#}"))
}

fn finding<'a>(report: &'a Value, code: &str) -> &'a Value {
    let found = list(report, "findings").iter().find(|finding| finding["code"] == code);
    found.unwrap_or_else(|| panic!("{code} was not found: {:#}", report["findings"]))
}

/// Observations of one type, with a condition on their detail.
fn details<'a>(report: &'a Value, kind: &str, fits: impl Fn(&Value) -> bool) -> Vec<&'a Value> {
    let all = list(report, "evidence").iter();
    all.filter(|o| o["detail"]["type"] == kind && fits(&o["detail"])).collect()
}

fn contains(value: &Value, part: &str) -> bool {
    value.as_str().is_some_and(|text| text.contains(part))
}

#[test]
fn the_cause_of_a_public_answer_is_named() {
    for (scenario, cause, fix) in [
        ("wrong-resolver", "this machine asks 203.0.113.53 and not", "183.60.83.19 and 183.60.82.98"),
        ("stub-resolver", "the name server on this machine, 127.0.0.1, does not", "forward to 183.60.83.19"),
        ("container-dns", "the cluster's name server 10.96.0.10 does not", "CoreDNS"),
    ] {
        let Some(report) = check(scenario, BUCKET, &[]) else { return };
        let finding = finding(&report, "DNS004");
        assert!(contains(&finding["summary"], cause), "{scenario}: {finding:#}");
        assert!(contains(&finding["help"][0], fix), "{scenario}: {finding:#}");
        assert_eq!(finding["confidence"], "high", "{scenario}: the metadata service tells the region");
        let reason = &report["endpoints"][0]["route_reason"];
        assert!(contains(reason, "public, because") && contains(reason, "fix: "), "{scenario}: {reason}");
    }
}

#[test]
fn a_hosts_file_that_leads_outside_is_the_root_and_names_itself() {
    let Some(report) = check("hosts-override-vpc", BUCKET, &[]) else { return };
    let symptom = finding(&report, "DNS004");
    assert_eq!(symptom["caused_by"], "HST003");
    assert!(contains(&symptom["summary"], "because /etc/hosts names a public address"), "{symptom:#}");
    assert!(contains(&finding(&report, "HST003")["summary"], "169.254.0.47"));
}

#[test]
fn what_is_public_by_design_is_told_as_information() {
    for (scenario, target, code) in [
        ("cross-region-public", REMOTE_BUCKET, "RTE001"),
        ("finance-zone", REMOTE_BUCKET, "RTE008"),
        ("resolvers-disagree", BUCKET, "DNS005"),
    ] {
        let Some(report) = check(scenario, target, &[]) else { return };
        assert_eq!(finding(&report, code)["severity"], "info", "{scenario}");
        let codes: Vec<&str> = list(&report, "findings").iter().filter_map(|f| f["code"].as_str()).collect();
        assert_eq!(
            codes.iter().filter(|other| other.starts_with("RTE") || other.starts_with("DNS")).count(),
            1,
            "{codes:?}"
        );
    }
}

#[test]
fn the_route_is_told_in_a_sentence() {
    for (scenario, sentence) in [
        ("vpc-private", "private: traffic stays on Tencent's network and is free of traffic fees"),
        ("isp-normal", "public, as it should be outside Tencent's network"),
        ("vpn-route", "private by its address, which cannot be reached from here"),
    ] {
        let Some(report) = check(scenario, BUCKET, &[]) else { return };
        let reason = &report["endpoints"][0]["route_reason"];
        assert!(contains(reason, sentence), "{scenario}: {reason}");
    }
}

#[test]
fn a_route_that_leads_astray_is_named() {
    for (scenario, why) in
        [("vpn-route", "sends it into tun0"), ("private-unrouted", "routing table refuses it (unreachable)")]
    {
        let Some(report) = check(scenario, BUCKET, &[]) else { return };
        let finding = finding(&report, "RTE002");
        assert!(contains(&finding["summary"], why), "{scenario}: {finding:#}");
        assert_eq!(finding["confidence"], "high", "{scenario}");
    }
}

#[test]
fn a_rule_that_forbids_is_named() {
    let Some(report) = check("policy-prohibit", BUCKET, &[]) else { return };
    let finding = finding(&report, "HST005");
    assert!(contains(&finding["summary"], "to 203.0.113.0/24 prohibit"), "{finding:#}");
}

#[test]
fn the_metadata_service_tells_what_machine_it_is() {
    let Some(report) = check("vpc-private", BUCKET, &[]) else { return };
    let told = details(&report, "metadata", |_| true)[0];
    for (field, value) in [
        ("region", "ap-guangzhou"),
        ("zone", "ap-guangzhou-3"),
        ("local_ipv4", "10.0.1.10"),
        ("public_ipv4", "203.0.113.200"),
        ("vpc_id", "vpc-lab00001"),
        ("subnet_id", "subnet-lab00001"),
    ] {
        assert_eq!(told["detail"][field], value);
    }
    let route = details(&report, "route_to", |_| true)[0];
    assert_eq!((&route["detail"]["interface"], &route["detail"]["source"]), (&"eth0".into(), &"10.0.1.10".into()));
    let Some(outside) = check("isp-normal", BUCKET, &[]) else { return };
    let told = details(&outside, "metadata", |_| true)[0];
    assert_eq!(told["outcome"]["because"], "not_tencent_machine");
}

#[test]
fn a_metadata_service_that_hangs_costs_no_more_than_its_time() {
    let Some(report) = check("metadata-hangs", BUCKET, &[]) else { return };
    let told = details(&report, "metadata", |_| true)[0];
    let took = told["elapsed_us"].as_u64().expect("a time");
    assert!((300_000..400_000).contains(&took), "{took} us");
    assert!(run_seconds(&report) < 1.0, "{} s", run_seconds(&report));
}

#[test]
fn servers_are_compared_side_by_side() {
    let Some((code, report)) = dns("wrong-resolver", BUCKET, &[]) else { return };
    assert_eq!(code, Some(0), "a warning");
    assert_eq!(report["verdict"]["code"], "DNS004");
    assert!(details(&report, "tcp", |_| true).is_empty() && details(&report, "http", |_| true).is_empty());
    let relation_of = |server: &str| {
        let of_server = |o: &&Value| o["peer"] == server && o["detail"]["record_type"] == "A";
        let asked =
            list(&report, "evidence").iter().find(of_server).unwrap_or_else(|| panic!("{server} was not asked"));
        let views = list(&report["endpoints"][0], "answers");
        let view = views.iter().find(|view| view["observation"] == asked["id"]).expect("a view");
        (view["relation"].clone(), view["addresses"][0]["scope"].clone())
    };
    assert_eq!(relation_of("203.0.113.53:53"), ("same".into(), "public".into()));
    assert_eq!(relation_of("183.60.83.19:53"), ("split_horizon".into(), "private".into()));
    assert_eq!(relation_of("183.60.82.98:53"), ("split_horizon".into(), "private".into()));
    assert_eq!(relation_of("119.29.29.29:53"), ("same".into(), "public".into()));
    assert_eq!(details(&report, "system_lookup", |lookup| lookup["addresses"][0] == "203.0.113.10").len(), 1);
}

#[test]
fn with_the_word_system_nobody_else_is_asked() {
    let Some((_, report)) = dns("wrong-resolver", BUCKET, &["--resolver", "system"]) else { return };
    assert!(details(&report, "dns", |dns| dns["origin"] != "system").is_empty());
    let Some(report) = check("wrong-resolver", BUCKET, &["--resolver", "system"]) else { return };
    assert!(details(&report, "dns", |dns| dns["comparison"] == true).is_empty());
    assert_eq!(report["verdict"]["status"], "healthy", "what is not compared is not found");
}

/// Nine questions to six servers, three of which are silent and one slow: the slowest decides.
#[test]
fn a_comparison_takes_as_long_as_its_slowest_answer() {
    let silent = "--resolver=203.0.113.99";
    let Some((_, report)) =
        dns("dns-slow", BUCKET, &["-4", "--timeout=2", silent, "--resolver=dnspod", "--resolver=203.0.113.53"])
    else {
        return;
    };
    let peers: std::collections::BTreeSet<&str> =
        details(&report, "dns", |dns| dns["transport"] == "udp").iter().filter_map(|o| o["peer"].as_str()).collect();
    assert!(peers.len() >= 6, "{peers:?}");
    // The slow server answers after 1.5 s and is listened to for 1 s more; the silent ones take their 2 s at the same time.
    assert!((2.0..3.0).contains(&run_seconds(&report)), "{} s", run_seconds(&report));
}

/// The silence of servers that are only compared with holds nothing up.
#[test]
fn a_healthy_check_does_not_wait_for_the_comparison() {
    let round_trip_s = 0.12;
    let alone = |arguments: &[&str]| check("high-latency", BUCKET, arguments).map(|report| run_seconds(&report));
    let (Some(alone), Some(compared)) = (alone(&["--resolver=system"]), alone(&[])) else { return };
    assert!(compared < alone + round_trip_s, "{compared} s against {alone} s");
}

#[test]
fn lines_that_cannot_be_read_are_reported() {
    let Some(report) = check("odd-resolv-conf", BUCKET, &[]) else { return };
    for kind in ["resolver_configuration", "hosts_file"] {
        let file = details(&report, kind, |_| true)[0];
        let skipped = list(&file["detail"], "skipped");
        assert!(skipped.len() >= 3, "{file:#}");
        assert!(skipped.iter().all(|line| line["line"].as_u64() > Some(0)), "{file:#}");
    }
}

#[test]
fn many_addresses_and_long_chains_are_read() {
    let Some((_, report)) = dns("many-addresses", BUCKET, &[]) else { return };
    let over_tcp = details(&report, "dns", |dns| dns["transport"] == "tcp" && dns["origin"] == "system");
    assert_eq!(list(&over_tcp[0]["detail"], "addresses").len(), 100);
    assert_eq!(list(&report, "addresses").len(), 100);
    let Some((_, report)) = dns("long-chain", BUCKET, &[]) else { return };
    let chained = details(&report, "dns", |dns| dns["origin"] == "system" && dns["record_type"] == "A");
    assert_eq!(list(&chained[0]["detail"], "cname_chain").len(), 16);
    assert_eq!(chained[0]["outcome"]["status"], "succeeded");
}

#[test]
fn two_answers_to_one_question_are_seen() {
    for answers in [dns("answer-doubled", BUCKET, &[]).map(|(_, report)| report), check("answer-doubled", BUCKET, &[])]
    {
        let Some(report) = answers else { return };
        assert!(contains(&finding(&report, "DNS006")["summary"], "answered twice"), "{:#}", report["findings"]);
        let doubled = details(&report, "dns", |dns| dns["further_answers"][0]["addresses"][0] == "203.0.113.10");
        assert!(!doubled.is_empty());
        // What was listened for does not count as the time of the answer.
        assert!(doubled.iter().all(|o| o["detail"]["answered_us"].as_u64() < Some(500_000)));
    }
}

#[test]
fn an_answer_from_where_no_name_server_is_shows_an_interception() {
    let Some(report) = check("dns-intercepted", BUCKET, &[]) else { return };
    let finding = finding(&report, "DNS006");
    assert!(contains(&finding["summary"], "where no name server is"), "{finding:#}");
    assert_eq!(finding["confidence"], "high");
    assert_eq!(details(&report, "dns", |dns| dns["origin"] == "decoy" && dns["rcode"] == "NOERROR").len(), 1);
}

#[test]
fn the_control_group_tells_how_far_a_fault_reaches() {
    let Some(report) = check("public-no-egress", REMOTE_BUCKET, &["--timeout=1"]) else { return };
    assert_eq!(report["endpoints"][0]["extent"], "public_names", "cos-internal is reached over the private network");
    assert_eq!(list(&report, "controls").len(), 4);
    let Some(healthy) = check("isp-normal", BUCKET, &[]) else { return };
    assert!(list(&healthy, "controls").is_empty(), "all is well");
    let Some(always) = check("isp-normal", BUCKET, &["--control", "always"]) else { return };
    assert_eq!(always["endpoints"][0]["extent"], "nothing");
    assert_eq!(always["verdict"]["status"], "healthy");
}

#[test]
fn answers_are_followed_over_time() {
    let arguments = ["--watch-resolution=1", "--for=3500ms", "--resolver=119.29.29.29"];
    let Some((code, watch)) = dns("dns-rotate", BUCKET, &arguments) else { return };
    assert_eq!(code, Some(0));
    assert!(watch["rounds"].as_u64() >= Some(3), "{watch:#}");
    let of_server = |s: &&Value| s["server"] == "198.51.100.53:53" && s["record_type"] == "A";
    let series = list(&watch, "series").iter().find(of_server).expect("the machine's own server");
    // In which order the server meets the questions of a round is left to chance, and so is what changes from round to round.
    assert!(series["answered"] == series["asked"] && series["ttl_max_seconds"] == 1, "{series:#}");
    let steady = list(&watch, "series").iter().find(|s| s["server"] == "119.29.29.29:53").expect("the given server");
    assert_eq!(steady["changes"], 0);
}

#[test]
fn a_watch_that_nobody_reads_any_more_ends() {
    if !lab_is_there() {
        return;
    }
    let name = format!("t{}-watch-read", std::process::id());
    let mut command = netlab(&["--name", &name, "run", "dns-rotate", "-u", "--", "sh", "-c"]);
    command.arg("\"$0\" dns \"$1\" --watch-resolution 1 --for 25 | head -n 1");
    let begun = Instant::now();
    let output = command.args([env!("CARGO_BIN_EXE_cosprobe"), BUCKET]).output().expect("python3 runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1, "{output:?}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn a_name_server_that_is_not_there_is_told() {
    let Some(report) = check("isp-normal", BUCKET, &["--resolver", "tls://192.0.2.80", "--timeout=1"]) else { return };
    assert_eq!(report["verdict"]["code"], "DNS002");
    let Some(report) = check("isp-normal", BUCKET, &["--resolver", "https://203.0.113.10/dns-query"]) else { return };
    assert_eq!(report["verdict"]["code"], "DNS003", "COS's certificate is not for an address");
}
