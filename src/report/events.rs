//! A report as lines of JSON, for what ships logs: each observation, and at the end the rest of the report.

use serde::Serialize;
use serde_json::Value;

use super::{Report, Style};
use crate::evidence::Observation;

/// One observation.
#[derive(Serialize)]
struct Observed<'a> {
    event: &'static str,
    format_version: &'a str,
    #[serde(flatten)]
    observation: &'a Observation,
}

/// What the report holds besides.
#[derive(Serialize)]
struct Reported {
    event: &'static str,
    #[serde(flatten)]
    rest: Value,
}

pub(super) fn render(report: &Report, _style: Style) -> String {
    let observations = report.evidence.iter().map(|observation| {
        line(&Observed { event: "observation", format_version: &report.format_version, observation })
    });
    let mut rest = serde_json::to_value(report).unwrap_or_default();
    if let Some(fields) = rest.as_object_mut() {
        fields.remove("evidence");
    }
    observations.chain([line(&Reported { event: "report", rest })]).collect()
}

fn line(event: &impl Serialize) -> String {
    // Texts, finite numbers and times: nothing that JSON cannot say.
    let mut text = serde_json::to_string(event).unwrap_or_default();
    text.push('\n');
    text
}
