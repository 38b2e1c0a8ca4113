//! Where some connects to a peer got no answer and others did, the same source ports are tried again: on a broken way of several the
//! port decides, loss at random does not keep to it.

use super::path::TracePlan;
use super::{Action, Step, redirect};
use crate::config::{Config, When};
use crate::evidence::{Evidence, FailureKind, Observation, PathProtocol, PortTrial, Sample, SourcePorts, Stage};
use crate::target::Target;

/// Ports of a kind, failed or passed, that are tried again at most.
pub const PORTS_OF_A_KIND: usize = 3;
/// Peers of one target that are looked at more closely.
const MOST: usize = 4;

/// The ports again and then, where the port decides, the ways of one that fails and of one that passes.
pub(super) fn steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    if !config.retry_ports {
        return Vec::new();
    }
    if !config.targets.iter().any(|target| trials(evidence, target).next().is_some()) {
        return config.targets.iter().flat_map(|target| again(evidence, target)).collect();
    }
    if config.trace_in_check == When::Never {
        return Vec::new();
    }
    config.targets.iter().filter_map(|target| ways(config, evidence, target)).collect()
}

fn trials<'a>(evidence: &'a Evidence, target: &'a Target) -> impl Iterator<Item = (&'a Observation, &'a SourcePorts)> {
    evidence.of_endpoint(Stage::SourcePorts, &target.host).filter_map(|o| Some((o, o.detail.source_ports()?)))
}

/// The ports of a connect that got no answer, and of those that succeeded.
fn ports(connect: &Observation) -> Option<(Vec<u16>, Vec<u16>)> {
    let samples = &connect.detail.tcp()?.samples;
    let of = |is: &dyn Fn(&Sample) -> bool| -> Vec<u16> {
        samples.iter().filter(|sample| is(sample)).filter_map(|sample| Some(sample.local?.port())).collect()
    };
    let failed = of(&|sample| sample.outcome.failure() == Some(FailureKind::ConnectTimeout));
    Some((failed, of(&|sample| sample.outcome.is_success())))
}

/// The ports of each peer that answers some connects and not others; and, where there is such a one, of peers that answer none: few
/// connects may all have taken the same way.
fn again(evidence: &Evidence, target: &Target) -> Vec<Step> {
    let connects: Vec<(&Observation, Vec<u16>, Vec<u16>)> = evidence
        .of_endpoint(Stage::Connect, &target.host)
        .filter_map(|connect| ports(connect).map(|(failed, passed)| (connect, failed, passed)))
        .filter(|(_, failed, _)| !failed.is_empty())
        .collect();
    let (mixed, silent): (Vec<_>, Vec<_>) = connects.into_iter().partition(|(_, _, passed)| !passed.is_empty());
    if mixed.is_empty() {
        return Vec::new();
    }
    let step = |(connect, mut failed, passed): (&Observation, Vec<u16>, Vec<u16>)| {
        failed.truncate(PORTS_OF_A_KIND);
        Step {
            parent: Some(connect.id),
            stage: Stage::SourcePorts,
            endpoint: Some(target.host.clone()),
            peer: connect.peer,
            action: Action::TrySourcePorts { failed, passed },
        }
    };
    mixed.into_iter().chain(silent).take(MOST).map(step).collect()
}

/// Two ways to the first peer where the port decides: with a port that fails and one that passes.
fn ways(config: &Config, evidence: &Evidence, target: &Target) -> Option<Step> {
    let (trial, ports) = trials(evidence, target).find(|(_, ports)| ports.decide())?;
    let is_traced = evidence.of_endpoint(Stage::Path, &target.host).any(|o| o.parent == Some(trial.id));
    let is_elsewhere = redirect(config, &target.host, trial.peer?).is_some();
    let port = |is: fn(&PortTrial) -> bool| ports.ports.iter().find(|trial| is(trial)).map(|trial| trial.port);
    let flow_ports = Some([port(PortTrial::always_fails)?, port(PortTrial::always_passes)?]);
    let plan = TracePlan { protocol: PathProtocol::Tcp, max_ttl: 30, rounds: 2, flows: 2, flow_ports };
    (!is_traced && !is_elsewhere).then(|| Step {
        parent: Some(trial.id),
        stage: Stage::Path,
        endpoint: Some(target.host.clone()),
        peer: trial.peer,
        action: Action::Trace(plan),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::tests::Case;

    /// A connect whose samples got an answer (`+`), none (`-`), or a refusal (`r`), from ports 1001, 1002 …
    fn connected(case: Case, peer: &str, outcomes: &str) -> Case {
        let sample = |(index, outcome): (usize, char)| {
            let outcome = match outcome {
                '+' => json!({"status": "succeeded"}),
                '-' => json!({"status": "failed", "kind": "connect_timeout"}),
                _ => json!({"status": "failed", "kind": "connection_refused"}),
            };
            json!({"outcome": outcome, "local": format!("192.168.1.10:{}", 1001 + index)})
        };
        let samples: Vec<Value> = outcomes.chars().enumerate().map(sample).collect();
        case.observed("connect", &json!({"type": "tcp", "samples": samples})).but(json!({"peer": peer}))
    }

    fn planned(case: &Case) -> Vec<(u32, Vec<u16>, Vec<u16>)> {
        let ports = |step: Step| match step.action {
            Action::TrySourcePorts { failed, passed } => (step.parent.unwrap(), failed, passed),
            other => panic!("this tries no ports: {other:?}"),
        };
        steps(&case.config, &case.evidence).into_iter().map(ports).collect()
    }

    #[test]
    fn ports_are_tried_again_where_some_got_an_answer_and_others_none() {
        assert_eq!(planned(&connected(Case::new(), "203.0.113.10:443", "+++++")), []);
        assert_eq!(planned(&connected(Case::new(), "203.0.113.10:443", "-----")), []);
        assert_eq!(planned(&connected(Case::new(), "203.0.113.10:443", "+rr++")), [], "a refusal is an answer");
        let case = connected(Case::new(), "203.0.113.10:80", "-----");
        let case = connected(case, "203.0.113.11:80", "+++++");
        let case = connected(case, "203.0.113.10:443", "-+--+-");
        let mixed = (3, vec![1001, 1003, 1004], vec![1002, 1005]);
        let silent = (1, vec![1001, 1002, 1003], vec![]);
        assert_eq!(planned(&case), [mixed, silent]);
    }

    #[test]
    fn no_port_is_tried_again_where_that_is_not_wanted() {
        let mut case = connected(Case::new(), "203.0.113.10:443", "-+");
        case.config.retry_ports = false;
        assert_eq!(planned(&case), []);
    }

    #[test]
    fn the_ways_of_both_ports_are_traced_once_where_the_port_decides() {
        let trial = |port: u16, status: &str| {
            let sample = json!({"outcome": {"status": status, "kind": "connect_timeout"}});
            json!({"port": port, "samples": [sample, sample, sample]})
        };
        let tried = |second: &str| {
            let ports = json!({"type": "source_ports", "ports": [trial(1001, "failed"), trial(1002, second)]});
            connected(Case::new(), "203.0.113.10:443", "-+").observed("source_ports", &ports)
        };
        let mut case = tried("succeeded");
        let step = crate::plan::tests::only(steps(&case.config, &case.evidence));
        assert_eq!((step.stage, step.parent), (Stage::Path, Some(2)));
        assert!(matches!(step.action, Action::Trace(TracePlan { flow_ports: Some([1001, 1002]), flows: 2, .. })));
        case.config.trace_in_check = When::Never;
        assert_eq!(steps(&case.config, &case.evidence), vec![]);
        case.config.trace_in_check = When::Auto;
        let case = case.observed("path", &json!({"type": "path"})).but(json!({"parent": 2}));
        assert_eq!(steps(&case.config, &case.evidence), vec![]);
        let case = tried("failed");
        assert_eq!(steps(&case.config, &case.evidence), vec![]);
    }
}
