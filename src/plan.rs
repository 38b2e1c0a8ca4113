//! Planning: which steps a stage takes, from the configuration and the evidence so far.
//!
//! Pure and synchronous. [`steps`] is called again for a stage until it returns nothing, so a stage can follow up on its own
//! results (a truncated answer, a refused request). A step that an earlier failure makes meaningless is planned as
//! [`Action::Skip`] and recorded as not run. To add a probe: an [`Action`], when to plan it here, its arm in `probe.rs`.

mod canary;
mod doctor;
mod http;
mod reason;
mod search;
mod step;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::addr::{self, AddressScope};
use crate::config::Config;
use crate::evidence::{
    Authentication, Detail, Dns, DnsTransport, Evidence, NotRunReason, Observation, ObservationId, Outcome, RecordType,
    Stage, Tcp, Tls,
};
use crate::target::{Protocol, Service, Target};

pub use canary::CANARY_CONTENT;
pub use http::{Payload, RequestPlan};
pub use step::{Action, Step};

/// The next steps of a stage; empty when the stage is complete.
pub fn steps(stage: Stage, config: &Config, evidence: &Evidence) -> Vec<Step> {
    let begun = evidence.of_stage(stage).next().is_some();
    match (stage, begun) {
        (Stage::Host, false) => host_steps(config),
        (Stage::Resolve, false) => resolve_steps(config, evidence),
        (Stage::Resolve, true) => tcp_fallback_steps(evidence),
        (Stage::Connect, false) => connect_steps(config, evidence),
        (Stage::TlsHandshake, false) => tls_steps(config, evidence),
        (Stage::HttpRoundTrip, false) => http::first_steps(config, evidence),
        (Stage::HttpRoundTrip, true) => follow_up_steps(config, evidence),
        _ => Vec::new(),
    }
}

/// What follows from the answers so far, one thing after the other.
fn follow_up_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let mut steps = reason::steps(evidence);
    steps.extend(doctor::steps(config, evidence));
    steps.extend(search::steps(config, evidence));
    steps.extend(canary::steps(config, evidence));
    steps
}

fn host_steps(config: &Config) -> Vec<Step> {
    let of_machine = |action| Step { parent: None, stage: Stage::Host, endpoint: None, peer: None, action };
    let mut steps: Vec<Step> = [
        Action::ReadClock,
        Action::InspectMachine,
        Action::InspectRoutes,
        Action::InspectProxyEnvironment,
        Action::ReadResolverConfiguration,
        Action::RecordKey,
    ]
    .into_iter()
    .map(of_machine)
    .collect();
    steps.extend(names(config).map(|target| {
        let action = Action::ReadHostsFile { name: target.host.clone() };
        Step { parent: None, stage: Stage::Host, endpoint: Some(target.host.clone()), peer: None, action }
    }));
    steps
}

/// The targets that are names and not addresses.
fn names(config: &Config) -> impl Iterator<Item = &Target> {
    config.targets.iter().filter(|target| target.address().is_none())
}

/// Every name × server × record type.
fn resolve_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let servers = name_servers(config, evidence);
    let mut steps = Vec::new();
    for target in names(config) {
        let endpoint = Some(target.host.clone());
        if servers.is_empty() {
            let detail = Detail::Dns(Dns { name: target.host.clone(), ..Dns::default() });
            let action = Action::Skip { because: NotRunReason::NoNameServer, detail };
            steps.push(Step { parent: None, stage: Stage::Resolve, endpoint, peer: None, action });
            continue;
        }
        for &(address, transport, system) in &servers {
            for record_type in record_types(config) {
                let action = Action::Query { name: target.host.clone(), record_type, transport, system };
                let endpoint = endpoint.clone();
                steps.push(Step { parent: None, stage: Stage::Resolve, endpoint, peer: Some(address), action });
            }
        }
    }
    steps
}

fn record_types(config: &Config) -> impl Iterator<Item = RecordType> {
    let any_v4 = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    let any_v6 = IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);
    let wanted = [(RecordType::A, config.family.allows(any_v4)), (RecordType::Aaaa, config.family.allows(any_v6))];
    wanted.into_iter().filter(|(_, allowed)| *allowed).map(|(record_type, _)| record_type)
}

/// The machine's own servers, then the further ones, each once.
fn name_servers(config: &Config, evidence: &Evidence) -> Vec<(SocketAddr, DnsTransport, bool)> {
    let system = evidence
        .of_stage(Stage::Host)
        .filter_map(|observation| observation.detail.resolver_configuration())
        .filter(|_| config.name_servers.system)
        .flat_map(|configuration| configuration.servers.iter().map(|&address| (address, DnsTransport::Udp, true)));
    let extra = config.name_servers.extra.iter().map(|server| (server.address, server.transport, false));
    let mut seen = BTreeSet::new();
    system.chain(extra).filter(|(address, transport, _)| seen.insert((*address, *transport as u8))).collect()
}

/// A truncated answer over UDP is asked for again over TCP (RFC 7766), once.
fn tcp_fallback_steps(evidence: &Evidence) -> Vec<Step> {
    let followed: BTreeSet<ObservationId> = evidence.of_stage(Stage::Resolve).filter_map(|o| o.parent).collect();
    let truncated = evidence.of_stage(Stage::Resolve).filter(|observation| !followed.contains(&observation.id));
    truncated
        .filter_map(|observation| {
            let dns = observation.detail.dns()?;
            (dns.truncated && dns.transport == DnsTransport::Udp).then(|| Step {
                parent: Some(observation.id),
                stage: Stage::Resolve,
                endpoint: observation.endpoint.clone(),
                peer: observation.peer,
                action: Action::Query {
                    name: dns.name.clone(),
                    record_type: dns.record_type,
                    transport: DnsTransport::Tcp,
                    system: dns.system,
                },
            })
        })
        .collect()
}

/// The addresses of an endpoint, each once, with the observation that gave it first.
fn found_addresses(target: &Target, config: &Config, evidence: &Evidence) -> Vec<(IpAddr, Option<ObservationId>)> {
    if let Some(address) = target.address() {
        return vec![(address, None)];
    }
    let mut seen = BTreeSet::new();
    let from_hosts = evidence.of_endpoint(Stage::Host, &target.host).flat_map(|observation| {
        let addresses = observation.detail.hosts_file().map(|file| file.addresses.clone()).unwrap_or_default();
        addresses.into_iter().map(move |ip| (ip, Some(observation.id)))
    });
    let from_dns = evidence.of_endpoint(Stage::Resolve, &target.host).flat_map(|observation| {
        let records = observation.detail.dns().map(|dns| dns.addresses.as_slice()).unwrap_or_default();
        records.iter().map(move |record| (record.ip, Some(observation.id)))
    });
    from_hosts.chain(from_dns).filter(|(ip, _)| config.family.allows(*ip) && seen.insert(*ip)).collect()
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

/// Every address × port.
fn connect_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let mut steps = Vec::new();
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
        if addresses.is_empty() {
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
        && redirect(config, &target.host, peer).is_none()
}

/// Where `--connect-to` sends a connection.
pub fn redirect(config: &Config, host: &str, peer: SocketAddr) -> Option<SocketAddr> {
    config.connect_to.iter().find_map(|rule| rule.redirect(host, peer))
}

/// How many open connections the later stages use: one for each request that starts at once.
fn connections_needed(target: &Target, service: Service, config: &Config) -> usize {
    match service.protocol {
        Protocol::Http | Protocol::Https => 1 + usize::from(http::signs(target, service.protocol, config).is_ok()),
        Protocol::Tcp | Protocol::Unknown => 0,
    }
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
