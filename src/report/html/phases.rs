//! The phases of a request as bars: look-up, connect, handshake, request, first byte and the rest.

use maud::{Markup, html};

use super::super::exchanges::{ancestor, connect_us};
use super::super::{facts, labels};
use crate::diagnose::{AddressView, PortView, milliseconds};
use crate::evidence::{Evidence, Observation, Stage};
use crate::text;
use crate::text::{Language, Text};

/// Number of the phase in `labels::PHASE_NAMES`, and its time in microseconds.
type Phase = (usize, u64);

/// What is known of one address and port.
struct Row {
    peer: String,
    phases: Vec<Phase>,
    /// What went wrong, if anything did.
    failure: Option<Text>,
}

/// The bars of an endpoint; nothing where nothing was connected to.
pub(super) fn show(views: &[&AddressView], evidence: &Evidence, language: Language) -> Markup {
    let ports = views.iter().flat_map(|view| view.ports.iter().map(move |port| (view.ip, port)));
    let rows: Vec<Row> =
        ports.map(|(ip, port)| row(std::net::SocketAddr::new(ip, port.port).to_string(), port, evidence)).collect();
    let scale = rows.iter().map(Row::total).max().unwrap_or_default();
    html! {
        @if scale > 0 {
            h3 { (labels::PHASES.say(language)) }
            (legend(language))
            div.chart { @for row in &rows { (row.show(scale, language)) } }
            p.remark { (labels::PHASES_HELP.say(language)) }
        }
    }
}

fn legend(language: Language) -> Markup {
    html! {
        ul.legend aria-hidden="true" {
            @for (index, name) in labels::PHASE_NAMES.iter().enumerate() {
                li { svg width="12" height="12" { rect.(class(index)) width="12" height="12" {} } " " (name.say(language)) }
            }
        }
    }
}

fn class(phase: usize) -> String {
    format!("phase-{phase}")
}

impl Row {
    fn total(&self) -> u64 {
        self.phases.iter().fold(0, |total: u64, (_, us)| total.saturating_add(*us))
    }

    fn show(&self, scale: u64, language: Language) -> Markup {
        let mut begin: u64 = 0;
        let bars = self.phases.iter().map(|&(phase, us)| {
            let bar = (phase, percent(begin, scale), percent(us, scale));
            begin = begin.saturating_add(us);
            bar
        });
        let bars: Vec<(usize, String, String)> = bars.collect();
        let times = self
            .phases
            .iter()
            .map(|(phase, us)| format!("{} {}", labels::PHASE_NAMES[*phase].say(language), milliseconds(*us)));
        let times: Vec<String> = times.collect();
        html! {
            div.row {
                div.peer { (self.peer) }
                div.bars {
                    @if !bars.is_empty() {
                        svg width="100%" height="16" aria-hidden="true" {
                            rect.track width="100%" height="16" {}
                            @for (phase, x, width) in bars { rect.(class(phase)) x=(x) width=(width) height="16" {} }
                        }
                    }
                    p {
                        @if let Some(failure) = &self.failure { span.fault { "✗ " (failure.say(language)) } " " }
                        (times.join(" · "))
                        @if times.len() > 1 { " · " (labels::together(&milliseconds(self.total())).say(language)) }
                    }
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time that loses precision here is longer than 285 years")]
fn percent(part: u64, whole: u64) -> String {
    format!("{:.2}%", part as f64 * 100.0 / whole as f64)
}

fn row(peer: String, port: &PortView, evidence: &Evidence) -> Row {
    let of_stage = |stage: Stage| {
        let descends = |o: &&Observation| o.was_run() && evidence.descends_from(o.id, port.observation);
        evidence.of_stage(stage).find(descends)
    };
    let request = of_stage(Stage::HttpRoundTrip).filter(|o| o.detail.http().is_some());
    let handshake =
        request.and_then(|o| ancestor(evidence, o, Stage::TlsHandshake)).or_else(|| of_stage(Stage::TlsHandshake));
    let connect = evidence.get(port.observation);
    let lookup = connect.and_then(|connect| ancestor(evidence, connect, Stage::Resolve));
    let http = request.and_then(|o| o.detail.http());
    let of_http = |time: fn(&crate::evidence::Http) -> Option<u64>| http.and_then(time);
    let succeeded = |o: &&Observation| o.outcome.is_success();
    let times = [
        lookup.and_then(Observation::result_us),
        connect.and_then(connect_us),
        handshake.filter(succeeded).and_then(|o| o.elapsed_us),
        of_http(|http| http.send_us),
        of_http(|http| Some(http.first_byte_us?.saturating_sub(http.send_us.unwrap_or_default()))),
        of_http(|http| Some(http.total_us?.saturating_sub(http.first_byte_us?))),
    ];
    let failed = [connect, handshake, request].into_iter().flatten().find(|o| o.outcome.failure().is_some());
    let failure = failed.map(|o| {
        let (stage, outcome) = (Text::phrase(o.stage.describe()), facts::outcome(&o.outcome));
        text!("{stage} {outcome}", stage, outcome)
    });
    // Without a connection there was no request, and a look-up alone is none.
    let is_connected = port.outcome.is_success();
    let phases = times.into_iter().enumerate().filter_map(|(phase, us)| Some((phase, us?)));
    Row { peer, phases: phases.filter(|_| is_connected).collect(), failure }
}
