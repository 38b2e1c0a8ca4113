//! Large packets from this machine: nothing in an ordinary check is large on the way out, so one anonymous HEAD per address is padded
//! until it fills several packets. Where it gets lost, smaller segments are tried.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::{Action, RequestPlan, Segments, Step, ordinary_requests, probed, service_of};
use super::{FIRST, next_sizes, stalled_handshake};
use crate::config::Config;
use crate::evidence::{Authentication, Evidence, LargeRequest, Observation, Stage};
use crate::target::{Protocol, Target};

/// Three full packets of Ethernet, in headers of an ordinary length: COS's servers take several KB of them.
const PADDING: [&str; 4] =
    ["x-cosprobe-padding-1", "x-cosprobe-padding-2", "x-cosprobe-padding-3", "x-cosprobe-padding-4"];
const FILLED: &str = match std::str::from_utf8(&[b'x'; 850]) {
    Ok(text) => text,
    Err(_) => "",
};

/// One large request for each address that a connection opened to: over TLS, as programs send theirs, where that port is open.
pub fn large_requests(config: &Config, evidence: &Evidence) -> Vec<Step> {
    config.targets.iter().flat_map(|target| of_target(config, target, evidence)).collect()
}

fn of_target(config: &Config, target: &Target, evidence: &Evidence) -> Vec<Step> {
    let mut chosen: Vec<(IpAddr, &Observation, Protocol)> = Vec::new();
    for protocol in [Protocol::Https, Protocol::Http] {
        for connected in opened(target, evidence, protocol) {
            let Some(ip) = connected.peer.map(|peer| peer.ip()) else { continue };
            if chosen.iter().all(|(other, _, _)| *other != ip) {
                chosen.push((ip, connected, protocol));
            }
        }
    }
    chosen.into_iter().filter_map(|(_, connected, _)| step(config, target, connected, None)).collect()
}

/// The connections of a target that opened where a protocol is spoken.
fn opened<'a>(target: &'a Target, evidence: &'a Evidence, protocol: Protocol) -> impl Iterator<Item = &'a Observation> {
    evidence.of_endpoint(Stage::Connect, &target.host).filter(move |connected| {
        let speaks = service_of(target, connected).is_some_and(|service| service.protocol == protocol);
        speaks && connected.outcome.is_success()
    })
}

fn step(config: &Config, target: &Target, connected: &Observation, mss_bytes: Option<u32>) -> Option<Step> {
    let service = service_of(target, connected)?;
    let head = RequestPlan::head(target, service, Authentication::Anonymous);
    let used_by_others = ordinary_requests(target, service, config);
    let segments = mss_bytes.map_or(Segments::Usual { used_by_others }, Segments::Clamped);
    let request = RequestPlan { headers: PADDING.map(|name| (name, FILLED)).to_vec(), ..head };
    Some(Step {
        parent: Some(connected.id),
        stage: Stage::PathMtu,
        endpoint: Some(target.host.clone()),
        peer: connected.peer,
        action: Action::LargeRequest { request, segments },
    })
}

/// What is tried next: for the first large request of each target that got lost smaller segments, and that it gets lost again. Where
/// handshakes stall, nothing large was sent: a large request over plain HTTP shows whether packets get lost that way too. As they do
/// the other way, the smaller segments go with it at once.
pub fn smaller_requests(config: &Config, evidence: &Evidence) -> Vec<Step> {
    probed(config, evidence).flat_map(|target| follow_up(config, target, evidence)).collect()
}

fn follow_up(config: &Config, target: &Target, evidence: &Evidence) -> Vec<Step> {
    let all: Vec<(&Observation, &LargeRequest)> = evidence
        .of_endpoint(Stage::PathMtu, &target.host)
        .filter_map(|observation| Some((observation, observation.detail.large_request()?)))
        .collect();
    let whole = || all.iter().copied().filter(|(_, large)| large.mss_bytes.is_none());
    let Some((lost, large)) = whole().find(|(observation, large)| large.is_lost(&observation.outcome)) else {
        let in_clear = whole().any(|(_, large)| large.protocol == Protocol::Http);
        let stalled = stalled_handshake(evidence, &target.host).filter(|_| !in_clear);
        let Some(peer) = stalled.and_then(|observation| observation.peer) else { return Vec::new() };
        let same_address = |connected: &&Observation| connected.peer.is_some_and(|other| other.ip() == peer.ip());
        let connected = opened(target, evidence, Protocol::Http).find(same_address);
        let Some(connected) = connected else { return Vec::new() };
        let sizes = [None].into_iter().chain(FIRST.map(Some));
        return sizes.filter_map(|size| step(config, target, connected, size)).collect();
    };
    // The second round is the last.
    let is_repeated = whole().filter(|(observation, _)| observation.peer == lost.peer).count() > 1;
    let connected = lost.parent.and_then(|id| evidence.get(id)).filter(|_| !is_repeated);
    let Some(connected) = connected else { return Vec::new() };
    let clamped = || all.iter().filter(|(_, large)| large.mss_bytes.is_some());
    let tried: BTreeMap<u32, bool> = clamped()
        .filter(|(observation, large)| observation.outcome.is_success() || large.is_lost(&observation.outcome))
        .filter_map(|(observation, large)| Some((large.mss_bytes?, observation.outcome.is_success())))
        .collect();
    let is_v6 = lost.peer.is_some_and(|peer| peer.is_ipv6());
    let usual = large.tcp.as_ref().and_then(|tcp| tcp.largest_outgoing(is_v6));
    let attempts = clamped().count();
    let sizes = next_sizes(attempts, &tried, usual);
    let again = (attempts == FIRST.len() && tried.values().any(|passed| *passed)).then_some(None);
    sizes.into_iter().map(Some).chain(again).filter_map(|size| step(config, target, connected, size)).collect()
}

#[cfg(test)]
mod tests;
