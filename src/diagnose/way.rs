//! Findings about the way to an address, by its traced hops.

use std::net::SocketAddr;

use super::codes::{PTH002, PTH003, PTH004};
use super::path::{HopView, PathView, paths};
use super::reply::{Reply, away, replies};
use super::view::{cos_answered, listed};
use super::{Confidence, Finding, Severity};
use crate::config::Policy;
use crate::evidence::{Evidence, FailureKind, Observation, ObservationId, PathStop, ReplyTo, Stage};
use crate::target::Target;
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _: &Policy) -> Vec<Finding> {
    let views = paths(evidence);
    let of_target = |target: &Target| {
        let own: Vec<&PathView> =
            views.iter().filter(|view| view.endpoint == target.host && view.was_traced()).collect();
        [ends(evidence, target, &own), circles(evidence, target, &own), intercepted(evidence, target, &own)]
    };
    evidence.targets.iter().flat_map(of_target).flatten().collect()
}

/// The connects to one peer.
fn connects(evidence: &Evidence, host: &str, peer: Option<SocketAddr>) -> Vec<ObservationId> {
    evidence.of_endpoint(Stage::Connect, host).filter(|o| o.peer == peer).map(|o| o.id).collect()
}

/// Where the way stops that does not reach the address.
fn ends(evidence: &Evidence, target: &Target, views: &[&PathView]) -> Option<Finding> {
    let host = target.host.as_str();
    let any_connected = |view: &PathView| {
        evidence.of_endpoint(Stage::Connect, host).any(|o| o.peer == view.peer && o.outcome.is_success())
    };
    let ended =
        |view: &&&PathView| matches!(view.stop, PathStop::Silent | PathStop::Unreachable) && !any_connected(view);
    let view = views.iter().find(ended)?;
    let peer = listed(view.peer);
    let last = view.hops.iter().rev().find_map(|hop| Some((hop.ttl, hop.addresses.first()?.address)));
    let summary = match (view.stop, last) {
        (PathStop::Unreachable, Some((ttl, by))) => {
            text!("the way to {peer} ends at hop {ttl}, {by}, which says that it goes no further", peer, ttl, by)
        }
        (_, Some((ttl, by))) => {
            text!("the way to {peer} is seen up to hop {ttl}, {by}; nothing behind it answers", peer, ttl, by)
        }
        (_, None) => text!("nothing on the way to {peer} answers, not even the first router", peer),
    };
    let who = last.map_or_else(
        || text!("your network team"),
        |(_, by)| text!("operator of {by}, or of the network behind it", by),
    );
    let finding = Finding::new(&PTH002, host, view.observation, summary)
        .citing(connects(evidence, host, view.peer))
        .help(text!("{who}: look whether it drops or forwards TCP to this address and port", who));
    Some(finding.help(text!("you: `cosprobe trace` shows the hops; some networks let nobody answer, so the last hop seen need not be the one that drops")))
}

/// Packets that go in a circle.
fn circles(evidence: &Evidence, target: &Target, views: &[&PathView]) -> Option<Finding> {
    let host = target.host.as_str();
    let view = views.iter().find(|view| view.stop == PathStop::Loop)?;
    let again = view.repeated?;
    let summary = text!(
        "packets to {host} ({peer}) go in a circle: {address} answers at hop {first} and again at hop {second}",
        host,
        peer = listed(view.peer),
        address = again.address,
        first = again.first_ttl,
        second = again.second_ttl
    );
    let all = evidence.of_endpoint(Stage::Connect, host).filter(|o| o.outcome.failure().is_some()).map(|o| o.id);
    // Ways of different length can show a router twice. Packets that live out their time, or a router that comes a third time, cannot be.
    let of_peer = evidence.of_endpoint(Stage::Connect, host).filter(|o| o.peer == view.peer);
    let lived_out = { of_peer }.any(|o| o.outcome.failure() == Some(FailureKind::TtlExceeded));
    let is_again = |hop: &&HopView| hop.addresses.iter().any(|address| address.address == again.address);
    let is_certain = lived_out || view.hops.iter().filter(is_again).count() > 2;
    let finding =
        Finding::new(&PTH003, host, view.observation, summary).citing(all).confidence(Confidence::high_if(is_certain));
    Some(finding.help(text!(
        "operator of {address}: two routers send packets for this address to each other; correct their routes",
        address = again.address
    )))
}

/// Somebody nearer answers in the address's place, and it is not COS. Two things show it, each by itself: at which TTL a SYN is answered,
/// and with which TTL the answer arrives.
fn intercepted(evidence: &Evidence, target: &Target, views: &[&PathView]) -> Option<Finding> {
    let host = target.host.as_str();
    let traced = traced_near(views);
    let arrived = arrived_near(&replies(evidence, host));
    let mut near: Vec<&Near> =
        traced.iter().chain(&arrived).filter(|near| is_strange(evidence, host, near.peer)).collect();
    near.sort_by_key(|near| near.peer);
    let first = near.first()?;
    let than = first
        .farther
        .map_or_else(Text::empty, |farther| text!(", another port of the address at {farther} hops", farther));
    let summary = text!(
        "something {hops} away answers for {host} ({peers}){than}: a transparent proxy or a portal",
        hops = away(first.hops),
        host,
        peers = listed(near.iter().map(|near| near.peer)),
        than
    );
    let severity = if cos_answered(evidence, host) { Severity::Warning } else { Severity::Error };
    let finding = Finding::new(&PTH004, host, first.observation, summary)
        .citing(near.iter().map(|near| near.observation))
        .citing(near.iter().flat_map(|near| connects(evidence, host, Some(near.peer))))
        .severity(severity)
        .confidence(Confidence::high_if(near.iter().all(|near| near.is_before_gateway) || first.farther.is_some()))
        .help(text!("network team or ISP: a proxy or portal on the way takes connections to COS; let them pass, or log in to the portal"));
    Some(finding.help(text!("you: use HTTPS: whoever answers there cannot show COS's certificate")))
}

/// Somebody who answers at a peer from nearer than the address is.
struct Near {
    peer: SocketAddr,
    observation: ObservationId,
    hops: u8,
    /// How far away another port of the address is, where that is farther.
    farther: Option<u8>,
    /// Whether it is before the gateway.
    is_before_gateway: bool,
}

/// Those whose SYN-ACK came for a SYN that lived for fewer hops.
fn traced_near(views: &[&PathView]) -> Vec<Near> {
    let reached =
        || views.iter().filter(|view| view.is_reached()).filter_map(|view| Some((view, view.peer?, view.end?.ttl)));
    let near = |(view, peer, hops): (&&PathView, SocketAddr, u8)| {
        let farther =
            reached().filter(|(_, other, ttl)| other.ip() == peer.ip() && *ttl > hops).map(|(_, _, ttl)| ttl).max();
        let is_before_gateway = view.is_answered_too_near;
        (is_before_gateway || farther.is_some()).then_some(Near {
            peer,
            observation: view.observation,
            hops,
            farther,
            is_before_gateway,
        })
    };
    reached().filter_map(near).collect()
}

/// Those whose SYN-ACK arrived with a TTL that stands for fewer hops than that of another port of the address.
fn arrived_near(replies: &[Reply]) -> Vec<Near> {
    let accepts = || replies.iter().filter(|reply| reply.to == ReplyTo::Syn && !reply.is_rst);
    let near = |reply: &Reply| {
        let of_address = accepts().filter(|other| other.peer.ip() == reply.peer.ip());
        let farther = of_address.map(|other| other.hops).filter(|hops| *hops > reply.hops).max()?;
        let (peer, observation, hops) = (reply.peer, reply.observation, reply.hops);
        Some(Near { peer, observation, hops, farther: Some(farther), is_before_gateway: false })
    };
    accepts().filter_map(near).collect()
}

/// Whether somebody answers at a peer who is not COS.
fn is_strange(evidence: &Evidence, host: &str, peer: SocketAddr) -> bool {
    let of_peer = |o: &&Observation| o.peer == Some(peer);
    let exchanges = evidence.of_endpoint(Stage::HttpRoundTrip, host).filter(of_peer).filter_map(|o| o.detail.http());
    { exchanges }.any(|http| http.status.is_some() && !http.is_from_cos())
}
