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
pub mod exposition;
pub mod issuer;
#[cfg(feature = "lab")]
pub mod lab;
pub mod latency;
pub mod plan;
pub mod probe;
pub mod region;
pub mod report;
pub mod run;
pub mod serve;
pub mod settings;
pub mod sign;
pub mod sys;
pub mod target;
pub mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use config::{Config, Policy};
use credential::Credential;
use diagnose::{Severity, Status};
use error::Error;
use evidence::Evidence;
use probe::Roots;
use report::{Ended, Report, Run};
use run::{Ending, Judged, Progress};

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
    let roots = Arc::new(Roots::new(config.trust.ca_file.as_deref())?);
    Ok(recheck(&roots, config, credential, labels, interrupt, progress).await)
}

/// The same as one of many runs that trust the same certificates, which are read once.
pub async fn recheck(
    roots: &Arc<Roots>,
    config: Config,
    credential: Option<Credential>,
    labels: BTreeMap<String, String>,
    interrupt: impl Future<Output = ()>,
    progress: impl FnMut(Progress<'_>),
) -> Report {
    let started_at = Timestamp::now();
    let policy = config.policy.clone();
    let judge = |evidence: &Evidence| worth_doing(evidence, &policy);
    let (stop, cancelled) = watch::channel(None);
    let context = probe::Context::trusting(Arc::clone(roots), config, credential, cancelled);
    let (evidence, ending) = run::run(&context, &stop, interrupt, judge, progress).await;
    let ended_because = match ending {
        Ending::Completed => Ended::Completed,
        Ending::Deadline => Ended::Deadline,
        Ending::Interrupted => Ended::Interrupted,
    };
    // A clock that is set back meanwhile does not make a run end before it began.
    let run = Run { started_at, ended_at: Timestamp::now().max(started_at), ended_because, labels };
    Report::new(evidence, policy, run)
}

/// How the findings so far look: nothing more is worth doing where all is well. Where COS answers as it should and refuses the request,
/// where the clock is off, or where other programs use a proxy, other name servers and endpoints tell nothing about it.
fn worth_doing(evidence: &Evidence, policy: &Policy) -> Judged {
    let findings = diagnose::diagnose(evidence, policy);
    let elsewhere = ["AUT", "BKT", "HST002", "HST004"];
    let is_of_the_way = |code: &str| !elsewhere.iter().any(|begin| code.starts_with(begin));
    let is_root = |finding: &&diagnose::Finding| finding.is_root() && finding.severity >= Severity::Warning;
    let on_the_way = findings.iter().filter(is_root).any(|finding| is_of_the_way(&finding.code));
    match diagnose::verdict(evidence, &findings).status {
        _ if on_the_way => Judged::Fault,
        Status::Inconclusive => Judged::Open,
        _ => Judged::Fine,
    }
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
    Ok(run::run(&context, &stop, interrupt, |_| Judged::Fine, progress).await)
}

/// Judges a saved report again. The text is the JSON that `--format json` wrote.
///
/// # Errors
/// What is wrong with the text.
pub fn replay(text: &str) -> Result<Report, String> {
    Report::read(text)
}
