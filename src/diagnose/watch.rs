//! Following the answers of name servers over time, in bounded memory.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::{DnsTransport, Evidence, Observation, RecordType, Stage};

/// Questions to servers that are followed; further ones are left out.
const MOST_SERIES: usize = 64;
/// Answers of one server to one question that are told apart; further ones are only counted.
const MOST_ANSWERS: usize = 64;

/// Everything that was seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Watch {
    /// How often the names were looked up.
    pub rounds: u64,
    /// Each question to each server.
    pub series: Vec<Series>,
    /// Whether there were more questions and servers than are followed.
    pub is_cut: bool,
}

/// One question to one server, over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// The name.
    pub endpoint: String,
    /// The server; null for look-ups as programs on this machine do them.
    pub server: Option<SocketAddr>,
    /// How it is asked; null for look-ups as programs do them.
    pub transport: Option<DnsTransport>,
    /// The type of the records; null for look-ups as programs do them, which ask for both.
    pub record_type: Option<RecordType>,
    /// Questions.
    pub asked: u64,
    /// Those among them that were answered with addresses.
    pub answered: u64,
    /// How often an answer had other addresses than the one before.
    pub changes: u64,
    /// The smallest time to live, in seconds.
    pub ttl_min_seconds: Option<u32>,
    /// The largest time to live, in seconds.
    pub ttl_max_seconds: Option<u32>,
    /// Distinct answers, in the order in which they came.
    pub answers: Vec<Seen>,
    /// Answers that are none of these, because there was no more room.
    pub further_answers: u64,
    /// The addresses of the last answer that had some.
    pub last: Vec<IpAddr>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// The addresses, sorted.
    pub addresses: Vec<IpAddr>,
    /// How often it came.
    pub count: u64,
    /// When it came first.
    #[schemars(with = "String")]
    pub first_at: Timestamp,
    /// When it came last.
    #[schemars(with = "String")]
    pub last_at: Timestamp,
}

/// What happened in one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name.
    pub endpoint: String,
    /// The server.
    pub server: Option<SocketAddr>,
    /// The type of the records.
    pub record_type: Option<RecordType>,
    /// Whether it is the first answer.
    pub is_first: bool,
    /// Addresses that are new.
    pub come: Vec<IpAddr>,
    /// Addresses that are gone.
    pub gone: Vec<IpAddr>,
    /// The time to live of the first address, in seconds; null where it is not told.
    pub ttl_seconds: Option<u32>,
}

impl Watch {
    /// Takes one round in and tells what changed.
    pub fn take(&mut self, evidence: &Evidence, at: Timestamp) -> Vec<Change> {
        self.rounds += 1;
        let lookups = evidence.of_stage(Stage::Resolve).filter(|observation| observation.was_run());
        lookups.filter_map(|observation| self.take_one(observation, at)).collect()
    }

    /// Whether a name has a place among those that are followed.
    pub fn follows(&self, endpoint: &str) -> bool {
        self.series.iter().any(|series| series.endpoint == endpoint)
    }

    fn take_one(&mut self, observation: &Observation, at: Timestamp) -> Option<Change> {
        let endpoint = observation.endpoint.clone()?;
        let transport = observation.detail.dns().map(|dns| dns.transport);
        let (record_type, ips, ttls): (_, BTreeSet<IpAddr>, Vec<u32>) =
            match (observation.detail.dns(), observation.detail.system_lookup()) {
                (Some(dns), _) => (
                    Some(dns.record_type),
                    dns.addresses.iter().map(|record| record.ip).collect(),
                    dns.addresses.iter().map(|record| record.ttl_seconds).collect(),
                ),
                (None, Some(lookup)) => (None, lookup.addresses.iter().copied().collect(), Vec::new()),
                (None, None) => return None,
            };
        let series = self.series_of(&endpoint, observation.peer, (transport, record_type))?;
        let ips: Vec<IpAddr> = ips.into_iter().collect();
        let (is_first, before) = (series.answered == 0, series.last.clone());
        series.note(&ips, &ttls, at);
        if ips.is_empty() || ips == before {
            return None;
        }
        let without =
            |all: &[IpAddr], those: &[IpAddr]| all.iter().filter(|ip| !those.contains(ip)).copied().collect::<Vec<_>>();
        Some(Change {
            endpoint,
            server: observation.peer,
            record_type,
            is_first,
            come: without(&ips, &before),
            gone: without(&before, &ips),
            ttl_seconds: ttls.first().copied(),
        })
    }

    fn series_of(
        &mut self,
        endpoint: &str,
        server: Option<SocketAddr>,
        (transport, record_type): (Option<DnsTransport>, Option<RecordType>),
    ) -> Option<&mut Series> {
        let is_it = |s: &Series| {
            let same_question = (s.transport, s.record_type) == (transport, record_type);
            same_question && s.endpoint == endpoint && s.server == server
        };
        let at = match self.series.iter().position(is_it) {
            Some(at) => at,
            None if self.series.len() >= MOST_SERIES => {
                self.is_cut = true;
                return None;
            }
            None => {
                self.series.push(Series {
                    endpoint: endpoint.to_owned(),
                    server,
                    transport,
                    record_type,
                    asked: 0,
                    answered: 0,
                    changes: 0,
                    ttl_min_seconds: None,
                    ttl_max_seconds: None,
                    answers: Vec::new(),
                    further_answers: 0,
                    last: Vec::new(),
                });
                self.series.len() - 1
            }
        };
        self.series.get_mut(at)
    }
}

impl Series {
    fn note(&mut self, ips: &[IpAddr], ttls: &[u32], at: Timestamp) {
        self.asked += 1;
        if ips.is_empty() {
            return;
        }
        self.answered += 1;
        self.changes += u64::from(self.answered > 1 && self.last != ips);
        self.ttl_min_seconds = self.ttl_min_seconds.into_iter().chain(ttls.iter().copied()).min();
        self.ttl_max_seconds = self.ttl_max_seconds.into_iter().chain(ttls.iter().copied()).max();
        ips.clone_into(&mut self.last);
        let is_full = self.answers.len() >= MOST_ANSWERS;
        match self.answers.iter_mut().find(|seen| seen.addresses == ips) {
            Some(seen) => {
                seen.count += 1;
                seen.last_at = at;
            }
            None if is_full => self.further_answers += 1,
            None => self.answers.push(Seen { addresses: ips.to_vec(), count: 1, first_at: at, last_at: at }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn round(last_bytes: &[u32], ttl: u32) -> Evidence {
        let records: Vec<_> = last_bytes
            .iter()
            .map(|n| json!({"ip": IpAddr::from((0xcb00_7100 + n).to_be_bytes()), "ttl_seconds": ttl}))
            .collect();
        let observation = json!({"id": 1, "stage": "resolve", "endpoint": "a.example", "peer": "192.0.2.1:53",
            "outcome": {"status": "succeeded"}, "detail": {"type": "dns", "addresses": records}});
        serde_json::from_value(json!({"evidence": [observation]})).unwrap()
    }

    #[test]
    fn changes_are_told_and_rotation_within_an_answer_is_none() {
        let mut watch = Watch::default();
        let at = Timestamp::UNIX_EPOCH;
        let first = watch.take(&round(&[1, 2], 60), at);
        assert!(first[0].is_first && first[0].come.len() == 2 && first[0].gone.is_empty());
        assert_eq!(watch.take(&round(&[2, 1], 50), at), vec![]);
        let changed = watch.take(&round(&[2, 3], 10), at);
        assert_eq!((changed[0].is_first, changed[0].ttl_seconds), (false, Some(10)));
        assert_eq!(changed[0].come, ["203.0.113.3".parse::<IpAddr>().unwrap()]);
        assert_eq!(changed[0].gone, ["203.0.113.1".parse::<IpAddr>().unwrap()]);
        // A failed look-up changes nothing: it is counted.
        assert_eq!(watch.take(&round(&[], 0), at), vec![]);
        let series = &watch.series[0];
        assert_eq!((series.asked, series.answered, series.changes), (4, 3, 1));
        assert_eq!((series.ttl_min_seconds, series.ttl_max_seconds), (Some(10), Some(60)));
        assert_eq!(series.answers.iter().map(|seen| seen.count).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn what_finds_no_place_is_told_and_not_followed() {
        let mut watch = Watch::default();
        let host = |number: usize| format!("{number}.example");
        for number in 0..=MOST_SERIES {
            let mut evidence = round(&[1], 60);
            evidence.observations[0].endpoint = Some(host(number));
            assert_eq!(watch.take(&evidence, Timestamp::UNIX_EPOCH).len(), usize::from(number < MOST_SERIES));
        }
        assert!(watch.is_cut && watch.follows(&host(MOST_SERIES - 1)) && !watch.follows(&host(MOST_SERIES)));
    }

    #[test]
    fn memory_stays_bounded() {
        let mut watch = Watch::default();
        for number in 0..1000 {
            watch.take(&round(&[number], 1), Timestamp::UNIX_EPOCH);
        }
        let series = &watch.series[0];
        assert_eq!((series.answers.len(), series.further_answers), (MOST_ANSWERS, 1000 - MOST_ANSWERS as u64));
        assert_eq!(series.changes, 999);
    }
}
