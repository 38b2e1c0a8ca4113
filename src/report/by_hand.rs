//! The commands that confirm findings by hand, with the hosts and addresses of the report: only those that look at what a finding
//! rests on. They are copied into a shell, so whatever is in a saved report comes out as one plain word or not at all.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::exchanges::ancestor;
use super::{Report, labels};
use crate::diagnose::Severity;
use crate::evidence::{
    Detail, DnsTransport, Evidence, Http, Observation, ObservationId, RecordType, Stage, shell_word,
};
use crate::sign::encode;
use crate::target::{Protocol, Service, Target};
use crate::text;
use crate::text::{Language, Text};

/// Commands of one kind that are shown: a few examples tell it.
const MOST_OF_A_KIND: usize = 6;

/// What the commands look at; they are shown in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Machine,
    Names,
    Way,
    Connect,
    Tls,
    Http,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Machine, Self::Names, Self::Way, Self::Connect, Self::Tls, Self::Http];

    /// The comment above the commands.
    const fn comment(self) -> Text {
        match self {
            Self::Machine => text!("this machine"),
            Self::Names => text!("names: as programs look them up, and as single name servers answer"),
            Self::Way => text!("the way: what the kernel would do, and who is passed"),
            Self::Connect => text!("TCP: does the port open? (without telnet: nc -vz -w 5 ADDRESS PORT)"),
            Self::Tls => text!("TLS: does the handshake end, and whose certificate is it?"),
            Self::Http => text!("HTTP: who answers? COS sends x-cos-request-id"),
        }
    }
}

/// The lines of a shell script; none where there is nothing to confirm.
pub(super) fn commands(report: &Report, evidence: &Evidence, language: Language) -> Vec<String> {
    let mut found: Vec<(Kind, String)> = Vec::new();
    let mut is_redirected = false;
    for observation in cited(report, evidence) {
        is_redirected |= observation.detail.tcp().is_some_and(|tcp| tcp.redirected_to.is_some());
        let target = observation.endpoint.as_deref().and_then(|host| any_target(evidence, host));
        for command in of_observation(evidence, observation, target) {
            if !found.contains(&command) {
                found.push(command);
            }
        }
    }
    let mut lines = Vec::new();
    if is_redirected && !found.is_empty() {
        lines.push(format!("# {}", labels::REDIRECTED.say(language)));
    }
    for kind in Kind::ALL {
        let of_kind = found.iter().filter(|(other, _)| *other == kind).map(|(_, line)| line.clone());
        let of_kind: Vec<String> = of_kind.take(MOST_OF_A_KIND).collect();
        if !of_kind.is_empty() {
            lines.push(format!("# {}", kind.comment().say(language)));
            lines.extend(of_kind);
        }
    }
    lines
}

/// The observations that something wrong rests on, the roots' before those of symptoms.
fn cited<'a>(report: &Report, evidence: &'a Evidence) -> Vec<&'a Observation> {
    let wrong = report.findings.iter().filter(|finding| finding.severity >= Severity::Warning);
    let mut seen: BTreeSet<ObservationId> = BTreeSet::new();
    let ids = wrong.flat_map(|finding| &finding.evidence).filter(|id| seen.insert(**id));
    ids.filter_map(|id| evidence.get(*id)).collect()
}

fn any_target<'a>(evidence: &'a Evidence, host: &str) -> Option<&'a Target> {
    let controls = evidence.controls.iter().map(|control| &control.target);
    evidence.targets.iter().chain(controls).find(|target| target.host == host && is_plain(host))
}

/// Whether a name can stand in a command as it is: a name or an address, and no option.
fn is_plain(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == ':') && host.chars().all(fits)
}

fn of_observation(evidence: &Evidence, observation: &Observation, target: Option<&Target>) -> Vec<(Kind, String)> {
    let named = target.filter(|target| target.address().is_none()).map(|target| target.host.as_str());
    // Where the address comes from, and then what was done with it.
    let lookup = ancestor(evidence, observation, Stage::Resolve).and_then(|lookup| question(lookup, named));
    let own = what_was_done(observation, target, named);
    lookup.into_iter().map(|line| (Kind::Names, line)).chain(own).collect()
}

fn what_was_done(observation: &Observation, target: Option<&Target>, named: Option<&str>) -> Vec<(Kind, String)> {
    let peer = observation.peer;
    let machine = |line: &str| vec![(Kind::Machine, line.to_owned())];
    match &observation.detail {
        Detail::Clock(_) => machine("date -u"),
        Detail::Routes(_) => [machine("ip route show"), machine("ip rule show")].concat(),
        Detail::ProxyEnvironment(_) => machine("env | grep -i _proxy"),
        Detail::ResolverConfiguration(_) => machine("cat /etc/resolv.conf"),
        Detail::TcpCounters(_) => machine("sudo nft list ruleset"),
        Detail::HostsFile(_) | Detail::SystemLookup(_) => as_programs_do(named),
        Detail::Dns(_) => {
            let question = question(observation, named).map(|line| (Kind::Names, line));
            as_programs_do(named).into_iter().chain(question).collect()
        }
        Detail::RouteTo(_) => way(peer),
        Detail::Path(_) => [way(peer), traces(peer)].concat(),
        Detail::SourcePorts(_) => [way(peer), connects(peer)].concat(),
        // What programs see of it too.
        Detail::Tcp(_) => [way(peer), connects(peer), requests_of(peer, target)].concat(),
        Detail::Tls(_) | Detail::ClampedHandshake(_) => handshakes(peer, named),
        Detail::ReplyTtl(_) => [connects(peer), traces(peer)].concat(),
        Detail::Http(http) => requests_as(peer, target, http),
        Detail::LargeRequest(_) => requests_of(peer, target),
        Detail::Machine(_) | Detail::Metadata(_) | Detail::Key(_) | Detail::BucketSearch(_) | Detail::Unknown => {
            Vec::new()
        }
    }
}

fn as_programs_do(host: Option<&str>) -> Vec<(Kind, String)> {
    host.map(|host| (Kind::Names, format!("getent ahosts {host}"))).into_iter().collect()
}

/// The question of a look-up, to the server that was asked; nothing where `nslookup` cannot ask it.
fn question(lookup: &Observation, named: Option<&str>) -> Option<String> {
    let (host, dns) = (named?, lookup.detail.dns()?);
    let is_classic = matches!(dns.transport, DnsTransport::Udp | DnsTransport::Tcp);
    lookup.peer.filter(|_| is_classic).map(|server| nslookup(host, server, dns.record_type))
}

fn nslookup(host: &str, server: SocketAddr, record_type: RecordType) -> String {
    let port = if server.port() == 53 { String::new() } else { format!(" -port={}", server.port()) };
    let record_type = if record_type == RecordType::Aaaa { " -type=AAAA" } else { "" };
    format!("nslookup{port}{record_type} {host} {}", server.ip())
}

fn way(peer: Option<SocketAddr>) -> Vec<(Kind, String)> {
    peer.map(|peer| (Kind::Way, format!("ip route get {}", peer.ip()))).into_iter().collect()
}

fn traces(peer: Option<SocketAddr>) -> Vec<(Kind, String)> {
    peer.map(|peer| (Kind::Way, format!("cosprobe trace -p {} {}", peer.port(), peer.ip()))).into_iter().collect()
}

fn connects(peer: Option<SocketAddr>) -> Vec<(Kind, String)> {
    // Without input it ends once it is connected, and after five seconds in any case.
    let line = |peer: SocketAddr| format!("timeout 5 telnet {} {} </dev/null", peer.ip(), peer.port());
    peer.map(|peer| (Kind::Connect, line(peer))).into_iter().collect()
}

fn handshakes(peer: Option<SocketAddr>, named: Option<&str>) -> Vec<(Kind, String)> {
    let name = named.map_or_else(String::new, |host| format!(" -servername {host}"));
    let line = |peer| format!("openssl s_client -connect {peer}{name} </dev/null");
    peer.map(|peer| (Kind::Tls, line(peer))).into_iter().collect()
}

/// The request again, without a signature. A write probe is not repeated by hand, and its object is gone.
fn requests_as(peer: Option<SocketAddr>, target: Option<&Target>, http: &Http) -> Vec<(Kind, String)> {
    if http.is_usual() { request(peer, target, http.protocol, &http.path) } else { Vec::new() }
}

/// The request that the port is there for.
fn requests_of(peer: Option<SocketAddr>, target: Option<&Target>) -> Vec<(Kind, String)> {
    let (Some(port), Some(target)) = (peer.map(|peer| peer.port()), target) else { return Vec::new() };
    let service = target.services.iter().copied().find(|service| service.port == port);
    let service = service.unwrap_or_else(|| Service::customary(port));
    request(peer, Some(target), service.protocol, target.request_path())
}

/// A request without a signature, to the address that was asked.
fn request(peer: Option<SocketAddr>, target: Option<&Target>, protocol: Protocol, path: &str) -> Vec<(Kind, String)> {
    let (Some(peer), Some(target)) = (peer, target) else { return Vec::new() };
    let scheme = match protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
        Protocol::Tcp | Protocol::Unknown => return Vec::new(),
    };
    let resolve = match (target.address(), peer) {
        (Some(_), _) => String::new(),
        (None, SocketAddr::V4(v4)) => format!(" --resolve {}:{}:{}", target.host, v4.port(), v4.ip()),
        (None, SocketAddr::V6(v6)) => format!(" --resolve '{}:{}:[{}]'", target.host, v6.port(), v6.ip()),
    };
    let path: Vec<String> = path.split('/').map(encode).collect();
    let url = format!("{scheme}://{}{}", target.host_header(Service { port: peer.port(), protocol }), path.join("/"));
    vec![(Kind::Http, format!("curl -sSI -m 10{resolve} {}", shell_word(&url)))]
}
