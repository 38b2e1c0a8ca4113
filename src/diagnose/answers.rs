//! How the answers of name servers about one endpoint go together.

use std::collections::BTreeSet;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::addr::{self, AddressScope};
use crate::evidence::{AddressRecord, Dns, Evidence, Observation, ObservationId, RecordType, ServerOrigin};

/// How an answer goes together with the one that programs on this machine go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// It has the same addresses.
    Same,
    /// It has others of the same service, as servers give in turn or by place: they share addresses, aliases or a network.
    Rotation,
    /// One is of the private network, the other public.
    SplitHorizon,
    /// They have nothing to do with each other.
    Different,
    /// It cannot be an answer of COS: it leads nowhere, or to a placeholder.
    Forged,
    /// There is nothing to compare.
    #[serde(other)]
    Unknown,
}

impl Relation {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Rotation => "rotation",
            Self::SplitHorizon => "split",
            Self::Different => "different",
            Self::Forged => "forged",
            Self::Unknown => "-",
        }
    }
}

/// The addresses of an answer.
pub(super) fn addresses_of(observation: &Observation) -> Vec<IpAddr> {
    let records = observation.detail.dns().map(|dns| dns.addresses.as_slice()).unwrap_or_default();
    records.iter().map(|record| record.ip).collect()
}

/// How two answers go together, of which the first is the one to go by.
pub(super) fn relation(reference: &Dns, other: &Dns) -> Relation {
    let ips = |dns: &Dns| dns.addresses.iter().map(|record| record.ip).collect::<BTreeSet<_>>();
    let (ours, theirs) = (ips(reference), ips(other));
    if theirs.iter().any(leads_nowhere) {
        return Relation::Forged;
    }
    if ours.is_empty() || theirs.is_empty() {
        return Relation::Unknown;
    }
    if ours == theirs {
        return Relation::Same;
    }
    if is_private(&ours) != is_private(&theirs) {
        return Relation::SplitHorizon;
    }
    let aliases = |dns: &Dns| dns.cname_chain.iter().map(|cname| cname.target.clone()).collect::<BTreeSet<_>>();
    let networks = |ips: &BTreeSet<IpAddr>| ips.iter().map(|ip| network(*ip)).collect::<BTreeSet<_>>();
    let share = !ours.is_disjoint(&theirs)
        || !aliases(reference).is_disjoint(&aliases(other))
        || !networks(&ours).is_disjoint(&networks(&theirs));
    if share { Relation::Rotation } else { Relation::Different }
}

fn is_private(ips: &BTreeSet<IpAddr>) -> bool {
    ips.iter().all(|ip| addr::scope_of(*ip) == AddressScope::Private)
}

/// Whether an address can be none of COS.
pub(super) fn leads_nowhere(ip: &IpAddr) -> bool {
    matches!(addr::scope_of(*ip), AddressScope::Sinkhole | AddressScope::Reserved | AddressScope::FakeIp)
}

/// The network that the servers of one site share: the first three bytes of an IPv4 address, six of an IPv6 one.
fn network(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(v4) => v4.octets()[..3].to_vec(),
        IpAddr::V6(v6) => v6.octets()[..6].to_vec(),
    }
}

/// The answer that programs on this machine go by: the first one with addresses of the type that is asked for.
pub(super) fn reference<'a>(evidence: &'a Evidence, host: &'a str, like: &Dns) -> Option<&'a Observation> {
    let gives = |o: &&Observation| {
        o.detail.dns().is_some_and(|dns| dns.record_type == like.record_type && !dns.addresses.is_empty())
    };
    evidence.own_lookups(host).find(gives)
}

/// Those of some answers that have nothing to do with the one to go by, each behind that one. Where it leads nowhere, that is the
/// fault, and where no name server is, nobody can disagree.
pub(super) fn differing<'a>(
    evidence: &'a Evidence,
    host: &'a str,
    answers: impl Iterator<Item = &'a Observation>,
) -> impl Iterator<Item = (&'a Observation, &'a Observation)> {
    answers.filter_map(move |other| {
        let dns = other.detail.dns().filter(|dns| dns.origin != ServerOrigin::Decoy)?;
        let own = reference(evidence, host, dns).filter(|own| !addresses_of(own).iter().any(leads_nowhere))?;
        (relation(own.detail.dns()?, dns) == Relation::Different).then_some((own, other))
    })
}

/// What programs on this machine use, as an answer: the addresses that they look up, or that the hosts file gives, or else the first
/// answer. Aliases are those of the first answer.
fn used(evidence: &Evidence, host: &str, like: &Dns) -> Option<Dns> {
    let of_type = |ip: &IpAddr| ip.is_ipv4() == (like.record_type == RecordType::A);
    let looked_up = evidence.system_lookups(host).flat_map(|(_, lookup)| lookup.addresses.iter().copied());
    let in_file = || evidence.hosts_entry(host).into_iter().flat_map(|(_, file)| file.addresses.iter().copied());
    let first = reference(evidence, host, like).and_then(|observation| observation.detail.dns()).cloned();
    let mut ips: Vec<IpAddr> = looked_up.filter(of_type).collect();
    if ips.is_empty() {
        ips = in_file().filter(of_type).collect();
    }
    if ips.is_empty() {
        return first;
    }
    let addresses = ips.into_iter().map(|ip| AddressRecord { ip, ttl_seconds: 0 }).collect();
    Some(Dns { addresses, ..first.unwrap_or_default() })
}

/// One answer, and how it goes together with the one to go by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerView {
    /// The observation.
    pub observation: ObservationId,
    /// How it goes together with what programs on this machine use: what they look up, what the hosts file says, or else the first
    /// answer of the servers that they ask.
    pub relation: Relation,
    /// The addresses with the networks that they belong to.
    pub addresses: Vec<ScopedAddress>,
}

/// An address and the network that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ScopedAddress {
    /// The address.
    pub ip: IpAddr,
    /// The network.
    pub scope: AddressScope,
}

/// Every answer about an endpoint, in order: those of the system's own look-ups, of its servers, and of those to compare with.
pub(super) fn answers(evidence: &Evidence, host: &str) -> Vec<AnswerView> {
    let scoped = |ips: &[IpAddr]| ips.iter().map(|&ip| ScopedAddress { ip, scope: addr::scope_of(ip) }).collect();
    let of_system = evidence.system_lookups(host).map(|(observation, lookup)| AnswerView {
        observation,
        relation: Relation::Unknown,
        addresses: scoped(&lookup.addresses),
    });
    let of_servers = evidence.own_lookups(host).chain(evidence.comparisons(host)).filter_map(|observation| {
        let dns = observation.detail.dns()?;
        let relation = used(evidence, host, dns).map_or(Relation::Unknown, |own| relation(&own, dns));
        Some(AnswerView { observation: observation.id, relation, addresses: scoped(&addresses_of(observation)) })
    });
    of_system.chain(of_servers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Cname;

    fn dns(ips: &[&str], alias: Option<&str>) -> Dns {
        let record = |ip: &&str| AddressRecord { ip: ip.parse().unwrap(), ttl_seconds: 60 };
        let alias = alias.map(|target| Cname { target: target.to_owned(), ttl_seconds: 60 });
        Dns { addresses: ips.iter().map(record).collect(), cname_chain: alias.into_iter().collect(), ..Dns::default() }
    }

    #[test]
    fn answers_are_compared() {
        let reference = dns(&["203.0.113.10", "203.0.113.11"], Some("gz.example"));
        for (ips, alias, expected) in [
            (&["203.0.113.11", "203.0.113.10"][..], None, Relation::Same),
            (&["203.0.113.10"], None, Relation::Rotation),
            (&["203.0.113.99"], None, Relation::Rotation),
            (&["203.0.114.10"], None, Relation::Different),
            (&["192.0.2.1"], Some("gz.example"), Relation::Rotation),
            (&["192.0.2.1"], Some("other.example"), Relation::Different),
            (&["169.254.0.47"], None, Relation::SplitHorizon),
            (&["0.0.0.0"], None, Relation::Forged),
            (&["198.18.0.7"], None, Relation::Forged),
            (&[], None, Relation::Unknown),
        ] {
            assert_eq!(relation(&reference, &dns(ips, alias)), expected, "{ips:?} {alias:?}");
        }
        assert_eq!(relation(&dns(&[], None), &reference), Relation::Unknown);
    }

    #[test]
    fn one_network_of_ipv6_has_48_bits_and_one_private_address_makes_no_private_answer() {
        let v6 = dns(&["2001:db8:1:2::10"], None);
        assert_eq!(relation(&v6, &dns(&["2001:db8:1:99::77"], None)), Relation::Rotation);
        assert_eq!(relation(&v6, &dns(&["2001:db8:2:2::10"], None)), Relation::Different);
        let mixed = dns(&["169.254.0.47", "203.0.113.10"], None);
        assert_eq!(relation(&mixed, &dns(&["203.0.113.10"], None)), Relation::Rotation);
        assert_eq!(relation(&mixed, &dns(&["169.254.0.47"], None)), Relation::SplitHorizon);
    }
}
