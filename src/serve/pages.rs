//! What people look at: an overview, and each probe in full.

mod overview;
mod sparkline;

use std::sync::Arc;

use jiff::Timestamp;

use super::language::Spoken;
use super::probing::{Probed, Question};
use super::query::Query;
use super::schedule::Series;
use super::setup::Setup;
use super::{State, locked};
use crate::exposition::{Family, Notation, render as render_metrics};
use crate::report::{Format, Style, render};
use crate::text;
use crate::text::Language;
use overview::{Overview, Row};

/// All targets with what became of them, and the last probes.
pub(super) fn overview(state: &State, all: &[Arc<Series>], spoken: Spoken) -> String {
    let row = |series: &&Arc<Series>| Row {
        scheduled: series.scheduled.clone(),
        last: series.last.clone(),
        obstacle: series.obstacle.clone(),
        round_trips: series.round_trips.iter().copied().collect(),
    };
    let known = |series: &Arc<Series>| overview::State::of(series.last.as_deref(), series.obstacle.as_deref());
    let (shown, left_out) = overview::chosen(all, known);
    let (rows, counts) = (shown.iter().map(row).collect(), overview::counts(all.iter().map(known)));
    let probes = locked(&state.history).newest_first().take(overview::MOST_PROBES).cloned().collect();
    let stale_since = Some(state.setups.last_reload()).filter(|last| !last.was_successful);
    let stale_since = stale_since.map(|last| last.succeeded_at);
    let prefix = state.options.link_prefix.clone();
    Overview { prefix, spoken, rows, counts, left_out, probes, stale_since, now: Timestamp::now() }.render()
}

/// A page for a probe that was taken.
pub(super) enum Log {
    Text(String),
    Html(String),
}

/// One probe of those that are kept, by its number or by its target.
pub(super) fn log(state: &State, query: &Query, language: Language) -> Option<Log> {
    let found = found(state, query)?;
    Some(match query.get("format") {
        Some("html") => Log::Html(render(&found.report, Format::Html, Style { language, ..Style::default() })),
        _ => Log::Text(in_full(&found, language)),
    })
}

fn found(state: &State, query: &Query) -> Option<Arc<Probed>> {
    let number: Option<u64> = query.get("id").and_then(|id| id.parse().ok());
    let is_meant = |id: Option<u64>, probed: &Probed| match (number, query.get("target")) {
        (Some(number), _) => id == Some(number),
        (None, Some(target)) => {
            let Question { module, target: known, region, .. } = &probed.question;
            let is_same = |name, own: Option<&str>| query.get(name).is_none_or(|wanted| own == Some(wanted));
            known == target && is_same("module", Some(module)) && is_same("region", region.as_deref())
        }
        (None, None) => false,
    };
    let kept = {
        let history = locked(&state.history);
        let mut all = history.newest_first();
        all.find(|(id, probed)| is_meant(Some(*id), probed)).map(|(_, probed)| Arc::clone(probed))
    };
    // With many targets the last probe of each does not stay among the last of all.
    kept.or_else(|| {
        let all = locked(&state.board).series();
        let mut last = all.iter().filter_map(|series| series.last.as_ref());
        last.find(|probed| is_meant(None, probed)).map(Arc::clone)
    })
}

/// A probe as `check` shows it.
fn in_full(probed: &Probed, language: Language) -> String {
    let Probed { question, at, report, success, .. } = probed;
    let Question { module, target, .. } = question;
    let head = if *success {
        text!("{at}: module {module} succeeded for {target}", at = at.to_string(), module, target)
    } else {
        text!("{at}: module {module} failed for {target}", at = at.to_string(), module, target)
    };
    let table = render(report, Format::Table, Style { width: 120, language, ..Style::default() });
    format!("{}\n\n{table}", head.say(language))
}

/// What `debug=true` shows: what was seen, the metrics, and the module.
pub(super) fn debug(setup: &Setup, probed: &Probed, families: &[Family]) -> String {
    let module = setup.loaded.module_text(&probed.question.module);
    format!(
        "Logs for the probe:\n{}\n\n\nMetrics that would have been returned:\n{}\n\n\nModule configuration:\n{module}\n",
        in_full(probed, Language::English),
        render_metrics(families, Notation::Text)
    )
}

#[cfg(test)]
mod tests;
