//! Findings about slow round trips, and between which hops the time comes.

use std::net::IpAddr;

use super::codes::TCP006;
use super::path::{HopView, PathView, paths};
use super::view::milliseconds;
use super::{Confidence, Finding};
use crate::config::Policy;
use crate::evidence::{Evidence, ObservationId};
use crate::latency::{RoundTrip, round_trips};
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, policy: &Policy) -> Vec<Finding> {
    let views = paths(evidence);
    evidence.targets.iter().filter_map(|target| slow_path(evidence, &target.host, &views, policy)).collect()
}

/// Slow as such, or slow beside the other addresses.
fn slow_path(evidence: &Evidence, host: &str, views: &[PathView], policy: &Policy) -> Option<Finding> {
    let all = round_trips(evidence, host, policy);
    let slow: Vec<&RoundTrip> = all.iter().filter(|round_trip| round_trip.is_slow).collect();
    let first = slow.first()?;
    let fastest = all.iter().map(|round_trip| round_trip.median_us).min()?;
    let others = if slow.len() == all.len() {
        Text::empty()
    } else {
        text!(" while another address needs {time}", time = milliseconds(fastest))
    };
    let summary = text!(
        "the round trip to {host} ({address}) takes {time}{others}",
        host,
        address = first.ip,
        time = milliseconds(first.median_us),
        others
    );
    let finding = Finding::new(&TCP006, host, first.observation, summary)
        .citing(slow.iter().map(|round_trip| round_trip.observation))
        .confidence(Confidence::high_if(first.connected >= 5));
    let jump_to_slow = |view: &PathView| {
        let of_view = |slow: &&&RoundTrip| view.peer.is_some_and(|peer| slow.ip == peer.ip());
        let slow = slow.iter().find(of_view).filter(|_| view.endpoint == host)?;
        Some((view.observation, largest_jump(view, slow.median_us)?))
    };
    let jump = views.iter().find_map(jump_to_slow);
    let finding = match jump {
        Some((path, jump)) => jump.told_in(finding, path),
        None => finding,
    };
    Some(
        finding
            .help(text!("you: use a bucket in a nearer region, the private network, or the acceleration endpoint"))
            .help(text!(
                "network team or ISP: where the region is near, compare the route with that of another network"
            )),
    )
}

/// Where on a path most of the time comes.
#[derive(Debug, PartialEq, Eq)]
struct Jump {
    /// The last hop before, with its address; `None`: this machine.
    before: Option<(u8, IpAddr)>,
    /// The first hop behind.
    behind: (u8, IpAddr),
    /// How much longer the round trip is from there on, in microseconds.
    us: u64,
}

/// Where the round trip grows most and stays so up to the end. Routers take their time to answer, so a hop counts with the smallest
/// round trip of those behind it and its own. `None` where the end is not known, no place stands out, or the path is not as slow now
/// as the connects were.
fn largest_jump(view: &PathView, median_us: u64) -> Option<Jump> {
    if !view.is_reached() {
        return None;
    }
    let end = view.end?.ttl;
    let timed = |hop: &HopView| Some((hop.ttl, hop.addresses.first()?.address, hop.rtt_us?.min));
    let mut hops: Vec<(u8, IpAddr, u64)> = view.hops.iter().filter_map(timed).collect();
    if hops.last()?.0 != end {
        return None;
    }
    let whole = hops.last()?.2;
    let mut least = u64::MAX;
    for hop in hops.iter_mut().rev() {
        least = least.min(hop.2);
        hop.2 = least;
    }
    let before = std::iter::once(None).chain(hops.iter().map(|hop| Some(*hop)));
    let jumps = before.zip(&hops).map(|(before, behind)| Jump {
        before: before.map(|(ttl, ip, _)| (ttl, ip)),
        behind: (behind.0, behind.1),
        us: behind.2 - before.map_or(0, |(_, _, us)| us),
    });
    // Half of the time or more comes at one place, or none is worth naming.
    let largest = jumps.max_by_key(|jump| jump.us).filter(|jump| jump.us * 2 >= whole.max(median_us))?;
    // The path was measured at another time than the connects: of their time no more can come there than there is.
    Some(Jump { us: largest.us.min(median_us), ..largest })
}

impl Jump {
    fn told_in(&self, finding: Finding, path: ObservationId) -> Finding {
        let (ttl, ip) = self.behind;
        let us = milliseconds(self.us);
        let (told, help) = match self.before {
            Some((before_ttl, before)) => (
                text!(
                    "; {us} of it seem to come between hop {before_ttl} ({before}) and hop {ttl} ({ip})",
                    us,
                    before_ttl,
                    before,
                    ttl,
                    ip
                ),
                text!(
                    "operator of {before} and {ip}: the time is added between them, if routers answer as fast as they forward; is it a detour, a tunnel or a full queue?",
                    before,
                    ip
                ),
            ),
            None => (
                text!("; {us} of it seem to come before hop {ttl} ({ip})", us, ttl, ip),
                text!(
                    "you: look at this machine's own link first, Wi-Fi and VPN above all; the time is added before {ip}",
                    ip
                ),
            ),
        };
        finding.adding(told).citing([path]).help(help)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The jump of a path whose hops have these smallest times in milliseconds; 0 is a silent hop.
    fn jump_of(median_ms: u64, ms: &[u64]) -> Option<(u8, u8, u64)> {
        let hops: Vec<Value> = ms
            .iter()
            .enumerate()
            .map(|(index, ms_of)| {
                let is_end = index + 1 == ms.len();
                let (answer, from) = if is_end {
                    ("syn_ack", "203.0.113.10".to_owned())
                } else {
                    ("time_exceeded", format!("192.0.2.{}", index + 1))
                };
                let probe = if *ms_of == 0 {
                    json!({"round": 1})
                } else {
                    json!({"round": 1, "answer": answer, "from": from, "rtt_us": ms_of * 1000})
                };
                json!({"ttl": index + 1, "probes": [probe]})
            })
            .collect();
        let evidence: Evidence = serde_json::from_value(json!({"targets": [], "evidence": [
            {"id": 1, "stage": "path", "endpoint": "x", "peer": "203.0.113.10:443", "outcome": {"status": "succeeded"},
             "detail": {"type": "path", "stop": "reached", "rounds": 1, "hops": hops}}]}))
        .unwrap();
        let jump = largest_jump(&paths(&evidence)[0], median_ms * 1000)?;
        Some((jump.before.map_or(0, |(ttl, _)| ttl), jump.behind.0, jump.us / 1000))
    }

    fn jump(ms: &[u64]) -> Option<(u8, u8, u64)> {
        jump_of(350, ms)
    }

    #[test]
    fn only_what_stays_up_to_the_end_counts() {
        assert_eq!(jump(&[1, 5, 340, 350]), Some((2, 3, 335)));
        assert_eq!(jump(&[1, 400, 8, 350]), Some((3, 4, 342)), "a router that answers slowly");
        assert_eq!(jump(&[1, 0, 0, 350]), Some((1, 4, 349)), "silent hops between");
        assert_eq!(jump(&[200, 210, 350]), Some((0, 1, 200)));
        assert_eq!(jump(&[100, 200, 300, 400]), None, "no place stands out");
        assert_eq!(jump(&[1, 5, 0]), None, "the end has no time");
        assert_eq!(jump_of(350, &[1, 5, 8, 40]), None, "the path is quick again");
    }
}
