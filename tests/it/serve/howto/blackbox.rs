//! The names that `blackbox_exporter` has too: the same configuration of Prometheus finds the same in both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::service::eventually;
use super::prometheus::Monitored;
use crate::support::read;

/// Its file, with the module that cosprobe has under the same name.
pub(super) const CONFIG: &str = "modules:
  http_2xx:
    prober: http
    http:
      method: HEAD
      valid_status_codes: [200, 400, 403, 404]
      preferred_ip_protocol: ip4
      tls_config: {insecure_skip_verify: true}
";

/// What both have, with the labels that are no target's.
const SHARED: &[(&str, &[&str])] = &[
    ("probe_duration_seconds", &[]),
    ("probe_http_content_length", &[]),
    ("probe_http_duration_seconds", &["phase"]),
    ("probe_http_ssl", &[]),
    ("probe_http_status_code", &[]),
    ("probe_ip_addr_hash", &[]),
    ("probe_ip_protocol", &[]),
    ("probe_ssl_earliest_cert_expiry", &[]),
    ("probe_success", &[]),
    ("probe_tls_version_info", &["version"]),
];

/// What has to have the same value, where the same server is asked.
const EQUAL: &[&str] = &[
    "probe_http_ssl",
    "probe_http_status_code",
    "probe_ip_addr_hash",
    "probe_ip_protocol",
    "probe_ssl_earliest_cert_expiry",
    "probe_success",
];

/// What only `blackbox_exporter` has for such a target. The reference says why.
const THEIRS: &[&str] = &[
    "probe_dns_lookup_time_seconds",
    "probe_failed_due_to_regex",
    "probe_http_redirects",
    "probe_http_uncompressed_body_length",
    "probe_http_version",
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "probe_ssl_last_chain_info",
];

/// The labels of each metric of a job for a target, but those that Prometheus puts there.
fn labels(monitored: &Monitored, job: &str) -> BTreeMap<String, BTreeSet<String>> {
    let wanted = format!("{{job=\"{job}\", instance=\"{}\", __name__=~\"probe_.*\"}}", monitored.answering);
    let series = eventually(job, || {
        let series = monitored.listed("/api/v1/series?", "match[]", &wanted)?;
        series.iter().any(|one| one["__name__"] == "probe_success").then_some(series)
    });
    let mut all = BTreeMap::new();
    for one in series {
        let labels = one.as_object().unwrap().keys().cloned();
        let own = labels.filter(|name| !["__name__", "job", "instance", "team"].contains(&name.as_str()));
        all.entry(one["__name__"].as_str().unwrap().to_owned()).or_insert_with(BTreeSet::new).extend(own);
    }
    all
}

/// The type of each metric of a job.
fn types(monitored: &Monitored, job: &str) -> BTreeMap<String, String> {
    let wanted = format!("{{job=\"{job}\"}}");
    let rows = eventually(job, || monitored.listed("/api/v1/targets/metadata?", "match_target", &wanted));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(&row["metric"]), text(&row["type"]))).collect()
}

pub(super) fn the_names_are_the_same(monitored: &Monitored) {
    let [(ours, our_types), (theirs, their_types)] =
        ["cos", "blackbox"].map(|job| (labels(monitored, job), types(monitored, job)));
    let shared: Vec<&str> = theirs.keys().map(String::as_str).filter(|name| ours.contains_key(*name)).collect();
    assert_eq!(shared, SHARED.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, wanted) in SHARED {
        for (whose, labels, types) in [("cosprobe", &ours, &our_types), ("blackbox_exporter", &theirs, &their_types)] {
            assert_eq!(labels[*name].iter().map(String::as_str).collect::<Vec<_>>(), *wanted, "{whose}: {name}");
            assert_eq!(types[*name], "gauge", "{whose}: {name}");
        }
    }
    let missing: Vec<&str> = theirs.keys().map(String::as_str).filter(|name| !ours.contains_key(*name)).collect();
    assert_eq!(missing, THEIRS);
    let page = read("docs/reference/metrics.md");
    let (_, reasons) = page.split_once("## What `blackbox_exporter` has besides").unwrap();
    let untold: Vec<_> = THEIRS.iter().filter(|name| !reasons.contains(&format!("`{name}`"))).collect();
    assert!(untold.is_empty(), "docs/reference/metrics.md does not say why {untold:?} are not there");
    for name in EQUAL {
        let query = format!(
            "{name}{{job=\"cos\", instance=\"{0}\"}} == on (instance) {name}{{job=\"blackbox\", instance=\"{0}\"}}",
            monitored.answering
        );
        eventually(&query, || Some(monitored.listed("/api/v1/query?", "query", &query)?).filter(|all| all.len() == 1));
    }
    let failed = format!("count(probe_success{{job=~\"cos|blackbox\", instance=\"{}\"}} == 0) == 2", monitored.refused);
    eventually("both fail where nobody listens", || {
        Some(monitored.listed("/api/v1/query?", "query", &failed)?).filter(|all| all.len() == 1)
    });
}
