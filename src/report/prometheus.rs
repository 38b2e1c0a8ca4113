//! A report as metrics, under `blackbox_exporter`'s names where the meaning is the same. All labels are of bounded sets: addresses and
//! ports are those of this run, codes and words those of the documentation.

mod exchange;
mod network;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Report, Style};
use crate::diagnose::{MACHINE, Severity, Status, Verdict};
use crate::evidence::{Detail, Observation, Stage, clock_offset};
use crate::exposition::{self, Family, Labels, Notation, OWN_LABELS};
use crate::target::Target;

/// What the metrics of a report are to say beside what it holds.
#[derive(Debug, Clone)]
pub struct MetricOptions {
    /// From which severity on a root finding is a failure.
    pub fail_on: Severity,
    /// Labels of every sample, such as those of the configuration.
    pub labels: Labels,
    /// Whether the host is a label too: where one text tells of several targets.
    pub with_target: bool,
    /// Whether the probe succeeded, where that is not for the findings to say.
    pub success: Option<bool>,
}

/// The metrics as text for Prometheus.
pub(super) fn render(report: &Report, style: Style) -> String {
    exposition::render(&of_command_line(report, style), Notation::Text)
}

/// The same for `OpenTelemetry`, as one line.
pub(super) fn render_otlp(report: &Report, style: Style) -> String {
    let resource: Labels = vec![
        ("service.name".into(), report.tool.name.clone()),
        ("service.version".into(), report.tool.version.clone()),
    ];
    let document = exposition::otlp(&of_command_line(report, style), &resource, report.ended_at.as_nanosecond());
    format!("{document}\n")
}

/// What a report says in numbers, with the labels of the command line.
fn of_command_line(report: &Report, style: Style) -> Vec<Family> {
    let named = report.labels.iter().map(|(name, value)| (label_name(name), value.clone()));
    // Two of the user's labels can come to one name, and a sample has each name once.
    let named: BTreeMap<String, String> = named.collect();
    let labels = named.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
    let options = MetricOptions { fail_on: style.fail_on, labels, with_target: true, success: None };
    families(report, &options)
}

/// A label's name as Prometheus takes it: letters, digits and underscores, not beginning with a digit or two underscores. One of
/// ours gets the beginning that Prometheus gives to such.
fn label_name(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.trim_start_matches('_').chars().map(fits).collect();
    match name.as_str() {
        name if OWN_LABELS.contains(&name) => format!("exported_{name}"),
        name if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) => format!("_{name}"),
        _ => name,
    }
}

/// Room for all families of a target.
const MOST_FAMILIES: usize = 32;
/// The metric that tells whether a probe succeeded, and what it means.
const SUCCESS: (&str, &str) = ("probe_success", "Whether the probe succeeded");

/// What is told of a target where no probe could be taken: that none succeeded.
pub fn not_probed(labels: Labels) -> Family {
    let mut family = Family::gauge(SUCCESS.0, SUCCESS.1);
    family.add(labels, 0.0);
    family
}

/// Everything that a report says in numbers.
pub fn families(report: &Report, options: &MetricOptions) -> Vec<Family> {
    let of_target = |target: &Target| {
        let mut labels = options.labels.clone();
        if options.with_target {
            labels.push(("target".into(), target.host.clone()));
        }
        Of { report, target, labels }.families(options)
    };
    let mut each = report.targets.iter().map(of_target);
    let mut all: Vec<Family> = each.next().unwrap_or_default();
    for family in each.flatten() {
        match all.iter_mut().find(|earlier| earlier.is_same_metric(&family)) {
            Some(earlier) => earlier.absorb(family),
            None => all.push(family),
        }
    }
    all
}

/// Whether a target came off without a root finding of a severity, and was measured. It is what `probe_success` says.
pub fn has_passed(report: &Report, target: &Target, fail_on: Severity) -> bool {
    let concerns = |subject: &str| subject == target.host || subject == MACHINE;
    let has_failed = report.findings.iter().any(|f| f.is_root() && f.severity >= fail_on && concerns(&f.subject));
    let status = verdict_on(report, target).status;
    !has_failed && matches!(status, Status::Healthy | Status::Degraded)
}

/// The verdict on one target.
fn verdict_on<'a>(report: &'a Report, target: &Target) -> &'a Verdict {
    let endpoint = report.endpoints.iter().find(|endpoint| endpoint.endpoint == target.host);
    endpoint.map_or(&report.verdict, |endpoint| &endpoint.verdict)
}

/// One target of a report, with the labels of its samples.
struct Of<'a> {
    report: &'a Report,
    target: &'a Target,
    labels: Labels,
}

impl<'a> Of<'a> {
    fn families(&self, options: &MetricOptions) -> Vec<Family> {
        let success = options.success.unwrap_or_else(|| has_passed(self.report, self.target, options.fail_on));
        let mut families = Vec::with_capacity(MOST_FAMILIES);
        families.extend([
            self.one(SUCCESS.0, SUCCESS.1, f64::from(success)),
            self.one("probe_duration_seconds", "How long the probe took", self.duration()),
        ]);
        self.network(&mut families);
        self.exchanges(&mut families);
        families.extend([self.verdict(), self.findings(), self.private_route(), self.clock(), self.key_expiry()]);
        families
    }

    fn one(&self, name: &'static str, help: &'static str, value: f64) -> Family {
        let mut family = Family::gauge(name, help);
        family.add(self.labels.clone(), value);
        family
    }

    fn one_known(&self, name: &'static str, help: &'static str, value: Option<f64>) -> Family {
        let mut family = Family::gauge(name, help);
        family.add_known(&self.labels, value);
        family
    }

    /// The labels of this target and some more.
    fn with<const N: usize>(&self, more: [(&'static str, String); N]) -> Labels {
        let mut labels = self.labels.clone();
        labels.extend(more.map(|(name, value)| (Cow::Borrowed(name), value)));
        labels
    }

    /// The observations of a stage about this target.
    fn observations(&self, stage: Stage) -> impl Iterator<Item = &'a Observation> {
        let host = &self.target.host;
        let concerns = move |o: &&Observation| o.stage == stage && o.endpoint.as_ref() == Some(host);
        self.report.evidence.iter().filter(concerns)
    }

    fn duration(&self) -> f64 {
        self.report.ended_at.duration_since(self.report.started_at).as_secs_f64().max(0.0)
    }

    fn verdict(&self) -> Family {
        let mut family =
            Family::gauge("cosprobe_verdict", "1 for the status that the target came off with, 0 for the others");
        let status = verdict_on(self.report, self.target).status;
        for each in [Status::Healthy, Status::Degraded, Status::Unreachable, Status::Inconclusive] {
            family.add(self.with([("status", each.as_str().to_owned())]), f64::from(each == status));
        }
        family
    }

    fn findings(&self) -> Family {
        let mut family =
            Family::gauge("cosprobe_finding", "1 for every finding; root is false where another finding causes it");
        let concerns = |subject: &str| subject == self.target.host || subject == MACHINE;
        let mut told: Vec<&str> = Vec::new();
        for finding in self.report.findings.iter().filter(|finding| concerns(&finding.subject)) {
            if told.contains(&finding.code.as_str()) {
                continue;
            }
            told.push(&finding.code);
            let labels = self.with([
                ("code", finding.code.clone()),
                ("name", finding.name.clone()),
                ("severity", finding.severity.as_str().to_owned()),
                ("root", finding.is_root().to_string()),
            ]);
            family.add(labels, 1.0);
        }
        family
    }

    fn private_route(&self) -> Family {
        use crate::config::Route;
        let value = match verdict_on(self.report, self.target).route {
            Route::Private => Some(1.0),
            Route::Public | Route::Mixed => Some(0.0),
            Route::Unknown => None,
        };
        self.one_known(
            "cosprobe_private_route",
            "Whether every address of the target is on Tencent's private network",
            value,
        )
    }

    fn clock(&self) -> Family {
        let has_answers =
            self.report.evidence.iter().any(|o| o.detail.http().is_some_and(|http| http.status.is_some()));
        let offset = has_answers.then(|| clock_offset(&self.report.observed())).flatten();
        self.one_known(
            "cosprobe_clock_offset_seconds",
            "How far this machine's clock is ahead of COS's; where the answers tell it",
            offset.map(|offset| offset.offset.as_secs_f64()),
        )
    }

    fn key_expiry(&self) -> Family {
        let key = self.report.evidence.iter().find_map(|observation| match &observation.detail {
            Detail::Key(key) => key.expires_at,
            _ => None,
        });
        self.one_known(
            "cosprobe_credential_expiry_timestamp_seconds",
            "When the temporary key ends, in Unix time",
            key.map(seconds_since_epoch),
        )
    }
}

/// Unix time.
fn seconds_since_epoch(at: jiff::Timestamp) -> f64 {
    at.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64()
}

/// Microseconds in the base unit of metrics.
#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests;
