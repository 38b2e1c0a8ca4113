//! What traced paths come to, hop by hop: who answers, how fast, and what silence means. Derived for the command `trace`.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::Serialize;

use super::Spread;
use crate::evidence::{
    Evidence, Hop, HopAnswer, HopProbe, ObservationId, Outcome, Path, PathProtocol, PathStop, RouteKind, Stage,
    reverse_name,
};

/// The path to one address.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PathView {
    /// The observation that it comes from.
    pub observation: ObservationId,
    /// Host of the target.
    pub endpoint: String,
    /// The address and port; null where there is no address.
    pub peer: Option<SocketAddr>,
    /// What was sent.
    pub protocol: PathProtocol,
    /// The source address.
    pub source: Option<IpAddr>,
    /// How the trace ended.
    pub outcome: Outcome,
    /// Why no more was sent.
    pub stop: PathStop,
    /// What the way ends with; null where nothing shows that it ends.
    pub end: Option<PathEnd>,
    /// The last TTL at which anything answered.
    pub last_answer_ttl: Option<u8>,
    /// An address that answers at two TTLs that are not neighbours, when packets go in a circle.
    pub repeated: Option<Repeated>,
    /// Whether the answer came from nearer than the address can be: TTL 1, and there is a gateway before it.
    pub is_answered_too_near: bool,
    /// How long the trace took by the process's own clock, in microseconds.
    pub elapsed_us: Option<u64>,
    /// The hops, by TTL.
    pub hops: Vec<HopView>,
}

/// What a way ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PathEnd {
    /// The TTL.
    pub ttl: u8,
    /// What came back.
    pub answer: HopAnswer,
    /// Who sent it.
    pub from: Option<IpAddr>,
    /// Type of the ICMP message, where it was one.
    pub icmp_type: Option<u8>,
    /// Code of the ICMP message, where it was one.
    pub icmp_code: Option<u8>,
}

/// An address that answers at two TTLs that are not neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Repeated {
    /// The address.
    pub address: IpAddr,
    /// Where it answers first.
    pub first_ttl: u8,
    /// Where it answers again.
    pub second_ttl: u8,
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HopView {
    /// The TTL.
    pub ttl: u8,
    /// Who answers, the most frequent first; more than one where traffic is balanced over several ways.
    pub addresses: Vec<HopAddress>,
    /// Packets that were sent in rounds.
    pub sent: u32,
    /// How many of them were answered.
    pub answered: u32,
    /// Round trips of all answers, in microseconds.
    pub rtt_us: Option<Spread>,
    /// The last of them.
    pub last_us: Option<u64>,
    /// Their mean.
    pub mean_us: Option<u64>,
    /// Their standard deviation.
    pub deviation_us: Option<u64>,
    /// What there is to know about the hop.
    pub flags: Vec<HopFlag>,
}

/// One of the addresses that answer at a hop.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HopAddress {
    /// The address.
    pub address: IpAddr,
    /// Its name, where it was asked for and has one.
    pub name: Option<String>,
    /// How many packets it answered.
    pub answered: u32,
    /// The flows that it answered in.
    pub flows: Vec<u16>,
    /// Round trips, in microseconds.
    pub rtt_us: Option<Spread>,
}

/// What there is to know about a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HopFlag {
    /// Nothing answered, and hops behind it did: it forwards and keeps silent.
    Silent,
    /// Something answered, and this kernel does not tell who.
    Unnamed,
    /// Some packets were not answered while hops behind it answered: the router limits its answers, nothing is lost.
    RateLimited,
    /// Some packets to the end of the way were not answered.
    Loss,
    /// Several addresses answer: traffic is balanced.
    Balanced,
    /// The address answers at another TTL too.
    Loop,
}

impl HopFlag {
    /// The flag as people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Unnamed => "unnamed",
            Self::RateLimited => "rate-limited",
            Self::Loss => "loss",
            Self::Balanced => "balanced",
            Self::Loop => "loop",
        }
    }
}

impl PathView {
    /// Whether the address answered.
    pub fn is_reached(&self) -> bool {
        self.stop == PathStop::Reached
    }

    /// Whether anything was sent.
    pub const fn was_traced(&self) -> bool {
        !matches!(self.outcome, Outcome::NotRun { .. } | Outcome::Unknown) && !matches!(self.stop, PathStop::NotSent)
    }
}

/// Every path that was traced or was to be, in order.
pub fn paths(evidence: &Evidence) -> Vec<PathView> {
    let of_observation = |observation: &crate::evidence::Observation| {
        let path = observation.detail.path()?;
        let end = observation.peer.and_then(|peer| path.end(peer.ip())).map(|(ttl, probe)| PathEnd {
            ttl,
            answer: probe.answer,
            from: probe.from,
            icmp_type: probe.icmp_type,
            icmp_code: probe.icmp_code,
        });
        let is_far = observation.peer.is_some_and(|peer| has_gateway(evidence, peer));
        Some(PathView {
            observation: observation.id,
            endpoint: observation.endpoint.clone().unwrap_or_default(),
            peer: observation.peer,
            protocol: path.protocol,
            source: path.source,
            outcome: observation.outcome.clone(),
            stop: path.stop,
            is_answered_too_near: is_far && path.stop == PathStop::Reached && end.is_some_and(|end| end.ttl == 1),
            end,
            last_answer_ttl: path.hops.iter().rfind(|hop| answers(hop).next().is_some()).map(|hop| hop.ttl),
            repeated: repeated(path),
            elapsed_us: observation.elapsed_us,
            hops: path.hops.iter().map(|hop| hop_view(evidence, path, hop)).collect(),
        })
    };
    evidence.of_stage(Stage::Path).filter_map(of_observation).collect()
}

/// Whether the kernel sends packets for the address to a gateway first.
pub(super) fn has_gateway(evidence: &Evidence, peer: SocketAddr) -> bool {
    let routes = evidence.of_stage(Stage::Route).filter(|o| o.peer.is_some_and(|other| other.ip() == peer.ip()));
    { routes }.filter_map(|o| o.detail.route_to()).any(|to| to.kind == RouteKind::Unicast && to.gateway.is_some())
}

fn repeated(path: &Path) -> Option<Repeated> {
    let (address, first_ttl, second_ttl) = path.repeated().filter(|_| path.stop == PathStop::Loop)?;
    Some(Repeated { address, first_ttl, second_ttl })
}

fn answers(hop: &Hop) -> impl Iterator<Item = &HopProbe> {
    hop.probes.iter().filter(|probe| !probe.answer.is_silence())
}

fn hop_view(evidence: &Evidence, path: &Path, hop: &Hop) -> HopView {
    let in_rounds = || hop.probes.iter().filter(|probe| probe.round.is_some());
    let sent = count(in_rounds());
    let answered = count(in_rounds().filter(|probe| !probe.answer.is_silence()));
    let addresses = addresses(evidence, hop);
    let is_before_an_answer = path.hops.iter().any(|other| other.ttl > hop.ttl && answers(other).next().is_some());
    let is_unnamed = addresses.is_empty() && hop.probes.iter().any(|probe| probe.answer == HopAnswer::Unnamed);
    let of_loop = repeated(path).map(|repeated| repeated.address);
    let flags = [
        (addresses.is_empty() && is_before_an_answer && !is_unnamed, HopFlag::Silent),
        (is_unnamed, HopFlag::Unnamed),
        (!addresses.is_empty() && answered < sent && is_before_an_answer, HopFlag::RateLimited),
        (!addresses.is_empty() && answered < sent && !is_before_an_answer, HopFlag::Loss),
        (addresses.len() > 1, HopFlag::Balanced),
        (addresses.iter().any(|address| Some(address.address) == of_loop), HopFlag::Loop),
    ];
    let times: Vec<u64> = answers(hop).filter_map(|probe| probe.rtt_us).collect();
    let mean_us = mean(&times);
    let squares = |mean: u64| times.iter().map(|us| us.abs_diff(mean).saturating_pow(2)).collect::<Vec<_>>();
    HopView {
        ttl: hop.ttl,
        last_us: times.last().copied(),
        mean_us,
        deviation_us: mean_us.and_then(|mean_us| mean(&squares(mean_us))).map(u64::isqrt),
        rtt_us: Spread::of(times),
        addresses,
        sent,
        answered,
        flags: flags.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect(),
    }
}

fn mean(values: &[u64]) -> Option<u64> {
    let sum = values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
    sum.checked_div(values.len() as u64)
}

/// Who answers at a hop, the most frequent first, then in the order of the first answers.
fn addresses(evidence: &Evidence, hop: &Hop) -> Vec<HopAddress> {
    let mut found: Vec<IpAddr> = Vec::new();
    for ip in answers(hop).filter_map(|probe| probe.from) {
        if !found.contains(&ip) {
            found.push(ip);
        }
    }
    let of_address = |address: IpAddr| {
        let its = || answers(hop).filter(|probe| probe.from == Some(address));
        let flows = its().filter_map(|probe| probe.flow).collect();
        let rtt_us = Spread::of(its().filter_map(|probe| probe.rtt_us));
        HopAddress { address, name: name_of(evidence, address), answered: count(its()), flows, rtt_us }
    };
    let mut addresses: Vec<HopAddress> = found.into_iter().map(of_address).collect();
    addresses.sort_by_key(|address| std::cmp::Reverse(address.answered));
    addresses
}

fn name_of(evidence: &Evidence, address: IpAddr) -> Option<String> {
    let mut asked = evidence.of_stage(Stage::Path).filter_map(|observation| observation.detail.dns());
    let wanted = reverse_name(address);
    asked.find(|dns| dns.name == wanted).and_then(|dns| dns.names.first().cloned())
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn view(path: &Value, outcome: &Value) -> PathView {
        let evidence = json!({"targets": [], "evidence": [
            {"id": 1, "stage": "route", "endpoint": "x", "peer": "203.0.113.10:443", "outcome": {"status": "succeeded"},
             "detail": {"type": "route_to", "kind": "unicast", "gateway": "192.168.1.1"}},
            {"id": 2, "stage": "path", "endpoint": "x", "peer": "203.0.113.10:443", "outcome": outcome, "detail": path},
        ]});
        let evidence: Evidence = serde_json::from_value(evidence).unwrap();
        let [view] = <[PathView; 1]>::try_from(paths(&evidence)).unwrap();
        view
    }

    fn reached(hops: &Value) -> PathView {
        let path = json!({"type": "path", "protocol": "tcp", "stop": "reached", "rounds": 2, "hops": hops});
        view(&path, &json!({"status": "succeeded"}))
    }

    fn probe(round: u16, from: &str, rtt_us: u64) -> Value {
        let answer = if from == "203.0.113.10" { "syn_ack" } else { "time_exceeded" };
        json!({"round": round, "answer": answer, "from": from, "rtt_us": rtt_us})
    }

    #[test]
    fn a_hop_that_answers_now_and_then_limits_its_answers() {
        let view = reached(&json!([
            {"ttl": 1, "probes": [probe(1, "192.168.1.1", 100), {"round": 2}]},
            {"ttl": 2, "probes": [{"round": 1}, {"round": 2}]},
            {"ttl": 3, "probes": [probe(1, "203.0.113.10", 900), {"round": 2}]},
        ]));
        let flags: Vec<_> = view.hops.iter().map(|hop| hop.flags.clone()).collect();
        assert_eq!(flags, [vec![HopFlag::RateLimited], vec![HopFlag::Silent], vec![HopFlag::Loss]]);
        assert_eq!((view.hops[0].sent, view.hops[0].answered), (2, 1));
        assert_eq!(view.end.map(|end| (end.ttl, end.answer)), Some((3, HopAnswer::SynAck)));
        assert!(!view.is_answered_too_near);
    }

    #[test]
    fn flows_show_the_alternatives_and_are_no_loss() {
        let flow = |flow, from: &str| json!({"flow": flow, "answer": "time_exceeded", "from": from, "rtt_us": 30});
        let view = reached(&json!([
            {"ttl": 1, "probes": [probe(1, "100.64.12.2", 10), flow(1, "100.64.13.2"), flow(2, "100.64.13.2"), {"flow": 3}]},
            {"ttl": 2, "probes": [probe(1, "203.0.113.10", 900)]},
        ]));
        let hop = &view.hops[0];
        assert_eq!((hop.last_us, hop.mean_us, hop.deviation_us), (Some(30), Some(23), Some(9)));
        assert_eq!(hop.flags, [HopFlag::Balanced]);
        let shown: Vec<_> = hop.addresses.iter().map(|a| (a.address.to_string(), a.flows.clone())).collect();
        assert_eq!(shown, [("100.64.13.2".to_owned(), vec![1, 2]), ("100.64.12.2".to_owned(), vec![])]);
    }

    #[test]
    fn an_answer_at_the_gateway_is_too_near() {
        let hops = json!([{"ttl": 1, "probes": [probe(1, "203.0.113.10", 50)]}]);
        assert!(reached(&hops).is_answered_too_near);
    }

    #[test]
    fn a_circle_is_shown_where_the_trace_ended_in_it() {
        let hop = |ttl: u8, from: &str| json!({"ttl": ttl, "probes": [probe(1, from, 5)]});
        let hops = json!([hop(1, "192.0.2.1"), hop(2, "192.0.2.2"), hop(3, "192.0.2.1")]);
        let path = json!({"type": "path", "stop": "loop", "hops": hops});
        let view = view(&path, &json!({"status": "failed", "kind": "ttl_exceeded"}));
        assert_eq!(view.repeated.map(|r| (r.first_ttl, r.second_ttl)), Some((1, 3)));
        assert_eq!(view.hops[2].flags, [HopFlag::Loop]);
        assert!(view.hops[1].flags.is_empty());
    }
}
