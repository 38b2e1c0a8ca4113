//! Findings about slow round trips.

use super::codes::TCP006;
use super::view::milliseconds;
use super::{Confidence, Finding};
use crate::config::Policy;
use crate::evidence::Evidence;
use crate::latency::{RoundTrip, round_trips};

pub(super) fn rule(evidence: &Evidence, policy: &Policy) -> Vec<Finding> {
    evidence.targets.iter().filter_map(|target| slow_path(evidence, &target.host, policy)).collect()
}

/// Slow as such, or slow beside the other addresses.
fn slow_path(evidence: &Evidence, host: &str, policy: &Policy) -> Option<Finding> {
    let all = round_trips(evidence, host, policy);
    let slow: Vec<&RoundTrip> = all.iter().filter(|round_trip| round_trip.is_slow).collect();
    let first = slow.first()?;
    let fastest = all.iter().map(|round_trip| round_trip.median_us).min()?;
    let others = if slow.len() == all.len() {
        String::new()
    } else {
        format!(" while another address needs {}", milliseconds(fastest))
    };
    let summary = format!("the round trip to {host} ({}) takes {}{others}", first.ip, milliseconds(first.median_us));
    let finding = Finding::new(&TCP006, host, first.observation, summary)
        .citing(slow.iter().map(|round_trip| round_trip.observation))
        .confidence(Confidence::high_if(first.connected >= 5));
    Some(
        finding
            .help("you: use a bucket in a nearer region, the private network, or the acceleration endpoint")
            .help("network team or ISP: where the region is near, compare the route with that of another network"),
    )
}
