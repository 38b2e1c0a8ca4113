//! The record of what was observed: plain data, and at the same time the wire format of the report.
//!
//! A failed look-up, connect, handshake or request is an [`Observation`] with a failed [`Outcome`]. Derived figures
//! (scope, medians, verdicts) do not belong here. Fields are only ever added: a saved report is judged again by later
//! versions, so every field that can be missing has a default. This room knows no probes, rules, rendering or clocks.

mod clock;
mod detail;
mod exchange;
mod failure;
mod machine;
mod names;
mod path;
mod reply;
mod request_id;
mod size;
mod source_ports;

use std::net::SocketAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use clock::{ClockOffset, clock_offset};
pub use detail::*;
pub use exchange::*;
pub use failure::{FailureKind, Hypothesis, NotRunReason, Purpose};
pub use machine::*;
pub use names::*;
pub use path::*;
pub use reply::*;
pub use request_id::RequestIdHint;
pub use size::{ClampedHandshake, LargeRequest, TcpState, header_bytes, remark_on_size};
pub use source_ports::*;

use crate::target::Target;

/// Number of an observation within one report, in the order of the plan, from 1.
pub type ObservationId = u32;

/// The stages of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// What this machine's own configuration says.
    Host,
    /// Name resolution.
    Resolve,
    /// The kernel's routes to the addresses.
    Route,
    /// TCP connections.
    Connect,
    /// The paths to the addresses, hop by hop.
    Path,
    /// TLS handshakes.
    TlsHandshake,
    /// The size of packets that the path takes: a request that fills several, and smaller segments where something stalls.
    PathMtu,
    /// HTTP requests and their answers.
    HttpRoundTrip,
    /// From how far away answers come that refuse or break off.
    ReplyTtl,
    /// Connects from source ports that failed, again and again, where others passed.
    SourcePorts,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

impl Stage {
    /// Every stage, in the order in which they run.
    pub const ALL: [Self; 10] = [
        Self::Host,
        Self::Resolve,
        Self::Route,
        Self::Connect,
        Self::Path,
        Self::TlsHandshake,
        Self::PathMtu,
        Self::HttpRoundTrip,
        Self::ReplyTtl,
        Self::SourcePorts,
    ];

    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Resolve => "resolve",
            Self::Route => "route",
            Self::Connect => "connect",
            Self::Path => "path",
            Self::TlsHandshake => "tls_handshake",
            Self::PathMtu => "path_mtu",
            Self::HttpRoundTrip => "http_round_trip",
            Self::ReplyTtl => "reply_ttl",
            Self::SourcePorts => "source_ports",
            Self::Unknown => "unknown",
        }
    }

    /// The stage as a phrase for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Host => "reading this machine's configuration",
            Self::Resolve => "resolving",
            Self::Route => "looking routes up",
            Self::Connect => "connecting",
            Self::Path => "tracing",
            Self::TlsHandshake => "TLS handshake",
            Self::PathMtu => "trying sizes of packets",
            Self::HttpRoundTrip => "HTTP request",
            Self::ReplyTtl => "measuring how far answers come",
            Self::SourcePorts => "connecting again from the same ports",
            Self::Unknown => "unknown stage",
        }
    }
}

/// How an observation ended. There is exactly one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// The thing was done; the detail tells what was seen.
    Succeeded,
    /// The network, a server or this machine's kernel said no, or nothing at all.
    Failed {
        /// The kind of failure.
        kind: FailureKind,
        /// Who said so: the sender of the ICMP error, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<std::net::IpAddr>,
        /// The words of the library or the system, cleaned of control characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The step was not taken, or was broken off, and says nothing about the network.
    NotRun {
        /// Why not.
        because: NotRunReason,
    },
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

impl Outcome {
    /// A failure without a reporter or a message.
    pub const fn failed(kind: FailureKind) -> Self {
        Self::Failed { kind, from: None, message: None }
    }

    /// A failure with the words that came with it.
    pub fn failed_with(kind: FailureKind, message: &str) -> Self {
        Self::Failed { kind, from: None, message: Some(clean(message, 200)) }
    }

    /// Whether the step did what it was to do.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Succeeded)
    }

    /// The kind of failure, if it failed.
    pub const fn failure(&self) -> Option<FailureKind> {
        match self {
            Self::Failed { kind, .. } => Some(*kind),
            _ => None,
        }
    }
}

/// One thing that was looked at, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// Number within the report.
    pub id: ObservationId,
    /// The observation that this one builds on: HTTP → TLS → TCP → DNS.
    #[serde(default)]
    pub parent: Option<ObservationId>,
    /// The stage it belongs to.
    pub stage: Stage,
    /// Host of the target it is about; null for facts about the machine.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Address and port it talked to, where it talked to one.
    #[serde(default)]
    pub peer: Option<SocketAddr>,
    /// When it began; null for steps that were not run.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
    /// How long it took by the process's own clock, in microseconds.
    #[serde(default)]
    pub elapsed_us: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: Detail,
}

impl Observation {
    /// How long it took to know the result: the time of the step without what it went on listening for.
    pub fn result_us(&self) -> Option<u64> {
        self.detail.dns().and_then(|dns| dns.answered_us).or(self.elapsed_us)
    }

    /// Whether the step was really taken.
    pub const fn was_run(&self) -> bool {
        !matches!(self.outcome, Outcome::NotRun { .. } | Outcome::Unknown)
    }
}

/// An endpoint that is probed beside a target, to tell how far a fault reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Control {
    /// What it has in common with the target.
    pub kind: ControlKind,
    /// Host of the target.
    pub of: String,
    /// The endpoint.
    pub target: Target,
}

/// What an endpoint of the control group has in common with its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ControlKind {
    /// The region: its service host, under the same suffix.
    ServiceHost,
    /// Bucket and region, under the other suffix.
    OtherSuffix,
    /// The region: its host for the private network only.
    Internal,
    /// Nothing but that it is COS's: the service host of another region, under the same suffix.
    OtherRegion,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// Everything that was observed in one run, and for which targets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The endpoints that were asked for.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// The endpoints that were probed beside them.
    #[serde(default)]
    pub controls: Vec<Control>,
    /// The observations, in the order of the plan.
    #[serde(default, rename = "evidence")]
    pub observations: Vec<Observation>,
}

impl Evidence {
    /// An empty record for some targets.
    pub fn new(targets: Vec<Target>) -> Self {
        Self { targets, ..Self::default() }
    }

    /// The observation with a number.
    pub fn get(&self, id: ObservationId) -> Option<&Observation> {
        match self.observations.get((id as usize).wrapping_sub(1)) {
            Some(found) if found.id == id => Some(found),
            _ => self.observations.iter().find(|observation| observation.id == id),
        }
    }

    /// The target whose host an observation names.
    pub fn target(&self, host: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.host == host)
    }

    /// The observations of a stage, in order.
    pub fn of_stage(&self, stage: Stage) -> impl Iterator<Item = &Observation> {
        self.observations.iter().filter(move |observation| observation.stage == stage)
    }

    /// The observations of a stage about one endpoint, in order.
    pub fn of_endpoint<'a>(&'a self, stage: Stage, host: &'a str) -> impl Iterator<Item = &'a Observation> {
        self.of_stage(stage).filter(move |observation| observation.endpoint.as_deref() == Some(host))
    }

    /// What the hosts file says about an endpoint, where it says something and programs on this machine go by it: a look-up as they
    /// do it that comes to none of its addresses shows that they do not.
    pub fn hosts_entry<'a>(&'a self, host: &'a str) -> Option<(ObservationId, &'a HostsFile)> {
        let of_files = self.of_endpoint(Stage::Host, host).filter_map(|o| Some((o.id, o.detail.hosts_file()?)));
        let (id, file) = { of_files }.find(|(_, file)| !file.addresses.is_empty())?;
        let is_passed_over = |lookup: &SystemLookup| {
            !lookup.addresses.is_empty() && !lookup.addresses.iter().any(|ip| file.addresses.contains(ip))
        };
        let lookups = self.of_endpoint(Stage::Resolve, host).filter_map(|o| o.detail.system_lookup());
        (!{ lookups }.any(is_passed_over)).then_some((id, file))
    }

    /// The look-ups of an endpoint as programs on this machine do them, with their addresses.
    pub fn system_lookups<'a>(&'a self, host: &'a str) -> impl Iterator<Item = (ObservationId, &'a SystemLookup)> {
        self.of_endpoint(Stage::Resolve, host).filter_map(|o| Some((o.id, o.detail.system_lookup()?)))
    }

    /// The answers for one endpoint that programs on this machine go by, or that the user asked for, in order.
    pub fn own_lookups<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Observation> {
        self.of_endpoint(Stage::Resolve, host).filter(|o| o.detail.dns().is_some_and(|dns| !dns.comparison))
    }

    /// The answers for one endpoint that are only compared with, in order.
    pub fn comparisons<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Observation> {
        self.of_endpoint(Stage::Resolve, host).filter(|o| o.detail.dns().is_some_and(|dns| dns.comparison))
    }

    /// Whether an observation is another or builds on it, directly or through others.
    pub fn descends_from(&self, id: ObservationId, ancestor: ObservationId) -> bool {
        let mut current = Some(id);
        // A hostile report could hold a cycle of parents; a chain is never longer than the record.
        for _ in 0..=self.observations.len() {
            match current {
                Some(here) if here == ancestor => return true,
                Some(here) => current = self.get(here).and_then(|observation| observation.parent),
                None => return false,
            }
        }
        false
    }
}

/// Text from the network or the system, fit to be shown: control characters become `?`, and the length is bounded.
pub fn clean(text: &str, most: usize) -> String {
    let mut cleaned: String = text.trim().chars().take(most).map(|c| if is_harmless(c) { c } else { '?' }).collect();
    if text.trim().chars().nth(most).is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// One word for a shell, whatever is in the text: for commands that people copy.
pub(crate) fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Text of several lines, fit to be shown: every control character but the line end becomes `?`.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) || c == '\n' { c } else { '?' }).collect()
}

/// Whether a character neither controls a terminal nor reorders what surrounds it there.
pub(crate) fn is_harmless(c: char) -> bool {
    let is_bidi = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !is_bidi
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_bounds_and_defuses() {
        assert_eq!(clean(" a\u{1b}[31mb\n ", 20), "a?[31mb");
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("a\u{202e}b", 9), "a?b");
    }

    #[test]
    fn a_cycle_of_parents_ends() {
        let observation = |id, parent| Observation {
            id,
            parent: Some(parent),
            stage: Stage::Connect,
            endpoint: None,
            peer: None,
            started_at: None,
            elapsed_us: None,
            outcome: Outcome::Succeeded,
            detail: Detail::Unknown,
        };
        let observations = vec![observation(1, 2), observation(2, 1)];
        let evidence = Evidence { observations, ..Evidence::default() };
        assert!(!evidence.descends_from(1, 9));
        assert!(evidence.descends_from(1, 2));
    }

    #[test]
    fn words_of_later_versions_are_read() {
        let text = r#"{"id":1,"stage":"warp","outcome":{"status":"failed","kind":"gremlins"},
            "detail":{"type":"tachyon","x":1},"novel":true}"#;
        let observation: Observation = serde_json::from_str(text).unwrap();
        assert_eq!(observation.stage, Stage::Unknown);
        assert_eq!(observation.outcome.failure(), Some(FailureKind::Unknown));
        assert_eq!(observation.detail, Detail::Unknown);
    }
}
