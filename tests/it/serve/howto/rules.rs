//! `alerts.yml`, and the tests that promtool runs of it.

use std::process::Command;

use serde_json::Value;

use super::super::is_there;
use super::{DIRECTORY, copied};
use crate::support::repository;

/// A file of YAML, as JSON.
pub(super) fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn the_rules_and_the_scrape_configuration_are_good() {
    if !is_there("promtool") {
        return;
    }
    for arguments in [["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]] {
        let output = Command::new("promtool").args(arguments).current_dir(repository(DIRECTORY)).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

/// What promtool does not say: that a rule has no test at all.
#[test]
fn every_alert_has_a_test_and_is_silent_in_a_window() {
    let (rules, tests) = (yaml(&copied("alerts.yml")), yaml(&copied("alerts.test.yml")));
    let rules: Vec<&Value> = list(&rules["groups"]).iter().flat_map(|group| list(&group["rules"])).collect();
    assert!(rules.len() >= 8, "{rules:?}");
    let tests: Vec<&Value> = list(&tests["tests"]).iter().flat_map(|test| list(&test["alert_rule_test"])).collect();
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        let is_raised = |test: &&&Value| test["alertname"] == name && !list(&test["exp_alerts"]).is_empty();
        assert!(tests.iter().any(|test| is_raised(&test)), "{name} is raised by no test");
        // What is about cosprobe itself is never expected.
        let is_silent = rule["expr"].as_str().unwrap().contains("cosprobe_maintenance == 1");
        assert_eq!(is_silent, !name.starts_with("Cosprobe"), "{name}");
    }
}
