//! Two runs compared: where they first differ in something that matters, and where else.
//!
//! Each run is read into facts, in the order of the stages (`compare/before.rs`, `compare/after.rs`); facts of the same name are
//! compared. A fact is about an outcome, a set of answers, a route, who fails, what a check of a certificate came to, a status, a size
//! or a typical time. What differs by nature is no fact: times of day, ids, ports, TTLs, single samples, and which addresses of one
//! service are given. To add a fact, push one where its stage is read.

mod after;
mod before;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{Relation, relation};
use super::{Finding, MACHINE, Severity, Verdict, milliseconds};
use crate::config::Policy;
use crate::evidence::{AddressRecord, Cname, Dns, Evidence, Stage};
use crate::target::Target;
use crate::text;
use crate::text::Text;

/// A typical time differs when the longer one is so many times the shorter one, and longer by more than the noise of its kind.
const RATIO: u64 = 2;
/// The noise of round trips that the kernel measures, in microseconds.
const ROUND_TRIP_NOISE_US: u64 = 10_000;
/// The noise of look-ups, handshakes and answers, in microseconds.
const EXCHANGE_NOISE_US: u64 = 100_000;
/// What the timestamps of TCP take from a segment (RFC 7323). Whether they are used is a setting and no property of the path.
const TIMESTAMPS: u32 = 12;

/// One of the two runs.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What was observed.
    pub evidence: &'a Evidence,
    /// The thresholds of judging.
    pub policy: &'a Policy,
    /// What it came to.
    pub findings: &'a [Finding],
    /// What it came to in one word.
    pub verdict: &'a Verdict,
    /// Whether names and addresses are stand-ins.
    pub is_redacted: bool,
}

/// How two runs go together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The endpoints that are compared.
    pub endpoints: Vec<Pair>,
    /// Endpoints that only A has.
    pub endpoints_only_in_a: Vec<String>,
    /// Endpoints that only B has.
    pub endpoints_only_in_b: Vec<String>,
    /// Whether names and addresses were compared; not where one of the reports is redacted.
    pub names_compared: bool,
    /// What differs and matters, in the order of the stages, and after that the times that differ.
    pub differences: Vec<Difference>,
    /// Root findings that only A has.
    pub findings_only_in_a: Vec<Found>,
    /// Root findings that only B has.
    pub findings_only_in_b: Vec<Found>,
    /// What could not be compared, because only one of the runs looked at it.
    pub not_compared: Vec<NotCompared>,
}

/// An endpoint of each run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pair {
    /// Its host in A.
    pub a: String,
    /// Its host in B.
    pub b: String,
    /// What they have in common.
    pub by: PairedBy,
}

/// What two endpoints have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PairedBy {
    /// The host.
    Host,
    /// The kind of endpoint and the region.
    RoleAndRegion,
    /// The kind of endpoint only.
    Role,
}

/// One fact that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// The stage of a run that it belongs to.
    pub stage: Stage,
    /// The endpoint's host in A, or `this machine`.
    pub subject: String,
    /// What it is about.
    pub what: Text,
    /// Whether it is a typical time, which says less than an outcome.
    pub is_time: bool,
    /// How it is in A.
    pub a: Text,
    /// How it is in B.
    pub b: Text,
}

/// A fact that only one of the runs has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotCompared {
    /// The run that has it.
    pub only_in: RunLetter,
    /// The endpoint's host in A, or `this machine`.
    pub subject: String,
    /// What it is about.
    pub what: Text,
}

/// One of the two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunLetter {
    /// The first.
    A,
    /// The second.
    B,
}

/// A finding, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub subject: String,
    /// What is the case.
    pub summary: Text,
}

impl Comparison {
    /// Whether anything differs that matters. A finding that is only worth knowing does not.
    pub fn differs(&self) -> bool {
        let matters = |found: &Found| found.severity >= Severity::Warning;
        let findings = || self.findings_only_in_a.iter().chain(&self.findings_only_in_b);
        !self.differences.is_empty()
            || !self.endpoints_only_in_a.is_empty()
            || !self.endpoints_only_in_b.is_empty()
            || findings().any(matters)
    }
}

/// Compares two runs.
pub fn compare(a: Side<'_>, b: Side<'_>) -> Comparison {
    let is_redacted = a.is_redacted || b.is_redacted;
    let pairs = pairs(a.evidence, b.evidence, is_redacted);
    let is_same_machine = !is_redacted && before::is_same_machine(a.evidence, b.evidence);
    let facts = |side: &Side<'_>, host: fn(&Pair) -> &str| {
        let view = View { evidence: side.evidence, policy: side.policy, names: !is_redacted, is_same_machine };
        let mut facts = view.of_machine();
        for (index, pair) in pairs.iter().enumerate() {
            let of_pair = view.of_endpoint(host(pair), pair.by == PairedBy::Host);
            facts.extend(of_pair.into_iter().map(|fact| Fact { pair: Some(index), ..fact }));
        }
        facts
    };
    let (facts_a, facts_b) = (facts(&a, |pair| &pair.a), facts(&b, |pair| &pair.b));
    let subject = |fact: &Fact| fact.pair.map_or_else(|| MACHINE.to_owned(), |index| pairs[index].a.clone());
    let alone = |only_in, fact: &Fact| NotCompared { only_in, subject: subject(fact), what: fact.what.clone() };
    let mut differences = Vec::new();
    let mut not_compared = Vec::new();
    for fact in &facts_a {
        match facts_b.iter().find(|other| other.is_same(fact)) {
            Some(other) if fact.value.differs(&other.value) => differences.push(Difference {
                stage: fact.stage,
                subject: subject(fact),
                what: fact.what.clone(),
                is_time: matches!(fact.value, Value::Time(..)),
                a: fact.value.shown(),
                b: other.value.shown(),
            }),
            Some(_) => {}
            None => not_compared.push(alone(RunLetter::A, fact)),
        }
    }
    let only_b = facts_b.iter().filter(|fact| !facts_a.iter().any(|other| other.is_same(fact)));
    not_compared.extend(only_b.map(|fact| alone(RunLetter::B, fact)));
    differences.sort_by_key(|difference| (difference.is_time, difference.stage));
    let (findings_only_in_a, findings_only_in_b) = findings(&a, &b, &pairs);
    let unpaired = |targets: &[Target], has: &dyn Fn(&Pair) -> &str| {
        let is_paired = |target: &&Target| pairs.iter().any(|pair| has(pair) == target.host);
        targets.iter().filter(|target| !is_paired(target)).map(|target| target.host.clone()).collect()
    };
    Comparison {
        endpoints_only_in_a: unpaired(&a.evidence.targets, &|pair| &pair.a),
        endpoints_only_in_b: unpaired(&b.evidence.targets, &|pair| &pair.b),
        endpoints: pairs,
        names_compared: !is_redacted,
        differences,
        findings_only_in_a,
        findings_only_in_b,
        not_compared,
    }
}

/// The endpoints that go together: those of one host; where each run has one, or names are stand-ins, those of one kind.
fn pairs(a: &Evidence, b: &Evidence, is_redacted: bool) -> Vec<Pair> {
    let hosts =
        |evidence: &Evidence| evidence.targets.iter().map(|target| target.host.clone()).collect::<BTreeSet<_>>();
    let common = &hosts(a) & &hosts(b);
    let pair = |a: &Target, b: &Target, by| Pair { a: a.host.clone(), b: b.host.clone(), by };
    let is_common = |target: &&Target| common.contains(&target.host);
    let mut pairs: Vec<Pair> =
        a.targets.iter().filter(is_common).map(|target| pair(target, target, PairedBy::Host)).collect();
    let rest_of = |targets: &'_ [Target]| {
        targets.iter().filter(|target| !common.contains(&target.host)).cloned().collect::<Vec<_>>()
    };
    let (rest_a, rest_b) = (rest_of(&a.targets), rest_of(&b.targets));
    let is_single = a.targets.len() == 1 && b.targets.len() == 1;
    if is_single || (is_redacted && rest_a.len() == rest_b.len()) {
        let of_a_kind = rest_a.iter().zip(&rest_b).filter(|(a, b)| a.role == b.role);
        pairs.extend(
            of_a_kind
                .map(|(a, b)| pair(a, b, if a.region == b.region { PairedBy::RoleAndRegion } else { PairedBy::Role })),
        );
    }
    pairs
}

/// The root findings that only one of the runs has, by code, severity and subject.
fn findings(a: &Side<'_>, b: &Side<'_>, pairs: &[Pair]) -> (Vec<Found>, Vec<Found>) {
    let roots = |side: &Side<'_>, host: fn(&Pair) -> &str| {
        let keyed = side.findings.iter().filter(|finding| finding.is_root()).map(|finding| {
            let pair = pairs.iter().position(|pair| host(pair) == finding.subject);
            let subject = if pair.is_none() { finding.subject.clone() } else { String::new() };
            ((finding.code.clone(), finding.severity, pair, subject), finding.clone())
        });
        keyed.collect::<Vec<_>>()
    };
    let (roots_a, roots_b) = (roots(a, |pair| &pair.a), roots(b, |pair| &pair.b));
    let only = |these: &[(_, Finding)], those: &[(_, Finding)]| {
        let is_new = |key: &(String, Severity, Option<usize>, String)| !those.iter().any(|(other, _)| other == key);
        these.iter().filter(|(key, _)| is_new(key)).map(|(_, finding)| Found::of(finding)).collect()
    };
    (only(&roots_a, &roots_b), only(&roots_b, &roots_a))
}

impl Found {
    fn of(finding: &Finding) -> Self {
        Self {
            code: finding.code.clone(),
            name: finding.name.clone(),
            severity: finding.severity,
            subject: finding.subject.clone(),
            summary: finding.summary.clone(),
        }
    }
}

/// How facts are read out of one run.
struct View<'a> {
    evidence: &'a Evidence,
    policy: &'a Policy,
    /// Whether names and addresses mean the same in both runs.
    names: bool,
    is_same_machine: bool,
}

/// One thing that can be compared.
struct Fact {
    stage: Stage,
    /// Number of the pair of endpoints; `None` for the machine.
    pair: Option<usize>,
    what: Text,
    value: Value,
}

impl Fact {
    const fn new(stage: Stage, what: Text, value: Value) -> Self {
        Self { stage, pair: None, what, value }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.stage, self.pair, &self.what) == (other.stage, other.pair, &other.what)
    }
}

/// What is compared of a fact.
enum Value {
    /// A set of words, and how it is told.
    Words(BTreeSet<String>, Text),
    /// A typical time and the noise of its kind, in microseconds.
    Time(u64, u64),
    /// A size of segments.
    Segment(u32),
    /// What name servers answer.
    Answer(Dns),
}

impl Value {
    fn words(words: impl IntoIterator<Item = Text>) -> Self {
        let words = by_english(words);
        Self::Words(words.keys().cloned().collect(), Text::list(words.into_values()))
    }

    fn answer(addresses: impl IntoIterator<Item = IpAddr>, aliases: impl IntoIterator<Item = String>) -> Self {
        let record = |ip| AddressRecord { ip, ttl_seconds: 0 };
        let cname = |target| Cname { target, ttl_seconds: 0 };
        Self::Answer(Dns {
            addresses: addresses.into_iter().map(record).collect(),
            cname_chain: aliases.into_iter().map(cname).collect(),
            ..Dns::default()
        })
    }

    fn differs(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Words(words, _), Self::Words(others, _)) => words != others,
            (Self::Time(a, noise), Self::Time(b, _)) => {
                let (short, long) = (a.min(b), a.max(b));
                *long >= short.saturating_mul(RATIO) && long - short > *noise
            }
            (Self::Segment(a), Self::Segment(b)) => !matches!(a.abs_diff(*b), 0 | TIMESTAMPS),
            (Self::Answer(a), Self::Answer(b)) => {
                // Of two the same, each can lead nowhere.
                let set = |dns: &Dns| dns.addresses.iter().map(|record| record.ip).collect::<BTreeSet<_>>();
                let apart = [Relation::Different, Relation::SplitHorizon, Relation::Forged];
                set(a) != set(b) && apart.contains(&relation(a, b))
            }
            _ => true,
        }
    }

    fn shown(&self) -> Text {
        match self {
            Self::Words(_, shown) => shown.clone(),
            Self::Time(us, _) => Text::literal(milliseconds(*us)),
            Self::Segment(bytes) => text!("{bytes} bytes", bytes = *bytes),
            Self::Answer(dns) => super::listed(dns.addresses.iter().map(|record| record.ip)),
        }
    }
}

/// Texts by what they are in English, each once.
fn by_english(texts: impl IntoIterator<Item = Text>) -> BTreeMap<String, Text> {
    texts.into_iter().map(|text| (text.to_string(), text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_within_the_noise_are_the_same() {
        let differs = |a, b, noise| Value::Time(a, noise).differs(&Value::Time(b, noise));
        for (a, b, expected) in [
            (1_000, 9_000, false),
            (1_000, 11_001, true),
            (11_001, 1_000, true),
            (40_000, 79_000, false),
            (40_000, 80_000, true),
            (0, 0, false),
        ] {
            assert_eq!(differs(a, b, ROUND_TRIP_NOISE_US), expected, "{a} {b}");
        }
        assert!(!differs(1_000, 90_000, EXCHANGE_NOISE_US));
    }

    #[test]
    fn other_values_have_their_own_sameness() {
        let words = |words: &[&str]| Value::words(words.iter().map(|word| Text::literal(*word)));
        let answer = |ips: &[&str]| Value::answer(ips.iter().map(|ip| ip.parse().unwrap()), []);
        for (a, b, expected) in [
            (words(&["x", "y"]), words(&["y", "x"]), false),
            (words(&["x"]), words(&["x", "y"]), true),
            (Value::Segment(1460), Value::Segment(1448), false),
            (Value::Segment(1460), Value::Segment(1452), true),
            (answer(&["203.0.113.1"]), answer(&["203.0.113.2"]), false),
            (answer(&["203.0.113.1"]), answer(&["198.51.100.1"]), true),
            (answer(&["203.0.113.1"]), answer(&["169.254.0.47"]), true),
            (answer(&["0.0.0.0"]), answer(&["0.0.0.0"]), false),
            (answer(&[]), answer(&["203.0.113.1"]), false),
        ] {
            assert_eq!(a.differs(&b), expected, "{} {}", a.shown(), b.shown());
            assert_eq!(b.differs(&a), expected, "{} {}", b.shown(), a.shown());
        }
    }
}
