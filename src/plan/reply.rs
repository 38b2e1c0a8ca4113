//! Who refuses, resets, or answers in COS's place: with which TTL answers arrive tells from how far away they come.
//!
//! An answer is measured beside one that is known: a refusal beside the SYN-ACK of another port of the address, a reset beside the
//! SYN-ACK of its own port. Where there is none, it is compared with the traced path.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::failed_paths::{self, answered_by_another};
use super::{Action, Step, redirect};
use crate::config::{Config, When};
use crate::evidence::{Evidence, FailureKind, Observation, ReplyTo, Stage};
use crate::target::{Protocol, Target};

/// Ports of an address at which somebody else answers than COS that are measured at most.
const MOST_PORTS: usize = 2;

/// The measurements, and the paths to peers that reset and were not traced yet: they name who is so far away.
pub(super) fn steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    if config.trace_in_check == When::Never {
        return Vec::new();
    }
    let of_target = |target: &Target| {
        let reset: Vec<&Observation> = resets(evidence, target).into_iter().flatten().collect();
        let mut wanted: BTreeSet<(SocketAddr, ReplyTo)> = refusal(evidence, target);
        wanted.extend(strange_ports(evidence, target));
        for observation in &reset {
            let to = if observation.stage == Stage::TlsHandshake { ReplyTo::ClientHello } else { ReplyTo::Request };
            wanted.extend(observation.peer.into_iter().flat_map(|peer| [(peer, ReplyTo::Syn), (peer, to)]));
        }
        let goes_there = |(peer, _): &(SocketAddr, ReplyTo)| redirect(config, &target.host, *peer).is_none();
        let measure = |(peer, to)| Step {
            parent: connect_to(evidence, target, peer).map(|connect| connect.id),
            stage: Stage::ReplyTtl,
            endpoint: Some(target.host.clone()),
            peer: Some(peer),
            action: Action::MeasureReply(to),
        };
        let measurements: Vec<Step> = wanted.into_iter().filter(goes_there).map(measure).collect();
        let traced: Vec<_> = evidence.of_endpoint(Stage::Path, &target.host).filter_map(|o| o.peer).collect();
        let untraced = reset.iter().filter_map(|o| o.peer).filter(|peer| !traced.contains(peer));
        let connects = untraced.filter_map(|peer| connect_to(evidence, target, peer));
        measurements
            .into_iter()
            .chain(failed_paths::steps(config, target, failed_paths::PLAN, connects))
            .collect::<Vec<_>>()
    };
    config.targets.iter().flat_map(of_target).collect()
}

fn connect_to<'a>(evidence: &'a Evidence, target: &'a Target, peer: SocketAddr) -> Option<&'a Observation> {
    evidence.of_endpoint(Stage::Connect, &target.host).find(|o| o.peer == Some(peer))
}

/// The first peer that refuses, and another port of its address that accepts.
fn refusal(evidence: &Evidence, target: &Target) -> BTreeSet<(SocketAddr, ReplyTo)> {
    let connects = || evidence.of_endpoint(Stage::Connect, &target.host);
    let is_refusal = |o: &&Observation| o.outcome.failure() == Some(FailureKind::ConnectionRefused);
    // One that can be compared goes before one that cannot.
    let beside = |ip: IpAddr| {
        connects().filter(|o| o.outcome.is_success()).filter_map(|o| o.peer).find(move |peer| peer.ip() == ip)
    };
    let refused: Vec<SocketAddr> = connects().filter(is_refusal).filter_map(|o| o.peer).collect();
    let comparable = refused.iter().find_map(|peer| Some((*peer, beside(peer.ip())?)));
    let (first, other) = match (comparable, refused.first()) {
        (Some((peer, other)), _) => (Some(peer), Some(other)),
        (None, first) => (first.copied(), None),
    };
    first.into_iter().chain(other).map(|peer| (peer, ReplyTo::Syn)).collect()
}

/// The first handshake and the first request over plain HTTP that were reset.
fn resets<'a>(evidence: &'a Evidence, target: &'a Target) -> [Option<&'a Observation>; 2] {
    let first = |stage, kind| {
        let of_stage = evidence.of_endpoint(stage, &target.host);
        { of_stage }.filter(move |o| o.outcome.failure() == Some(kind))
    };
    let is_plain = |o: &&Observation| {
        o.detail.http().is_some_and(|http| http.protocol == Protocol::Http && http.hypothesis.is_none())
    };
    [
        first(Stage::TlsHandshake, FailureKind::HandshakeReset).next(),
        first(Stage::HttpRoundTrip, FailureKind::ResponseReset).find(is_plain),
    ]
}

/// The ports of the first address at which somebody else answers than COS, where there are two to compare.
fn strange_ports(evidence: &Evidence, target: &Target) -> Vec<(SocketAddr, ReplyTo)> {
    let strange = answered_by_another(evidence, target);
    let Some(ip) = strange.first().filter(|_| target.role.is_cos_host()) else { return Vec::new() };
    let open = evidence.of_endpoint(Stage::Connect, &target.host).filter(|o| o.outcome.is_success());
    let ports = open.filter_map(|o| o.peer).filter(|peer| peer.ip() == *ip).take(MOST_PORTS);
    let ports: Vec<_> = ports.map(|peer| (peer, ReplyTo::Syn)).collect();
    if ports.len() == MOST_PORTS { ports } else { Vec::new() }
}

#[cfg(test)]
mod tests;
