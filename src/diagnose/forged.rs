//! Whether somebody else answers for COS's name servers: two answers to one question, answers from where no name server is, and
//! answers that only lead to somebody else.

use super::answers::{Relation, addresses_of, differing, leads_nowhere, relation};
use super::codes::DNS006;
use super::resolvers::server_name;
use super::verdict::is_answered;
use super::view::{cos_answered, listed};
use super::{Confidence, Finding, Severity};
use crate::config::Policy;
use crate::evidence::{
    AddressRecord, Dns, Evidence, FurtherAnswer, Observation, ObservationId, ServerOrigin, Stage, VerificationResult,
};
use crate::target::Target;
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _: &Policy) -> Vec<Finding> {
    evidence.targets.iter().filter(|target| target.role.is_cos_host()).filter_map(|t| forged(evidence, t)).collect()
}

/// What shows that an answer is forged, from the surest to the least sure.
fn forged(evidence: &Evidence, target: &Target) -> Option<Finding> {
    let host = target.host.as_str();
    let own: Vec<&Observation> = evidence.own_lookups(host).filter(|o| o.was_run()).collect();
    // An answer that leads nowhere is told in `dns.rs`.
    if own.iter().any(|observation| addresses_of(observation).iter().any(leads_nowhere)) {
        return None;
    }
    let (shown, summary, confidence) = doubled(evidence, host)
        .or_else(|| from_nowhere(evidence, target))
        .or_else(|| leads_to_somebody_else(evidence, host))?;
    // Where COS answers, and only a server is concerned that nothing here goes by, this machine has no fault.
    let is_own = |id| evidence.get(id).is_some_and(|shown| own.iter().any(|o| o.peer == shown.peer));
    let is_harmless = cos_answered(evidence, host) && !shown.iter().any(|&id| is_own(id));
    let all = evidence.own_lookups(host).chain(evidence.comparisons(host));
    let finding = Finding::new(&DNS006, host, *shown.first()?, summary)
        .severity(if is_harmless { Severity::Info } else { Severity::Error })
        .citing(shown)
        .citing(own.iter().map(|observation| observation.id))
        // That name servers disagree is then no other fault: DNS005.
        .citing(differing(evidence, host, all).map(|(_, other)| other.id))
        .confidence(confidence)
        .help(text!("network team or ISP: something on the path answers DNS questions in place of the name server (a filter, a security gateway, a hijacker); let questions for myqcloud.com and tencentcos.cn pass"));
    Some(finding.help(text!("you: ask over an encrypted transport to see the true answer: `cosprobe dns TARGET --resolver https://1.12.12.12/dns-query`")))
}

type Shown = (Vec<ObservationId>, Text, Confidence);

/// Two answers to one question that have nothing to do with each other: whoever is quicker wins. A question that was sent again may
/// be answered again.
fn doubled(evidence: &Evidence, host: &str) -> Option<Shown> {
    let contradicts = |dns: &Dns, further: &FurtherAnswer| {
        let record = |ip: &std::net::IpAddr| AddressRecord { ip: *ip, ttl_seconds: 0 };
        let later = Dns { addresses: further.addresses.iter().map(record).collect(), ..Dns::default() };
        let first_is_empty = dns.addresses.is_empty() && !later.addresses.is_empty() && !dns.truncated;
        first_is_empty
            || matches!(relation(dns, &later), Relation::Different | Relation::Forged | Relation::SplitHorizon)
    };
    let doubled: Vec<(&Observation, &FurtherAnswer)> = evidence
        .own_lookups(host)
        .chain(evidence.comparisons(host))
        .filter_map(|observation| {
            let asked_once = |dns: &&Dns| dns.further_answers.len() >= dns.transmissions.max(1) as usize;
            let dns = observation.detail.dns().filter(asked_once)?;
            Some((observation, dns.further_answers.iter().find(|further| contradicts(dns, further))?))
        })
        .collect();
    let (first, further) = doubled.first()?;
    let answer = |ips: Vec<std::net::IpAddr>| if ips.is_empty() { text!("no address") } else { listed(ips) };
    let summary = text!(
        "a question for {host} to {server} is answered twice, with {first} and then with {second}: one answer is forged",
        host,
        server = listed(first.peer.map(server_name)),
        first = answer(addresses_of(first)),
        second = answer(further.addresses.clone())
    );
    Some((doubled.iter().map(|(observation, _)| observation.id).collect(), summary, Confidence::High))
}

/// An answer from an address where no name server is, while COS does not answer. Some networks answer for all name servers and
/// tell the truth, so where nothing was connected to this shows nothing.
fn from_nowhere(evidence: &Evidence, target: &Target) -> Option<Shown> {
    let host = target.host.as_str();
    let is_decoy =
        |o: &&Observation| o.detail.dns().is_some_and(|dns| dns.origin == ServerOrigin::Decoy && dns.rcode.is_some());
    let answered: Vec<&Observation> = evidence.comparisons(host).filter(is_decoy).collect();
    let first = answered.first().filter(|_| !target.services.is_empty() && !is_answered(evidence, target))?;
    let summary = text!(
        "{server}, where no name server is, answers a question for {host} too: something on the path answers for all name servers",
        server = listed(first.peer.map(server_name)),
        host
    );
    // Where nobody answers at the addresses, these may be right all the same, and COS out of reach.
    let confidence = Confidence::high_if(somebody_else_answers(evidence, host));
    Some((answered.iter().map(|observation| observation.id).collect(), summary, confidence))
}

/// Another server gives other addresses, and at those that are used here somebody else answers.
fn leads_to_somebody_else(evidence: &Evidence, host: &str) -> Option<Shown> {
    let differing: Vec<(&Observation, &Observation)> = differing(evidence, host, evidence.comparisons(host)).collect();
    let &(own, other) = differing.first().filter(|_| somebody_else_answers(evidence, host))?;
    let summary = text!(
        "{server} answers {addresses} for {host}, where somebody else answers; {other_server} answers {other_addresses}",
        server = listed(own.peer.map(server_name)),
        addresses = listed(addresses_of(own)),
        host,
        other_server = listed(other.peer.map(server_name)),
        other_addresses = listed(addresses_of(other))
    );
    Some((differing.iter().map(|(_, other)| other.id).collect(), summary, Confidence::Medium))
}

/// Whether there are answers at the endpoint's addresses and none is COS's.
fn somebody_else_answers(evidence: &Evidence, host: &str) -> bool {
    let exchanges = || evidence.of_endpoint(Stage::HttpRoundTrip, host).filter_map(|o| o.detail.http());
    let other_status = exchanges().any(|http| http.status.is_some() && !http.is_from_cos());
    let other_certificate = evidence.of_endpoint(Stage::TlsHandshake, host).filter_map(|o| o.detail.tls()).any(|tls| {
        matches!(tls.verification.result, VerificationResult::WrongName | VerificationResult::UntrustedIssuer)
    });
    !cos_answered(evidence, host) && (other_status || other_certificate)
}
