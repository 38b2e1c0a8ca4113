//! The overview: every target with what became of it, the failing ones first, and the last probes.
//!
//! The templates of `maud` escape every text that is put into them; nothing but style sheets goes past that.

use std::sync::Arc;

use jiff::{SpanRound, Timestamp, Unit};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::sparkline;
use crate::cli::Scheduled;
use crate::diagnose::Status;
use crate::evidence::printable;
use crate::report::{STYLE_SHEET, status_marks};
use crate::serve::language::Spoken;
use crate::serve::probing::{MAINTENANCE, Probed};
use crate::text;
use crate::text::Text;

/// What targets and probes need beside the style of reports.
const OWN_STYLE: &str = include_str!("style.css");
/// Failing targets that are shown; a browser copes with as many.
const MOST_FAILING: usize = 500;
/// Other targets that are shown.
const MOST_OTHERS: usize = 200;
/// Probes of the history that are shown.
pub(super) const MOST_PROBES: usize = 100;

/// What the page shows.
pub(super) struct Overview {
    /// Where links begin.
    pub(super) prefix: String,
    pub(super) spoken: Spoken,
    /// Targets, in the order in which they are shown.
    pub(super) rows: Vec<Row>,
    pub(super) counts: Counts,
    pub(super) left_out: LeftOut,
    pub(super) probes: Vec<(u64, Arc<Probed>)>,
    /// When the configuration in use was read, where a newer one could not be.
    pub(super) stale_since: Option<Timestamp>,
    pub(super) now: Timestamp,
}

/// A target.
pub(super) struct Row {
    pub(super) scheduled: Scheduled,
    pub(super) last: Option<Arc<Probed>>,
    /// Why it cannot be probed now.
    pub(super) obstacle: Option<String>,
    pub(super) round_trips: Vec<Option<u64>>,
}

/// How a target fares, the most pressing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Failing,
    /// No probe can be taken.
    Hindered,
    FailingInMaintenance,
    Remarkable,
    NotProbed,
    Good,
}

/// How many targets fare how.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    all: usize,
    failing: usize,
    hindered: usize,
    in_maintenance: usize,
    remarkable: usize,
    not_probed: usize,
    good: usize,
}

/// Targets that are not shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) failing: usize,
    pub(super) others: usize,
}

impl State {
    /// How a target fares by its last probe and by what hinders the next.
    pub(super) fn of(last: Option<&Probed>, obstacle: Option<&str>) -> Self {
        match last {
            _ if obstacle.is_some() => Self::Hindered,
            None => Self::NotProbed,
            Some(Probed { success: false, maintenance: None, .. }) => Self::Failing,
            Some(Probed { success: false, .. }) => Self::FailingInMaintenance,
            Some(probed) if probed.report.verdict.status != Status::Healthy => Self::Remarkable,
            Some(_) => Self::Good,
        }
    }

    const fn is_failing(self) -> bool {
        matches!(self, Self::Failing | Self::Hindered | Self::FailingInMaintenance)
    }
}

/// How many targets fare how.
pub(super) fn counts(all: impl Iterator<Item = State>) -> Counts {
    let mut counts = Counts::default();
    for state in all {
        counts.all += 1;
        *match state {
            State::Failing => &mut counts.failing,
            State::Hindered => &mut counts.hindered,
            State::FailingInMaintenance => &mut counts.in_maintenance,
            State::Remarkable => &mut counts.remarkable,
            State::NotProbed => &mut counts.not_probed,
            State::Good => &mut counts.good,
        } += 1;
    }
    counts
}

/// Those that are shown, in their order, and how many are not.
pub(super) fn chosen<T>(all: &[T], state: impl Fn(&T) -> State) -> (Vec<&T>, LeftOut) {
    let mut sorted: Vec<(State, &T)> = all.iter().map(|one| (state(one), one)).collect();
    sorted.sort_by_key(|(state, _)| *state);
    let failing = sorted.iter().filter(|(state, _)| state.is_failing()).count();
    let left_out = LeftOut {
        failing: failing.saturating_sub(MOST_FAILING),
        others: (sorted.len() - failing).saturating_sub(MOST_OTHERS),
    };
    let (before, behind) = sorted.split_at(failing);
    let shown = before.iter().take(MOST_FAILING).chain(behind.iter().take(MOST_OTHERS));
    (shown.map(|(_, one)| *one).collect(), left_out)
}

impl Overview {
    pub(super) fn render(&self) -> String {
        let document = html! {
            (DOCTYPE)
            html lang=(self.spoken.language.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    // Otherwise browsers ask for one.
                    link rel="icon" href="data:,";
                    title { "cosprobe: " (self.say(&self.counts.told())) }
                    style { (PreEscaped(STYLE_SHEET)) (PreEscaped(OWN_STYLE)) }
                }
                body {
                    header {
                        h1 { "cosprobe" }
                        p { (self.say(&self.counts.told())) }
                        @if let Some(since) = self.stale_since {
                            p.fault {
                                (self.say(&text!("✗ The configuration could not be read again. The one that was read then is in use:")))
                                " " (when(since))
                            }
                        }
                        nav {
                            a href=(format!("{}/metrics", self.prefix)) { (self.say(&text!("metrics"))) } " · "
                            a href=(format!("{}/config", self.prefix)) { (self.say(&text!("configuration"))) }
                        }
                    }
                    main { (self.targets()) (self.last_probes()) }
                }
            }
        };
        printable(&format!("{}\n", document.into_string()))
    }

    fn say(&self, text: &Text) -> String {
        text.say(self.spoken.language)
    }

    fn targets(&self) -> Markup {
        let prefix = &self.prefix;
        let LeftOut { failing, others } = self.left_out;
        let none = text!("The configuration has no targets. Prometheus can ask for some at {prefix}/probe.", prefix);
        let more = text!(
            "{failing} failing and {others} other targets are not shown. {prefix}/metrics has them all.",
            failing,
            others,
            prefix
        );
        html! {
            section {
                h2 { (self.say(&text!("Targets"))) }
                @if self.rows.is_empty() { p { (self.say(&none)) } }
                ul.list { @for row in &self.rows { (row.show(self)) } }
                @if failing + others > 0 { p.remark { (self.say(&more)) } }
            }
        }
    }

    fn last_probes(&self) -> Markup {
        html! {
            section {
                h2 { (self.say(&text!("Last probes"))) }
                @if self.probes.is_empty() { p { (self.say(&text!("None was taken yet."))) } }
                ul.list {
                    @for (id, probed) in &self.probes {
                        li.probe {
                            div { (self.ended(probed)) }
                            div.what { b { (probed.question.target) } " " small { (probed.question.module) } }
                            div.when { (when(probed.at)) " · " (self.links(&format!("id={id}"))) }
                        }
                    }
                }
            }
        }
    }
}

impl Counts {
    fn told(&self) -> Text {
        let parts = [
            (self.failing, text!("{count} failing", count = self.failing)),
            (self.hindered, text!("{count} that cannot be probed", count = self.hindered)),
            (self.in_maintenance, text!("{count} failing in maintenance", count = self.in_maintenance)),
            (self.remarkable, text!("{count} with findings", count = self.remarkable)),
            (self.not_probed, text!("{count} not probed yet", count = self.not_probed)),
            (self.good, text!("{count} good", count = self.good)),
        ];
        let states = Text::list(parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text));
        let targets = if self.all == 1 { text!("1 target") } else { text!("{count} targets", count = self.all) };
        if states.is_empty() { targets } else { text!("{targets}: {states}", targets, states) }
    }
}

impl Row {
    fn show(&self, page: &Overview) -> Markup {
        let say = |text: Text| page.say(&text);
        let Scheduled { target, module, region, labels, .. } = &self.scheduled;
        let state = State::of(self.last.as_deref(), self.obstacle.as_deref());
        html! {
            li.target.(class(state)) {
                div.state {
                    @match &self.last {
                        _ if self.obstacle.is_some() => span.badge { (say(text!("✗ not probed"))) },
                        None => span.badge { (say(text!("– not probed yet"))) },
                        Some(last) => {
                            (page.status(last))
                            @let route = Text::word(last.report.verdict.route.as_str());
                            small.route { (say(text!("{route} route", route))) }
                        }
                    }
                }
                div.what {
                    b { (target) } " " small { (module) }
                    @if let Some(region) = region { " " small { (region) } }
                    @for (name, value) in labels { " " small.label { (name) "=" (value) } }
                    @if let Some(obstacle) = &self.obstacle { p.fault { (say(text!("✗ it cannot be probed: {obstacle}", obstacle))) } }
                    @else if let Some(last) = &self.last {
                        @if !last.success { p.fault { (say(text!("✗ the probe failed"))) } }
                        @if let Some(reason) = &last.maintenance { p.maintenance { (say(maintenance(reason))) } }
                        p { (page.reason(last)) }
                    }
                }
                div.trips {
                    @let was_tried = self.last.as_ref().is_some_and(|last| has_connected(last));
                    (sparkline::show(&self.round_trips, was_tried, page.spoken.language))
                }
                div.when {
                    @if let Some(last) = &self.last {
                        (when(last.at)) " (" (say(age(page.now, last.at))) ") · " (page.links(&self.query()))
                    }
                }
            }
        }
    }

    fn query(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let Scheduled { target, module, region, .. } = &self.scheduled;
        let region = region.as_deref().map(|region| format!("&region={}", encoded(region))).unwrap_or_default();
        format!("target={}&module={}{region}", encoded(target), encoded(module))
    }
}

const fn class(state: State) -> &'static str {
    match state {
        State::Failing | State::Hindered => "error",
        State::FailingInMaintenance | State::Remarkable => "warning",
        State::NotProbed => "unknown",
        State::Good => "good",
    }
}

/// What is told of a probe.
impl Overview {
    /// The verdict in a word, with a sign that tells it without its colour.
    fn status(&self, probed: &Probed) -> Markup {
        let status = probed.report.verdict.status;
        let (class, sign) = status_marks(status);
        let word = self.say(&Text::word(status.as_str()));
        html! { span.(class) { span.badge { span aria-hidden="true" { (sign) " " } (word) } } }
    }

    fn ended(&self, probed: &Probed) -> Markup {
        html! {
            @if probed.success { span.good { span.badge { (self.say(&text!("✓ succeeded"))) } } }
            @else { span.error { span.badge { (self.say(&text!("✗ failed"))) } } }
        }
    }

    /// The first root finding, or else the verdict.
    fn reason(&self, probed: &Probed) -> Markup {
        let report = &probed.report;
        html! {
            @match report.findings.iter().find(|finding| finding.is_root()) {
                Some(finding) => { b { (finding.code) } " " (self.say(&finding.summary)) },
                None => (self.say(&report.verdict.summary)),
            }
        }
    }

    fn links(&self, query: &str) -> Markup {
        let log = format!("{}/logs?{query}{}", self.prefix, self.spoken.parameter);
        html! {
            a href=(log) { (self.say(&text!("log"))) } " · "
            a href=(format!("{log}&format=html")) { (self.say(&text!("report"))) }
        }
    }
}

fn maintenance(reason: &str) -> Text {
    if reason == MAINTENANCE { text!("⚙ maintenance") } else { text!("⚙ maintenance: {reason}", reason) }
}

/// Whether something was connected to, or tried to be.
fn has_connected(probed: &Probed) -> bool {
    probed.report.addresses.iter().any(|view| !view.ports.is_empty())
}

fn when(at: Timestamp) -> Markup {
    let second = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time datetime=(at.to_string()) { (second) } }
}

/// How long ago something was, in its two largest units.
fn age(now: Timestamp, at: Timestamp) -> Text {
    let seconds = now.duration_since(at).as_secs().max(0);
    let span = jiff::Span::new().seconds(seconds);
    let largest = SpanRound::new().largest(Unit::Hour);
    let rounded = span.round(largest).unwrap_or(span);
    text!("{age} ago", age = format!("{rounded:#}"))
}
