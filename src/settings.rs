//! The file `cosprobe.toml`: text in, settings out, with everything that is wrong with it.
//!
//! A module in the file is a prepared command line. Which flags there are is not known here: `cli` tells it as
//! [`CommandLine`], so that a new flag is a key of the file without further work. Nothing is read, asked or sent.
//! `reader.rs` tells what is wrong and where; one file per table of the document. To add a key, read it where its table is
//! read, and add it to the list of keys there.

mod document;
mod labels;
mod masked;
mod mistake;
mod modules;
mod objectives;
mod policies;
mod reader;
mod secrets;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::config::Policy;
use crate::diagnose::Severity;

pub use document::read;
pub use masked::masked;
pub use mistake::{Mistake, Spot};
pub(crate) use objectives::{WINDOW_DAYS, WINDOWS};
pub(crate) use secrets::hidden;

/// What a file says.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What is put on everything.
    pub labels: BTreeMap<String, String>,
    /// The modules, in the order of their names.
    pub modules: BTreeMap<String, ModuleSettings>,
    /// The targets, in the order of the file.
    pub targets: Vec<TargetSettings>,
}

/// How a target is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeKind {
    /// All of `check`.
    Check,
    /// One connect for each address and port, and what is asked for over HTTP.
    Head,
    /// One connect for each address and port, and no more.
    Connect,
    /// Names only, at several name servers, as the command `dns` does.
    Dns,
}

impl ProbeKind {
    /// The kinds with their words in the file.
    pub const TABLE: [(Self, &str); 4] =
        [(Self::Check, "check"), (Self::Head, "head"), (Self::Connect, "connect"), (Self::Dns, "dns")];
}

/// A module as the file has it.
#[derive(Debug, Clone)]
pub struct ModuleSettings {
    /// Where it begins.
    pub spot: Spot,
    /// How targets are probed.
    pub kind: ProbeKind,
    /// The longest time of one probe.
    pub timeout: Duration,
    /// How it is judged.
    pub policy: PolicySettings,
    /// Which answers are a success; `None`: every answer of COS.
    pub valid_status_codes: Option<StatusCodes>,
    /// The flags of the command line.
    pub flags: Vec<Flag>,
}

/// A flag of the command line, as the file gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag without its dashes in front, such as `connect-to`.
    pub long: String,
    /// What it is set to.
    pub value: FlagValue,
    /// Where it stands.
    pub spot: Spot,
}

/// What a flag is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagValue {
    /// A switch is on or off.
    Switch(bool),
    /// Its values, one for each time that it is given.
    Values(Vec<String>),
}

/// How a probe is judged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicySettings {
    /// The thresholds that the file gives, by the names that they have in a report.
    pub thresholds: Map<String, Value>,
    /// The lowest severity of a root finding with which a probe has failed; `None`: that of `check`.
    pub fail_on: Option<Severity>,
    /// When failures are expected.
    pub maintenance: Vec<Window>,
    /// Which share of the probes is promised to be good.
    pub slo: Option<Objectives>,
}

/// What is promised of the targets of a policy; shares are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objectives {
    /// Share of the probes that succeed.
    pub availability: Option<f64>,
    /// Share of the probes whose connects are quick.
    pub latency: Option<LatencyObjective>,
    /// The time that the objectives are about.
    pub window: Duration,
}

/// How quick connects are promised to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyObjective {
    /// Share of the probes.
    pub ratio: f64,
    /// The longest round trip by the kernel that is still good.
    pub bound: Duration,
}

impl PolicySettings {
    /// The policy with the thresholds of the file.
    pub fn over(&self, policy: &Policy) -> Policy {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(policy) else { return policy.clone() };
        fields.extend(self.thresholds.clone());
        // Each threshold was tried on its own when it was read.
        serde_json::from_value(fields.into()).unwrap_or_else(|_| policy.clone())
    }
}

/// A time in which failures are expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its begin.
    pub from: Timestamp,
    /// Its end, which is no part of it.
    pub to: Timestamp,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Window {
    /// Whether a moment lies in it.
    pub fn contains(&self, moment: Timestamp) -> bool {
        (self.from..self.to).contains(&moment)
    }
}

/// Statuses of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCodes(Vec<(u16, u16)>);

impl StatusCodes {
    /// Whether a status is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

/// A target as the file has it.
#[derive(Debug, Clone)]
pub struct TargetSettings {
    /// The target, where it stands.
    pub target: (String, Spot),
    /// The module that it is probed with.
    pub module: String,
    /// How often it is probed.
    pub interval: Duration,
    /// The region of the bucket, instead of the module's, where it stands.
    pub region: Option<(String, Spot)>,
    /// What is put on it.
    pub labels: BTreeMap<String, String>,
}

/// What the command line knows, and the file goes by.
#[derive(Debug, Clone)]
pub struct CommandLine {
    /// The flags of `check`.
    pub check: Vec<FlagShape>,
    /// The flags of `dns`.
    pub dns: Vec<FlagShape>,
    /// Names of modules that are there without a file.
    pub modules: Vec<String>,
    /// Reads a time.
    pub duration: fn(&str) -> Result<Duration, String>,
}

impl CommandLine {
    /// The flags that modules of a kind take.
    pub fn flags(&self, kind: ProbeKind) -> &[FlagShape] {
        match kind {
            ProbeKind::Check | ProbeKind::Head | ProbeKind::Connect => &self.check,
            ProbeKind::Dns => &self.dns,
        }
    }
}

/// A flag of the command line as a key of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagShape {
    /// The key.
    pub key: String,
    /// The flag without its dashes in front.
    pub long: String,
    /// What it takes.
    pub takes: Takes,
    /// Why a module cannot have it; `None`: it can.
    pub refusal: Option<&'static str>,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is a switch.
    Nothing,
    /// A value.
    One,
    /// One or more values.
    Many,
}
