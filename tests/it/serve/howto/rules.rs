//! The rules for Prometheus, and the tests that promtool runs of them.

use std::process::Command;

use serde_json::Value;

use super::super::is_there;
use super::{DIRECTORY, copied};
use crate::support::repository;

/// Rules with their tests.
const FILES: [(&str, &str); 2] = [("alerts.yml", "alerts.test.yml"), ("slo.yml", "slo.test.yml")];

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
    let tests = FILES.map(|(_, tests)| ["test", "rules", tests]);
    for arguments in std::iter::once(["check", "config", "prometheus.yml"]).chain(tests) {
        let output = Command::new("promtool").args(arguments).current_dir(repository(DIRECTORY)).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

/// What promtool does not say: that a rule has no test at all.
#[test]
fn every_alert_has_a_test_and_is_silent_in_a_window() {
    let all = |place: usize, groups: &str, rules: &str| -> Vec<Value> {
        let files = FILES.map(|pair| yaml(&copied([pair.0, pair.1][place])));
        let groups = files.iter().flat_map(|file| list(&file[groups]));
        groups.flat_map(|group| list(&group[rules])).cloned().collect()
    };
    let (rules, tests) = (all(0, "groups", "rules"), all(1, "tests", "alert_rule_test"));
    let alerts: Vec<&Value> = rules.iter().filter(|rule| rule["record"].is_null()).collect();
    assert!(alerts.len() >= 11, "{alerts:?}");
    for rule in alerts {
        let name = rule["alert"].as_str().unwrap();
        let is_raised = |test: &&Value| test["alertname"] == name && !list(&test["exp_alerts"]).is_empty();
        assert!(tests.iter().any(|test| is_raised(&test)), "{name} is raised by no test");
        // What is about cosprobe itself is never expected.
        let is_silent = rule["expr"].as_str().unwrap().contains("cosprobe_maintenance == 1");
        assert_eq!(is_silent, !name.starts_with("Cosprobe"), "{name}");
    }
}
