//! Two reports compared: the table and the document.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::page::Page;
use super::table::wire_word;
use super::{FORMAT_VERSION, Redaction, Report, Style};
use crate::diagnose::{
    Comparison, Difference, Found, MACHINE, Pair, PairedBy, RunLetter, Severity, Side, Verdict, compare, listed,
};

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
    first_difference: String,
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
            first_difference: first(&comparison).unwrap_or_else(|| "nothing differs that matters".to_owned()),
            comparison,
        }
    }

    /// Whether anything differs that matters.
    pub const fn differs(&self) -> bool {
        self.differs
    }

    /// The document as text, ended by a line end.
    pub fn json(&self) -> String {
        // Texts, numbers and times only: nothing that JSON cannot say.
        format!("{}\n", serde_json::to_string_pretty(self).unwrap_or_default())
    }

    /// The table for people: both verdicts, the first difference, and the others.
    pub fn table(&self, style: Style) -> String {
        let mut page = Page::new(style);
        let of = |side: &Compared<'_>| {
            let code = side.verdict.code.as_deref().map_or_else(String::new, |code| format!(" {code}"));
            format!("{} [{} route]{code}", side.verdict.status.as_str(), side.verdict.route.as_str())
        };
        page.line("", &format!("A {}; B {}", of(&self.a), of(&self.b)));
        self.first(&mut page);
        self.others(&mut page);
        self.notes(&mut page);
        page.into_text()
    }

    fn first(&self, page: &mut Page) {
        page.line(if self.differs { "first difference: " } else { "" }, &self.first_difference);
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
            page.line("", &format!("{}{}", what(difference), self.whose(&difference.subject)));
            both(page, difference);
        }
        let sides = [("A", &self.comparison.findings_only_in_a), ("B", &self.comparison.findings_only_in_b)];
        for (side, found) in sides.iter().filter(|(_, found)| !found.is_empty()) {
            page.blank();
            for finding in *found {
                page.line(&format!("only in {side}: "), &in_short(finding));
            }
        }
    }

    /// Of whom, where that has to be said.
    fn whose(&self, subject: &str) -> String {
        let is_plain = self.comparison.endpoints.len() == 1 && subject != MACHINE;
        if is_plain { String::new() } else { format!(" of {subject}") }
    }

    fn notes(&self, page: &mut Page) {
        let comparison = &self.comparison;
        let mut notes: Vec<String> =
            comparison.endpoints.iter().filter(|pair| pair.by != PairedBy::Host).map(paired).collect();
        for (side, hosts) in [("A", &comparison.endpoints_only_in_a), ("B", &comparison.endpoints_only_in_b)] {
            notes.extend(hosts.iter().map(|host| format!("{host} is only in {side} and was compared with nothing.")));
        }
        if !comparison.names_compared {
            notes.push("Names and addresses were not compared: a report is redacted.".to_owned());
        }
        for (side, letter) in [("A", RunLetter::A), ("B", RunLetter::B)] {
            let facts: Vec<String> = comparison
                .not_compared
                .iter()
                .filter(|fact| fact.only_in == letter)
                .map(|fact| format!("{}{}", fact.what, self.whose(&fact.subject)))
                .collect();
            if !facts.is_empty() {
                notes.push(format!("Only in {side}, so not compared: {}.", facts.join(", ")));
            }
        }
        if !notes.is_empty() {
            page.blank();
        }
        for note in notes {
            page.line("", &note);
        }
    }
}

/// The first difference: an outcome before a finding, because it is nearer to what was observed, and both before a time.
fn first(comparison: &Comparison) -> Option<String> {
    let facts =
        |is_time| comparison.differences.iter().find(|difference| difference.is_time == is_time).map(in_one_line);
    let alone = [("A", &comparison.endpoints_only_in_a), ("B", &comparison.endpoints_only_in_b)];
    let alone = alone.into_iter().find(|(_, hosts)| !hosts.is_empty());
    let findings = [("A", &comparison.findings_only_in_a), ("B", &comparison.findings_only_in_b)];
    let is_grave = |found: &&Found| found.severity >= Severity::Warning;
    let finding = findings.into_iter().find_map(|(side, found)| Some((side, found.iter().find(is_grave)?)));
    facts(false)
        .or_else(|| alone.map(|(side, hosts)| format!("only {side} has {}", listed(hosts.iter()))))
        .or_else(|| {
            finding.map(|(side, found)| format!("only in {side}, {} {} of {}", found.code, found.name, found.subject))
        })
        .or_else(|| facts(true))
}

fn in_one_line(difference: &Difference) -> String {
    format!("{} of {}", what(difference), difference.subject)
}

fn what(difference: &Difference) -> String {
    format!("{}: {}", wire_word(difference.stage), difference.what)
}

fn both(page: &mut Page, difference: &Difference) {
    page.line("  A: ", &difference.a);
    page.line("  B: ", &difference.b);
}

fn in_short(found: &Found) -> String {
    format!("{} {} {}: {}", found.severity.as_str(), found.code, found.name, found.summary)
}

fn paired(pair: &Pair) -> String {
    let what = match pair.by {
        PairedBy::Role => "are endpoints of one kind, in different regions",
        PairedBy::Host | PairedBy::RoleAndRegion => "are endpoints of one kind and region",
    };
    format!("A's {} and B's {} were compared: they {what}.", pair.a, pair.b)
}
