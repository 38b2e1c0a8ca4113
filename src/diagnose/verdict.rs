//! The one line that a run comes to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::view::{addresses, combine, cos_answered, counted, milliseconds, route_of};
use super::{Finding, Severity, host::MACHINE};
use crate::config::Route;
use crate::evidence::{Evidence, FailureKind, Stage};

/// How an endpoint, or all of them together, came off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No root finding of severity warning or error.
    Healthy,
    /// Such a root, yet COS itself answered on at least one address and port.
    Degraded,
    /// cosprobe could not measure.
    Inconclusive,
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
    pub summary: String,
}

/// Judges a run by its findings.
pub fn verdict(evidence: &Evidence, findings: &[Finding]) -> Verdict {
    let status = evidence.targets.iter().map(|target| status_of(evidence, findings, &target.host)).max();
    let status = status.unwrap_or(Status::Inconclusive);
    let route = combine(evidence.targets.iter().map(|target| route_of(evidence, &target.host)));
    let root = findings.iter().find(|finding| finding.is_root() && finding.severity >= Severity::Warning);
    Verdict {
        status,
        route,
        code: root.map(|finding| finding.code.clone()),
        summary: summary(evidence, status, route, root, findings),
    }
}

fn status_of(evidence: &Evidence, findings: &[Finding], host: &str) -> Status {
    let has_root = findings.iter().any(|finding| {
        finding.is_root()
            && finding.severity >= Severity::Warning
            && (finding.subject == host || finding.subject == MACHINE)
    });
    match (is_measured(evidence, host), has_root, cos_answered(evidence, host)) {
        (_, true, true) => Status::Degraded,
        (_, true, false) => Status::Unreachable,
        (true, false, _) => Status::Healthy,
        (false, false, _) => Status::Inconclusive,
    }
}

/// Whether the record says anything: something was reached, no probe broke down, and time did not run out.
fn is_measured(evidence: &Evidence, host: &str) -> bool {
    use crate::evidence::{NotRunReason, Outcome};
    let of_host =
        || evidence.observations.iter().filter(|o| o.endpoint.as_deref().is_none_or(|endpoint| endpoint == host));
    let broken = of_host().any(|observation| match observation.outcome {
        Outcome::NotRun { because } => matches!(because, NotRunReason::Deadline | NotRunReason::Interrupted),
        Outcome::Failed { kind, .. } => kind == FailureKind::Internal,
        Outcome::Succeeded => false,
    });
    !broken && evidence.of_endpoint(Stage::Connect, host).any(|observation| observation.outcome.is_success())
}

fn summary(evidence: &Evidence, status: Status, route: Route, root: Option<&Finding>, findings: &[Finding]) -> String {
    let over = match route {
        Route::Private => " over the private network",
        Route::Public => " over the internet",
        Route::Mixed => " over private and public addresses",
        Route::Unknown => "",
    };
    match (status, root) {
        (Status::Healthy, _) => format!("{}{over}{}", who_answers(evidence), best_rtt(evidence)),
        (Status::Inconclusive, None) => "the run ended before anything could be concluded".to_owned(),
        (_, Some(root)) => {
            let roots = findings.iter().filter(|f| f.is_root() && f.severity >= Severity::Warning).count();
            let more = match roots {
                0 | 1 => String::new(),
                _ => format!(" (and {})", counted(roots - 1, "other finding", "other findings")),
            };
            format!("{}{more}", root.summary)
        }
        (_, None) => "nothing was found".to_owned(),
    }
}

fn who_answers(evidence: &Evidence) -> String {
    let answered = evidence.targets.iter().filter(|target| cos_answered(evidence, &target.host)).count();
    match evidence.targets.as_slice() {
        [target] if answered == 1 => format!("COS answers for {target}"),
        [target] => format!("{target} accepts connections"),
        _ => format!("COS answers for {answered} of {}", counted(evidence.targets.len(), "endpoint", "endpoints")),
    }
}

fn best_rtt(evidence: &Evidence) -> String {
    let views = addresses(evidence);
    let medians = views.iter().flat_map(|view| &view.ports).filter_map(|port| port.kernel_rtt_us);
    medians
        .map(|spread| spread.median)
        .min()
        .map_or_else(String::new, |us| format!(", round trip {}", milliseconds(us)))
}
