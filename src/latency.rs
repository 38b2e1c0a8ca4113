//! How long packets to the addresses of an endpoint take there and back, and which of them are slow. Pure.
//!
//! What is slow is traced, which `plan` decides, and told, which `diagnose` does; both ask here, so that they agree.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::addr::{self, AddressScope};
use crate::config::Policy;
use crate::evidence::{Evidence, ObservationId, Sample, Stage, Tcp};

/// An address this many times slower than another of its endpoint is slow, whatever the policy says …
const TIMES_SLOWER: u64 = 5;
/// … if it is slower by this much too, in microseconds.
const SLOWER_BY_US: u64 = 100_000;

/// The spread of some measured times, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// How many values.
    pub count: u32,
    /// The smallest.
    pub min: u64,
    /// The middle one; of an even number the lower of the two.
    pub median: u64,
    /// The largest.
    pub max: u64,
}

impl Spread {
    /// The spread of some values; `None` of none.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut values = values.into_iter();
        let (first, second) = (values.next()?, values.next());
        let Some(second) = second else { return Some(Self { count: 1, min: first, median: first, max: first }) };
        let mut sorted: Vec<u64> = [first, second].into_iter().chain(values).collect();
        sorted.sort_unstable();
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let median = sorted[(sorted.len() - 1) / 2];
        Some(Self { count: u32::try_from(sorted.len()).unwrap_or(u32::MAX), min, median, max })
    }

    /// SYN to SYN-ACK by the kernel, of the connects that succeeded and lost no SYN.
    pub fn of_kernel_rtt(tcp: &Tcp) -> Option<Self> {
        Self::of(undisturbed(tcp).filter_map(|sample| sample.kernel_rtt_us.map(u64::from)))
    }

    /// The same connects by the process's own clock.
    pub fn of_connect_time(tcp: &Tcp) -> Option<Self> {
        Self::of(undisturbed(tcp).filter_map(|sample| sample.elapsed_us))
    }
}

/// The connects whose times are those of the way: they succeeded, and no SYN was lost.
fn undisturbed(tcp: &Tcp) -> impl Iterator<Item = &Sample> {
    tcp.samples.iter().filter(|sample| sample.outcome.is_success() && !sample.lost_syn())
}

/// The round trip to one address of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrip {
    /// The address.
    pub ip: IpAddr,
    /// The connects that give the figure.
    pub observation: ObservationId,
    /// The smallest of the ports' medians, in microseconds.
    pub median_us: u64,
    /// Connects to any of its ports that succeeded.
    pub connected: usize,
    /// Whether that is slow: above the limit of its network, or far above another address of the endpoint.
    pub is_slow: bool,
}

/// The round trips to the addresses of an endpoint that have any, in the order in which they were connected to.
pub fn round_trips(evidence: &Evidence, host: &str, policy: &Policy) -> Vec<RoundTrip> {
    let mut found: Vec<RoundTrip> = Vec::new();
    for observation in evidence.of_endpoint(Stage::Connect, host) {
        let (Some(tcp), Some(peer)) = (observation.detail.tcp(), observation.peer) else { continue };
        let Some(spread) = Spread::of_kernel_rtt(tcp) else { continue };
        let connected = tcp.samples.iter().filter(|sample| sample.outcome.is_success()).count();
        let (ip, observation, median_us) = (peer.ip(), observation.id, spread.median);
        match found.iter_mut().find(|known| known.ip == ip) {
            Some(known) => {
                known.connected += connected;
                if median_us < known.median_us {
                    (known.median_us, known.observation) = (median_us, observation);
                }
            }
            None => found.push(RoundTrip { ip, observation, median_us, connected, is_slow: false }),
        }
    }
    let fastest = found.iter().map(|round_trip| round_trip.median_us).min().unwrap_or(0);
    for round_trip in &mut found {
        round_trip.is_slow = is_slow(round_trip, fastest, policy);
    }
    found
}

fn is_slow(round_trip: &RoundTrip, fastest_us: u64, policy: &Policy) -> bool {
    let limit_ms = match addr::scope_of(round_trip.ip) {
        AddressScope::Private => policy.slow_private_rtt_ms,
        _ => policy.slow_public_rtt_ms,
    };
    let us = round_trip.median_us;
    us > u64::from(limit_ms) * 1000 || (us >= fastest_us * TIMES_SLOWER && us >= fastest_us + SLOWER_BY_US)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn connect(id: u32, peer: &str, rtts_ms: &[u64]) -> Value {
        let sample = |ms: &u64| json!({"outcome": {"status": "succeeded"}, "kernel_rtt_us": ms * 1000});
        let samples: Vec<Value> = rtts_ms.iter().map(sample).collect();
        json!({"id": id, "stage": "connect", "endpoint": "x", "peer": peer, "outcome": {"status": "succeeded"},
            "detail": {"type": "tcp", "samples": samples}})
    }

    fn of(connects: &[Value]) -> Vec<(u64, bool)> {
        let evidence: Evidence = serde_json::from_value(json!({"targets": [], "evidence": connects})).unwrap();
        let found = round_trips(&evidence, "x", &Policy::default());
        found.into_iter().map(|round_trip| (round_trip.median_us / 1000, round_trip.is_slow)).collect()
    }

    #[test]
    fn spreads() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([5]), Some(Spread { count: 1, min: 5, median: 5, max: 5 }));
        assert_eq!(Spread::of([9, 1, 3, 2]), Some(Spread { count: 4, min: 1, median: 2, max: 9 }));
    }

    #[test]
    fn slow_is_above_the_limit_of_the_network_or_far_above_a_sibling() {
        assert_eq!(of(&[connect(1, "203.0.113.10:443", &[300])]), [(300, false)]);
        assert_eq!(of(&[connect(1, "203.0.113.10:443", &[301])]), [(301, true)]);
        assert_eq!(of(&[connect(1, "169.254.0.47:443", &[21])]), [(21, true)]);
        let pair = |other| of(&[connect(1, "203.0.113.10:443", &[20]), connect(2, "203.0.113.11:443", &[other])]);
        assert_eq!(pair(120), [(20, false), (120, true)]);
        assert_eq!(pair(119), [(20, false), (119, false)]);
        let near = of(&[connect(1, "203.0.113.10:443", &[40]), connect(2, "203.0.113.11:443", &[190])]);
        assert_eq!(near, [(40, false), (190, false)], "not five times as much");
    }

    #[test]
    fn the_better_port_counts() {
        assert_eq!(of(&[connect(1, "203.0.113.10:80", &[400]), connect(2, "203.0.113.10:443", &[90])]), [(90, false)]);
    }

    #[test]
    fn failures_and_lost_syns_are_in_no_time() {
        let sample = |status: &str, retransmits: u32| {
            json!({"outcome": {"status": status, "kind": "connect_timeout"}, "elapsed_us": 1_040_000,
                "kernel_rtt_us": 1_030_000, "syn_retransmits": retransmits})
        };
        let good = json!({"outcome": {"status": "succeeded"}, "elapsed_us": 41_000, "kernel_rtt_us": 40_000,
            "syn_retransmits": 0});
        let samples = [good, sample("succeeded", 1), sample("failed", 0), sample("failed", 3)];
        let tcp: Tcp = serde_json::from_value(json!({"samples": samples})).unwrap();
        let only = |us| Some(Spread { count: 1, min: us, median: us, max: us });
        assert_eq!((Spread::of_kernel_rtt(&tcp), Spread::of_connect_time(&tcp)), (only(40_000), only(41_000)));
    }
}
