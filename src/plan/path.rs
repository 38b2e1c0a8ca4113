//! Which paths are traced.

use std::net::SocketAddr;

use super::{Action, Step, cut_off, found_addresses, is_unusable, redirect};
use crate::config::{Config, Trace, TraceProtocol};
use crate::evidence::{Evidence, NotRunReason, ObservationId, Path, PathProtocol, Stage};
use crate::target::Target;

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
}

impl TracePlan {
    const fn new(trace: Trace) -> Self {
        let protocol = match trace.protocol {
            TraceProtocol::Tcp => PathProtocol::Tcp,
            TraceProtocol::Udp => PathProtocol::Udp,
            TraceProtocol::Icmp => PathProtocol::Icmp,
        };
        Self { protocol, max_ttl: trace.max_ttl, rounds: trace.rounds, flows: trace.flows }
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
        let trace = Trace { protocol: TraceProtocol::Udp, max_ttl: 30, rounds: 2, flows: 0, every_address };
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
    fn a_check_traces_nothing() {
        let case = Case::new().observed("resolve", &json!({"type": "system_lookup", "addresses": ["203.0.113.10"]}));
        assert!(super::super::steps(Stage::Path, &case.config, &case.evidence).is_empty());
    }
}
