//! In a check, the paths to peers that could not be connected to, at which somebody else answers, or that are slow: where do they end,
//! who is it, and where does the time come?

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::path::TracePlan;
use super::{Action, Step, redirect};
use crate::config::{Config, When};
use crate::evidence::{Evidence, FailureKind, Observation, PathProtocol, Stage};
use crate::latency::{RoundTrip, round_trips};
use crate::target::Target;

/// Peers of one target that are traced at most.
const MOST: usize = 2;
/// The path is asked for once: who limits its answers is of no interest here.
pub(super) const PLAN: TracePlan =
    TracePlan { protocol: PathProtocol::Tcp, max_ttl: 30, rounds: 1, flows: 0, flow_ports: None };
/// Routers take their time to answer now and then: of some answers the quickest tells how far away they are.
const ROUNDS_FOR_TIMES: u16 = 3;

/// The paths to peers whose connects failed on the way; with `--trace always`, to others too.
pub(super) fn after_connect(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let of_target = |target: &Target| {
        let connects = evidence.of_endpoint(Stage::Connect, &target.host).filter(|o| o.was_run());
        let wanted = connects.filter(|o| config.trace_in_check == When::Always || failed_on_the_way(o));
        steps(config, target, PLAN, wanted)
    };
    if config.trace_in_check == When::Never { Vec::new() } else { config.targets.iter().flat_map(of_target).collect() }
}

/// The paths to addresses whose round trip is slow, when everything else is done: nothing waits for them.
pub(super) fn at_the_end(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let plan = TracePlan { rounds: ROUNDS_FOR_TIMES, ..PLAN };
    let of_target = |target: &Target| {
        let is_traced = |ip: IpAddr| {
            evidence.of_endpoint(Stage::Path, &target.host).any(|o| o.peer.is_some_and(|peer| peer.ip() == ip))
        };
        let slow: Vec<RoundTrip> = round_trips(evidence, &target.host, &config.policy)
            .into_iter()
            .filter(|round_trip| round_trip.is_slow && !is_traced(round_trip.ip))
            .collect();
        steps(config, target, plan, slow.iter().filter_map(|round_trip| evidence.get(round_trip.observation)))
    };
    if config.trace_in_check == When::Never { Vec::new() } else { config.targets.iter().flat_map(of_target).collect() }
}

/// The paths to every port of an address at which somebody else answers than COS: who stands nearer answers at a smaller TTL.
pub(super) fn after_http(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let of_target = |target: &Target| {
        let is_new = evidence.of_endpoint(Stage::Path, &target.host).next().is_none();
        let strange = answered_by_another(evidence, target);
        let connects = evidence.of_endpoint(Stage::Connect, &target.host).filter(|o| o.outcome.is_success());
        let wanted = connects.filter(|o| o.peer.is_some_and(|peer| strange.contains(&peer.ip())));
        if is_new && target.role.is_cos_host() { steps(config, target, PLAN, wanted) } else { Vec::new() }
    };
    if config.trace_in_check == When::Never { Vec::new() } else { config.targets.iter().flat_map(of_target).collect() }
}

/// The addresses at which somebody else answers than COS.
pub(super) fn answered_by_another(evidence: &Evidence, target: &Target) -> BTreeSet<IpAddr> {
    let exchanges = evidence.of_endpoint(Stage::HttpRoundTrip, &target.host);
    let is_strange =
        |o: &&Observation| o.detail.http().is_some_and(|http| http.status.is_some() && !http.is_from_cos());
    { exchanges }.filter(is_strange).filter_map(|o| Some(o.peer?.ip())).collect()
}

/// Whether a connect failed, and not in this machine.
fn failed_on_the_way(observation: &Observation) -> bool {
    observation.outcome.failure().is_some_and(|kind| !kind.is_local() && kind != FailureKind::Internal)
}

/// One trace for each of some connects, as many as are allowed. What connections are sent away from is not traced.
pub(super) fn steps<'a>(
    config: &Config,
    target: &Target,
    plan: TracePlan,
    connects: impl Iterator<Item = &'a Observation>,
) -> Vec<Step> {
    let goes_there = |peer: SocketAddr| redirect(config, &target.host, peer).is_none();
    let step = |observation: &Observation| Step {
        parent: observation.parent,
        stage: Stage::Path,
        endpoint: Some(target.host.clone()),
        peer: observation.peer,
        action: Action::Trace(plan),
    };
    connects.filter(|o| o.peer.is_some_and(goes_there)).take(MOST).map(step).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::ConnectTo;
    use crate::plan::tests::Case;

    fn connected(case: Case, peer: &str, outcome: &serde_json::Value) -> Case {
        case.observed("connect", &json!({"type": "tcp"})).but(json!({"peer": peer, "outcome": outcome}))
    }

    fn peers(steps: &[Step]) -> Vec<String> {
        steps.iter().filter_map(|step| Some(step.peer?.to_string())).collect()
    }

    #[test]
    fn what_failed_on_the_way_is_traced_and_two_of_it_are_enough() {
        let failed = |kind: &str| json!({"status": "failed", "kind": kind});
        let mut case = connected(Case::new(), "203.0.113.10:443", &json!({"status": "succeeded"}));
        case = connected(case, "203.0.113.11:443", &failed("no_route"));
        for last in 12..16 {
            case = connected(case, &format!("203.0.113.{last}:443"), &failed("connect_timeout"));
        }
        assert_eq!(peers(&after_connect(&case.config, &case.evidence)), ["203.0.113.12:443", "203.0.113.13:443"]);
        case.config.trace_in_check = When::Always;
        assert_eq!(peers(&after_connect(&case.config, &case.evidence))[0], "203.0.113.10:443");
        case.config.trace_in_check = When::Never;
        assert_eq!(after_connect(&case.config, &case.evidence), vec![]);
        case.config.trace_in_check = When::Auto;
        let to = "127.0.0.1".parse().unwrap();
        case.config.connect_to = vec![ConnectTo { host: String::new(), port: None, to, to_port: None }];
        assert_eq!(after_connect(&case.config, &case.evidence), vec![]);
    }

    #[test]
    fn what_is_slow_is_traced_at_the_end_and_once() {
        let slow = |ms: u64| json!({"outcome": {"status": "succeeded"}, "kernel_rtt_us": ms * 1000});
        let connected = |case: Case, peer: &str, ms| {
            let tcp = json!({"type": "tcp", "samples": [slow(ms)]});
            case.observed("connect", &tcp).but(json!({"peer": peer}))
        };
        let mut case = connected(connected(Case::new(), "203.0.113.10:443", 40), "203.0.113.11:443", 400);
        let planned = at_the_end(&case.config, &case.evidence);
        assert_eq!(peers(&planned), ["203.0.113.11:443"]);
        assert!(matches!(planned[0].action, Action::Trace(TracePlan { rounds: 3, .. })));
        assert!(after_connect(&case.config, &case.evidence).is_empty(), "nothing waits for it");
        case.config.trace_in_check = When::Never;
        assert_eq!(at_the_end(&case.config, &case.evidence), vec![]);
        case.config.trace_in_check = When::Auto;
        case.config.policy.slow_public_rtt_ms = 400;
        case.config.policy.slow_private_rtt_ms = 400;
        assert_eq!(at_the_end(&case.config, &case.evidence).len(), 1, "slower than its sibling");
        let case = case.observed("path", &json!({"type": "path"})).but(json!({"peer": "203.0.113.11:443"}));
        assert_eq!(at_the_end(&case.config, &case.evidence), vec![]);
    }

    #[test]
    fn every_port_is_traced_where_somebody_else_answers() {
        let succeeded = json!({"status": "succeeded"});
        let answered = |headers: serde_json::Value| {
            let case = connected(Case::new(), "203.0.113.10:80", &succeeded);
            let case = connected(case, "203.0.113.10:443", &succeeded);
            let case = connected(case, "203.0.113.11:443", &succeeded);
            let case = case.observed("http_round_trip", &json!({"type": "http", "status": 302, "headers": headers}));
            peers(&after_http(&case.config, &case.evidence))
        };
        assert_eq!(answered(json!([])), ["203.0.113.10:80", "203.0.113.10:443"]);
        assert_eq!(answered(json!([{"name": "server", "value": "tencent-cos"}])), Vec::<String>::new());
    }
}
