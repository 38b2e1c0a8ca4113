//! Judging: from evidence to findings and a verdict. Pure: no I/O, no clock, the same input gives the same bytes.
//!
//! A rule is a function from the evidence and the policy to findings (`diagnose/<layer>.rs`); `RULES` lists them all.
//! `fold` then tells causes from symptoms. To add a finding: a row in `diagnose/codes.rs`, a rule or a part of one, and
//! a page `docs/explain/CODE.md`; a missing one fails the build or a test. This room never sees plan, probes or clocks.

mod answers;
mod auth;
mod canary;
mod candidates;
pub mod codes;
mod compare;
mod dns;
mod endpoint;
mod firewall;
mod flow;
mod fold;
mod forged;
mod host;
mod http;
mod mtu;
mod path;
mod place;
mod proxy;
mod regions;
mod reply;
mod resolvers;
mod route;
mod series;
mod slow;
mod tcp;
mod tls;
mod verdict;
mod view;
mod watch;
mod way;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answers::{AnswerView, Relation, ScopedAddress};
pub use codes::{CODES, CodeRow, find_code};
pub use compare::{Comparison, Difference, Found, NotCompared, Pair, PairedBy, RunLetter, Side, compare};
pub use endpoint::{EndpointView, Extent, endpoints};
pub use host::MACHINE;
pub use path::{HopAddress, HopFlag, HopView, PathEnd, PathView, Repeated, paths};
pub use regions::{RegionView, rank};
pub use series::{Figures, PeerSeries, Streak, Times};
pub use verdict::{Status, Verdict, verdict};
pub(crate) use view::listed;
pub use view::{AddressView, PortView, addresses, milliseconds, route_of};
pub use watch::{Change, Seen, Series, Watch};

use crate::config::Policy;
use crate::evidence::{Evidence, ObservationId};
pub use crate::latency::Spread;
use crate::text;
use crate::text::Text;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Works, but not as it should.
    Warning,
    /// Does not work.
    Error,
}

impl Severity {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How far the evidence excludes other explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Other explanations are as likely.
    Low,
    /// The likely explanation; others are possible.
    Medium,
    /// The evidence excludes the alternatives.
    High,
}

impl Confidence {
    /// High where a condition holds that excludes the alternatives, else medium.
    pub(crate) const fn high_if(excluded: bool) -> Self {
        if excluded { Self::High } else { Self::Medium }
    }

    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// One conclusion, with the observations that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Stable code, such as `TCP009`.
    pub code: String,
    /// Stable name, such as `port-443-blocked`.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// What it is about: the endpoint's host, or `this machine`.
    pub subject: String,
    /// What is the case, with the endpoint and the number.
    pub summary: Text,
    /// What else it could be, as far as the evidence does not exclude it; empty where the confidence is high.
    #[serde(default)]
    pub candidates: Vec<Text>,
    /// What to do and who does it, most promising first.
    pub help: Vec<Text>,
    /// The observations it rests on; never empty.
    pub evidence: Vec<ObservationId>,
    /// Code of the finding that causes this one; null for a root.
    pub caused_by: Option<String>,
}

impl Finding {
    /// A finding with the severity of its row and high confidence. It cannot be made without evidence.
    pub(crate) fn new(row: &'static CodeRow, subject: &str, first: ObservationId, summary: Text) -> Self {
        Self {
            code: row.code.to_owned(),
            name: row.name.to_owned(),
            severity: row.severity,
            confidence: Confidence::High,
            subject: subject.to_owned(),
            summary,
            candidates: Vec::new(),
            help: Vec::new(),
            evidence: vec![first],
            caused_by: None,
        }
    }

    /// Adds observations that the finding rests on.
    pub(crate) fn citing(mut self, ids: impl IntoIterator<Item = ObservationId>) -> Self {
        self.evidence.extend(ids);
        self.evidence.sort_unstable();
        self.evidence.dedup();
        self
    }

    /// Adds to the summary.
    pub(crate) fn adding(mut self, more: Text) -> Self {
        let summary = std::mem::take(&mut self.summary);
        self.summary = text!("{summary}{more}", summary, more);
        self
    }

    /// Adds a line of advice.
    pub(crate) fn help(mut self, line: Text) -> Self {
        self.help.push(line);
        self
    }

    /// Takes the advice away, to put other advice before it.
    pub(crate) fn without_help(mut self) -> (Self, Vec<Text>) {
        let help = std::mem::take(&mut self.help);
        (self, help)
    }

    /// Replaces the severity of the row.
    pub(crate) const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Replaces the high confidence.
    pub(crate) const fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Whether nothing that was found causes it.
    pub const fn is_root(&self) -> bool {
        self.caused_by.is_none()
    }
}

/// A rule of judging.
type Rule = fn(&Evidence, &Policy) -> Vec<Finding>;

/// Every rule, in the order of the layers.
const RULES: &[Rule] = &[
    host::rule,
    firewall::rule,
    proxy::rule,
    dns::rule,
    forged::rule,
    resolvers::rule,
    route::rule,
    place::rule,
    tcp::rule,
    flow::rule,
    slow::rule,
    mtu::rule,
    way::rule,
    tls::rule,
    http::rule,
    auth::rule,
    canary::rule,
];

/// Judges evidence: findings with causes told from symptoms, roots first, then by severity and code.
pub fn diagnose(evidence: &Evidence, policy: &Policy) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(evidence, policy)).collect();
    fold::fold(&mut findings, evidence);
    candidates::add(&mut findings, evidence);
    findings.sort_by(|a, b| {
        // What was expected comes after what does not work.
        let is_expectation = |finding: &Finding| finding.code == "RTE005";
        (a.caused_by.is_some(), b.severity, is_expectation(a), &a.code, &a.subject, &a.evidence).cmp(&(
            b.caused_by.is_some(),
            a.severity,
            is_expectation(b),
            &b.code,
            &b.subject,
            &b.evidence,
        ))
    });
    findings
}
