//! From how far away an answer came, by the TTL with which it arrived, and so who sent a RST.
//!
//! A RST does not tell its sender: it has the address of the server, whoever made it. But each router takes one off the TTL, and the
//! senders' initial values are few. What answered a SYN at the same address is the measure for the distance of the server; where
//! nothing did, it is the end of the traced path, which leaves more room for doubt: packets may come back by another way.

use std::net::{IpAddr, SocketAddr};

use super::Finding;
use super::path::{HopView, PathView, has_gateway, paths};
use super::view::{counted, listed};
use crate::evidence::{
    Evidence, FailureKind, HopAnswer, Observation, ObservationId, ReplyAnswer, ReplyTo, ReplyTtl, Stage,
};
use crate::text;
use crate::text::Text;

/// Initial TTLs of the systems that are about.
const INITIAL: [u8; 3] = [64, 128, 255];
/// Silence of tries with minimums so close below the TTL speaks for answers that do not all come from the same distance.
const CLOSE: u8 = 8;
/// How often the smallest minimum that lets nothing in has to be tried.
const SURE: usize = 2;

/// An answer and its distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) observation: ObservationId,
    pub(super) peer: SocketAddr,
    pub(super) to: ReplyTo,
    pub(super) is_rst: bool,
    /// The TTL with which it arrived.
    pub(super) ttl: u8,
    /// At which hop its sender is.
    pub(super) hops: u8,
}

/// Every answer about an endpoint whose TTL is known for sure, in order.
pub(super) fn replies(evidence: &Evidence, host: &str) -> Vec<Reply> {
    evidence.of_endpoint(Stage::ReplyTtl, host).filter_map(reply).collect()
}

/// The answer to the SYN of a connect observation.
pub(super) fn reply_to_syn(evidence: &Evidence, connect: &Observation) -> Option<Reply> {
    let host = connect.endpoint.as_deref()?;
    let of_connect = |reply: &Reply| Some(reply.peer) == connect.peer && reply.to == ReplyTo::Syn;
    replies(evidence, host).into_iter().find(of_connect)
}

fn reply(observation: &Observation) -> Option<Reply> {
    let facts = observation.detail.reply_ttl()?;
    let any = |answer| facts.tries.iter().any(|one| one.answer == answer);
    let is_rst = any(ReplyAnswer::Rst);
    // Who accepts now and refuses then has no one distance.
    if facts.to == ReplyTo::Syn && is_rst && any(ReplyAnswer::SynAck) {
        return None;
    }
    let awaited = if facts.to == ReplyTo::Syn && !is_rst { ReplyAnswer::SynAck } else { ReplyAnswer::Rst };
    let ttl = ttl(facts, awaited)?;
    let initial = INITIAL.into_iter().find(|initial| *initial >= ttl)?;
    let hops = initial - ttl + 1;
    Some(Reply { observation: observation.id, peer: observation.peer?, to: facts.to, is_rst, ttl, hops })
}

/// The largest minimum that let the answer in, where the next one let nothing in and those close below it all did.
fn ttl(facts: &ReplyTtl, awaited: ReplyAnswer) -> Option<u8> {
    let made = || facts.tries.iter().filter(|one| !matches!(one.answer, ReplyAnswer::NotMade | ReplyAnswer::Unknown));
    let largest = made().filter(|one| one.answer == awaited).map(|one| one.minimum_ttl).max()?;
    let lets_nothing_in = |minimum| made().filter(|one| one.minimum_ttl == minimum).count() >= SURE;
    let is_close = |minimum: u8| minimum <= largest && largest - minimum < CLOSE;
    let is_steady = made().filter(|one| is_close(one.minimum_ttl)).all(|one| one.answer == awaited);
    (is_steady && largest.checked_add(1).is_none_or(lets_nothing_in)).then_some(largest)
}

/// Who sent a RST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sender {
    place: Place,
    rst: Reply,
    /// The answer that it was compared with.
    pub(super) beside: Option<ObservationId>,
    /// Whether the comparison leaves no other reading.
    pub(super) is_proven: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// As far away as what is known to be the server.
    Server,
    /// Nearer than the server, which is so far away; and who is there by the traced path.
    Between { server: u8, router: Option<Text> },
    /// Nearer than the traced path ends. The way back may be the shorter one.
    BeforeEnd { end: u8, router: Option<Text> },
    /// This machine or what is next to it; the first router, where the path shows that the SYN got behind it.
    Here { server: Option<u8>, router: Option<Text> },
    /// Neither: the TTL is feigned, or the way is another one.
    Elsewhere { server: u8 },
}

/// Who sent the RST to something that was sent to a peer; `None` where it was not measured, or nothing can be said.
pub(super) fn sender(evidence: &Evidence, host: &str, peer: SocketAddr, to: ReplyTo) -> Option<Sender> {
    let all = replies(evidence, host);
    let rst = *all.iter().find(|reply| reply.is_rst && reply.peer == peer && reply.to == to)?;
    let is_known = |reply: &&Reply| {
        let same = if to == ReplyTo::Syn { reply.peer.ip() == peer.ip() } else { reply.peer == peer };
        reply.to == ReplyTo::Syn && !reply.is_rst && same
    };
    let known = all.iter().find(is_known);
    let traced = paths(evidence).into_iter().find(|view| view.peer == Some(peer));
    let router = traced.as_ref().and_then(|view| router(view, rst.hops));
    let server = known.map(|reply| reply.hops);
    let end = traced.as_ref().filter(|view| view.is_reached()).and_then(|view| Some(view.end?.ttl));
    let is_here = rst.hops == 1 && has_gateway(evidence, peer);
    let place = match (server.or(end)?, known.is_some()) {
        (far, _) if is_here && rst.hops <= far => Place::Here { server: server.filter(|far| *far > 1), router },
        (far, true) if rst.hops < far => Place::Between { server: far, router },
        (far, false) if rst.hops < far => Place::BeforeEnd { end: far, router },
        (far, _) if rst.hops == far => Place::Server,
        (far, true) => Place::Elsewhere { server: far },
        (_, false) => return None,
    };
    let is_proven = known.is_some() || matches!(place, Place::Here { .. });
    Some(Sender { place, rst, beside: known.map(|reply| reply.observation), is_proven })
}

/// A distance.
pub(super) fn away(hops: u8) -> Text {
    counted(hops.into(), text!("1 hop"), text!("{hops} hops", hops))
}

/// Who answers at a hop of a path, if somebody between does.
fn router(view: &PathView, hop: u8) -> Option<Text> {
    let is_between = view.end.is_none_or(|end| end.ttl > hop || end.answer == HopAnswer::TimeExceeded);
    let found = view.hops.iter().find(|other: &&HopView| other.ttl == hop && is_between)?;
    let addresses: Vec<IpAddr> = found.addresses.iter().map(|address| address.address).collect();
    (!addresses.is_empty()).then(|| listed(addresses))
}

/// Who reset one of some exchanges, and whether that holds for all of them: those that failed otherwise, or at another peer, were not
/// measured.
pub(super) fn reset_by(
    evidence: &Evidence,
    host: &str,
    failed: &[&Observation],
    kind: FailureKind,
    to: ReplyTo,
) -> Option<(Sender, bool)> {
    let reset = || failed.iter().filter(|o| o.outcome.failure() == Some(kind));
    let sender = reset().filter_map(|o| o.peer).find_map(|peer| sender(evidence, host, peer, to))?;
    let is_all =
        sender.is_proven && reset().count() == failed.len() && reset().all(|o| o.peer == Some(sender.rst.peer));
    Some((sender, is_all))
}

impl Sender {
    /// Adds to a finding about resets who sent them.
    pub(super) fn told_in(&self, finding: Finding) -> Finding {
        let words = text!("; {words}", words = self.words(&text!(" of {peer}", peer = self.rst.peer)));
        finding.adding(words).citing([self.observation()]).citing(self.beside).help(self.advice())
    }

    /// The observation of the RST.
    pub(super) const fn observation(&self) -> ObservationId {
        self.rst.observation
    }

    /// Whether this machine itself, or what is next to it, sent it.
    pub(super) const fn is_here(&self) -> bool {
        matches!(self.place, Place::Here { .. })
    }

    /// What is known, to stand behind a summary. `of` says which RST, where there are several.
    pub(super) fn words(&self, of: &Text) -> Text {
        let than = |server: &Option<u8>| server.map_or_else(Text::empty, |far| text!(" ({hops})", hops = away(far)));
        let hops = away(self.rst.hops);
        let at = |router: &Option<Text>| router.as_ref().map_or_else(Text::empty, |router| text!(", {router}", router));
        match &self.place {
            Place::Server if self.beside.is_some() => {
                text!("the RST{of} comes from as far away as the server itself ({hops})", of, hops)
            }
            Place::Server => {
                text!("the RST{of} comes from the end of the path ({hops}), the server by all that is seen", of, hops)
            }
            Place::Between { server, router } => {
                text!(
                    "the RST{of} comes from {hops} away{router}, not from the server ({server})",
                    of,
                    hops,
                    router = at(router),
                    server = away(*server)
                )
            }
            Place::BeforeEnd { end, router } => {
                text!(
                    "the RST{of} seems to come from {hops} away{router}: the path ends at hop {end}",
                    of,
                    hops,
                    router = at(router),
                    end
                )
            }
            Place::Here { server, router: Some(router) } => {
                text!(
                    "the RST{of} comes from the first router, {router}, not from the server{than}",
                    of,
                    router,
                    than = than(server)
                )
            }
            Place::Here { server, router: None } => text!(
                "the RST{of} comes from this machine itself or its first router, not from the server{than}",
                of,
                than = than(server)
            ),
            Place::Elsewhere { server } => text!(
                "the RST{of} is not the server's: its TTL stands for {hops}, that of the server for {server}",
                of,
                hops,
                server = away(*server)
            ),
        }
    }

    /// Who can do something about it, and what.
    pub(super) fn advice(&self) -> Text {
        let peer = self.rst.peer;
        match &self.place {
            Place::Server => text!(
                "whoever runs {address}: it sends the RST itself; check that the address is one of COS's, and if it is, tell Tencent support address and time",
                address = peer.ip()
            ),
            Place::Between { router: Some(router), .. } | Place::Here { router: Some(router), .. } => {
                text!(
                    "operator of {router}: it, or a device beside it, answers with RST in the place of {peer}; let TCP to it pass",
                    router,
                    peer
                )
            }
            Place::Here { .. } => text!(
                "you: look at this machine's own firewall and security software (`nft list ruleset`, `iptables-save`), and then at the first router"
            ),
            Place::BeforeEnd { router, .. } => {
                let who = router.clone().unwrap_or(text!("a device on the way"));
                text!(
                    "network team: likely {who}, or a device beside it, answers with RST in the place of {peer}: look at its rules",
                    who,
                    peer
                )
            }
            Place::Between { .. } => text!(
                "network team: the device {hops} away answers with RST in the place of {peer}; `cosprobe trace` shows the hops up to there",
                hops = away(self.rst.hops),
                peer
            ),
            Place::Elsewhere { .. } => {
                text!("network team or ISP: a device on the way answers with RST in the place of {peer}", peer)
            }
        }
    }
}

#[cfg(test)]
mod tests;
