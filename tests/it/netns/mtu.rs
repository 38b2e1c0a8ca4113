//! The size of packets that a path takes: told where they get lost, with the direction, and recorded where all is well.

use serde_json::Value;

use super::{BUCKET, check};

/// The black holes of the lab take packets of this size.
const LARGEST: u64 = 1300;
/// How closely the size is told (`docs/explain/PTH001.md`).
const CLOSE: u64 = 9;

/// The finding of a black hole, and the rest of its summary behind the size.
fn black_hole(scenario: &str) -> Option<(Value, String)> {
    let report = check(scenario, BUCKET, &["--control", "never"])?;
    let finding = report["findings"].as_array()?.iter().find(|f| f["code"] == "PTH001").expect(scenario).clone();
    let summary = finding["summary"].as_str().expect("a text").to_owned();
    let size = |before: &str| -> u64 {
        let (_, rest) = summary.split_once(before).expect(before);
        rest.split(' ').next().expect("a word").parse().expect("a number")
    };
    let (passes, lost) = (size("those of "), size("pass, those of "));
    assert!(passes <= LARGEST && LARGEST < lost && lost - passes <= CLOSE, "{summary}");
    assert_eq!(finding["confidence"], "high", "{summary}");
    Some((finding, summary))
}

fn help(finding: &Value) -> String {
    finding["help"].to_string()
}

#[test]
fn packets_that_get_lost_on_the_way_out_are_told_as_that() {
    let Some((finding, summary)) = black_hole("mtu-blackhole-out") else { return };
    assert!(summary.starts_with(&format!("large packets from this machine to {BUCKET} (")), "{summary}");
    let help = help(&finding);
    assert!(help.contains("tcp_mtu_probing") && help.contains("mtu lock") && !help.contains("advmss"), "{help}");
}

#[test]
fn packets_that_get_lost_on_the_way_back_are_told_as_that() {
    let Some((finding, summary)) = black_hole("mtu-blackhole-in") else { return };
    assert!(summary.starts_with(&format!("large packets from {BUCKET} (")), "{summary}");
    assert!(summary.ends_with("large requests arrive"), "{summary}");
    let help = help(&finding);
    assert!(help.contains("advmss") && !help.contains("tcp_mtu_probing"), "{help}");
}

#[test]
fn both_ways_are_told_together_and_each_family_has_its_own_remedy() {
    let Some((finding, summary)) = black_hole("mtu-blackhole") else { return };
    assert!(
        summary.starts_with("large packets between this machine and ") && summary.contains("both ways"),
        "{summary}"
    );
    assert!(help(&finding).contains("ICMP type 3 code 4"), "{finding}");
    let Some((finding, summary)) = black_hole("mtu-blackhole-v6") else { return };
    assert!(summary.contains("both ways") && !summary.contains("203.0.113."), "{summary}");
    let help = help(&finding);
    assert!(help.contains("ICMPv6 type 2") && help.contains("ip6tables") && !help.contains("ICMP type 3"), "{help}");
}

/// What the kernel knew after the large request of a healthy path.
fn after_large_request(scenario: &str) -> Option<Value> {
    let report = check(scenario, BUCKET, &[])?;
    let observations = report["evidence"].as_array()?;
    let large: Vec<&Value> = observations.iter().filter(|o| o["detail"]["type"] == "large_request").collect();
    assert_eq!(large.len(), 1, "{scenario}: one for each address");
    assert_eq!(large[0]["outcome"]["status"], "succeeded", "{scenario}");
    Some(large[0]["detail"]["tcp"].clone())
}

#[test]
fn a_size_that_routers_report_is_recorded_and_no_fault() {
    let Some(tcp) = after_large_request("mtu-reported") else { return };
    assert_eq!(tcp["path_mtu_bytes"], 1300, "{tcp}");
    let Some(tcp) = after_large_request("mtu-clamped") else { return };
    assert_eq!((&tcp["path_mtu_bytes"], &tcp["mss_bytes"]), (&Value::from(1500), &Value::from(1248)), "{tcp}");
    assert_eq!(tcp["retransmitted_segments"], 0, "{tcp}");
}
