//! The document: format 1.0 of the report. Minor versions only add fields; readers ignore what they do not know and refuse a
//! major version that they do not know.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::redact::Redaction;
use super::saved;
use crate::config::Policy;
use crate::diagnose::{AddressView, EndpointView, Finding, Verdict, addresses, diagnose, endpoints, verdict};
use crate::evidence::{Control, Evidence, Observation, Stage};
use crate::target::Target;

/// The version that is written.
pub const FORMAT_VERSION: &str = "1.0";

/// One report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of this format, `major.minor`.
    pub format_version: String,
    /// What wrote it.
    pub tool: Tool,
    /// When the run began (RFC 3339, UTC).
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// When the run ended (RFC 3339, UTC).
    #[schemars(with = "String")]
    pub ended_at: Timestamp,
    /// Why the run ended.
    #[serde(default)]
    pub ended_because: Ended,
    /// What the user attached with `--label`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether names and addresses are stand-ins (`--redact`), and how much else; missing where nothing was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Redaction>,
    /// What machine it ran on.
    #[serde(default)]
    pub environment: Environment,
    /// The thresholds of judging.
    #[serde(default)]
    pub policy: Policy,
    /// The endpoints that were asked for.
    pub targets: Vec<Target>,
    /// The endpoints that were probed beside them, to tell how far a fault reaches; empty where there was no need.
    #[serde(default)]
    pub controls: Vec<Control>,
    /// The observations, in the order of the plan.
    pub evidence: Vec<Observation>,
    /// Derived: every endpoint with the network that it is reached over, and why.
    #[serde(default)]
    pub endpoints: Vec<EndpointView>,
    /// Derived: every address with what was measured about it.
    #[serde(default)]
    pub addresses: Vec<AddressView>,
    /// Derived: the conclusions, roots first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Derived: what it all comes to.
    pub verdict: Verdict,
}

/// What wrote a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Tool {
    fn this() -> Self {
        Self { name: "cosprobe".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Everything was done.
    #[default]
    Completed,
    /// The time for the whole run was used up.
    Deadline,
    /// The user interrupted it.
    Interrupted,
    /// A word of a later version.
    #[serde(other)]
    Unknown,
}

/// What machine a report was made on. Null: not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Environment {
    /// Kernel name and release.
    pub kernel: Option<String>,
    /// Processor architecture.
    pub architecture: Option<String>,
    /// Whether it is a Tencent Cloud machine.
    pub is_tencent_vm: Option<bool>,
}

/// The circumstances of a run.
#[derive(Debug, Clone)]
pub struct Run {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why it ended.
    pub ended_because: Ended,
    /// What the user attached.
    pub labels: BTreeMap<String, String>,
}

impl Report {
    /// What was observed, as it was before it was judged.
    pub fn observed(&self) -> Evidence {
        Evidence { targets: self.targets.clone(), controls: self.controls.clone(), observations: self.evidence.clone() }
    }

    /// Judges evidence and makes the report of it.
    pub fn new(evidence: Evidence, policy: Policy, run: Run) -> Self {
        let findings = diagnose(&evidence, &policy);
        let machine = evidence.of_stage(Stage::Host).find_map(|observation| observation.detail.machine());
        let environment = machine.map_or_else(Environment::default, |machine| Environment {
            kernel: machine.kernel.clone(),
            architecture: machine.architecture.clone(),
            is_tencent_vm: is_told(&evidence).then_some(true).or(machine.is_tencent_vm),
        });
        let endpoints = endpoints(&evidence, &findings);
        // Where there is but one endpoint, its verdict is that on the run.
        let verdict = match endpoints.as_slice() {
            [only] => only.verdict.clone(),
            _ => verdict(&evidence, &findings),
        };
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            tool: Tool::this(),
            started_at: run.started_at,
            ended_at: run.ended_at,
            ended_because: run.ended_because,
            labels: run.labels,
            redacted: None,
            environment,
            endpoints,
            addresses: addresses(&evidence),
            verdict,
            findings,
            policy,
            targets: evidence.targets,
            controls: evidence.controls,
            evidence: evidence.observations,
        }
    }

    /// Reads a saved report and judges its evidence again, with the saved policy.
    ///
    /// # Errors
    /// What is wrong with the text, and what to do about it.
    pub fn read(text: &str) -> Result<Self, String> {
        saved::read(text)
    }
}

/// Whether the metadata service answered, which only Tencent's machines have.
fn is_told(evidence: &Evidence) -> bool {
    evidence.of_stage(Stage::Host).any(|o| o.detail.metadata().is_some() && o.outcome.is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_on_the_only_endpoint_is_that_on_the_run() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/evidence");
        let mut compared = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let Ok(report) = Report::read(&std::fs::read_to_string(&path).unwrap()) else { continue };
            if report.targets.len() == 1 {
                let on_the_run = verdict(&report.observed(), &report.findings);
                assert_eq!(report.verdict, on_the_run, "{}", path.display());
                compared += 1;
            }
        }
        assert!(compared > 100, "{compared}");
    }
}
