//! Planning: which steps a stage takes, from the configuration and the evidence so far.
//!
//! Pure and synchronous. [`steps`] is called again for a stage until it returns nothing, so a stage can follow up on its own
//! results (a truncated answer, a refused request). A step that an earlier failure makes meaningless is planned as
//! [`Action::Skip`] and recorded as not run. To add a probe: an [`Action`], when to plan it here, its arm in `probe.rs`.

mod canary;
mod control;
mod counters;
mod doctor;
mod failed_paths;
mod host;
mod http;
mod mtu;
mod path;
mod reason;
mod reply;
mod resolve;
mod search;
mod source_ports;
mod step;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::addr::{self, AddressScope};
use crate::config::Config;
use crate::evidence::{
    Authentication, Detail, Evidence, NotRunReason, Observation, ObservationId, Outcome, Stage, Tcp, Tls,
};
use crate::target::{Protocol, Service, Target};

pub use canary::CANARY_CONTENT;
pub use control::{config_for as control_config, controls};
pub use http::{Payload, RequestPlan};
pub use mtu::{large_requests, smaller_requests};
pub use path::TracePlan;
pub use resolve::comparison_steps;
pub use source_ports::PORTS_OF_A_KIND;
pub use step::{Action, Question, Segments, Step};

/// The next steps of a stage; empty when the stage is complete.
pub fn steps(stage: Stage, config: &Config, evidence: &Evidence) -> Vec<Step> {
    let of_targets =
        |stage| config.targets.iter().any(|target| evidence.of_endpoint(stage, &target.host).next().is_some());
    match (stage, of_targets(stage)) {
        (Stage::Host, _) => host::steps(config, evidence),
        (Stage::Resolve, false) => resolve::first_steps(config, evidence),
        (Stage::Route, false) => route_steps(config, evidence),
        (Stage::Connect, false) if config.trace.is_none() => {
            let connects = connect_steps(config, evidence);
            counters::before(config, &connects, evidence).map_or(connects, |reading| vec![reading])
        }
        (Stage::Connect, true) => counters::after(config, evidence),
        (Stage::Path, false) if config.trace.is_some() => path::steps(config, evidence),
        (Stage::Path, false) => failed_paths::after_connect(config, evidence),
        (Stage::Path, true) => path::name_steps(config, evidence),
        (Stage::TlsHandshake, false) => tls_steps(config, evidence),
        (Stage::PathMtu, _) => mtu::steps(config, evidence),
        (Stage::HttpRoundTrip, false) => http::first_steps(config, evidence),
        (Stage::HttpRoundTrip, true) => follow_up_steps(config, evidence),
        (Stage::ReplyTtl, false) => reply::steps(config, evidence),
        (Stage::SourcePorts, _) => closer_looks(config, evidence),
        _ => Vec::new(),
    }
}

/// What follows at once from one result, while others of its stage are still waited for. What is only compared with has time.
pub fn follow_up(config: &Config, observation: &Observation) -> Option<Step> {
    let is_compared = observation.detail.dns().is_some_and(|dns| dns.comparison);
    match observation.stage {
        Stage::Resolve if !is_compared => resolve::over_tcp(config, observation),
        _ => None,
    }
}

/// What follows from the answers so far, one thing after the other.
fn follow_up_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let mut steps = reason::steps(evidence);
    steps.extend(doctor::steps(config, evidence));
    steps.extend(search::steps(config, evidence));
    steps.extend(canary::steps(config, evidence));
    steps.extend(failed_paths::after_http(config, evidence));
    steps
}

/// What is looked at more closely when everything else is done.
fn closer_looks(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let mut steps = source_ports::steps(config, evidence);
    steps.extend(failed_paths::at_the_end(config, evidence));
    steps
}

/// The targets whose probes are of interest: not the endpoints of the control group, which the evidence does not name.
fn probed<'a>(config: &'a Config, evidence: &'a Evidence) -> impl Iterator<Item = &'a Target> {
    let wanted: BTreeSet<&str> = evidence.targets.iter().map(|target| target.host.as_str()).collect();
    config.targets.iter().filter(move |target| wanted.contains(target.host.as_str()))
}

/// The targets whose names have to be looked up.
fn names(config: &Config) -> impl Iterator<Item = &Target> {
    config.targets.iter().filter(|target| known_address(target, config).is_none())
}

/// The address of a target that is one, or for whose name one is given.
fn known_address(target: &Target, config: &Config) -> Option<IpAddr> {
    target.address().or(config.questions.given_address)
}

/// The addresses of an endpoint, each once, with the observation that gave it first.
fn found_addresses(target: &Target, config: &Config, evidence: &Evidence) -> Vec<(IpAddr, Option<ObservationId>)> {
    if let Some(address) = known_address(target, config) {
        return vec![(address, None)];
    }
    let mut seen = BTreeSet::new();
    let from_hosts = evidence
        .hosts_entry(&target.host)
        .into_iter()
        .flat_map(|(id, file)| file.addresses.iter().map(move |&ip| (ip, Some(id))));
    let from_system = evidence
        .system_lookups(&target.host)
        .flat_map(|(id, lookup)| lookup.addresses.iter().map(move |&ip| (ip, Some(id))));
    let from_dns = evidence.own_lookups(&target.host).flat_map(|observation| {
        let records = observation.detail.dns().map(|dns| dns.addresses.as_slice()).unwrap_or_default();
        records.iter().map(move |record| (record.ip, Some(observation.id)))
    });
    from_hosts
        .chain(from_dns)
        .chain(from_system)
        .filter(|(ip, _)| config.family.allows(*ip) && seen.insert(*ip))
        .collect()
}

/// Why a step before was not run to its end, if the run was broken off.
fn cut_off<'a>(mut observations: impl Iterator<Item = &'a Observation>) -> Option<NotRunReason> {
    observations.find_map(|observation| match observation.outcome {
        Outcome::NotRun { because: because @ (NotRunReason::Deadline | NotRunReason::Interrupted) } => Some(because),
        _ => None,
    })
}

/// Why a step that builds on another is not taken: as that one was not, or because it failed.
fn inherited(parent: &Observation, failed: NotRunReason) -> NotRunReason {
    match parent.outcome {
        Outcome::NotRun { because } => because,
        _ => failed,
    }
}

/// The kernel's route to each address that connections really go to.
fn route_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let mut steps = Vec::new();
    for target in &config.targets {
        let Some(service) = target.services.first() else { continue };
        for (ip, parent) in found_addresses(target, config, evidence).into_iter().take(config.limits.addresses) {
            let peer = SocketAddr::new(ip, service.port);
            let elsewhere = target
                .services
                .iter()
                .any(|service| redirect(config, &target.host, SocketAddr::new(ip, service.port)).is_some());
            if elsewhere || is_unusable(target, config, peer) {
                continue;
            }
            let endpoint = Some(target.host.clone());
            steps.push(Step { parent, stage: Stage::Route, endpoint, peer: Some(peer), action: Action::LookUpRoute });
        }
    }
    steps
}

/// Every address × port.
fn connect_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    // As many as there are where each target is an address; a step is large.
    let mut steps = Vec::with_capacity(config.targets.iter().map(|target| target.services.len()).sum());
    for target in &config.targets {
        let step = |parent, peer, action| Step {
            parent,
            stage: Stage::Connect,
            endpoint: Some(target.host.clone()),
            peer,
            action,
        };
        let skip = |because| Action::Skip { because, detail: Detail::Tcp(Tcp::default()) };
        let addresses = found_addresses(target, config, evidence);
        if addresses.is_empty() && !target.services.is_empty() {
            let because =
                cut_off(evidence.of_endpoint(Stage::Resolve, &target.host)).unwrap_or(NotRunReason::NoAddress);
            steps.push(step(None, None, skip(because)));
        }
        for (number, &(ip, parent)) in addresses.iter().enumerate() {
            for &service in &target.services {
                let peer = SocketAddr::new(ip, service.port);
                let action = if number >= config.limits.addresses {
                    skip(NotRunReason::AddressLimit)
                } else if is_unusable(target, config, peer) {
                    skip(NotRunReason::UnusableAddress)
                } else {
                    Action::Connect { keep: connections_needed(target, service, config) }
                };
                steps.push(step(parent, Some(peer), action));
            }
        }
    }
    steps
}

/// Connecting to 0.0.0.0 or 127.0.0.1 would test this machine and not COS, unless the user asked for just that.
fn is_unusable(target: &Target, config: &Config, peer: SocketAddr) -> bool {
    let scope = addr::scope_of(peer.ip());
    target.role.is_cos_host()
        && matches!(scope, AddressScope::Sinkhole | AddressScope::Reserved)
        && config.questions.given_address != Some(peer.ip())
        && redirect(config, &target.host, peer).is_none()
}

/// Where `--connect-to` sends a connection.
pub fn redirect(config: &Config, host: &str, peer: SocketAddr) -> Option<SocketAddr> {
    config.connect_to.iter().find_map(|rule| rule.redirect(host, peer))
}

/// How many open connections the later stages use: one for each ordinary request that starts at once, and one for the large one.
fn connections_needed(target: &Target, service: Service, config: &Config) -> usize {
    match service.protocol {
        Protocol::Http | Protocol::Https => ordinary_requests(target, service, config) + 1,
        Protocol::Tcp | Protocol::Unknown => 0,
    }
}

/// How many ordinary requests start at once.
fn ordinary_requests(target: &Target, service: Service, config: &Config) -> usize {
    1 + usize::from(http::signs(target, service.protocol, config).is_ok())
}

/// The service of a target behind an observation's port.
fn service_of(target: &Target, observation: &Observation) -> Option<Service> {
    let port = observation.peer?.port();
    target.services.iter().copied().find(|service| service.port == port)
}

/// One handshake for each request that an HTTPS port will carry.
fn tls_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let mut steps = Vec::new();
    for target in &config.targets {
        for connected in evidence.of_endpoint(Stage::Connect, &target.host) {
            let Some(service) = service_of(target, connected).filter(|s| s.protocol == Protocol::Https) else {
                continue;
            };
            let mut push = |action| {
                steps.push(Step {
                    parent: Some(connected.id),
                    stage: Stage::TlsHandshake,
                    endpoint: Some(target.host.clone()),
                    peer: connected.peer,
                    action,
                });
            };
            if !connected.outcome.is_success() {
                let detail = Detail::Tls(Tls { server_name: target.host.clone(), ..Tls::default() });
                push(Action::Skip { because: inherited(connected, NotRunReason::ConnectFailed), detail });
                continue;
            }
            let handshake =
                |for_signed_request| Action::Handshake { server_name: target.host.clone(), for_signed_request };
            push(handshake(false));
            if http::signs(target, service.protocol, config).is_ok() {
                push(handshake(true));
            }
        }
    }
    steps
}

/// Whether an observation is of an anonymous or signed HTTP exchange.
fn authentication_of(observation: &Observation) -> Option<Authentication> {
    observation.detail.http().map(|http| http.authentication)
}

#[cfg(test)]
mod tests;
