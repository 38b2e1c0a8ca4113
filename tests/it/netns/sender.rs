//! Who sent a RST, and what this machine itself keeps back: told without privilege.

use serde_json::Value;

use super::{BUCKET, check};

/// The one finding of a code.
fn finding<'a>(report: &'a Value, code: &str) -> &'a Value {
    let mut findings = report["findings"].as_array().expect("a list").iter();
    findings.find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("no {code}: {report:#}"))
}

fn assert_said(scenario: &str, code: &str, confidence: &str, words: &str, helper: &str) -> Option<Value> {
    let report = check(scenario, BUCKET, &[])?;
    let found = finding(&report, code);
    assert_eq!(found["confidence"], confidence, "{scenario}: {found:#}");
    assert!(found["summary"].as_str().is_some_and(|text| text.contains(words)), "{scenario}: {found:#}");
    let first = found["help"][0].as_str().expect("advice");
    assert!(first.starts_with(helper), "{scenario}: {found:#}");
    Some(report)
}

#[test]
fn a_rst_of_a_router_is_told_from_the_servers_own() {
    let near = "the RST comes from 3 hops away, 198.51.100.2, not from the server (4 hops)";
    let far = "the RST comes from as far away as the server itself (4 hops)";
    let here = "the RST comes from this machine itself or its first router, not from the server (4 hops)";
    for (scenario, words, helper) in [
        ("port443-rst", near, "operator of 198.51.100.2: "),
        ("port443-closed", far, "whoever runs 203.0.113.10: "),
        ("local-refusal", here, "you: look at this machine's own firewall"),
    ] {
        for code in ["TCP009", "TCP001"] {
            let Some(_) = assert_said(scenario, code, "high", words, helper) else { return };
        }
    }
    let over_v6 = "the RST comes from 2 hops away, 2001:db8:12::2, not from the server (4 hops)";
    assert_said("port443-rst-v6", "TCP009", "high", over_v6, "operator of 2001:db8:12::2: ");
}

/// Packets may come back by a shorter way than they go, so the end of the path proves nothing.
#[test]
fn without_a_port_that_accepts_the_sender_is_no_more_than_likely() {
    let likely = "the RST of 203.0.113.10:80 seems to come from 3 hops away, 198.51.100.2: the path ends at hop 4";
    assert_said("all-refused", "TCP001", "medium", likely, "network team: ");
}

#[test]
fn who_breaks_a_handshake_or_a_request_off_is_told() {
    for (scenario, code, confidence, words) in [
        ("tls-reset", "TLS004", "high", "comes from 2 hops away, 100.64.12.2, not from the server (4 hops)"),
        ("tls-reset-by-server", "TLS004", "high", "comes from as far away as the server itself (4 hops)"),
        ("http-reset-on-the-way", "HTP006", "high", "comes from the first router, 192.168.1.1, not from the server"),
        // What broke off inside TLS was not measured.
        ("http-reset", "HTP006", "medium", "comes from as far away as the server itself (4 hops)"),
    ] {
        let Some(_) = assert_said(scenario, code, confidence, words, "") else { return };
    }
}

#[test]
fn a_transparent_proxy_is_nearer_by_the_ttl_of_its_answers_too() {
    let Some(report) = check("http-hijack", BUCKET, &[]) else { return };
    let hops = |port: usize| report["addresses"][0]["ports"][port]["answer_hops"].clone();
    assert_eq!((hops(0), hops(1)), (1.into(), 4.into()), "{:#}", report["addresses"]);
    let cited = finding(&report, "PTH004")["evidence"].as_array().expect("a list").clone();
    let is_reply = |o: &&Value| o["stage"] == "reply_ttl" && cited.contains(&o["id"]);
    assert!(report["evidence"].as_array().expect("a list").iter().any(|o| is_reply(&o)));
}

#[test]
fn what_this_machine_keeps_back_is_told_from_what_gets_lost() {
    for scenario in ["local-drop", "local-drop-443", "local-firewall"] {
        let words = "this machine itself drops what it sends to connect to 203.0.113.10";
        let Some(_) = assert_said(scenario, "HST005", "medium", words, "you: ") else { return };
    }
}

#[test]
fn a_measurement_is_short_and_a_healthy_path_has_none() {
    let of_stage = |report: &Value| -> Vec<Value> {
        let all = report["evidence"].as_array().expect("a list");
        all.iter().filter(|o| o["stage"] == "reply_ttl").cloned().collect()
    };
    for (scenario, arguments, count) in
        [("isp-normal", &[][..], 0), ("tls-reset", &[], 2), ("tls-reset", &["--trace", "never"], 0)]
    {
        let Some(report) = check(scenario, BUCKET, arguments) else { return };
        let measurements = of_stage(&report);
        assert_eq!(measurements.len(), count, "{scenario}");
        for one in measurements {
            let tries = one["detail"]["tries"].as_array().expect("a list").len();
            assert!(
                tries <= 40 && one["elapsed_us"].as_u64() < Some(1_600_000),
                "{tries} tries: {}",
                one["elapsed_us"]
            );
        }
    }
}
