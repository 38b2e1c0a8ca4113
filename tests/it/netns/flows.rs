//! Broken ways of several, loss at random, and slow ways: what is looked at more closely, and what it shows.

use serde_json::Value;

use super::{BUCKET, check, run_seconds};

fn details<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    let observations = report["evidence"].as_array().expect("a list");
    observations.iter().map(|o| &o["detail"]).filter(|detail| detail["type"] == kind).collect()
}

fn summary<'a>(report: &'a Value, code: &str) -> &'a str {
    let findings = report["findings"].as_array().expect("a list");
    let finding =
        findings.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{code}: {findings:#?}"));
    finding["summary"].as_str().expect("text")
}

/// The outcomes of each port: `+` for a connect that succeeded, `-` for one that did not.
fn trials(report: &Value) -> Vec<(String, String)> {
    let ports =
        details(report, "source_ports").into_iter().flat_map(|detail| detail["ports"].as_array().expect("a list"));
    let outcomes = |port: &Value| {
        let samples = port["samples"].as_array().expect("a list");
        samples.iter().map(|sample| if sample["outcome"]["status"] == "succeeded" { '+' } else { '-' }).collect()
    };
    ports.map(|port| (port["choice"].as_str().expect("a word").to_owned(), outcomes(port))).collect()
}

#[test]
fn the_port_decides_where_one_of_several_ways_is_broken_and_the_router_before_it_is_named() {
    let Some(report) = check("ecmp-leg-broken", BUCKET, &["-c", "20", "--control", "never"]) else { return };
    let trials = trials(&report);
    // Two ports of the address, each with eight source ports.
    assert_eq!(trials.len(), 16, "{trials:?}");
    for (choice, outcomes) in &trials {
        match choice.as_str() {
            "failed" => assert_eq!(outcomes, "---", "{trials:?}"),
            "passed" => assert_eq!(outcomes, "+++", "{trials:?}"),
            _ => assert!(outcomes == "---" || outcomes == "+++", "{trials:?}"),
        }
    }
    assert!(trials.iter().any(|(choice, _)| choice == "failed") && trials.iter().any(|(choice, _)| choice == "passed"));
    let told = summary(&report, "TCP010");
    assert!(told.contains("is seen up to hop 2 (100.64.13.2)") && told.contains("hop 3 (198.51.100.2)"), "{told}");
    // Connecting, connecting again, and two rounds and two flows of a trace.
    let run = run_seconds(&report);
    assert!(run < 13.0, "the run took {run} s");
}

#[test]
fn two_ways_that_both_work_and_a_healthy_path_are_not_looked_at_more_closely() {
    for scenario in ["ecmp", "isp-normal"] {
        let Some(report) = check(scenario, BUCKET, &["-c", "20"]) else { return };
        assert!(details(&report, "source_ports").is_empty() && details(&report, "path").is_empty(), "{report:#}");
    }
}

#[test]
fn the_hops_between_which_the_time_comes_are_named() {
    for (scenario, hops) in [
        ("slow-path", "between hop 2 (100.64.12.2) and hop 3 (198.51.100.2)"),
        ("slow-private", "between hop 2 (100.64.12.2) and hop 3 (169.254.23.2)"),
    ] {
        let Some(report) = check(scenario, BUCKET, &["--control", "never"]) else { return };
        let told = summary(&report, "TCP006");
        assert!(told.contains(hops), "{told}");
        let [path] = details(&report, "path")[..] else { panic!("one address is traced once: {report:#}") };
        assert_eq!(path["rounds"], 3);
        let Some(report) = check(scenario, BUCKET, &["--control", "never", "--trace", "never"]) else { return };
        assert!(details(&report, "path").is_empty() && !summary(&report, "TCP006").contains("hop"), "{report:#}");
    }
}
