//! Findings about what the answers of several name servers say together: why a name that is private elsewhere is public here, and
//! servers that disagree.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::answers::{addresses_of, differing};
use super::codes::{DNS004, DNS005};
use super::verdict::is_answered;
use super::view::{counted, listed, route_of};
use super::{Confidence, Finding, Severity};
use crate::addr::{self, AddressScope};
use crate::config::{Policy, Route};
use crate::evidence::{
    DnsTransport, Evidence, Metadata, Observation, ObservationId, ResolverConfiguration, ServerOrigin, Stage, Stub,
};
use crate::target::{EndpointRole, Target};
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _: &Policy) -> Vec<Finding> {
    let of_target = |target| [private_name_resolves_public(evidence, target), disagree(evidence, target)];
    evidence.targets.iter().flat_map(of_target).flatten().collect()
}

/// What the metadata service told.
pub(super) fn metadata(evidence: &Evidence) -> Option<(ObservationId, &Metadata)> {
    let answered = evidence.of_stage(Stage::Host).filter(|observation| observation.outcome.is_success());
    { answered }.find_map(|observation| Some((observation.id, observation.detail.metadata()?)))
}

/// Whether Tencent's network answers an endpoint of this kind privately, inside the endpoint's region.
pub(super) const fn can_be_private(target: &Target) -> bool {
    target.role.is_cos_host() && !matches!(target.role, EndpointRole::Accelerate | EndpointRole::AccelerateInternal)
}

/// The answers that are private: those of Tencent's servers inside a VPC, and own ones.
pub(super) fn private_answers<'a>(evidence: &'a Evidence, host: &'a str) -> Vec<&'a Observation> {
    let of_vpc = |o: &&Observation| o.detail.dns().is_some_and(|dns| dns.origin == ServerOrigin::TencentVpc);
    let all = evidence.own_lookups(host).chain(evidence.comparisons(host).filter(of_vpc));
    all.filter(|o| has(o, AddressScope::Private)).collect()
}

/// The private addresses in some answers, each once.
pub(super) fn private_addresses(answers: &[&Observation]) -> BTreeSet<IpAddr> {
    let all = answers.iter().flat_map(|observation| addresses_of(observation));
    all.filter(|ip| addr::scope_of(*ip) == AddressScope::Private).collect()
}

/// Whether an answer has an address of a network.
fn has(observation: &Observation, scope: AddressScope) -> bool {
    addresses_of(observation).into_iter().any(|ip| addr::scope_of(ip) == scope)
}

/// Why the answer here is public although Tencent's servers have a private one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The hosts file says so.
    HostsFile(String),
    /// The name servers answer privately, and the look-up of programs is public: something keeps an old answer.
    Cache { nscd: bool },
    /// systemd-resolved asks others, or others too.
    SystemdResolved { others: Vec<String>, beside: bool },
    /// The DNS of a cluster or container runtime asks others.
    Container(String, Stub),
    /// A stub on this machine asks others.
    LocalStub(String),
    /// The name server is asked over TLS or HTTPS, which leads out of the VPC.
    Encrypted(Text),
    /// The name servers are not Tencent's.
    ForeignServer(Text),
}

impl Cause {
    /// Behind "because".
    pub(super) fn phrase(&self) -> Text {
        match self {
            Self::HostsFile(path) => text!("{path} names a public address", path),
            Self::Cache { nscd: true } => text!("nscd keeps an old answer"),
            Self::Cache { nscd: false } => {
                text!("something between programs and name servers keeps another answer")
            }
            Self::SystemdResolved { others, beside } => match (others.is_empty(), beside) {
                (true, true) => text!("systemd-resolved keeps another answer"),
                (true, false) => text!("systemd-resolved does not ask Tencent's"),
                (false, true) => text!("systemd-resolved asks {others} beside Tencent's", others = listed(others)),
                (false, false) => text!("systemd-resolved asks {others} and not Tencent's", others = listed(others)),
            },
            Self::Container(server, Stub::Docker) => {
                text!("Docker's name server {server} does not ask Tencent's", server)
            }
            Self::Container(server, _) => text!("the cluster's name server {server} does not ask Tencent's", server),
            Self::LocalStub(server) => {
                text!("the name server on this machine, {server}, does not ask Tencent's", server)
            }
            Self::Encrypted(server) => text!("the encrypted name server {server} is outside the VPC", server),
            Self::ForeignServer(servers) => {
                text!("this machine asks {servers} and not Tencent's name servers", servers)
            }
        }
    }

    /// What to do about it.
    pub(super) fn fix(&self) -> Text {
        match self {
            Self::HostsFile(path) => text!("remove the endpoint's line from {path}", path),
            Self::Cache { nscd: true } => text!("restart nscd or empty its cache (`nscd -i hosts`)"),
            Self::Cache { nscd: false } => {
                text!(
                    "find out who answers with `getent ahosts NAME` against `nslookup NAME`: the order of hosts in /etc/nsswitch.conf, and caches"
                )
            }
            Self::SystemdResolved { others, beside: true } if others.is_empty() => {
                text!("empty its cache (`resolvectl flush-caches`)")
            }
            Self::SystemdResolved { .. } => {
                text!(
                    "set the link's name servers to 183.60.83.19 and 183.60.82.98 (`resolvectl dns`, DNS= in its .network file, or DHCP), and no others"
                )
            }
            Self::Container(_, Stub::Docker) => {
                text!("let Docker ask 183.60.83.19 and 183.60.82.98 (`dns` in /etc/docker/daemon.json)")
            }
            Self::Container(..) => {
                text!(
                    "let CoreDNS and NodeLocal DNSCache forward to 183.60.83.19 and 183.60.82.98: `forward . /etc/resolv.conf` of a node that has them"
                )
            }
            Self::LocalStub(_) => {
                text!("let it forward to 183.60.83.19 and 183.60.82.98, at least for myqcloud.com and tencentcos.cn")
            }
            Self::Encrypted(_) => {
                text!("ask the machine's own name servers: HTTPDNS and DNS over HTTPS cannot know the VPC")
            }
            Self::ForeignServer(_) => {
                text!("restore 183.60.83.19 and 183.60.82.98 in /etc/resolv.conf or in the VPC's DHCP options")
            }
        }
    }
}

/// The cause, by what decides about the answer: first the hosts file, then what stands between, then the servers.
pub(super) fn cause(evidence: &Evidence, target: &Target) -> Option<Cause> {
    let host = target.host.as_str();
    if let Some((_, file)) = evidence.hosts_entry(host) {
        return Some(Cause::HostsFile(file.path.clone()));
    }
    let own = public_lookups(evidence, host);
    let configuration = evidence.of_stage(Stage::Host).find_map(|o| o.detail.resolver_configuration());
    let Some(first) = own.first() else {
        let nscd = configuration.is_some_and(|configuration| configuration.has_nscd);
        return Some(Cause::Cache { nscd });
    };
    let dns = first.detail.dns()?;
    let by_configuration = || by_stub(evidence, configuration.filter(|_| dns.system)?, first.peer?);
    Some(match dns.transport {
        DnsTransport::Tls | DnsTransport::Https => Cause::Encrypted(listed(first.peer.map(server_name))),
        _ => by_configuration().unwrap_or_else(|| {
            let servers = own.iter().filter_map(|observation| observation.peer).map(server_name);
            Cause::ForeignServer(listed(servers))
        }),
    })
}

/// What stands behind a server. The stub is the first server of the configuration; the others are none.
fn by_stub(evidence: &Evidence, configuration: &ResolverConfiguration, server: SocketAddr) -> Option<Cause> {
    let is_stub = configuration.servers.first() == Some(&server);
    let name = server_name(server);
    Some(match configuration.stub.filter(|_| is_stub)? {
        Stub::SystemdResolved => {
            let of_vpc = |o: &Observation| o.detail.dns().is_some_and(|dns| dns.origin == ServerOrigin::TencentVpc);
            let is_vpc = |ip: IpAddr| {
                let mut asked = evidence.of_stage(Stage::Resolve).filter(|o| of_vpc(o));
                asked.any(|o| o.peer.is_some_and(|peer| peer.ip() == ip))
            };
            let behind = || configuration.behind_stub.iter().map(SocketAddr::ip);
            let others = behind().filter(|ip| !is_vpc(*ip)).map(|ip| ip.to_string()).collect();
            Cause::SystemdResolved { others, beside: behind().any(is_vpc) }
        }
        stub @ (Stub::Docker | Stub::NodeLocalDns | Stub::ClusterDns) => Cause::Container(name, stub),
        Stub::Loopback | Stub::Unknown => Cause::LocalStub(name),
    })
}

/// The answers of the machine's own servers; where it has none, or they are not asked, of those that the user named.
fn machine_lookups<'a>(evidence: &'a Evidence, host: &'a str) -> impl Iterator<Item = &'a Observation> {
    let is_system = |o: &Observation| o.detail.dns().is_some_and(|dns| dns.system);
    let any_system = evidence.own_lookups(host).any(is_system);
    evidence.own_lookups(host).filter(move |o| !any_system || is_system(o))
}

/// Those among them that are public.
fn public_lookups<'a>(evidence: &'a Evidence, host: &'a str) -> Vec<&'a Observation> {
    machine_lookups(evidence, host).filter(|o| has(o, AddressScope::Public)).collect()
}

/// Whether the machine's own servers answer both: the route is then left to chance, which is RTE004.
fn own_answers_are_mixed(evidence: &Evidence, host: &str) -> bool {
    let any_private = machine_lookups(evidence, host).any(|o| has(o, AddressScope::Private));
    any_private && !public_lookups(evidence, host).is_empty()
}

fn private_name_resolves_public(evidence: &Evidence, target: &Target) -> Option<Finding> {
    let host = target.host.as_str();
    let private = private_answers(evidence, host);
    if private.is_empty() || !can_be_private(target) || route_of(evidence, host) != Route::Public {
        return None;
    }
    let in_hosts_file = evidence.hosts_entry(host).is_some();
    if own_answers_are_mixed(evidence, host) && !in_hosts_file {
        return None;
    }
    let cause = cause(evidence, target)?;
    let own: Vec<ObservationId> = if matches!(cause, Cause::HostsFile(_)) {
        evidence.hosts_entry(host).map(|(id, _)| id).into_iter().collect()
    } else {
        let looked_up = evidence.system_lookups(host).filter(|(_, lookup)| !lookup.addresses.is_empty());
        let public = evidence.own_lookups(host).filter(|o| has(o, AddressScope::Public));
        public.map(|o| o.id).chain(looked_up.map(|(id, _)| id)).collect()
    };
    let of_vpc = |o: &&Observation| o.detail.dns().is_some_and(|dns| dns.origin == ServerOrigin::TencentVpc);
    let whose = if private.iter().all(of_vpc) { text!("Tencent's name servers") } else { text!("name servers") };
    let servers = private.iter().filter_map(|observation| observation.peer).map(server_name);
    let addresses = private_addresses(&private);
    let summary = text!(
        "{host} is public here because {cause}; {whose} ({servers}) answer {private}",
        host,
        cause = cause.phrase(),
        whose,
        servers = listed(servers),
        private = counted(
            addresses.len(),
            text!("{addresses}, which is private", addresses = listed(&addresses)),
            text!("{addresses}, which are private", addresses = listed(&addresses)),
        )
    );
    let same_region = metadata(evidence).is_some_and(|(_, vm)| vm.region.is_some() && vm.region == target.region);
    let severity = if is_answered(evidence, target) { Severity::Warning } else { Severity::Error };
    let finding = Finding::new(&DNS004, host, *own.first()?, summary)
        .citing(own)
        .citing(private.iter().map(|observation| observation.id))
        .severity(severity)
        .confidence(Confidence::high_if(same_region))
        .help(text!("you: {fix}", fix = cause.fix()));
    Some(
        finding.help(text!(
            "you: until then traffic to COS goes over the internet, is slower, and downloads are charged for"
        )),
    )
}

/// A name server as people write it: the port only where it is not the usual one.
pub(super) fn server_name(server: SocketAddr) -> String {
    if server.port() == 53 { server.ip().to_string() } else { server.to_string() }
}

fn disagree(evidence: &Evidence, target: &Target) -> Option<Finding> {
    let host = target.host.as_str();
    let all = evidence.own_lookups(host).chain(evidence.comparisons(host));
    let differing: Vec<(&Observation, &Observation)> = differing(evidence, host, all).collect();
    let &(own, other) = differing.first()?;
    let answer = |observation: &Observation| {
        let server = observation.peer.map(server_name).unwrap_or_default();
        text!("{server} answers {addresses}", server, addresses = listed(addresses_of(observation)))
    };
    let summary =
        text!("the name servers disagree about {host}: {own}, {other}", host, own = answer(own), other = answer(other));
    let finding = Finding::new(&DNS005, host, own.id, summary).citing(differing.iter().map(|(_, other)| other.id));
    Some(finding.help(text!("you: nothing to do if the addresses work; servers may answer by place (geographic DNS), compare with `nslookup NAME SERVER`")))
}
