//! The report: the versioned document, and the table of its renderings.
//!
//! To add a format: a row in `formats!` and a file beside `report/table.rs`. Rendering is pure: the same report and style give
//! the same bytes. This room never sees plan, probes, configuration secrets or clap.

mod by_hand;
mod diff;
mod document;
mod events;
mod exchanges;
mod explanation;
mod facts;
mod html;
mod json;
mod labels;
mod machine;
mod markdown;
mod nagios;
mod page;
mod path;
mod ping;
mod prometheus;
mod redact;
mod resolution;
mod saved;
mod schema;
mod table;
mod watch;

pub use diff::DiffDocument;
pub use document::{Ended, Environment, FORMAT_VERSION, Report, Run, Tool};
pub use explanation::{ExplanationDocument, explained, page_of};
pub(crate) use html::{STYLE_SHEET, status_marks};
pub use json::json_text;
pub use path::{TraceDocument, mtr_json, path_tables, trace_json};
pub use ping::{
    AddressChange, PingDocument, PingFormat, PingRun, Pinged, address_line, ping_end, ping_head, ping_line,
};
pub use prometheus::{MetricOptions, families, has_passed, not_probed};
pub use redact::{Redaction, redact};
pub use schema::{schema, schema_of};
pub use table::latency;
pub use watch::{change_line, summary};

use crate::diagnose::{Severity, Status};
use crate::error::exit;
use crate::text::Language;

/// How a report is to look.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns that are there.
    pub width: usize,
    /// Whether to use colours.
    pub color: bool,
    /// What the table shows.
    pub view: View,
    /// The language of what is for people.
    pub language: Language,
    /// From which severity on a root finding is a failure.
    pub fail_on: Severity,
}

/// What the table shows of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum View {
    /// Every address with its connects and what came of them.
    #[default]
    Addresses,
    /// The requests and their answers in full, side by side.
    Exchanges,
    /// What name servers answer, and how this machine looks names up.
    Resolution,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 80, color: false, view: View::Addresses, language: Language::English, fail_on: Severity::Error }
    }
}

/// Declares the formats: variant, word, what it is, rendering function.
macro_rules! formats {
    ($($variant:ident $word:literal $help:literal $render:path;)+) => {
        /// A rendering of the report.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Format {
            $(#[doc = $help] $variant,)+
        }

        /// Every format with its word and what it is.
        pub const FORMATS: &[(Format, &str, &str)] = &[$((Format::$variant, $word, $help)),+];

        /// Renders a report; the text ends with a line end.
        pub fn render(report: &Report, format: Format, style: Style) -> String {
            match format {
                $(Format::$variant => $render(report, style),)+
            }
        }
    };
}

formats! {
    Table "table" "a table for people" table::render;
    Json "json" "one JSON document, see `cosprobe schema`" json::render;
    Jsonl "jsonl" "one JSON document a line: each observation, then the rest of the report" events::render;
    Prometheus "prom" "metrics for Prometheus, as the textfile collector of `node_exporter` reads them" prometheus::render;
    OtlpJson "otlp-json" "the same metrics for OpenTelemetry: one line of OTLP in JSON" prometheus::render_otlp;
    Nagios "nagios" "one line with performance data, and the exit codes of a Nagios plugin" nagios::render;
    Markdown "markdown" "Markdown for tickets and chats" markdown::render;
    Html "html" "one HTML file for browsers and printers" html::render;
}

impl Format {
    /// The exit code that goes with a report in this format: Nagios has its own.
    pub fn exit_code(self, report: &Report, fail_on: Severity) -> u8 {
        if self == Self::Nagios { nagios::exit_code(report, fail_on) } else { exit_code(report, fail_on) }
    }
}

/// The exit code that goes with a report.
pub fn exit_code(report: &Report, fail_on: Severity) -> u8 {
    let failing = || report.findings.iter().filter(|finding| finding.is_root() && finding.severity >= fail_on);
    let missed_only = failing().all(|finding| finding.code == "RTE005");
    match (report.ended_because, failing().next().is_some()) {
        (Ended::Interrupted, _) => exit::INTERRUPTED,
        (_, true) if missed_only => match report.verdict.status {
            Status::Inconclusive => exit::INCONCLUSIVE,
            Status::Unreachable => exit::FINDINGS,
            Status::Healthy | Status::Degraded => exit::EXPECTATION_MISSED,
        },
        (_, true) => exit::FINDINGS,
        (_, false) if report.verdict.status == Status::Inconclusive => exit::INCONCLUSIVE,
        (_, false) => exit::HEALTHY,
    }
}
