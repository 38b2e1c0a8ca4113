//! Figures derived from the evidence, for rules and for reports: addresses with their scope, ports with their statistics, the
//! route, and what answered.

use std::collections::BTreeSet;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reply::reply_to_syn;
use crate::addr::{self, AddressScope};
use crate::config::Route;
use crate::evidence::{Evidence, FailureKind, Observation, ObservationId, Outcome, Sample, Stage};
use crate::latency::Spread;
use crate::text;
use crate::text::Text;

/// One address of an endpoint, with everything that was measured about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressView {
    /// Host of the endpoint.
    pub endpoint: String,
    /// The address.
    pub ip: IpAddr,
    /// The network it belongs to.
    pub scope: AddressScope,
    /// Who gave it: name servers as address and port, the path of the hosts file, or `system look-up`.
    pub sources: Vec<String>,
    /// The ports that were tested.
    pub ports: Vec<PortView>,
}

/// What the connects to one address and port came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PortView {
    /// The observation.
    pub observation: ObservationId,
    /// TCP port.
    pub port: u16,
    /// How the connects ended, taken together.
    pub outcome: Outcome,
    /// Connects that were begun and ended.
    pub attempts: u32,
    /// Connects that succeeded.
    pub connected: u32,
    /// Connects whose SYN had to be sent again.
    pub with_syn_retransmits: u32,
    /// SYN to SYN-ACK by the kernel, over the connects where it is valid.
    pub kernel_rtt_us: Option<Spread>,
    /// Time of the successful connects by the process's own clock, those with lost SYNs left out.
    pub connect_us: Option<Spread>,
    /// Maximum segment size towards the peer.
    pub mss_bytes: Option<u32>,
    /// The TTL with which the answer to a SYN arrives; null where it was not measured, or is not sure.
    #[serde(default)]
    pub answer_ttl: Option<u8>,
    /// How many hops away that answer comes from, by its TTL.
    #[serde(default)]
    pub answer_hops: Option<u8>,
}

impl PortView {
    fn new(evidence: &Evidence, observation: &Observation) -> Option<Self> {
        let tcp = observation.detail.tcp()?;
        let reply = reply_to_syn(evidence, observation);
        let ended = |sample: &&Sample| !matches!(sample.outcome, Outcome::NotRun { .. });
        let successes = || tcp.samples.iter().filter(|sample| sample.outcome.is_success());
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Some(Self {
            observation: observation.id,
            port: observation.peer?.port(),
            outcome: observation.outcome.clone(),
            attempts: count(tcp.samples.iter().filter(ended).count()),
            connected: count(successes().count()),
            with_syn_retransmits: count(tcp.samples.iter().filter(|sample| sample.lost_syn()).count()),
            kernel_rtt_us: Spread::of_kernel_rtt(tcp),
            connect_us: Spread::of_connect_time(tcp),
            mss_bytes: successes().find_map(|sample| sample.mss_bytes),
            answer_ttl: reply.map(|reply| reply.ttl),
            answer_hops: reply.map(|reply| reply.hops),
        })
    }
}

/// Every address of every endpoint, in the order in which it was found.
pub fn addresses(evidence: &Evidence) -> Vec<AddressView> {
    evidence.targets.iter().flat_map(|target| addresses_of_endpoint(evidence, &target.host)).collect()
}

/// The addresses of one endpoint.
pub(super) fn addresses_of_endpoint(evidence: &Evidence, host: &str) -> Vec<AddressView> {
    let mut views: Vec<AddressView> = Vec::new();
    for (ip, source) in sources(evidence, host) {
        match views.iter_mut().find(|view| view.ip == ip) {
            Some(view) => view.sources.extend(source.filter(|source| !view.sources.contains(source))),
            None => views.push(AddressView {
                endpoint: host.to_owned(),
                ip,
                scope: addr::scope_of(ip),
                sources: source.into_iter().collect(),
                ports: Vec::new(),
            }),
        }
    }
    let connects: Vec<&Observation> = evidence.of_endpoint(Stage::Connect, host).collect();
    for view in &mut views {
        let of_address = |observation: &&&Observation| observation.peer.is_some_and(|peer| peer.ip() == view.ip);
        view.ports =
            connects.iter().filter(of_address).filter_map(|observation| PortView::new(evidence, observation)).collect();
    }
    views
}

/// How a look-up as programs do it is called.
const SYSTEM_LOOKUP: &str = "system look-up";

/// The addresses of an endpoint with who gave them: the target itself, hosts file, name servers, the system, and for
/// evidence that has only connects, their peers.
fn sources(evidence: &Evidence, host: &str) -> Vec<(IpAddr, Option<String>)> {
    let mut found: Vec<(IpAddr, Option<String>)> = host.parse().ok().map(|ip| (ip, None)).into_iter().collect();
    if let Some((_, file)) = evidence.hosts_entry(host) {
        found.extend(file.addresses.iter().map(|&ip| (ip, Some(file.path.clone()))));
    }
    for observation in evidence.own_lookups(host) {
        let server = observation.peer.map(|peer| peer.to_string());
        let records = observation.detail.dns().map(|dns| dns.addresses.as_slice()).unwrap_or_default();
        found.extend(records.iter().map(|record| (record.ip, server.clone())));
    }
    for (_, lookup) in evidence.system_lookups(host) {
        found.extend(lookup.addresses.iter().map(|&ip| (ip, Some(SYSTEM_LOOKUP.to_owned()))));
    }
    let peers = evidence.of_endpoint(Stage::Connect, host).filter_map(|observation| observation.peer);
    found.extend(peers.map(|peer| (peer.ip(), None)));
    found
}

/// The route to one endpoint, by the scopes of the addresses that programs on this machine use: what they look up counts before what
/// the hosts file says, and that before what name servers say.
pub fn route_of(evidence: &Evidence, host: &str) -> Route {
    let looked_up = evidence.system_lookups(host).flat_map(|(_, lookup)| lookup.addresses.iter().copied());
    let mut used: Vec<IpAddr> = looked_up.collect();
    if used.is_empty() {
        used = evidence.hosts_entry(host).map(|(_, file)| file.addresses.clone()).unwrap_or_default();
    }
    if used.is_empty() {
        used = sources(evidence, host).into_iter().map(|(ip, _)| ip).collect();
    }
    let scopes = used.into_iter().map(addr::scope_of);
    combine(scopes.map(route_of_scope))
}

/// The route that an address of a scope is on.
pub(super) const fn route_of_scope(scope: AddressScope) -> Route {
    match scope {
        AddressScope::Private => Route::Private,
        AddressScope::Public => Route::Public,
        _ => Route::Unknown,
    }
}

/// The route that stands for several: mixed where they differ, unknown ones left out.
pub(super) fn combine(routes: impl IntoIterator<Item = Route>) -> Route {
    routes.into_iter().fold(Route::Unknown, |sum, route| match (sum, route) {
        (Route::Unknown, route) => route,
        (sum, Route::Unknown) => sum,
        (sum, route) if sum == route => sum,
        _ => Route::Mixed,
    })
}

/// Whether COS itself answered for an endpoint: any status, with its request id.
pub(super) fn cos_answered(evidence: &Evidence, host: &str) -> bool {
    evidence
        .of_endpoint(Stage::HttpRoundTrip, host)
        .filter_map(|observation| observation.detail.http())
        .any(|http| http.status.is_some() && http.request_id().is_some())
}

/// The observations of a stage about an endpoint that failed with one of some kinds.
pub(super) fn failures<'a>(
    evidence: &'a Evidence,
    stage: Stage,
    host: &'a str,
    kinds: &'a [FailureKind],
) -> impl Iterator<Item = &'a Observation> {
    evidence
        .of_endpoint(stage, host)
        .filter(move |observation| observation.outcome.failure().is_some_and(|kind| kinds.contains(&kind)))
}

/// Microseconds as milliseconds with a sensible number of digits.
pub fn milliseconds(us: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a time that loses precision here is longer than 285 years")]
    let ms = us as f64 / 1000.0;
    match us {
        0..10_000 => format!("{ms:.2} ms"),
        10_000..100_000 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}

/// Singular or plural.
pub(crate) fn counted(number: usize, one: Text, many: Text) -> Text {
    if number == 1 { one } else { many }
}

/// A short list of what is the same in every language: the first three, and how many more. What stands twice is told once.
pub(crate) fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> Text {
    let mut seen = BTreeSet::new();
    let mut items: Vec<String> =
        items.into_iter().map(|item| item.to_string()).filter(|item| seen.insert(item.clone())).collect();
    let more = items.len().saturating_sub(3);
    items.truncate(3);
    let list = items.join(", ");
    if more == 0 { Text::literal(list) } else { text!("{list} and {more} more", list, more) }
}

/// The ways in which some observations failed, each once.
pub(super) fn failure_words<'a>(failed: impl IntoIterator<Item = &'a Observation>) -> Text {
    let kinds: BTreeSet<FailureKind> = failed.into_iter().filter_map(|o| o.outcome.failure()).collect();
    listed_words(kinds.into_iter().map(FailureKind::as_str))
}

/// A short list of words of a table.
pub(crate) fn listed_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Text {
    let words: BTreeSet<&str> = words.into_iter().collect();
    let more = words.len().saturating_sub(3);
    let list = Text::list(words.into_iter().take(3).map(Text::word));
    if more == 0 { list } else { text!("{list} and {more} more", list, more) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_combine() {
        use Route::{Mixed, Private, Public, Unknown};
        assert_eq!(combine([]), Unknown);
        assert_eq!(combine([Unknown, Private]), Private);
        assert_eq!(combine([Private, Public]), Mixed);
        assert_eq!(combine([Public, Public, Unknown]), Public);
    }

    #[test]
    fn times_are_short() {
        assert_eq!(milliseconds(83), "0.08 ms");
        assert_eq!(milliseconds(35_230), "35.2 ms");
        assert_eq!(milliseconds(1_043_000), "1043 ms");
        assert_eq!(listed([1, 2, 3, 4]).to_string(), "1, 2, 3 and 1 more");
        assert_eq!(listed([2, 1, 2, 1, 2]).to_string(), "2, 1");
    }
}
