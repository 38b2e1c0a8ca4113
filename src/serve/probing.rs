//! Taking a probe: the same question that is asked several times at once is answered by one probe.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::setup::Setup;
use super::{State, locked};
use crate::cli::{Job, Module};
use crate::error::{Error, usage};
use crate::evidence::{Authentication, Purpose, Stage};
use crate::report::{Report, has_passed};
use crate::settings::ProbeKind;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    pub(super) module: String,
    pub(super) target: String,
    /// The name that is used where the target is an address.
    pub(super) hostname: Option<String>,
    /// The region of a bucket, instead of the module's.
    pub(super) region: Option<String>,
}

/// A probe that was taken.
pub(super) struct Probed {
    pub(super) question: Question,
    pub(super) at: Timestamp,
    pub(super) report: Report,
    pub(super) success: bool,
    pub(super) timeout: Duration,
    /// Why failures were expected then; `None`: they were not.
    pub(super) maintenance: Option<String>,
}

/// Why failures were expected, where a window does not say.
pub(super) const MAINTENANCE: &str = "maintenance";
/// Probes under way, above which no further one is begun for a request: who hangs up does not end the probe, and each has sockets.
const MOST_UNDER_WAY: usize = 1024;

type Running = watch::Receiver<Option<Arc<Probed>>>;

/// The probes that are under way.
#[derive(Default)]
pub(super) struct Sharing(Mutex<BTreeMap<Question, Running>>);

impl Sharing {
    pub(super) fn under_way(&self) -> usize {
        locked(&self.0).len()
    }

    /// Whether a question would be one too many; one that is being answered never is.
    pub(super) fn is_full_for(&self, question: &Question) -> bool {
        let all = locked(&self.0);
        all.len() >= MOST_UNDER_WAY && !all.contains_key(question)
    }
}

/// What a question comes to with a module: its job. Nothing is sent.
pub(super) fn job(module: &Module, question: &Question, timeout: Duration) -> Result<Job, Error> {
    let region = question.region.as_deref();
    let Some(hostname) = &question.hostname else { return module.job_in(&question.target, region, timeout) };
    let Some((ip, port)) = address(&question.target) else {
        return usage(format!(
            "hostname is the name to use for an address, and {} is none: leave one of the two out",
            question.target
        ));
    };
    let named = port.map_or_else(|| hostname.clone(), |port| format!("{hostname}:{port}"));
    module.job_at(&named, ip, region, timeout)
}

/// The address of a target that is one, and its port.
pub(super) fn address(target: &str) -> Option<(IpAddr, Option<u16>)> {
    let with_port = || target.parse::<SocketAddr>().ok().map(|address| (address.ip(), Some(address.port())));
    let bare = target.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(target);
    bare.parse().ok().map(|ip| (ip, None)).or_else(with_port)
}

/// Takes a probe, or waits for the one that is under way for the same question.
///
/// # Errors
/// When the probe broke down, which is a defect.
pub(super) async fn probed(
    state: &Arc<State>,
    setup: &Arc<Setup>,
    question: Question,
    job: Job,
) -> Result<Arc<Probed>, Error> {
    let mut running = begun(state, setup, question, job);
    let ended = running.wait_for(Option::is_some).await.ok().and_then(|probed| probed.clone());
    ended.ok_or_else(|| Error::Start { what: "the probe", problem: "it ended without a result".to_owned() })
}

/// The probe for a question: the one that is under way, or a new one.
fn begun(state: &Arc<State>, setup: &Arc<Setup>, question: Question, job: Job) -> Running {
    let mut all = locked(&state.sharing.0);
    if let Some(running) = all.get(&question) {
        return running.clone();
    }
    let (sender, receiver) = watch::channel(None);
    all.insert(question.clone(), receiver.clone());
    let (state, setup) = (Arc::clone(state), Arc::clone(setup));
    tokio::spawn(async move {
        let _gone = Gone { state: Arc::clone(&state), question: question.clone() };
        if let Ok(probed) = take(&setup, question, job).await {
            let probed = Arc::new(probed);
            state.counts.probed(probed.success);
            locked(&state.history).keep(Arc::clone(&probed));
            sender.send_replace(Some(probed));
        }
    });
    receiver
}

/// Takes a question off the list of those under way, however its probe ends.
struct Gone {
    state: Arc<State>,
    question: Question,
}

impl Drop for Gone {
    fn drop(&mut self) {
        locked(&self.state.sharing.0).remove(&self.question);
    }
}

async fn take(setup: &Setup, question: Question, job: Job) -> Result<Probed, Error> {
    let module = setup.loaded.modules.get(&question.module);
    let timeout = job.config.limits.deadline;
    let roots = setup.roots(job.config.trust.ca_file.as_deref())?;
    let never = std::future::pending();
    let report = crate::recheck(&roots, job.config, job.credential, job.labels, never, |_| {}).await;
    let at = report.started_at;
    let success = module.is_some_and(|module| has_succeeded(module, &report));
    let window = module.and_then(|module| module.maintenance.iter().find(|window| window.contains(at)));
    let maintenance = window.map(|window| window.reason.clone().unwrap_or_else(|| MAINTENANCE.to_owned()));
    Ok(Probed { question, at, report, success, timeout, maintenance })
}

/// Whether a probe succeeded: by the statuses that the module names, else by the findings.
fn has_succeeded(module: &Module, report: &Report) -> bool {
    let Some(target) = report.targets.first() else { return false };
    let by_findings = || has_passed(report, target, module.fail_on);
    if module.kind != ProbeKind::Head {
        return by_findings();
    }
    let wanted = if module.signed { Authentication::Signed } else { Authentication::Anonymous };
    let answers = || {
        let requests = report.evidence.iter().filter(|o| o.stage == Stage::HttpRoundTrip);
        let requests = requests.filter_map(|o| o.detail.http());
        requests.filter(move |http| http.authentication == wanted && http.purpose == Purpose::Probe)
    };
    match &module.valid_status_codes {
        None => answers().any(|http| http.status.is_some() && http.is_from_cos()),
        Some(codes) => {
            answers().next().is_some() && answers().all(|http| http.status.is_some_and(|status| codes.contains(status)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_too_many_is_refused_unless_it_is_being_answered() {
        let sharing = Sharing::default();
        let question = |number: usize| Question {
            module: "tcp_connect".to_owned(),
            target: number.to_string(),
            hostname: None,
            region: None,
        };
        for number in 0..MOST_UNDER_WAY {
            assert!(!sharing.is_full_for(&question(number)), "{number}");
            locked(&sharing.0).insert(question(number), watch::channel(None).1);
        }
        assert!(sharing.is_full_for(&question(MOST_UNDER_WAY)));
        assert!(!sharing.is_full_for(&question(0)));
    }
}
