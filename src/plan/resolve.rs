//! Which name servers are asked for which names: those that programs on this machine go by, and others to compare with.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Action, Question, Step, names};
use crate::addr::{self, AddressScope};
use crate::config::{Config, NameServer};
use crate::evidence::{
    Detail, Dns, DnsTransport, Evidence, FailureKind, NotRunReason, Observation, ObservationId, RecordType,
    ServerOrigin, Stage,
};
use crate::target::Target;

/// The name as programs look it up, and every name × server × record type.
pub(super) fn first_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let servers = own_servers(config, evidence);
    let mut steps = Vec::new();
    for target in names(config) {
        let step = |peer, action| Step {
            parent: None,
            stage: Stage::Resolve,
            endpoint: Some(target.host.clone()),
            peer,
            action,
        };
        if config.name_servers.system {
            steps.push(step(None, Action::LookUp { name: target.host.clone() }));
        }
        if servers.is_empty() {
            let detail = Detail::Dns(Dns { name: target.host.clone(), ..Dns::default() });
            steps.push(step(None, Action::Skip { because: NotRunReason::NoNameServer, detail }));
            continue;
        }
        steps.extend(questions(config, target, &servers, false));
    }
    listening(config, evidence, steps)
}

/// The same questions, but whoever is to compare all answers listens for further ones too. Inside Tencent's network nobody on the path
/// answers in place of its servers, and the time is saved.
fn listening(config: &Config, evidence: &Evidence, mut steps: Vec<Step>) -> Vec<Step> {
    if config.name_servers.wait_for_comparison && !is_inside(evidence) {
        for step in &mut steps {
            if let Action::Query(question) = &mut step.action {
                question.listen = true;
            }
        }
    }
    steps
}

/// Whether the metadata service answered, which only Tencent's machines have.
fn is_inside(evidence: &Evidence) -> bool {
    let of_host = evidence.of_stage(Stage::Host).filter(|observation| observation.outcome.is_success());
    { of_host }.any(|observation| observation.detail.metadata().is_some())
}

/// The questions to some servers about one name.
fn questions(config: &Config, target: &Target, servers: &[NameServer], comparison: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for server in servers {
        for record_type in record_types(config) {
            for _ in 0..config.questions.tries.max(1) {
                steps.push(question(None, target, server.clone(), record_type, comparison));
            }
        }
    }
    steps
}

fn question(
    parent: Option<ObservationId>,
    target: &Target,
    server: NameServer,
    record_type: RecordType,
    comparison: bool,
) -> Step {
    Step {
        parent,
        stage: Stage::Resolve,
        endpoint: Some(target.host.clone()),
        peer: Some(server.address),
        action: Action::Query(Question { name: target.host.clone(), record_type, server, comparison, listen: false }),
    }
}

pub(super) fn record_types(config: &Config) -> impl Iterator<Item = RecordType> {
    let any_v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let any_v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let wanted = [(RecordType::A, config.family.allows(any_v4)), (RecordType::Aaaa, config.family.allows(any_v6))];
    wanted.into_iter().filter(|(_, allowed)| *allowed).map(|(record_type, _)| record_type)
}

/// The machine's own servers, then the further ones, each once.
pub(super) fn own_servers(config: &Config, evidence: &Evidence) -> Vec<NameServer> {
    let system = evidence
        .of_stage(Stage::Host)
        .filter_map(|observation| observation.detail.resolver_configuration())
        .filter(|_| config.name_servers.system)
        .flat_map(|configuration| configuration.servers.iter())
        .map(|&address| NameServer::plain(address, DnsTransport::Udp, ServerOrigin::System));
    each_once(system.chain(config.name_servers.extra.iter().cloned()))
}

fn each_once(servers: impl Iterator<Item = NameServer>) -> Vec<NameServer> {
    let mut seen = BTreeSet::new();
    servers.filter(|server| seen.insert((server.address, server.transport, server.path.clone()))).collect()
}

/// The server that an observation asked, with everything that it takes to ask it again.
pub(super) fn server_of(config: &Config, observation: &Observation) -> Option<NameServer> {
    let (address, dns) = (observation.peer?, observation.detail.dns()?);
    let given = config.name_servers.extra.iter().chain(&config.name_servers.comparison);
    let mut same = given.filter(|server| server.address == address && server.transport == dns.transport);
    Some(same.next().cloned().unwrap_or_else(|| NameServer::plain(address, dns.transport, dns.origin)))
}

/// A truncated answer over UDP is asked for again over TCP (RFC 7766), at once.
pub(super) fn over_tcp(config: &Config, observation: &Observation) -> Option<Step> {
    let dns = observation.detail.dns()?;
    let cut_short = dns.truncated && dns.transport == DnsTransport::Udp;
    let server = server_of(config, observation).filter(|_| cut_short)?;
    let target = names(config).find(|target| observation.endpoint.as_deref() == Some(&target.host))?;
    let over_tcp = NameServer { transport: DnsTransport::Tcp, ..server };
    Some(question(Some(observation.id), target, over_tcp, dns.record_type, dns.comparison))
}

/// Questions to servers that nothing here goes by, beside the own ones: first to all of them, then what follows from the answers.
/// Empty when there is nothing more to ask.
pub fn comparison_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let own = own_servers(config, evidence);
    let is_asked = |server: &NameServer| {
        let twice = own.iter().any(|o| o.address == server.address && o.transport == server.transport);
        !twice && (server.origin != ServerOrigin::TencentVpc || may_be_inside(config, evidence))
    };
    let servers = each_once(config.name_servers.comparison.iter().filter(|server| is_asked(server)).cloned());
    let mut steps = Vec::new();
    for target in names(config) {
        if evidence.comparisons(&target.host).next().is_none() {
            steps.extend(listening(config, evidence, questions(config, target, &servers, true)));
        } else {
            // What an answer that is only compared with was cut by is worth a connection where all answers are wanted.
            if config.name_servers.wait_for_comparison {
                let followed: BTreeSet<ObservationId> =
                    evidence.of_stage(Stage::Resolve).filter_map(|o| o.parent).collect();
                let new = evidence.comparisons(&target.host).filter(|o| !followed.contains(&o.id));
                steps.extend(new.filter_map(|observation| over_tcp(config, observation)));
            }
            steps.extend(second_look(config, evidence, target));
        }
    }
    steps
}

/// Whether Tencent's servers inside a VPC may answer here: they are asked unless something shows that this is no Tencent machine.
fn may_be_inside(config: &Config, evidence: &Evidence) -> bool {
    let of_host = || evidence.of_stage(Stage::Host);
    let by_maker = of_host().find_map(|observation| observation.detail.machine()?.is_tencent_vm);
    config.name_servers.vpc_everywhere || is_inside(evidence) || by_maker != Some(false)
}

/// Where the answers are suspicious, every server that answered over UDP is asked again, and listened to for longer than its first
/// answer takes; and an address is asked that runs no name server. Once.
fn second_look(config: &Config, evidence: &Evidence, target: &Target) -> Vec<Step> {
    let of_target = || evidence.of_endpoint(Stage::Resolve, &target.host);
    let over_udp = |o: &&Observation| o.detail.dns().is_some_and(|dns| dns.transport == DnsTransport::Udp);
    let was_taken = of_target().filter(over_udp).any(|observation| observation.parent.is_some());
    if was_taken || !is_suspicious(evidence, target) {
        return Vec::new();
    }
    let record_type = record_types(config).next().unwrap_or_default();
    let listening = |parent, server| {
        let mut step = question(parent, target, server, record_type, true);
        if let Action::Query(question) = &mut step.action {
            question.listen = true;
        }
        step
    };
    let mut seen = BTreeSet::new();
    let again = of_target()
        .filter(over_udp)
        .filter(|o| o.detail.dns().is_some_and(|dns| dns.rcode.is_some() && dns.record_type == record_type))
        .filter(|o| seen.insert(o.peer))
        .filter_map(|o| Some(listening(Some(o.id), server_of(config, o)?)));
    let mut steps: Vec<Step> = again.collect();
    steps.extend(decoy(config, evidence, target).map(|(parent, ip)| {
        let server = NameServer::plain(SocketAddr::new(ip, 53), DnsTransport::Udp, ServerOrigin::Decoy);
        listening(Some(parent), server)
    }));
    steps
}

/// A public address that was given for the endpoint. COS's addresses run no name server, so who answers there answers on the way.
/// One that a server gave that nothing here goes by is the better one: it is less likely the address of an impostor. One that
/// connections are sent away from is not to be reached at all.
fn decoy(config: &Config, evidence: &Evidence, target: &Target) -> Option<(ObservationId, IpAddr)> {
    let answers = evidence.comparisons(&target.host).chain(evidence.own_lookups(&target.host));
    let mut given = answers.flat_map(|o| addresses(o).map(move |ip| (o.id, ip)));
    let is_avoided = |ip| config.connect_to.iter().any(|rule| rule.concerns(&target.host, ip));
    given.find(|(_, ip)| addr::scope_of(*ip) == AddressScope::Public && !is_avoided(*ip))
}

fn addresses(observation: &Observation) -> impl Iterator<Item = IpAddr> {
    let records = observation.detail.dns().map(|dns| dns.addresses.as_slice()).unwrap_or_default();
    records.iter().map(|record| record.ip)
}

/// Whether the own answers could be somebody else's: none has an address although somebody denies the name or other servers know one,
/// none of their addresses is known to any other server, or COS does not answer at them.
fn is_suspicious(evidence: &Evidence, target: &Target) -> bool {
    let host = target.host.as_str();
    let scope_is = |ip: &IpAddr, scope| addr::scope_of(*ip) == scope;
    let own: BTreeSet<IpAddr> = evidence.own_lookups(host).flat_map(addresses).collect();
    let others: BTreeSet<IpAddr> = evidence.comparisons(host).flat_map(addresses).collect();
    if own.is_empty() {
        let denied = |o: &Observation| o.outcome.failure() == Some(FailureKind::NameNotFound);
        let is_cut = |o: &Observation| o.detail.dns().is_some_and(|dns| dns.truncated);
        if evidence.own_lookups(host).any(is_cut) {
            return false;
        }
        return !others.is_empty() || evidence.own_lookups(host).any(denied);
    }
    // A private answer beside a public one is how COS's names work.
    let own_is_private = own.iter().all(|ip| scope_is(ip, AddressScope::Private));
    let public_others = || others.iter().filter(|ip| scope_is(ip, AddressScope::Public));
    let differ = public_others().next().is_some() && own.is_disjoint(&others);
    let exchanges = || evidence.of_endpoint(Stage::HttpRoundTrip, host).filter_map(|o| o.detail.http());
    let unlike_cos = exchanges().next().is_some() && !exchanges().any(crate::evidence::Http::is_from_cos);
    !own_is_private && (differ || (target.role.is_cos_host() && unlike_cos))
}

#[cfg(test)]
mod tests;
