//! Findings about name resolution.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::codes::{DNS001, DNS002, DNS003, DNS006, DNS007, DNS008, DNS009, DNS010};
use super::view::{cos_answered, failure_words, listed, listed_words, milliseconds};
use super::{CodeRow, Confidence, Finding, Severity};
use crate::addr::{self, AddressScope};
use crate::config::Policy;
use crate::evidence::{DnsTransport, Evidence, FailureKind, NotRunReason, Observation, Outcome, RecordType};
use crate::region;
use crate::target::Target;
use crate::text;
use crate::text::Text;

/// A server that gives no answer at all, by any of these.
const SILENT: &[FailureKind] = &[
    FailureKind::QueryTimeout,
    FailureKind::ConnectTimeout,
    FailureKind::PortUnreachable,
    FailureKind::ConnectionRefused,
    FailureKind::HostUnreachable,
    FailureKind::NetworkUnreachable,
    FailureKind::AdminProhibited,
    FailureKind::LocalReject,
    FailureKind::NoRoute,
    FailureKind::FamilyUnsupported,
    FailureKind::HandshakeTimeout,
    FailureKind::ResponseTimeout,
];

/// A server that answers, and not the question.
const FAILING: &[FailureKind] = &[
    FailureKind::ServerFailure,
    FailureKind::QueryRefused,
    FailureKind::ErrorRcode,
    FailureKind::MalformedAnswer,
    FailureKind::CnameLoop,
    FailureKind::HandshakeReset,
    FailureKind::HandshakeClosed,
    FailureKind::HandshakeAlert,
    FailureKind::TlsVersion,
    FailureKind::NotTls,
    FailureKind::HandshakeFailed,
    FailureKind::ResponseReset,
    FailureKind::ResponseClosed,
    FailureKind::MalformedResponse,
    FailureKind::Other,
    FailureKind::Unknown,
];

pub(super) fn rule(evidence: &Evidence, policy: &Policy) -> Vec<Finding> {
    evidence.targets.iter().flat_map(|target| Lookups::new(evidence, target).findings(policy)).collect()
}

/// The look-ups of one endpoint.
struct Lookups<'a> {
    evidence: &'a Evidence,
    target: &'a Target,
    all: Vec<&'a Observation>,
    /// Whether any server, the hosts file, or a look-up as programs do it gave an address.
    answered: bool,
}

impl<'a> Lookups<'a> {
    fn new(evidence: &'a Evidence, target: &'a Target) -> Self {
        let all: Vec<_> = evidence.own_lookups(&target.host).filter(|o| o.was_run()).collect();
        let in_hosts_file = evidence.hosts_entry(&target.host).is_some();
        let looked_up = evidence.system_lookups(&target.host).any(|(_, lookup)| !lookup.addresses.is_empty());
        let answered = in_hosts_file || looked_up || all.iter().any(|observation| !addresses(observation).is_empty());
        Self { evidence, target, all, answered }
    }

    fn findings(&self, policy: &Policy) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.no_name_server());
        if self.all.is_empty() {
            return findings;
        }
        findings.extend(self.name_not_found());
        findings.extend(self.no_address());
        findings.extend(self.silent_server());
        findings.extend(self.failing_server());
        findings.extend(self.tcp_fallback_blocked());
        findings.extend(self.sinkhole());
        findings.extend(self.fake_ip());
        findings.extend(self.slow(policy));
        findings
    }

    fn failed_by(&self, kinds: &[FailureKind]) -> Vec<&'a Observation> {
        let by_kind = |o: &&&Observation| o.outcome.failure().is_some_and(|kind| kinds.contains(&kind));
        self.all.iter().filter(by_kind).copied().collect()
    }

    /// Error when nothing gave an address, warning when something else did.
    const fn severity(&self) -> Severity {
        if self.answered { Severity::Warning } else { Severity::Error }
    }

    fn finding(&self, row: &'static CodeRow, cited: &[&Observation], summary: Text) -> Option<Finding> {
        let first = cited.first()?;
        let finding = Finding::new(row, &self.target.host, first.id, summary);
        Some(finding.citing(cited.iter().map(|observation| observation.id)))
    }

    fn no_name_server(&self) -> Option<Finding> {
        let missing = Outcome::NotRun { because: NotRunReason::NoNameServer };
        let observation = self.evidence.own_lookups(&self.target.host).find(|o| o.outcome == missing)?;
        let summary = text!("there is no name server to ask for {host}", host = &self.target.host);
        let finding = self.finding(&DNS002, &[observation], summary)?.severity(self.severity());
        Some(finding.help(text!("you: /etc/resolv.conf names none; inside a Tencent VPC it should be 183.60.83.19 and 183.60.82.98, elsewhere DHCP sets it")))
    }

    /// Those of some look-ups that count: all of them when there is no address, else those at the machine's own servers, which
    /// programs on it go by.
    fn that_count(&self, observations: Vec<&'a Observation>) -> Vec<&'a Observation> {
        let own = |o: &&Observation| !self.answered || o.detail.dns().is_some_and(|dns| dns.system);
        let counted: Vec<_> = observations.into_iter().filter(own).collect();
        // A server that gave an address for one record type does not deny the name.
        let gave = |server| self.all.iter().any(|o| o.peer == Some(server) && !addresses(o).is_empty());
        counted.into_iter().filter(|o| !o.peer.is_some_and(gave)).collect()
    }

    fn name_not_found(&self) -> Option<Finding> {
        let denied = self.that_count(self.failed_by(&[FailureKind::NameNotFound]));
        if denied.is_empty() {
            return None;
        }
        let host = &self.target.host;
        let all_agree = self.all.len() == denied.len() && servers(&denied).len() > 1;
        let summary = text!("{host} does not exist, says {servers}", host, servers = listed(servers(&denied)));
        let finding = self
            .finding(&DNS001, &denied, summary)?
            .severity(self.severity())
            .confidence(Confidence::high_if(all_agree))
            .help(self.spelling_help());
        Some(finding.help(text!("you: if the name is right, your resolver may not serve names outside: ask another one with --resolver 119.29.29.29")))
    }

    fn spelling_help(&self) -> Text {
        match &self.target.region {
            Some(id) if region::find(id).is_none() => {
                let near = region::near(id);
                let hint = if near.is_empty() {
                    text!("`cosprobe check --help` names the form")
                } else {
                    text!("did you mean {near}?", near = near.join(", "))
                };
                text!("you: correct the region: '{id}' is not a known region; {hint}", id, hint)
            }
            Some(id) => {
                text!(
                    "you: check the spelling of the bucket with its APPID and of the domain; region {id} is known",
                    id
                )
            }
            None => text!("you: check the spelling of the name"),
        }
    }

    fn no_address(&self) -> Option<Finding> {
        let empty = self.that_count(self.failed_by(&[FailureKind::NoRecords]));
        let contradicted = !self.failed_by(&[FailureKind::NameNotFound]).is_empty();
        // Each server has to say so for every type that it was asked for and answered.
        let of_empty = |o: &&&Observation| empty.iter().any(|other| other.peer == o.peer);
        let says_more = self.all.iter().filter(of_empty).any(|o| !empty.iter().any(|other| other.id == o.id));
        if empty.is_empty() || contradicted || says_more {
            return None;
        }
        let summary = text!(
            "{host} exists and has no address, says {servers}",
            host = &self.target.host,
            servers = listed(servers(&empty))
        );
        let both_asked = [RecordType::A, RecordType::Aaaa]
            .iter()
            .all(|wanted| empty.iter().any(|o| o.detail.dns().is_some_and(|dns| dns.record_type == *wanted)));
        let finding = self
            .finding(&DNS009, &empty, summary)?
            .severity(self.severity())
            .confidence(Confidence::high_if(both_asked));
        Some(finding.help(text!("bucket's owner: for a custom domain, set its CNAME to the bucket's endpoint")).help(
            text!(
                "you: if the other address family is wanted, leave out -4 or -6; ask another resolver with --resolver"
            ),
        ))
    }

    fn silent_server(&self) -> Option<Finding> {
        let silent: Vec<_> =
            self.failed_by(SILENT).into_iter().filter(|o| o.parent.is_none_or(|id| !self.is_truncated(id))).collect();
        let summary = text!(
            "{servers} {is_silent} for {host} ({words})",
            servers = listed(servers(&silent)),
            is_silent = self.what_is_missing(&silent),
            host = &self.target.host,
            words = failure_words(silent.iter().copied())
        );
        let finding = self
            .finding(&DNS002, &silent, summary)?
            .severity(if self.is_told() { Severity::Warning } else { Severity::Error })
            .confidence(Confidence::high_if(!self.answers_something(&silent)));
        Some(
            finding
                .help(text!("you: check the name servers in /etc/resolv.conf; inside a Tencent VPC they are 183.60.83.19 and 183.60.82.98"))
                .help(text!("network team: let UDP and TCP port 53 to the name servers pass, and look after the server")),
        )
    }

    /// Whether anyone gave an address, or told that there is none.
    fn is_told(&self) -> bool {
        self.answered || !self.failed_by(&[FailureKind::NameNotFound, FailureKind::NoRecords]).is_empty()
    }

    /// A server that answers the other question is not down.
    fn answers_something(&self, silent: &[&Observation]) -> bool {
        let down = servers(silent);
        let of_silent = |o: &Observation| o.peer.is_some_and(|peer| down.contains(&peer));
        self.all.iter().any(|o| of_silent(o) && !silent.iter().any(|other| other.id == o.id))
    }

    fn what_is_missing(&self, silent: &[&Observation]) -> Text {
        if self.answers_something(silent) {
            text!("leaves one of the questions unanswered")
        } else {
            text!("does not answer")
        }
    }

    fn is_truncated(&self, id: u32) -> bool {
        self.evidence.get(id).and_then(|o| o.detail.dns()).is_some_and(|dns| dns.truncated)
    }

    fn failing_server(&self) -> Option<Finding> {
        let failing = self.failed_by(FAILING);
        let words = failing.iter().filter_map(|o| failure_word(o)).collect::<BTreeSet<_>>();
        let agree = words.len() == 1;
        let words = listed_words(words.iter().map(String::as_str));
        let summary = text!(
            "{servers} answers {words} for {host}",
            servers = listed(servers(&failing)),
            words,
            host = &self.target.host
        );
        let finding =
            self.finding(&DNS003, &failing, summary)?.severity(self.severity()).confidence(Confidence::high_if(agree));
        Some(finding.help(text!("operator of that resolver: look into its log and its upstream")).help(text!("you: use another resolver until then; inside a Tencent VPC 183.60.83.19 and 183.60.82.98, elsewhere for example 119.29.29.29")))
    }

    fn tcp_fallback_blocked(&self) -> Option<Finding> {
        let over_tcp = |o: &&&Observation| o.detail.dns().is_some_and(|dns| dns.transport == DnsTransport::Tcp);
        let blocked: Vec<_> = self
            .all
            .iter()
            .filter(over_tcp)
            .filter(|o| o.outcome.failure().is_some_and(|kind| SILENT.contains(&kind)))
            .filter(|o| o.parent.is_some_and(|id| self.is_truncated(id)))
            .copied()
            .collect();
        let summary = text!(
            "{servers} cuts its answer for {host} short and is not reachable over TCP",
            servers = listed(servers(&blocked)),
            host = &self.target.host
        );
        let finding = self.finding(&DNS010, &blocked, summary)?.severity(self.severity());
        Some(finding.help(text!("network team: let TCP port 53 to the name server pass; DNS needs it (RFC 7766)")))
    }

    fn with_scope(&self, scope: AddressScope) -> (Vec<&'a Observation>, BTreeSet<std::net::IpAddr>) {
        let of_scope =
            |o: &Observation| addresses(o).into_iter().filter(|ip| addr::scope_of(*ip) == scope).collect::<Vec<_>>();
        let cited: Vec<_> = self.all.iter().filter(|o| !of_scope(o).is_empty()).copied().collect();
        let ips = cited.iter().flat_map(|o| of_scope(o)).collect();
        (cited, ips)
    }

    fn sinkhole(&self) -> Option<Finding> {
        if self.target.host == "localhost" {
            return None;
        }
        let (mut cited, mut ips) = self.with_scope(AddressScope::Sinkhole);
        let (reserved, of_reserved) = self.with_scope(AddressScope::Reserved);
        cited.extend(reserved);
        ips.extend(of_reserved);
        let summary = text!(
            "{servers} answers {addresses} for {host}: that is no address of COS",
            servers = listed(servers(&cited)),
            addresses = listed(ips),
            host = &self.target.host
        );
        let finding = self.finding(&DNS006, &cited, summary)?;
        Some(
            finding
                .help(text!("network team or ISP: a filter (ad blocker, security gateway, parental control) answers for this name; let it through"))
                .help(text!("you: compare with another resolver: nslookup NAME 119.29.29.29")),
        )
    }

    fn fake_ip(&self) -> Option<Finding> {
        let (cited, ips) = self.with_scope(AddressScope::FakeIp);
        let severity = if cos_answered(self.evidence, &self.target.host) { Severity::Warning } else { Severity::Error };
        let summary = text!(
            "{servers} answers {addresses} for {host}: a placeholder of a local proxy",
            servers = listed(servers(&cited)),
            addresses = listed(ips),
            host = &self.target.host
        );
        let finding = self.finding(&DNS007, &cited, summary)?.severity(severity);
        Some(finding.help(text!("you: a proxy (Clash, Surge, sing-box and the like) runs in fake-IP mode; add myqcloud.com and tencentcos.cn to its fake-IP filter and its direct rules, or stop it")))
    }

    fn slow(&self, policy: &Policy) -> Option<Finding> {
        let mut by_time: Vec<_> = self
            .all
            .iter()
            .filter(|o| o.outcome.is_success() && o.detail.dns().is_some_and(|dns| !dns.truncated))
            .filter_map(|o| Some((o.result_us()?, *o)))
            .collect();
        by_time.sort_by_key(|(elapsed_us, o)| (*elapsed_us, o.id));
        let &(fastest, first) = by_time.first()?;
        if fastest <= u64::from(policy.slow_resolution_ms) * 1000 {
            return None;
        }
        let summary = text!(
            "looking {host} up takes {time} at {server}",
            host = &self.target.host,
            time = milliseconds(fastest),
            server = listed(servers(&[first]))
        );
        // The time of a question that had to be sent again is not the server's.
        let asked_once = |(_, o): &(u64, &Observation)| o.detail.dns().is_some_and(|dns| dns.transmissions < 2);
        let finding = self
            .finding(&DNS008, &by_time.iter().map(|(_, o)| *o).collect::<Vec<_>>(), summary)?
            .confidence(Confidence::high_if(by_time.iter().any(asked_once)));
        Some(finding.help(text!(
            "you: use a nearer or faster resolver, or a local cache; network team: look into the resolver's upstream"
        )))
    }
}

fn addresses(observation: &Observation) -> Vec<std::net::IpAddr> {
    let records = observation.detail.dns().map(|dns| dns.addresses.as_slice()).unwrap_or_default();
    records.iter().map(|record| record.ip).collect()
}

/// The servers asked, each once.
fn servers(observations: &[&Observation]) -> Vec<SocketAddr> {
    let mut servers: Vec<SocketAddr> = observations.iter().filter_map(|observation| observation.peer).collect();
    servers.sort_unstable();
    servers.dedup();
    servers
}

/// DNS's own word where there is one.
fn failure_word(observation: &Observation) -> Option<String> {
    let kind = observation.outcome.failure()?;
    let rcode = observation.detail.dns().and_then(|dns| dns.rcode.clone());
    Some(rcode.filter(|word| word != "NOERROR").unwrap_or_else(|| kind.as_str().to_owned()))
}
