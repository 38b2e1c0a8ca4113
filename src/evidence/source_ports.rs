//! What connecting again from the same source ports sees: whether failing belongs to the port.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Sample;

/// TCP connects to one address and port, from chosen source ports, each again and again. Where traffic is balanced over several ways,
/// the source port decides which one a connection takes. The observation succeeded if any connect did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SourcePorts {
    /// Where the connects really went, when `--connect-to` sent them elsewhere.
    pub redirected_to: Option<SocketAddr>,
    /// The source ports, in the order of the plan, and then those that were drawn.
    pub ports: Vec<PortTrial>,
}

/// One source port and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PortTrial {
    /// The source port.
    pub port: u16,
    /// Why it was chosen.
    pub choice: PortChoice,
    /// Every connect, one after the other. One that failed with `no_free_port` was not tried: the port is taken.
    pub samples: Vec<Sample>,
}

/// Why a source port was chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PortChoice {
    /// The connect from it failed before.
    Failed,
    /// The connect from it succeeded before.
    Passed,
    /// It is a new one.
    New,
    /// Not known, or a word of a later version of the report.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Connects from one port that have to be alike before it is certain that the port decides.
const CERTAIN: usize = 3;

impl PortTrial {
    /// The connects that were begun and ended.
    pub fn tried(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(|sample| sample.was_tried())
    }

    /// Whether every one of enough connects failed.
    pub fn always_fails(&self) -> bool {
        self.tried().count() >= CERTAIN && self.tried().all(|sample| !sample.outcome.is_success())
    }

    /// Whether every one of enough connects succeeded.
    pub fn always_passes(&self) -> bool {
        self.tried().count() >= CERTAIN && self.tried().all(|sample| sample.outcome.is_success())
    }

    /// Whether some connects succeeded and some failed.
    pub fn is_mixed(&self) -> bool {
        let passed = self.tried().filter(|sample| sample.outcome.is_success()).count();
        passed > 0 && passed < self.tried().count()
    }
}

impl SourcePorts {
    /// Whether the port decides: from some every connect fails, from others every one succeeds, and from none now this, now that.
    pub fn decide(&self) -> bool {
        self.ports.iter().any(PortTrial::always_fails)
            && self.ports.iter().any(PortTrial::always_passes)
            && !self.ports.iter().any(PortTrial::is_mixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{FailureKind, Outcome};

    fn trial(outcomes: &str) -> PortTrial {
        let outcome = |word| match word {
            '+' => Outcome::Succeeded,
            '-' => Outcome::failed(FailureKind::ConnectTimeout),
            _ => Outcome::failed(FailureKind::NoFreePort),
        };
        let sample = |word| Sample::ended(outcome(word));
        PortTrial { samples: outcomes.chars().map(sample).collect(), ..PortTrial::default() }
    }

    #[test]
    fn the_port_decides_where_none_is_now_this_now_that() {
        for (ports, expected) in [
            (&["---", "+++"][..], true),
            (&["---", "+++", "t"], true),
            (&["---", "+++", "+-+"], false),
            (&["---", "---"], false),
            (&["+++", "+++"], false),
            (&["--", "+++"], false),
            (&["---", "t", "++"], false),
        ] {
            let ports = SourcePorts { redirected_to: None, ports: ports.iter().map(|text| trial(text)).collect() };
            assert_eq!(ports.decide(), expected, "{ports:?}");
        }
    }
}
