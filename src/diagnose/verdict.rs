//! The one line that a run comes to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::{
    addresses_of_endpoint, combine, cos_answered, counted, listed, milliseconds, route_of, route_of_scope,
};
use super::{AddressView, Finding, Severity, host::MACHINE};
use crate::config::Route;
use crate::evidence::{Evidence, FailureKind, NotRunReason, Observation, Outcome, Stage};
use crate::latency::Spread;
use crate::target::{Protocol, Target};
use crate::text;
use crate::text::Text;

/// How an endpoint, or all of them together, came off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No root finding of severity warning or error.
    Healthy,
    /// cosprobe could not measure.
    Inconclusive,
    /// Such a root, yet COS itself answered on at least one address and port. Where no HTTP is asked for, or somebody else
    /// stands at the name by right, an open connection or any answer counts.
    Degraded,
    /// Such a root, and no answer from COS.
    Unreachable,
}

impl Status {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Inconclusive => "inconclusive",
            Self::Unreachable => "unreachable",
        }
    }
}

/// The verdict on a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// How it came off; with several endpoints, the worst.
    pub status: Status,
    /// The network that the endpoints are reached over.
    pub route: Route,
    /// Code of the first root finding of severity warning or error; null when there is none.
    pub code: Option<String>,
    /// One sentence.
    pub summary: Text,
}

/// Judges a run by its findings.
pub fn verdict(evidence: &Evidence, findings: &[Finding]) -> Verdict {
    let targets: Vec<&Target> = evidence.targets.iter().collect();
    judged(evidence, &targets, &findings.iter().collect::<Vec<_>>())
}

/// Judges one target of a run, by the findings that concern it. Where there is but one, it is the verdict on the run.
pub(super) fn verdict_on(evidence: &Evidence, findings: &[Finding], target: &Target) -> Verdict {
    let own: Vec<&Finding> = findings.iter().filter(|finding| concerns(finding, target)).collect();
    judged(evidence, &[target], &own)
}

fn judged(evidence: &Evidence, targets: &[&Target], findings: &[&Finding]) -> Verdict {
    let status = targets.iter().map(|target| status_of(evidence, findings, target)).max();
    let status = status.unwrap_or(Status::Inconclusive);
    let route = combine(targets.iter().map(|target| route_of(evidence, &target.host)));
    let root = findings.iter().find(|finding| finding.is_root() && finding.severity >= Severity::Warning).copied();
    let run = Judged { evidence, targets, findings };
    Verdict { status, route, code: root.map(|finding| finding.code.clone()), summary: run.summary(status, route, root) }
}

/// Whether a finding is about a target, or about the machine and so about all of them.
fn concerns(finding: &Finding, target: &Target) -> bool {
    finding.subject == target.host || finding.subject == MACHINE
}

/// Error findings that say what was expected, and not that something does not work.
const EXPECTATIONS: &[&str] = &["RTE005"];

fn status_of(evidence: &Evidence, findings: &[&Finding], target: &Target) -> Status {
    let host = target.host.as_str();
    let is_bad = |finding: &&&Finding| finding.is_root() && finding.severity >= Severity::Warning;
    let roots = || findings.iter().filter(is_bad).filter(|finding| concerns(finding, target));
    let is_down =
        || roots().any(|root| root.severity == Severity::Error && !EXPECTATIONS.contains(&root.code.as_str()));
    let resolved = target.services.is_empty() && !addresses_of(evidence, host).is_empty();
    let connected =
        || resolved || evidence.of_endpoint(Stage::Connect, host).any(|observation| observation.outcome.is_success());
    let cut_off = is_cut_off(evidence, host);
    match (roots().next().is_some(), is_answered(evidence, target)) {
        (true, true) => Status::Degraded,
        (true, false) if cut_off && !is_down() => Status::Inconclusive,
        (true, false) => Status::Unreachable,
        (false, _) if !cut_off && connected() => Status::Healthy,
        (false, _) => Status::Inconclusive,
    }
}

/// Whether the endpoint gave the answer that can be had of it.
pub(super) fn is_answered(evidence: &Evidence, target: &Target) -> bool {
    let host = target.host.as_str();
    if target.services.is_empty() {
        return !addresses_of(evidence, host).is_empty();
    }
    let speaks_http = target.services.iter().any(|service| service.protocol != Protocol::Tcp);
    if !speaks_http {
        return evidence.of_endpoint(Stage::Connect, host).any(|observation| observation.outcome.is_success());
    }
    let any_answer = || {
        let mut exchanges = evidence.of_endpoint(Stage::HttpRoundTrip, host).filter_map(|o| o.detail.http());
        exchanges.any(|http| http.status.is_some())
    };
    cos_answered(evidence, host) || (!target.role.is_cos_host() && any_answer())
}

/// The usable addresses of an endpoint, which are all that is asked for where no port is.
fn addresses_of(evidence: &Evidence, host: &str) -> Vec<AddressView> {
    let usable = |view: &AddressView| matches!(route_of_scope(view.scope), Route::Private | Route::Public);
    addresses_of_endpoint(evidence, host).into_iter().filter(usable).collect()
}

/// Whether time ran out, the user broke off, or a probe broke down. What is only compared with is not missed.
fn is_cut_off(evidence: &Evidence, host: &str) -> bool {
    let concerns = |observation: &&Observation| observation.endpoint.as_deref().is_none_or(|endpoint| endpoint == host);
    let is_compared = |o: &&Observation| o.detail.dns().is_some_and(|dns| dns.comparison);
    evidence.observations.iter().filter(concerns).filter(|o| !is_compared(o)).any(is_broken_off)
}

/// Whether a step was not taken to its end for want of time, because the user broke off, or because its probe broke down.
pub(super) fn is_broken_off(observation: &Observation) -> bool {
    match observation.outcome {
        Outcome::NotRun { because } => matches!(because, NotRunReason::Deadline | NotRunReason::Interrupted),
        Outcome::Failed { kind, .. } => kind == FailureKind::Internal,
        Outcome::Succeeded | Outcome::Unknown => false,
    }
}

/// What the sentence of a verdict is made of.
struct Judged<'a> {
    evidence: &'a Evidence,
    targets: &'a [&'a Target],
    findings: &'a [&'a Finding],
}

impl Judged<'_> {
    fn summary(&self, status: Status, route: Route, root: Option<&Finding>) -> Text {
        let over = match route {
            Route::Private => text!(" over the private network"),
            Route::Public => text!(" over the internet"),
            Route::Mixed => text!(" over private and public addresses"),
            Route::Unknown => Text::empty(),
        };
        match (status, root) {
            (Status::Healthy, _) if self.asks_for_names_only() => {
                let on = match route {
                    Route::Private => text!(", on the private network"),
                    Route::Public => text!(", on the internet"),
                    Route::Mixed => text!(", on the private network and the internet"),
                    Route::Unknown => Text::empty(),
                };
                text!("{who}{on}", who = self.who_answers(), on)
            }
            (Status::Healthy, _) => {
                text!("{who}{over}{round_trip}", who = self.who_answers(), over, round_trip = self.best_rtt())
            }
            (Status::Inconclusive, None) => self.unmeasured(),
            (_, Some(root)) => {
                let roots = self.findings.iter().filter(|f| f.is_root() && f.severity >= Severity::Warning).count();
                let more = match roots {
                    0 | 1 => Text::empty(),
                    _ => counted(
                        roots - 1,
                        text!(" (and 1 other finding)"),
                        text!(" (and {count} other findings)", count = roots - 1),
                    ),
                };
                text!("{summary}{more}", summary = &root.summary, more)
            }
            (_, None) => text!("nothing was found"),
        }
    }

    /// What could not be measured, and why as far as is known.
    fn unmeasured(&self) -> Text {
        let Judged { evidence, targets, findings } = *self;
        let open = |target: &&&Target| status_of(evidence, findings, target) == Status::Inconclusive;
        let open: Vec<&Target> = targets.iter().filter(open).copied().collect();
        let cut_off = open.iter().any(|target| is_cut_off(evidence, &target.host));
        let why = if cut_off {
            text!("the run ended before it was measured")
        } else {
            text!("nothing was reached, and no cause was found")
        };
        text!("{endpoints}: {why}", endpoints = listed(open.iter().map(|target| target.host.as_str())), why)
    }

    /// Whether addresses are all that is asked for.
    fn asks_for_names_only(&self) -> bool {
        self.targets.iter().all(|target| target.services.is_empty())
    }

    fn who_answers(&self) -> Text {
        let Judged { evidence, targets, .. } = *self;
        let answered = targets.iter().filter(|target| cos_answered(evidence, &target.host)).count();
        match targets {
            [target] if answered == 1 => text!("COS answers for {target}", target = &target.host),
            [target] if target.services.is_empty() => {
                text!("{target} has {found}", target = &target.host, found = found(evidence, target))
            }
            [target] => text!("{target} accepts connections", target = &target.host),
            _ if self.asks_for_names_only() => {
                text!("{count} endpoints have addresses", count = targets.len())
            }
            _ => text!("COS answers for {answered} of {count} endpoints", answered, count = targets.len()),
        }
    }

    fn best_rtt(&self) -> Text {
        let connects = self.targets.iter().flat_map(|target| self.evidence.of_endpoint(Stage::Connect, &target.host));
        let medians = connects.filter_map(|o| Some(Spread::of_kernel_rtt(o.detail.tcp()?)?.median));
        { medians }.min().map_or_else(Text::empty, |us| text!(", round trip {time}", time = milliseconds(us)))
    }
}

fn found(evidence: &Evidence, target: &Target) -> Text {
    let views = addresses_of(evidence, &target.host);
    let addresses = listed(views.iter().map(|view| view.ip));
    let count = views.len();
    counted(
        count,
        text!("1 address: {addresses}", addresses = &addresses),
        text!("{count} addresses: {addresses}", count, addresses = &addresses),
    )
}
