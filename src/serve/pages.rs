//! What people look at: an overview, and each probe in full.

use std::fmt::Write;
use std::sync::Arc;

use super::probing::Probed;
use super::query::Query;
use super::setup::Setup;
use super::{State, locked};
use crate::exposition::{Family, Notation, render as render_metrics};
use crate::report::{Format, Style, render};

/// All targets with what became of them, and the last probes.
pub(super) fn overview(state: &State) -> String {
    let mut rows = String::new();
    for (id, probed) in locked(&state.history).newest_first() {
        let word = if probed.success { "success" } else { "failure" };
        // Writing to a string does not fail.
        let _ = write!(
            rows,
            "<tr><td>{}<td>{}<td><a href=\"/logs?id={id}\">{word}</a><td>{}",
            escaped(&probed.question.module),
            escaped(&probed.question.target),
            escaped(&probed.report.verdict.summary.to_string())
        );
    }
    format!("<!doctype html><html lang=en><meta charset=utf-8><title>cosprobe</title><table>{rows}</table>")
}

/// One probe of those that are kept, by its number or by its target.
pub(super) fn log(state: &State, query: &Query) -> Option<String> {
    let number: Option<u64> = query.get("id").and_then(|id| id.parse().ok());
    let is_meant = |id: u64, probed: &Probed| match (number, query.get("target")) {
        (Some(number), _) => id == number,
        (None, Some(target)) => {
            probed.question.target == target
                && query.get("module").is_none_or(|module| probed.question.module == module)
        }
        (None, None) => false,
    };
    let found = {
        let history = locked(&state.history);
        let mut all = history.newest_first();
        all.find(|(id, probed)| is_meant(*id, probed)).map(|(_, probed)| Arc::clone(probed))
    };
    found.map(|probed| in_full(&probed))
}

/// A probe as `check` shows it.
fn in_full(probed: &Probed) -> String {
    let Probed { question, at, report, success, .. } = probed;
    let word = if *success { "succeeded" } else { "failed" };
    let head = format!("{at}: module {} {word} for {}\n\n", question.module, question.target);
    format!("{head}{}", render(report, Format::Table, Style { width: 120, ..Style::default() }))
}

/// What `debug=true` shows: what was seen, the metrics, and the module.
pub(super) fn debug(setup: &Setup, probed: &Probed, families: &[Family]) -> String {
    let module = setup.loaded.module_text(&probed.question.module);
    format!(
        "Logs for the probe:\n{}\n\n\nMetrics that would have been returned:\n{}\n\n\nModule configuration:\n{module}\n",
        in_full(probed),
        render_metrics(families, Notation::Text)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
