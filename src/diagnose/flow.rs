//! Findings about flows: whether the source port decides if a connect comes through.

use std::net::IpAddr;

use super::codes::TCP010;
use super::view::{counted, listed};
use super::{Confidence, Finding};
use crate::config::Policy;
use crate::evidence::{
    Evidence, FailureKind, HopAnswer, HopProbe, Observation, ObservationId, Outcome, Path, PortChoice, PortTrial,
    Sample, SourcePorts, Stage,
};
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _: &Policy) -> Vec<Finding> {
    evidence.targets.iter().filter_map(|target| broken_flow(evidence, &target.host)).collect()
}

/// From some source ports every connect fails, from others every one passes: of several ways there, one is broken.
fn broken_flow(evidence: &Evidence, host: &str) -> Option<Finding> {
    let decided: Vec<(&Observation, &SourcePorts)> = evidence
        .of_endpoint(Stage::SourcePorts, host)
        .filter_map(|o| Some((o, o.detail.source_ports()?)))
        .filter(|(_, tried)| tried.decide())
        .collect();
    let &(first, tried) = decided.first()?;
    let of = |is: fn(&PortTrial) -> bool| tried.ports.iter().filter(move |trial| is(trial)).collect::<Vec<_>>();
    let (failing, passing) = (of(PortTrial::always_fails), of(PortTrial::always_passes));
    let connects = |trials: &[&PortTrial]| -> usize {
        // A port that was chosen for what came of it had one connect before.
        trials.iter().map(|trial| trial.tried().count() + usize::from(is_known(trial))).sum()
    };
    let ports = listed(failing.iter().map(|trial| trial.port));
    let summary = text!(
        "from {ports} every one of {failed} connects to {host} ({peer}) failed, from {others} all {passed} passed: of several ways there, one is broken",
        ports = counted(
            failing.len(),
            text!("source port {ports}", ports = &ports),
            text!("source ports {ports}", ports = &ports)
        ),
        failed = connects(&failing),
        host,
        peer = listed(first.peer),
        others = counted(passing.len(), text!("1 other port"), text!("{count} other ports", count = passing.len())),
        passed = connects(&passing)
    );
    let no_loss = passing.iter().flat_map(|trial| trial.tried()).all(|sample| !sample.lost_syn());
    let ways = ways(evidence, first.id, failing.first()?.port, passing.first()?.port);
    let finding = Finding::new(&TCP010, host, first.id, summary)
        .citing(decided.iter().map(|(o, _)| o.id))
        .citing(decided.iter().filter_map(|(o, _)| o.parent))
        .citing(evidence.of_endpoint(Stage::Connect, host).filter(|o| may_be_the_same(o)).map(|o| o.id))
        .confidence(Confidence::high_if(failing.len() > 1 && passing.len() > 1 && no_loss));
    let source = failing.iter().flat_map(|trial| &trial.samples).find_map(|sample| sample.local);
    let from = source.map_or_else(|| text!("this machine"), |local| Text::literal(local.ip().to_string()));
    let finding = match ways {
        Some(ways) => ways.told_in(finding),
        None => finding,
    };
    let flow = text!(
        "network team or ISP: TCP from {from} port {failing} to {peer} gets lost, port {passing} comes through; test every link and router of the balanced way for itself with both",
        from,
        failing = failing.first()?.port,
        peer = listed(first.peer),
        passing = passing.first()?.port
    );
    Some(
        finding
            .help(flow)
            .help(text!("you: `cosprobe trace {host} --flows 16` shows over which routers the ways go", host))
            .help(text!("you, until it is repaired: connect again when a connect takes more than a second, because a new connection has another source port; keep connections that work")),
    )
}

fn is_known(trial: &PortTrial) -> bool {
    matches!(trial.choice, PortChoice::Failed | PortChoice::Passed)
}

/// Whether what a connect lost can be laid to the same way: some of its connects got no answer, and no SYN came through at the
/// second time.
fn may_be_the_same(connect: &Observation) -> bool {
    let samples: &[Sample] = connect.detail.tcp().map(|tcp| tcp.samples.as_slice()).unwrap_or_default();
    let timed_out = |sample: &Sample| sample.outcome.failure() == Some(FailureKind::ConnectTimeout);
    let is_other = |sample: &Sample| match &sample.outcome {
        Outcome::Succeeded => sample.lost_syn(),
        _ => !timed_out(sample),
    };
    connect.outcome.is_success() && samples.iter().any(timed_out) && !samples.iter().any(is_other)
}

/// How far the way of a port that fails is seen, and who is next on the way of one that passes.
struct Ways {
    path: ObservationId,
    failing: u16,
    last: (u8, IpAddr),
    next: (u8, IpAddr),
}

/// What the traced flows of both ports show; `None` where they do not show that one breaks off before the other.
fn ways(evidence: &Evidence, trial: ObservationId, failing: u16, passing: u16) -> Option<Ways> {
    let (id, path) = evidence
        .of_stage(Stage::Path)
        .find_map(|o| Some((o.id, o.detail.path().filter(|_| o.parent == Some(trial))?)))?;
    let last = answers(path, failing).last().filter(|(_, probe)| probe.answer == HopAnswer::TimeExceeded)?;
    let next = answers(path, passing).find(|(ttl, _)| *ttl > last.0)?;
    Some(Ways { path: id, failing, last: (last.0, last.1.from?), next: (next.0, next.1.from?) })
}

/// The answers to the flow with a source port, by TTL.
fn answers(path: &Path, port: u16) -> impl Iterator<Item = (u8, &HopProbe)> {
    let of_flow =
        move |probe: &&HopProbe| probe.flow.is_some() && probe.source_port == Some(port) && !probe.answer.is_silence();
    path.hops.iter().filter_map(move |hop| Some((hop.ttl, hop.probes.iter().find(of_flow)?)))
}

impl Ways {
    fn told_in(&self, finding: Finding) -> Finding {
        let ((last_ttl, last), (next_ttl, next)) = (self.last, self.next);
        let told = text!(
            "; port {port} is seen up to hop {last_ttl} ({last}), a port that passes goes on to hop {next_ttl} ({next})",
            port = self.failing,
            last_ttl,
            last,
            next_ttl,
            next
        );
        finding.adding(told).citing([self.path]).help(text!(
            "operator of {last}, or of what is behind it: look whether packets are lost there, or on the way back",
            last
        ))
    }
}
