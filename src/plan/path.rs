//! Which paths are traced.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::resolve::own_servers;
use super::{Action, Question, Step, cut_off, found_addresses, is_unusable, redirect};
use crate::config::{Config, Trace, TraceProtocol};
use crate::evidence::{Evidence, NotRunReason, ObservationId, Path, PathProtocol, RecordType, Stage, reverse_name};
use crate::target::Target;

/// Addresses whose names are asked for.
const MOST_NAMES: usize = 128;

/// How a path is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TracePlan {
    /// What is sent.
    pub protocol: PathProtocol,
    /// The largest TTL.
    pub max_ttl: u8,
    /// How many times the whole path is asked for.
    pub rounds: u16,
    /// How many times more, with one source port for all hops each time.
    pub flows: u16,
    /// The source ports of two flows over TCP; `None`: free ones.
    pub flow_ports: Option<[u16; 2]>,
}

impl TracePlan {
    const fn new(trace: Trace) -> Self {
        let protocol = match trace.protocol {
            TraceProtocol::Tcp => PathProtocol::Tcp,
            TraceProtocol::Udp => PathProtocol::Udp,
            TraceProtocol::Icmp => PathProtocol::Icmp,
        };
        Self { protocol, max_ttl: trace.max_ttl, rounds: trace.rounds, flows: trace.flows, flow_ports: None }
    }

    /// The record of a path that nothing was sent on.
    pub fn untraced(self) -> Path {
        Path {
            protocol: self.protocol,
            max_ttl: self.max_ttl,
            rounds: self.rounds,
            flows: self.flows,
            ..Path::default()
        }
    }
}

/// The paths to the first address of each target, or to all of them, for its first port.
pub(super) fn steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let Some(trace) = config.trace else { return Vec::new() };
    let plan = TracePlan::new(trace);
    let skip = |because| Action::Skip { because, detail: Action::Trace(plan).blank_detail() };
    let most = if trace.every_address { config.limits.addresses } else { 1 };
    let mut steps = Vec::new();
    for target in &config.targets {
        let Some(service) = target.services.first() else { continue };
        let addresses = found_addresses(target, config, evidence);
        if addresses.is_empty() {
            let of_lookups = evidence.of_endpoint(Stage::Resolve, &target.host);
            steps.push(step(target, None, None, skip(cut_off(of_lookups).unwrap_or(NotRunReason::NoAddress))));
        }
        for (ip, parent) in addresses.into_iter().take(most) {
            let peer = SocketAddr::new(ip, service.port);
            let elsewhere = redirect(config, &target.host, peer).is_some();
            let action = if is_unusable(target, config, peer) || elsewhere {
                skip(NotRunReason::UnusableAddress)
            } else {
                Action::Trace(plan)
            };
            steps.push(step(target, parent, Some(peer), action));
        }
    }
    steps
}

/// The names of the addresses on the way, of the first name server, once.
pub(super) fn name_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let is_wanted = config.trace.is_some_and(|trace| trace.names);
    let are_asked = evidence.of_stage(Stage::Path).any(|observation| observation.detail.dns().is_some());
    let server = own_servers(config, evidence).into_iter().next();
    let Some(server) = server.filter(|_| is_wanted && !are_asked) else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let mut steps = Vec::new();
    for observation in evidence.of_stage(Stage::Path) {
        let hops = observation.detail.path().map(|path| path.hops.as_slice()).unwrap_or_default();
        for ip in hops.iter().flat_map(|hop| &hop.probes).filter_map(|probe| probe.from) {
            if seen.len() >= MOST_NAMES || !seen.insert(ip) {
                continue;
            }
            let (name, record_type, server) = (reverse_name(ip), RecordType::Ptr, server.clone());
            steps.push(Step {
                parent: Some(observation.id),
                stage: Stage::Path,
                endpoint: observation.endpoint.clone(),
                peer: Some(server.address),
                action: Action::Query(Question { name, record_type, server, comparison: false, listen: false }),
            });
        }
    }
    steps
}

fn step(target: &Target, parent: Option<ObservationId>, peer: Option<SocketAddr>, action: Action) -> Step {
    Step { parent, stage: Stage::Path, endpoint: Some(target.host.clone()), peer, action }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::tests::Case;

    fn traced(every_address: bool, addresses: &[&str]) -> Vec<Step> {
        let mut case = Case::of(json!({"services": [{"port": 443, "protocol": "tcp"}]}));
        let trace =
            Trace { protocol: TraceProtocol::Udp, max_ttl: 30, rounds: 2, flows: 0, every_address, names: true };
        case.config.trace = Some(trace);
        let case = case.observed("resolve", &json!({"type": "system_lookup", "addresses": addresses}));
        assert!(
            super::super::steps(Stage::Connect, &case.config, &case.evidence).is_empty(),
            "nothing is connected to"
        );
        super::super::steps(Stage::Path, &case.config, &case.evidence)
    }

    #[test]
    fn the_first_address_is_traced_or_all_of_them() {
        let both = ["203.0.113.10", "2001:db8::1"];
        assert_eq!(traced(true, &both).len(), 2);
        let first = crate::plan::tests::only(traced(false, &both));
        assert_eq!(first.peer, Some("203.0.113.10:443".parse().unwrap()));
        assert!(matches!(first.action, Action::Trace(TracePlan { protocol: PathProtocol::Udp, rounds: 2, .. })));
    }

    #[test]
    fn without_an_address_the_reason_is_recorded() {
        let step = crate::plan::tests::only(traced(false, &[]));
        assert!(matches!(step.action, Action::Skip { because: NotRunReason::NoAddress, .. }));
    }

    #[test]
    fn the_names_of_the_way_are_asked_for_once() {
        let mut case = Case::of(json!({"services": [{"port": 443, "protocol": "tcp"}]}));
        let protocol = TraceProtocol::Tcp;
        case.config.trace =
            Some(Trace { protocol, max_ttl: 30, rounds: 1, flows: 0, every_address: false, names: true });
        case.config.name_servers.system = true;
        let probe = |from: &str| json!({"from": from});
        let hops = json!([{"ttl": 1, "probes": [probe("192.0.2.1"), probe("192.0.2.1")]},
            {"ttl": 2, "probes": [{}, probe("2001:db8::1")]}]);
        let case = case
            .observed("host", &json!({"type": "resolver_configuration", "servers": ["192.0.2.53:53", "192.0.2.54:53"]}))
            .observed("path", &json!({"type": "path", "hops": hops}));
        let steps = super::super::steps(Stage::Path, &case.config, &case.evidence);
        let names: Vec<&str> = steps
            .iter()
            .map(|step| match &step.action {
                Action::Query(question) if question.record_type == RecordType::Ptr => question.name.as_str(),
                other => panic!("this is no such question: {other:?}"),
            })
            .collect();
        assert_eq!(names, [&reverse_name("192.0.2.1".parse().unwrap()), &reverse_name("2001:db8::1".parse().unwrap())]);
        assert!(steps.iter().all(|step| step.parent == Some(2) && step.peer == "192.0.2.53:53".parse().ok()));
        let case = case.observed("path", &json!({"type": "dns", "record_type": "PTR"}));
        assert!(super::super::steps(Stage::Path, &case.config, &case.evidence).is_empty());
    }

    #[test]
    fn a_check_traces_nothing() {
        let case = Case::new().observed("resolve", &json!({"type": "system_lookup", "addresses": ["203.0.113.10"]}));
        assert!(super::super::steps(Stage::Path, &case.config, &case.evidence).is_empty());
    }
}
