//! The fixed words of the renderings for tickets and browsers, in one place.

use crate::diagnose::{Severity, Status};
use crate::text;
use crate::text::Text;

/// Headings.
pub(super) const TARGETS: Text = text!("Targets");
pub(super) const CHECKED: Text = text!("What was checked");
pub(super) const FINDINGS: Text = text!("Findings");
pub(super) const ADDRESSES: Text = text!("Addresses");
pub(super) const NAMES: Text = text!("Answers of name servers");
pub(super) const REPORTERS: Text = text!("ICMP errors");
pub(super) const REQUEST_IDS: Text = text!("Request ids");
pub(super) const PATHS: Text = text!("Paths");
pub(super) const EVIDENCE: Text = text!("What the findings rest on");
pub(super) const PHASES: Text = text!("Phases of a request");
pub(super) const LATENCY: Text = text!("Round trips");
pub(super) const BY_HAND: Text = text!("Confirm by hand");

/// Names of facts.
pub(super) const ENDPOINT: Text = text!("endpoint");
pub(super) const ROUTE: Text = text!("route");
pub(super) const CONTROL_GROUP: Text = text!("control group");
pub(super) const MACHINE: Text = text!("machine");
pub(super) const VM: Text = text!("VM");
pub(super) const CONTAINER: Text = text!("container");
pub(super) const SOURCES: Text = text!("source addresses");
pub(super) const TIME: Text = text!("time");
pub(super) const LABEL: Text = text!("label");
pub(super) const TOOL: Text = text!("tool");

/// Columns.
pub(super) const NUMBER: Text = text!("no.");
pub(super) const REPORTER_COLUMNS: [Text; 3] = [text!("reported by"), text!("what"), text!("about")];
pub(super) const REQUEST_ID_COLUMNS: [Text; 5] =
    [text!("peer"), text!("request"), text!("status"), text!("time"), text!("request id")];
pub(super) const EVIDENCE_COLUMNS: [Text; 5] =
    [NUMBER, text!("what was done"), text!("with"), text!("outcome"), text!("time")];

/// Leads of lines.
pub(super) const FIX: Text = text!("fix");
/// What a finding could be instead, where it is not sure.
pub(super) const OR: Text = text!("or");
pub(super) const NOTE: Text = text!("note");
pub(super) const SYMPTOM: Text = text!("symptom");
pub(super) const NO_FINDINGS: Text = text!("None.");

/// Sentences.
pub(super) const REQUEST_IDS_HELP: Text = text!("Tencent's support finds a request by its id.");
pub(super) const BY_HAND_HELP: Text =
    text!("On the machine that was checked from. Requests are sent without a signature.");
pub(super) const REDIRECTED: Text =
    text!("connections were sent elsewhere by --connect-to; these commands go to the addresses");

pub(super) const PHASES_HELP: Text =
    text!("The first request to each address and port. The bars of an endpoint have one scale; what failed has none.");
pub(super) const LATENCY_HELP: Text = text!(
    "A dot for each connect, by the kernel's clock where it has a time; connects that lost a SYN have none. Figures: minimum, median, maximum in ms."
);
pub(super) const SUMMARY_OF_PAGE: Text = text!("What it means, how it was decided, how to fix it");
pub(super) const SAME_PAGE: Text = text!("What it means: see above");

/// The scale of the dots.
pub(super) fn scale(least: &str, most: &str, is_logarithmic: bool) -> Text {
    if is_logarithmic {
        text!("The scale goes from {least} to {most} and is logarithmic.", least, most)
    } else {
        text!("The scale goes from {least} to {most}.", least, most)
    }
}

/// All phases of a request together.
pub(super) fn together(time: &str) -> Text {
    text!("together {time}", time)
}

/// The phases of a request, in order.
pub(super) const PHASE_NAMES: [Text; 6] =
    [text!("look-up"), text!("TCP"), text!("TLS"), text!("request"), text!("first byte"), text!("rest")];

/// What is left out of a list.
pub(super) fn further(count: usize) -> Text {
    text!("{count} more are in the JSON report.", count)
}

/// How sure a finding is; nothing where it is only worth knowing.
pub(super) fn confidence(finding: &crate::diagnose::Finding) -> Text {
    match finding.severity {
        Severity::Info => Text::empty(),
        _ => text!("confidence {confidence}", confidence = Text::word(finding.confidence.as_str())),
    }
}

/// What a line of help of a finding is.
pub(super) const fn lead(severity: Severity) -> Text {
    match severity {
        Severity::Info => NOTE,
        Severity::Warning | Severity::Error => FIX,
    }
}

/// A sign that tells a status without its colour.
pub(super) const fn status_sign(status: Status) -> &'static str {
    match status {
        Status::Healthy => "✓",
        Status::Degraded => "!",
        Status::Inconclusive => "?",
        Status::Unreachable => "✗",
    }
}

/// A sign that tells a severity without its colour.
pub(super) const fn severity_sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "✗",
        Severity::Warning => "!",
        Severity::Info => "i",
    }
}
