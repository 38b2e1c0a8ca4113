//! Findings about TCP connections.
//!
//! Rules for a set (one address of several, one port of two, one family) stand beside the rules for what happened to each
//! connect. A set finding cites the connects it explains, so those fold under it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::codes::{TCP001, TCP002, TCP003, TCP004, TCP005, TCP007, TCP008, TCP009, TCP011};
use super::reply::{Sender, sender};
use super::view::{cos_answered, listed, listed_words};
use super::{CodeRow, Confidence, Finding, Severity};
use crate::addr::{self, AddressScope};
use crate::config::Policy;
use crate::evidence::{Evidence, FailureKind, Observation, ObservationId, Outcome, PortTrial, ReplyTo, Stage};
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &evidence.targets {
        findings.extend(Connects::new(evidence, &target.host).findings());
        findings.extend(syn_loss(evidence, &target.host, policy));
    }
    findings
}

/// What set of failures a failed connect belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Set {
    /// All IPv6 addresses fail, IPv4 works.
    Ipv6,
    /// The whole address fails, another one works.
    Address,
    /// Only this port of the address fails.
    Port(u16),
    /// Nothing of the endpoint works.
    Endpoint,
}

/// The connects of one endpoint.
struct Connects<'a> {
    evidence: &'a Evidence,
    host: &'a str,
    all: Vec<(IpAddr, u16, &'a Observation)>,
    /// Whether COS itself answered on some port.
    cos_answers: bool,
}

impl<'a> Connects<'a> {
    fn new(evidence: &'a Evidence, host: &'a str) -> Self {
        let all = evidence
            .of_endpoint(Stage::Connect, host)
            .filter(|o| o.was_run())
            .filter_map(|observation| Some((observation.peer?.ip(), observation.peer?.port(), observation)))
            .collect();
        Self { evidence, host, all, cos_answers: cos_answered(evidence, host) }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut by_set: BTreeMap<Set, Vec<&'a Observation>> = BTreeMap::new();
        for (ip, port, observation) in &self.all {
            // Without a route to any address of the family it is this machine's, and rules of their own tell.
            let counts = |kind: FailureKind| match kind {
                FailureKind::NoRoute => self.works(|other, _| other.is_ipv4() == ip.is_ipv4()),
                kind => !kind.is_local(),
            };
            if observation.outcome.failure().is_some_and(counts) {
                by_set.entry(self.set_of(*ip, *port)).or_default().push(observation);
            }
        }
        let mut findings = Vec::new();
        for (set, failed) in &by_set {
            findings.extend(self.set_finding(*set, failed).map(|finding| self.with_sender(finding, failed)));
            findings.extend(self.base_findings(failed));
        }
        findings
    }

    fn works(&self, which: impl Fn(IpAddr, u16) -> bool) -> bool {
        self.all.iter().any(|(ip, port, observation)| which(*ip, *port) && observation.outcome.is_success())
    }

    fn set_of(&self, ip: IpAddr, port: u16) -> Set {
        if ip.is_ipv6() && !self.works(|other, _| other.is_ipv6()) && self.works(|other, _| other.is_ipv4()) {
            Set::Ipv6
        } else if self.works(|other, _| other == ip) {
            Set::Port(port)
        } else if self.works(|_, _| true) {
            Set::Address
        } else {
            Set::Endpoint
        }
    }

    fn set_finding(&self, set: Set, failed: &[&Observation]) -> Option<Finding> {
        let host = self.host;
        let first = failed.first()?.id;
        let ids = || failed.iter().map(|observation| observation.id);
        let ips = listed(failed.iter().filter_map(|o| Some(o.peer?.ip())));
        let how = listed_words(kinds(failed).into_iter().map(FailureKind::as_str));
        let make = |row, summary| Finding::new(row, host, first, summary).citing(ids());
        let failed_ips = addresses_of(failed);
        let silent = kinds(failed).contains(&FailureKind::ConnectTimeout);
        match set {
            Set::Ipv6 => Some(
                make(&TCP011, text!("IPv6 of {host} ({ips}) does not work ({how}) while IPv4 does", host, ips, how))
                    .confidence(Confidence::high_if(failed_ips.len() > 1))
                    .help(text!("network team or ISP: repair or withdraw IPv6 on this network; `ip -6 route get ADDRESS` and `traceroute -6` show where it ends"))
                    .help(text!("you: until then use -4, or an endpoint without IPv6")),
            ),
            Set::Address => {
                let total = self.all.iter().map(|(ip, _, _)| *ip).collect::<BTreeSet<_>>().len();
                let dead = failed_ips.len();
                Some(
                    make(&TCP007, text!("{dead} of {total} addresses of {host} fail ({ips}: {how}), the others work", dead, total, host, ips, how))
                        .confidence(Confidence::high_if(!silent))
                        .help(text!("Tencent support: report the address with the time and a request id of a working one (--format json has them)"))
                        .help(text!("network team: if only this network is concerned, compare the routes to a dead and a working address")),
                )
            }
            Set::Port(80) => Some(
                make(&TCP008, text!("port 80 of {host} ({ips}) does not work ({how}) while another port does", host, ips, how))
                    .confidence(Confidence::high_if(failed_ips.len() > 1))
                    .help(text!("you: use HTTPS; nothing is lost if you do"))
                    .help(text!("network team: a firewall, proxy or security group treats port 80 differently; allow it if plain HTTP is needed")),
            ),
            Set::Port(443) => {
                let elsewhere = self.works(|_, port| port == 443);
                Some(
                    make(&TCP009, text!("port 443 of {host} ({ips}) does not work ({how}) while another port does", host, ips, how))
                        .severity(if elsewhere { Severity::Warning } else { Severity::Error })
                        .confidence(Confidence::high_if(self.cos_answers))
                        .help(text!("network team: a firewall, proxy or security group treats port 443 differently; allow TCP 443 to these addresses"))
                        .help(text!("you: compare from another network; do not fall back to plain HTTP for anything secret")),
                )
            }
            Set::Port(_) | Set::Endpoint => None,
        }
    }

    /// Adds who sent the RST, where that is known.
    fn with_sender(&self, finding: Finding, failed: &[&Observation]) -> Finding {
        let Some((sender, words)) = who_reset(self.evidence, self.host, failed) else { return finding };
        let (finding, helps) = finding.adding(text!("; {words}", words)).without_help();
        let finding = finding.help(sender.advice()).citing([sender.observation()]).citing(sender.beside);
        helps.into_iter().fold(finding, Finding::help)
    }

    /// One finding for each way of failing, among connects of the same set and the same network.
    fn base_findings(&self, failed: &[&'a Observation]) -> Vec<Finding> {
        let mut groups: BTreeMap<(&'static str, bool), Vec<&'a Observation>> = BTreeMap::new();
        for &observation in failed {
            let Some(row) = telling_kind(observation, failed).and_then(base_row) else { continue };
            let private = observation.peer.is_some_and(|peer| addr::scope_of(peer.ip()) == AddressScope::Private);
            groups.entry((row.code, private)).or_default().push(observation);
        }
        groups.values().filter_map(|group| base_finding(self.evidence, self.host, group)).collect()
    }
}

/// The way of failing that a connect is counted under. Routers limit how many ICMP errors they send (RFC 1812 section
/// 4.3.2.8), so silence on one port of an address whose other port was reported unreachable is the same fault.
fn telling_kind(observation: &Observation, failed: &[&Observation]) -> Option<FailureKind> {
    let kind = observation.outcome.failure()?;
    let ip = observation.peer?.ip();
    let reported = |other: FailureKind| other.is_unreachable() || other == FailureKind::AdminProhibited;
    let of_same_address = failed.iter().filter(|other| other.peer.is_some_and(|peer| peer.ip() == ip));
    let elsewhere = of_same_address.filter_map(|other| other.outcome.failure()).find(|other| reported(*other));
    Some(elsewhere.filter(|_| kind == FailureKind::ConnectTimeout).unwrap_or(kind))
}

fn kinds(observations: &[&Observation]) -> BTreeSet<FailureKind> {
    observations.iter().filter_map(|observation| observation.outcome.failure()).collect()
}

/// The finding for one way of failing; `None` for those of this machine, which have rules of their own.
const fn base_row(kind: FailureKind) -> Option<&'static CodeRow> {
    match kind {
        FailureKind::ConnectionRefused | FailureKind::PortUnreachable => Some(&TCP001),
        FailureKind::ConnectTimeout => Some(&TCP002),
        FailureKind::HostUnreachable
        | FailureKind::NetworkUnreachable
        | FailureKind::ProtocolUnreachable
        | FailureKind::TtlExceeded
        | FailureKind::Other
        | FailureKind::Unknown => Some(&TCP003),
        FailureKind::AdminProhibited => Some(&TCP004),
        _ => None,
    }
}

/// Who sent the RST that refused one of some connects, and that in words.
fn who_reset(evidence: &Evidence, host: &str, failed: &[&Observation]) -> Option<(Sender, Text)> {
    let refused = failed.iter().filter(|o| o.outcome.failure() == Some(FailureKind::ConnectionRefused));
    let (peer, sender) = { refused }
        .filter_map(|o| o.peer)
        .find_map(|peer| Some((peer, sender(evidence, host, peer, ReplyTo::Syn)?)))?;
    let of = if failed.len() == 1 { Text::empty() } else { text!(" of {peer}", peer) };
    let words = sender.words(&of);
    Some((sender, words))
}

fn base_finding(evidence: &Evidence, host: &str, group: &[&Observation]) -> Option<Finding> {
    let first = group.first()?;
    let row = group
        .iter()
        .filter_map(|o| o.outcome.failure())
        .filter(|kind| *kind != FailureKind::ConnectTimeout)
        .find_map(base_row);
    let row = row.unwrap_or(&TCP002);
    let peers = listed(group.iter().filter_map(|o| o.peer));
    let reporters: BTreeSet<IpAddr> = group.iter().filter_map(|o| reporter(o)).collect();
    let by = if reporters.is_empty() {
        Text::empty()
    } else {
        text!(", reported by {reporters}", reporters = listed(&reporters))
    };
    let make = |summary: Text| {
        let finding = Finding::new(row, host, first.id, summary).citing(group.iter().map(|o| o.id));
        finding.confidence(Confidence::high_if(!reporters.is_empty()))
    };
    let endpoint = text!("{host} ({peers})", host, peers);
    Some(match row.code {
        "TCP001" => match who_reset(evidence, host, group) {
            Some((sender, words)) => make(text!("{endpoint} refuses the connection{by}; {words}", endpoint, by, words))
                // What it was compared with belongs to another port, which is not refused.
                .citing([sender.observation()])
                .confidence(Confidence::high_if(sender.is_proven && addresses_of(group).len() == 1))
                .help(sender.advice()),
            None => make(text!("{endpoint} refuses the connection{by}", endpoint, by)),
        }
        .help(text!("you: check that name and port are right, and that no local proxy or firewall answers for them"))
        .help(text!(
            "network team: COS itself does not close 80 or 443; a firewall or proxy on the way rejects with RST"
        )),
        "TCP002" => make(text!("nothing answers at {endpoint}", endpoint))
            .help(text!(
                "you: check the outgoing rules of the security group, network ACL and local firewall for TCP 80 and 443"
            ))
            .help(text!("network team or ISP: find out where the packets end: traceroute -T -p 443 ADDRESS")),
        "TCP004" => make(text!("a firewall prohibits connecting to {endpoint}{by}", endpoint, by)).help(text!(
            "operator of {operator}: allow TCP 80 and 443 to these addresses",
            operator = operator(&reporters)
        )),
        _ => make(text!("{endpoint} cannot be reached{by}", endpoint, by)).help(text!(
            "operator of {operator}: it has no way to the destination; repair its route",
            operator = operator(&reporters)
        )),
    })
}

fn addresses_of(observations: &[&Observation]) -> BTreeSet<IpAddr> {
    observations.iter().filter_map(|observation| Some(observation.peer?.ip())).collect()
}

fn operator(reporters: &BTreeSet<IpAddr>) -> Text {
    if reporters.is_empty() { text!("the network on the way") } else { listed(reporters) }
}

fn reporter(observation: &Observation) -> Option<IpAddr> {
    match &observation.outcome {
        Outcome::Failed { from, .. } => *from,
        _ => None,
    }
}

/// Connects that failed or whose SYN was lost, among those to ports that do work.
fn syn_loss(evidence: &Evidence, host: &str, policy: &Policy) -> Option<Finding> {
    let (mut sent, mut lost) = (0_usize, 0_usize);
    let mut cited: Vec<ObservationId> = Vec::new();
    for observation in evidence.of_endpoint(Stage::Connect, host).filter(|o| o.outcome.is_success()) {
        let Some(tcp) = observation.detail.tcp() else { continue };
        let ended = tcp.samples.iter().filter(|sample| !matches!(sample.outcome, Outcome::NotRun { .. }));
        let lost_here = ended
            .clone()
            .filter(|sample| sample.lost_syn() || sample.outcome.failure().is_some_and(|kind| !kind.is_local()))
            .count();
        sent += ended.count();
        lost += lost_here;
        if lost_here > 0 {
            cited.push(observation.id);
        }
    }
    let first = *cited.first()?;
    if lost * 100 <= sent * policy.syn_loss_percent as usize {
        return None;
    }
    let mut summary = text!(
        "{lost} of {sent} connects to {host} failed or needed more than one SYN, the others did not",
        lost,
        sent,
        host
    );
    let mixed: Vec<&Observation> = evidence.of_endpoint(Stage::SourcePorts, host).filter(|o| is_mixed(o)).collect();
    if !mixed.is_empty() {
        summary = text!(
            "{summary}; connects from one and the same source port now pass and now fail, so no single way of several is broken",
            summary
        );
    }
    let finding = Finding::new(&TCP005, host, first, summary)
        .citing(cited)
        .citing(mixed.iter().map(|o| o.id))
        .confidence(if sent >= 20 {
            Confidence::High
        } else if sent >= 5 {
            Confidence::Medium
        } else {
            Confidence::Low
        })
        .help(text!("you: repeat with more samples (-c 50) to see the share of loss"))
        .help(text!("network team or ISP: look for a congested or faulty link; compare with another network"));
    Some(finding)
}

/// Whether connects from one source port now passed and now failed.
fn is_mixed(observation: &Observation) -> bool {
    observation.detail.source_ports().is_some_and(|tried| tried.ports.iter().any(PortTrial::is_mixed))
}
