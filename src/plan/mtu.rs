//! Large packets that get lost. Where handshakes stall although connections open, the same is tried with smaller segments, and the size
//! is narrowed down. `large` does so for what this machine sends.

mod large;

use std::collections::BTreeMap;

use super::{Action, Step, probed};
use crate::config::Config;
use crate::evidence::{Evidence, FailureKind, Observation, Stage};
use crate::target::Target;

pub use large::{large_requests, smaller_requests};

/// Maximum segment sizes that are tried first, all at once: those of tunnels and of the smallest links that IPv6 allows.
const FIRST: [u32; 8] = [536, 1000, 1180, 1240, 1300, 1360, 1400, 1440];
/// Sizes between two of them, in the second round.
const BETWEEN: u32 = 6;
/// A size that is known this closely, in bytes, is known well enough.
const CLOSE: u32 = 4;

/// For the first stalled handshake of each target: all sizes, and then those between the largest that passes and the smallest that does
/// not.
pub(super) fn steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let of_target = |target: &Target| -> Option<Vec<Step>> {
        let stalled = stalled_handshake(evidence, &target.host)?;
        let tried = tried(evidence, &target.host);
        let sizes = next_sizes(tried.len(), &tried, announced(evidence, stalled));
        let step = |mss_bytes| Step {
            parent: stalled.parent,
            stage: Stage::PathMtu,
            endpoint: Some(target.host.clone()),
            peer: stalled.peer,
            action: Action::HandshakeClamped { server_name: target.host.clone(), mss_bytes },
        };
        Some(sizes.into_iter().map(step).collect())
    };
    let mut steps: Vec<Step> = probed(config, evidence).filter_map(of_target).flatten().collect();
    steps.extend(smaller_requests(config, evidence));
    steps
}

/// The first handshake of an endpoint that got no answer on a connection that opened.
fn stalled_handshake<'a>(evidence: &'a Evidence, host: &'a str) -> Option<&'a Observation> {
    evidence.of_endpoint(Stage::TlsHandshake, host).find(|o| has_stalled(evidence, o))
}

/// Whether a handshake got no answer on a connection that opened.
fn has_stalled(evidence: &Evidence, observation: &Observation) -> bool {
    let opened = observation.parent.and_then(|id| evidence.get(id)).is_some_and(|connect| connect.outcome.is_success());
    opened && observation.outcome.failure() == Some(FailureKind::HandshakeTimeout)
}

/// Whether each size that was tried passed.
fn tried(evidence: &Evidence, host: &str) -> BTreeMap<u32, bool> {
    let all = evidence.of_endpoint(Stage::PathMtu, host);
    all.filter_map(|o| Some((o.detail.clamped_handshake()?.mss_bytes, o.outcome.is_success()))).collect()
}

/// The size that the stalled handshake announced: an ordinary one, which does not pass.
fn announced(evidence: &Evidence, stalled: &Observation) -> Option<u32> {
    let (connect, is_v6) = (evidence.get(stalled.parent?)?.detail.tcp()?, stalled.peer?.is_ipv6());
    connect.samples.iter().find_map(|sample| sample.largest_incoming(is_v6))
}

/// What to try next; nothing after the second round, or where no size makes a difference. `usual` is the size that does not pass and
/// was tried first.
fn next_sizes(attempts: usize, tried: &BTreeMap<u32, bool>, usual: Option<u32>) -> Vec<u32> {
    if attempts == 0 {
        return FIRST.to_vec();
    }
    let passed = tried.iter().filter(|(_, passed)| **passed).map(|(size, _)| *size).max();
    let Some(passed) = passed.filter(|_| attempts == FIRST.len()) else { return Vec::new() };
    let failed = tried.iter().filter(|(_, works)| !**works).map(|(size, _)| *size).chain(usual);
    let failed = failed.filter(|size| *size > passed).min();
    let Some(gap) = failed.map(|failed| failed - passed).filter(|gap| *gap > CLOSE) else { return Vec::new() };
    let mut sizes: Vec<u32> = (1..=BETWEEN).map(|part| passed + gap * part / (BETWEEN + 1)).collect();
    sizes.retain(|size| *size > passed);
    sizes.dedup();
    sizes
}

#[cfg(test)]
mod tests;
