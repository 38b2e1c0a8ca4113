//! cosprobe tells whether this machine can reach a Tencent Cloud COS bucket well, over which network, and if not, why.
//!
//! Data flows one way: [`cli`] makes a [`config::Config`]; [`run`] asks [`plan`] for the next steps and lets [`probe`] take
//! them; what they see is [`evidence`]; [`diagnose`] judges it; [`report`] shows it. The map of the rooms, their arrows and
//! the invariants stand in `docs/architecture.md`; `tests/it/tidy.rs` holds the code to them.

pub mod addr;
pub mod cli;
pub mod config;
pub mod credential;
pub mod diagnose;
pub mod error;
pub mod evidence;
pub mod issuer;
#[cfg(feature = "lab")]
pub mod lab;
pub mod plan;
pub mod probe;
pub mod region;
pub mod report;
pub mod run;
pub mod sign;
pub mod sys;
pub mod target;

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::watch;

use config::Config;
use credential::Credential;
use error::Error;
use evidence::Evidence;
use report::{Ended, Report, Run};
use run::{Ending, Progress};

/// Observes, judges and reports, once. `interrupt` resolves when the user wants the run to end early.
///
/// # Errors
/// When the run cannot begin. A network that fails is in the report, not an error.
pub async fn check(
    config: Config,
    credential: Option<Credential>,
    labels: BTreeMap<String, String>,
    interrupt: impl Future<Output = ()>,
    progress: impl FnMut(Progress<'_>),
) -> Result<Report, Error> {
    let started_at = Timestamp::now();
    let policy = config.policy.clone();
    let (evidence, ending) = observe(config, credential, interrupt, progress).await?;
    let ended_because = match ending {
        Ending::Completed => Ended::Completed,
        Ending::Deadline => Ended::Deadline,
        Ending::Interrupted => Ended::Interrupted,
    };
    let run = Run { started_at, ended_at: Timestamp::now(), ended_because, labels };
    Ok(Report::new(evidence, policy, run))
}

/// Observes only. `interrupt` resolves when the user wants the run to end early.
///
/// # Errors
/// When the run cannot begin. A network that fails is in the evidence, not an error.
pub async fn observe(
    config: Config,
    credential: Option<Credential>,
    interrupt: impl Future<Output = ()>,
    progress: impl FnMut(Progress<'_>),
) -> Result<(Evidence, Ending), Error> {
    let (stop, cancelled) = watch::channel(None);
    let context = probe::Context::new(config, credential, cancelled)?;
    Ok(run::run(&context, &stop, interrupt, progress).await)
}

/// Judges a saved report again. The text is the JSON that `--format json` wrote.
///
/// # Errors
/// What is wrong with the text.
pub fn replay(text: &str) -> Result<Report, String> {
    Report::read(text)
}
