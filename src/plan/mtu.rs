//! Where handshakes stall although connections open, large segments may get lost: the same is tried with smaller ones, and the size is
//! narrowed down.

use std::collections::BTreeMap;

use super::{Action, Step};
use crate::config::Config;
use crate::evidence::{Evidence, FailureKind, Observation, Stage};
use crate::target::Target;

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
        let stalled = evidence.of_endpoint(Stage::TlsHandshake, &target.host).find(|o| has_stalled(evidence, o))?;
        let sizes = next_sizes(&tried(evidence, &target.host));
        let step = |mss_bytes| Step {
            parent: stalled.parent,
            stage: Stage::PathMtu,
            endpoint: Some(target.host.clone()),
            peer: stalled.peer,
            action: Action::HandshakeClamped { server_name: target.host.clone(), mss_bytes },
        };
        Some(sizes.into_iter().map(step).collect())
    };
    config.targets.iter().filter_map(of_target).flatten().collect()
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

/// What to try next; nothing after the second round, or where no size makes a difference.
fn next_sizes(tried: &BTreeMap<u32, bool>) -> Vec<u32> {
    if tried.is_empty() {
        return FIRST.to_vec();
    }
    let passed = tried.iter().filter(|(_, passed)| **passed).map(|(size, _)| *size).max();
    let Some(passed) = passed.filter(|_| tried.len() == FIRST.len()) else { return Vec::new() };
    let failed = tried.iter().filter(|(size, works)| !**works && **size > passed).map(|(size, _)| *size).min();
    let Some(gap) = failed.map(|failed| failed - passed).filter(|gap| *gap > CLOSE) else { return Vec::new() };
    (1..=BETWEEN).map(|part| passed + gap * part / (BETWEEN + 1)).collect()
}

#[cfg(test)]
mod tests;
