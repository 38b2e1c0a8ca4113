//! What the renderings for tickets and browsers show beside findings: rows of text, taken from the report.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Report, labels, machine};
use crate::diagnose::{MACHINE, PathView, listed, milliseconds, paths};
use crate::evidence::{Detail, Evidence, Http, Observation, Outcome, Stage};
use crate::target::Target;
use crate::text;
use crate::text::Text;

/// Rows that are shown of one list.
const MOST_ROWS: usize = 40;

/// Rows of a list, and how many more there are.
pub(super) struct Rows<const N: usize> {
    pub(super) rows: Vec<[Text; N]>,
    pub(super) left_out: usize,
}

impl<const N: usize> Rows<N> {
    fn of(rows: impl IntoIterator<Item = [Text; N]>) -> Self {
        let mut rows: Vec<_> = rows.into_iter().collect();
        let left_out = rows.len().saturating_sub(MOST_ROWS);
        rows.truncate(MOST_ROWS);
        Self { rows, left_out }
    }
}

/// A fact with its name.
pub(super) type Fact = (Text, Text);

/// What is known of one endpoint as a whole.
pub(super) fn of_endpoint(report: &Report, target: &Target) -> Vec<Fact> {
    let region = target.region.as_deref().map(|region| text!(", region {region}", region));
    let (host, role) = (&target.host, Text::phrase(target.role.describe()));
    let mut facts = vec![(labels::ENDPOINT, text!("{host}, {role}{region}", host, role, region))];
    if let Some(view) = report.endpoints.iter().find(|view| view.endpoint == target.host) {
        facts.extend(target.address().is_none().then(|| (labels::ROUTE, view.route_reason.clone())));
        facts.extend(view.extent_reason.clone().map(|reason| (labels::CONTROL_GROUP, reason)));
    }
    facts
}

/// From where it was checked, when, and with what.
pub(super) fn of_run(report: &Report, evidence: &Evidence) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let machine = [&report.environment.kernel, &report.environment.architecture].into_iter().flatten();
    let machine: Vec<&str> = machine.map(String::as_str).collect();
    if !machine.is_empty() {
        facts.push((labels::MACHINE, Text::literal(machine.join(", "))));
    }
    for observation in evidence.of_stage(Stage::Host) {
        match &observation.detail {
            Detail::Metadata(metadata) if observation.outcome.is_success() => {
                facts.push((labels::VM, machine::metadata_line(metadata, &observation.outcome)));
            }
            Detail::Machine(machine) => {
                facts.extend(machine.container.as_ref().map(|what| (labels::CONTAINER, Text::literal(what))));
            }
            _ => {}
        }
    }
    let sources: BTreeSet<String> = evidence
        .of_stage(Stage::Route)
        .filter_map(|observation| observation.detail.route_to()?.source)
        .map(|ip| ip.to_string())
        .collect();
    if !sources.is_empty() {
        facts.push((labels::SOURCES, listed(sources)));
    }
    let seconds = report.ended_at.duration_since(report.started_at).as_secs_f64();
    let (at, seconds) = (instant(report.started_at), format!("{seconds:.2}"));
    facts.push((labels::TIME, text!("{at}, for {seconds} s", at, seconds)));
    let label = |(name, value): (&String, &String)| (labels::LABEL, Text::literal(format!("{name}={value}")));
    facts.extend(report.labels.iter().map(label));
    facts.push((labels::TOOL, Text::literal(format!("{} {}", report.tool.name, report.tool.version))));
    facts
}

/// Who reported ICMP errors, what, and about whom. What is said more than once is told once.
pub(super) fn reporters(evidence: &Evidence) -> Rows<3> {
    let mut shown = BTreeSet::new();
    let mut rows = Vec::new();
    for observation in &evidence.observations {
        let samples = observation.detail.tcp().map(|tcp| tcp.samples.as_slice()).unwrap_or_default();
        for outcome in std::iter::once(&observation.outcome).chain(samples.iter().map(|sample| &sample.outcome)) {
            let Outcome::Failed { kind, from: Some(from), .. } = outcome else { continue };
            let about = whom(observation);
            if shown.insert((*from, *kind, about.to_string())) {
                rows.push([Text::literal(from.to_string()), Text::word(kind), about]);
            }
        }
    }
    Rows::of(rows)
}

/// Whom an observation is about.
fn whom(observation: &Observation) -> Text {
    let peer = observation.peer.map(|peer| peer.to_string());
    peer.or_else(|| observation.endpoint.clone()).map_or_else(|| Text::word(MACHINE), Text::literal)
}

/// The requests that COS gave an id, with the time of the answer.
pub(super) fn request_ids(evidence: &Evidence) -> Rows<5> {
    Rows::of(evidence.observations.iter().filter_map(request_id))
}

fn request_id(observation: &Observation) -> Option<[Text; 5]> {
    let peer = whom(observation);
    let status = |status: Option<u16>| status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    if let Some(search) = observation.detail.bucket_search() {
        let id = search.request_id.clone()?;
        let request = format!("HEAD {}", search.host);
        let [request, status, time, id] =
            [request, status(search.status), time(observation, None), id].map(Text::literal);
        return Some([peer, request, status, time, id]);
    }
    let http = observation.detail.http()?;
    let id = http.request_id().or_else(|| http.error.as_ref()?.request_id.as_deref())?.to_owned();
    let (who, asked) = (Text::word(http.authentication.word()), format!("{} {}", http.method, http.path));
    let code = http.error.as_ref().map(|error| format!(" {}", error.code)).unwrap_or_default();
    let [status, time, id] =
        [format!("{}{code}", status(http.status)), time(observation, Some(http)), id].map(Text::literal);
    Some([peer, text!("{who} {asked}", who, asked), status, time, id])
}

fn time(observation: &Observation, http: Option<&Http>) -> String {
    let at = http.and_then(|http| http.answered_at).or(observation.started_at);
    at.map_or_else(|| "-".to_owned(), instant)
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The paths that were traced.
pub(super) fn traced(evidence: &Evidence) -> Vec<PathView> {
    paths(evidence).into_iter().filter(PathView::was_traced).collect()
}

/// The observations that the findings rest on, in order.
pub(super) fn cited(report: &Report) -> Rows<5> {
    let ids: BTreeSet<_> = report.findings.iter().flat_map(|finding| finding.evidence.iter().copied()).collect();
    let observations = report.evidence.iter().filter(|observation| ids.contains(&observation.id));
    Rows::of(observations.map(|observation| {
        let took = observation.result_us().map_or_else(|| "-".to_owned(), milliseconds);
        let [id, took] = [observation.id.to_string(), took].map(Text::literal);
        [id, Text::phrase(observation.stage.describe()), whom(observation), outcome(&observation.outcome), took]
    }))
}

/// How something ended, in words.
pub(super) fn outcome(outcome: &Outcome) -> Text {
    match outcome {
        Outcome::Succeeded => text!("succeeded"),
        Outcome::Failed { kind, from, message } => {
            let by = from.map(|from| text!(", says {from}", from));
            let message = message.as_ref().map(|message| text!(": {message}", message));
            text!("failed: {kind}{by}{message}", kind = Text::word(kind), by, message)
        }
        Outcome::NotRun { because } => text!("not run: {because}", because = Text::word(because)),
        Outcome::Unknown => text!("unknown"),
    }
}
