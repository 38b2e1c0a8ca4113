//! Findings about this machine's own firewall: what it refuses with a word, and what it drops without one.

use super::codes::HST005;
use super::host::forbidding_rule;
use super::reply::sender;
use super::view::{failures, listed};
use super::{Confidence, Finding};
use crate::config::Policy;
use crate::evidence::{Evidence, FailureKind, Observation, ObservationId, ReplyTo, Sample, Stage, TcpCounters};
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _: &Policy) -> Vec<Finding> {
    evidence.targets.iter().filter_map(|target| local_firewall(evidence, &target.host)).collect()
}

/// Whether the counters show that this machine keeps back the SYNs that were not answered.
pub(super) fn keeps_back(evidence: &Evidence) -> bool {
    Drops::of(evidence).is_some()
}

fn local_firewall(evidence: &Evidence, host: &str) -> Option<Finding> {
    let rejected: Vec<_> = failures(evidence, Stage::Connect, host, &[FailureKind::LocalReject]).collect();
    let drops = Drops::of(evidence);
    let dropped: Vec<_> =
        failures(evidence, Stage::Connect, host, &[FailureKind::ConnectTimeout]).filter(|_| drops.is_some()).collect();
    // Beside what is dropped here, a RST from here or from next to here is the same firewall's.
    let is_from_here = |o: &&Observation| {
        o.peer.and_then(|peer| sender(evidence, host, peer, ReplyTo::Syn)).is_some_and(|sender| sender.is_here())
    };
    let refused: Vec<_> = failures(evidence, Stage::Connect, host, &[FailureKind::ConnectionRefused])
        .filter(|_| !dropped.is_empty())
        .filter(is_from_here)
        .collect();
    let all = || rejected.iter().chain(&dropped).chain(&refused);
    let first = all().next()?;
    let forbidding = forbidding_rule(evidence, &rejected);
    let why = forbidding.map_or_else(Text::empty, |(_, rule)| {
        text!(": the rule `{priority}: {rule}`", priority = rule.priority, rule = &rule.text)
    });
    let peers = |of: &[&Observation]| listed(of.iter().filter_map(|o| o.peer));
    let mut parts = Vec::new();
    if !rejected.is_empty() {
        parts.push(text!("this machine itself forbids connecting to {peers}{why}", peers = peers(&rejected), why));
    }
    if let Some(drops) = drops.as_ref().filter(|_| !dropped.is_empty()) {
        let counts = text!(
            "of {resent} SYNs that were to be sent again {kept_back} did not get out",
            resent = drops.resent,
            kept_back = drops.kept_back
        );
        parts.push(text!(
            "this machine itself drops what it sends to connect to {peers}: {counts}",
            peers = peers(&dropped),
            counts
        ));
    }
    if !refused.is_empty() {
        parts.push(text!("the RST of {peers} comes from it or from its first router", peers = peers(&refused)));
    }
    let traces =
        evidence.of_endpoint(Stage::Path, host).filter(|o| dropped.iter().any(|connect| connect.peer == o.peer));
    let finding = Finding::new(&HST005, host, first.id, Text::sentences(parts))
        .citing(all().map(|observation| observation.id))
        .citing(forbidding.map(|(id, _)| id))
        .citing(drops.iter().filter(|_| !dropped.is_empty()).flat_map(|drops| drops.readings))
        .citing(traces.map(|o| o.id))
        .citing(evidence.of_endpoint(Stage::ReplyTtl, host).filter(|o| refused.iter().any(|connect| connect.peer == o.peer)).map(|o| o.id))
        .confidence(Confidence::high_if(!rejected.is_empty()))
        .help(text!("you: look for the rule that rejects or drops it: `nft list ruleset`, `iptables-save`, `ip rule`, `ip route get ADDRESS`, and the security software of this machine"));
    Some(finding)
}

/// What the kernel counted while connects were not answered, where it shows that this machine kept their SYNs back.
struct Drops {
    readings: [ObservationId; 2],
    resent: u64,
    kept_back: u64,
}

impl Drops {
    /// The counters are those of all programs. They tell something only where every SYN that was sent again was kept back, or just as
    /// many segments as the SYNs of our own that were not answered.
    fn of(evidence: &Evidence) -> Option<Self> {
        let is_of_target = |o: &&Observation| o.endpoint.as_deref().is_some_and(|host| evidence.target(host).is_some());
        let connects: Vec<_> = evidence.of_stage(Stage::Connect).filter(is_of_target).filter(|o| o.was_run()).collect();
        let (first, last) = (connects.first()?.id, connects.last()?.id);
        let readings = || evidence.of_stage(Stage::Host).filter_map(|o| Some((o.id, o.detail.tcp_counters()?)));
        let before = readings().filter(|(id, _)| *id < first).last()?;
        let after = readings().find(|(id, _)| *id > last)?;
        let grown = |count: fn(&TcpCounters) -> Option<u64>| count(after.1)?.checked_sub(count(before.1)?);
        let (resent, kept_back) = (grown(|c| c.syn_retransmits)?, grown(|c| c.retransmit_failures)?);
        let is_silent = |sample: &&Sample| sample.outcome.failure() == Some(FailureKind::ConnectTimeout);
        let samples = connects.iter().filter_map(|o| o.detail.tcp()).flat_map(|tcp| &tcp.samples);
        let own: u64 = samples.filter(is_silent).filter_map(|sample| sample.syn_retransmits).map(u64::from).sum();
        let tells = own > 0 && kept_back >= own && (kept_back == resent || kept_back == own);
        tells.then_some(Self { readings: [before.0, after.0], resent, kept_back })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is found where two ports lost some SYNs each, of which some were kept back here.
    fn found(syns: [u32; 2], before: [u64; 2], after: [u64; 2]) -> Option<Finding> {
        let connect = |id: u32, port: u16, count: u32| {
            let silent = json!({"status": "failed", "kind": "connect_timeout"});
            json!({"id": id, "stage": "connect", "endpoint": "x", "peer": format!("203.0.113.10:{port}"), "outcome": silent,
                "detail": {"type": "tcp", "samples": [{"outcome": silent, "syn_retransmits": count}]}})
        };
        let reading = |id: u32, [resent, kept_back]: [u64; 2]| {
            json!({"id": id, "stage": "host", "outcome": {"status": "succeeded"}, "detail": {"type": "tcp_counters",
                "syn_retransmits": resent, "retransmit_failures": kept_back}})
        };
        let observations: [Value; 4] =
            [reading(1, before), connect(2, 80, syns[0]), connect(3, 443, syns[1]), reading(4, after)];
        let evidence = json!({"targets": [{"host": "x"}], "evidence": observations});
        local_firewall(&serde_json::from_value(evidence).unwrap(), "x")
    }

    #[test]
    fn what_is_kept_back_here_is_told_from_what_gets_lost() {
        let finding = found([2, 2], [100, 7], [104, 11]).unwrap();
        assert_eq!((finding.confidence, finding.evidence.as_slice()), (Confidence::Medium, &[1, 2, 3, 4][..]));
        assert!(
            finding.summary.to_string().contains("of 4 SYNs that were to be sent again 4 did not get out"),
            "{}",
            finding.summary
        );
        assert!(found([2, 2], [100, 7], [104, 7]).is_none(), "lost on the way");
        assert!(found([2, 2], [100, 7], [109, 11]).is_some(), "just as many as our own");
        assert!(found([2, 2], [100, 7], [109, 16]).is_some(), "all, others' too");
        assert!(found([2, 2], [100, 7], [109, 13]).is_none(), "others' too, and some got out");
        assert!(found([2, 2], [100, 7], [104, 9]).is_none(), "some got out");
        assert!(found([0, 0], [100, 7], [100, 7]).is_none(), "nothing was sent again");
        assert!(found([2, 2], [100, 7], [4, 4]).is_none(), "counters do not go back");
    }
}
