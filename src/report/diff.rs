//! Two reports compared: the table and the document.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::page::Page;
use super::{FORMAT_VERSION, Redaction, Report, Style, json_text};
use crate::diagnose::{
    Comparison, Difference, Found, MACHINE, Pair, PairedBy, RunLetter, Severity, Side, Verdict, compare, listed,
};
use crate::evidence::Stage;
use crate::text;
use crate::text::Text;

/// What `diff` writes as JSON: two runs, and how they go together.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DiffDocument<'a> {
    /// Version of the format of all JSON documents.
    format_version: &'static str,
    /// `diff`.
    kind: &'static str,
    /// The first report.
    a: Compared<'a>,
    /// The second report.
    b: Compared<'a>,
    /// Whether anything differs that matters.
    differs: bool,
    /// The first difference in one line, or that nothing differs that matters.
    first_difference: Text,
    /// What does, and what does not.
    comparison: Comparison,
}

/// One of two reports, in short.
#[derive(Debug, Serialize, JsonSchema)]
struct Compared<'a> {
    /// When the run began (RFC 3339, UTC).
    #[schemars(with = "String")]
    started_at: Timestamp,
    /// Whether names and addresses are stand-ins, and how much else; null where nothing was replaced.
    redacted: Option<Redaction>,
    /// What it comes to.
    verdict: &'a Verdict,
}

impl<'a> DiffDocument<'a> {
    /// Compares two reports.
    pub fn of(a: &'a Report, b: &'a Report) -> Self {
        let (evidence_a, evidence_b) = (a.observed(), b.observed());
        let side = |report: &'a Report, evidence| Side {
            evidence,
            policy: &report.policy,
            findings: &report.findings,
            verdict: &report.verdict,
            is_redacted: report.redacted.is_some(),
        };
        let comparison = compare(side(a, &evidence_a), side(b, &evidence_b));
        let compared = |report: &'a Report| Compared {
            started_at: report.started_at,
            redacted: report.redacted,
            verdict: &report.verdict,
        };
        Self {
            format_version: FORMAT_VERSION,
            kind: "diff",
            a: compared(a),
            b: compared(b),
            differs: comparison.differs(),
            first_difference: first(&comparison).unwrap_or(text!("nothing differs that matters")),
            comparison,
        }
    }

    /// Whether anything differs that matters.
    pub const fn differs(&self) -> bool {
        self.differs
    }

    /// The document as text, ended by a line end.
    pub fn json(&self) -> String {
        json_text(self)
    }

    /// The table for people: both verdicts, the first difference, and the others.
    pub fn table(&self, style: Style) -> String {
        let mut page = Page::new(style);
        let of = |side: &Compared<'_>| {
            let (status, route) = (Text::word(side.verdict.status.as_str()), Text::word(side.verdict.route.as_str()));
            let code = side.verdict.code.as_deref().map(|code| text!(" {code}", code));
            text!("{status} [{route} route]{code}", status, route, code)
        };
        page.line(&Text::empty(), &text!("A {a}; B {b}", a = of(&self.a), b = of(&self.b)));
        self.first(&mut page);
        self.others(&mut page);
        self.notes(&mut page);
        page.into_text()
    }

    fn first(&self, page: &mut Page) {
        let lead = if self.differs { text!("first difference: ") } else { Text::empty() };
        page.line(&lead, &self.first_difference);
        if let Some(difference) = self.shown_first() {
            both(page, difference);
        }
    }

    /// The fact that is the first difference, where it is one.
    fn shown_first(&self) -> Option<&Difference> {
        let first = self.comparison.differences.first()?;
        (self.first_difference == in_one_line(first)).then_some(first)
    }

    fn others(&self, page: &mut Page) {
        let further = self.comparison.differences.iter().skip(usize::from(self.shown_first().is_some()));
        for (index, difference) in further.enumerate() {
            if index == 0 {
                page.blank();
            }
            let (what, whose) = (what(difference), self.whose(&difference.subject));
            page.line(&Text::empty(), &text!("{what}{whose}", what, whose));
            both(page, difference);
        }
        let sides = [("A", &self.comparison.findings_only_in_a), ("B", &self.comparison.findings_only_in_b)];
        for (side, found) in sides.iter().filter(|(_, found)| !found.is_empty()) {
            page.blank();
            for finding in *found {
                page.line(&text!("only in {side}: ", side = *side), &in_short(finding));
            }
        }
    }

    /// Of whom, where that has to be said.
    fn whose(&self, subject: &str) -> Option<Text> {
        let is_plain = self.comparison.endpoints.len() == 1 && subject != MACHINE;
        (!is_plain).then(|| text!(" of {subject}", subject = of_whom(subject)))
    }

    fn notes(&self, page: &mut Page) {
        let comparison = &self.comparison;
        let mut notes: Vec<Text> =
            comparison.endpoints.iter().filter(|pair| pair.by != PairedBy::Host).map(paired).collect();
        for (side, hosts) in [("A", &comparison.endpoints_only_in_a), ("B", &comparison.endpoints_only_in_b)] {
            let alone = |host| text!("{host} is only in {side} and was compared with nothing.", host, side);
            notes.extend(hosts.iter().map(alone));
        }
        if !comparison.names_compared {
            notes.push(text!("Names and addresses were not compared: a report is redacted."));
        }
        for (side, letter) in [("A", RunLetter::A), ("B", RunLetter::B)] {
            let of_side = comparison.not_compared.iter().filter(|fact| fact.only_in == letter);
            let facts = Text::list(
                of_side.map(|fact| text!("{what}{whose}", what = &fact.what, whose = self.whose(&fact.subject))),
            );
            if !facts.is_empty() {
                notes.push(text!("Only in {side}, so not compared: {facts}.", side, facts));
            }
        }
        if !notes.is_empty() {
            page.blank();
        }
        for note in notes {
            page.line(&Text::empty(), &note);
        }
    }
}

/// The first difference: an outcome before a finding, because it is nearer to what was observed, and both before a time.
fn first(comparison: &Comparison) -> Option<Text> {
    let facts =
        |is_time| comparison.differences.iter().find(|difference| difference.is_time == is_time).map(in_one_line);
    let alone = [("A", &comparison.endpoints_only_in_a), ("B", &comparison.endpoints_only_in_b)];
    let alone = alone.into_iter().find(|(_, hosts)| !hosts.is_empty());
    let findings = [("A", &comparison.findings_only_in_a), ("B", &comparison.findings_only_in_b)];
    let is_grave = |found: &&Found| found.severity >= Severity::Warning;
    let finding = findings.into_iter().find_map(|(side, found)| Some((side, found.iter().find(is_grave)?)));
    facts(false)
        .or_else(|| alone.map(|(side, hosts)| text!("only {side} has {hosts}", side, hosts = listed(hosts.iter()))))
        .or_else(|| {
            finding.map(|(side, found)| {
                let (code, name, subject) = (&found.code, &found.name, of_whom(&found.subject));
                text!("only in {side}, {code} {name} of {subject}", side, code, name, subject)
            })
        })
        .or_else(|| facts(true))
}

fn in_one_line(difference: &Difference) -> Text {
    text!("{what} of {subject}", what = what(difference), subject = of_whom(&difference.subject))
}

/// The subject of a finding or a fact: an endpoint's host, or the machine.
fn of_whom(subject: &str) -> Text {
    if subject == MACHINE { text!("this machine") } else { Text::literal(subject) }
}

fn what(difference: &Difference) -> Text {
    text!("{stage}: {what}", stage = stage_word(difference.stage), what = &difference.what)
}

const fn stage_word(stage: Stage) -> Text {
    match stage {
        Stage::Host => text!("host"),
        Stage::Resolve => text!("resolve"),
        Stage::Route => text!("route"),
        Stage::Connect => text!("connect"),
        Stage::Path => text!("path"),
        Stage::TlsHandshake => text!("tls handshake"),
        Stage::PathMtu => text!("path mtu"),
        Stage::HttpRoundTrip => text!("http round trip"),
        Stage::ReplyTtl => text!("reply ttl"),
        Stage::SourcePorts => text!("source ports"),
        Stage::Unknown => text!("unknown"),
    }
}

fn both(page: &mut Page, difference: &Difference) {
    for (side, value) in [("A", &difference.a), ("B", &difference.b)] {
        page.line(&text!("  {side}: ", side), value);
    }
}

fn in_short(found: &Found) -> Text {
    let (code, name, summary) = (&found.code, &found.name, &found.summary);
    let severity = Text::word(found.severity.as_str());
    text!("{severity} {code} {name}: {summary}", severity, code, name, summary)
}

fn paired(pair: &Pair) -> Text {
    let (a, b) = (&pair.a, &pair.b);
    match pair.by {
        PairedBy::Role => {
            text!("A's {a} and B's {b} were compared: they are endpoints of one kind, in different regions.", a, b)
        }
        PairedBy::Host | PairedBy::RoleAndRegion => {
            text!("A's {a} and B's {b} were compared: they are endpoints of one kind and region.", a, b)
        }
    }
}
