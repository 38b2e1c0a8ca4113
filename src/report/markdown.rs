//! Markdown, for tickets and chats: short enough to be read there, with the commands that confirm it by hand.
//!
//! Whatever came from the network goes through `markdown/escape.rs`.

mod escape;

use escape::{block, cell, inline};

use super::table::{HEADER, TARGET_COLUMNS, are_several, is_left_out, notes, port_told, remarks, symptoms, target_row};
use super::{Report, Style, by_hand, facts, labels, path, resolution};
use crate::diagnose::{AddressView, Finding, PathView, Verdict};
use crate::evidence::{Evidence, printable};
use crate::target::Target;
use crate::text;
use crate::text::{Language, Text};

pub(super) fn render(report: &Report, style: Style) -> String {
    let evidence = report.observed();
    let mut page = Blocks { language: style.language, text: String::new() };
    verdict(&mut page, report);
    targets(&mut page, report);
    checked(&mut page, report, &evidence);
    findings(&mut page, report);
    for target in &report.targets {
        addresses(&mut page, report, &evidence, target, style);
        answers(&mut page, report, &evidence, target);
    }
    list(&mut page, &labels::REPORTERS, None, labels::REPORTER_COLUMNS, &facts::reporters(&evidence));
    list(&mut page, &labels::EVIDENCE, None, labels::EVIDENCE_COLUMNS, &facts::cited(report));
    let ids = facts::request_ids(&evidence);
    list(&mut page, &labels::REQUEST_IDS, Some(labels::REQUEST_IDS_HELP), labels::REQUEST_ID_COLUMNS, &ids);
    paths(&mut page, &facts::traced(&evidence));
    commands(&mut page, &by_hand::commands(report, &evidence, style.language));
    page.finished()
}

/// Markdown, block by block.
struct Blocks {
    language: Language,
    text: String,
}

impl Blocks {
    /// A text that is safe within a line.
    fn inline(&self, text: &Text) -> String {
        inline(&text.say(self.language))
    }

    /// A block of one or more lines that are Markdown already.
    fn block(&mut self, lines: &str) {
        self.text.push_str(lines.trim_end());
        self.text.push_str("\n\n");
    }

    fn paragraph(&mut self, text: &Text) {
        self.block(&self.inline(text));
    }

    fn heading(&mut self, words: &Text) {
        self.block(&format!("### {}", self.inline(words)));
    }

    /// A table whose cells are foreign text.
    fn table<const N: usize>(&mut self, header: [Text; N], rows: &[[Text; N]]) {
        let line = |cells: [String; N]| format!("| {} |\n", cells.join(" | "));
        let said = |row: [&Text; N]| line(row.map(|text| cell(&text.say(self.language))));
        let mut lines = said(header.each_ref()) + &line(header.map(|_| "---".to_owned()));
        for row in rows {
            lines += &said(row.each_ref());
        }
        self.block(&lines);
    }

    /// A line of a list.
    fn item(&self, name: &Text, content: &Text) -> String {
        format!("- {}", self.inline(&text!("{name}: {content}", name, content)))
    }

    fn finished(self) -> String {
        printable(&format!("{}\n", self.text.trim_end()))
    }
}

fn verdict(page: &mut Blocks, report: &Report) {
    page.block(&one_verdict(page, &report.verdict));
    for remark in remarks(report) {
        page.paragraph(&remark);
    }
}

fn one_verdict(page: &Blocks, verdict: &Verdict) -> String {
    let status = page.inline(&Text::word(verdict.status.as_str()));
    let code = verdict.code.as_deref().map(|code| text!(" {code}", code));
    let (route, summary) = (Text::word(verdict.route.as_str()), &verdict.summary);
    let told = page.inline(&text!("({route} route){code}: {summary}", route, code, summary));
    format!("**{} {status}** {told}", labels::status_sign(verdict.status))
}

/// Where there are several targets, a row and a verdict for each.
fn targets(page: &mut Blocks, report: &Report) {
    if !are_several(report) {
        return;
    }
    page.heading(&labels::TARGETS);
    let numbered = || (1_usize..).zip(&report.endpoints);
    let rows: Vec<_> = numbered().map(|(number, view)| target_row(number, view, page.language)).collect();
    let [_, target, verdict, finding, route, short] = TARGET_COLUMNS;
    // A number sign would refer to an issue.
    page.table([labels::NUMBER, target, verdict, finding, route, short], &rows);
    let lines: Vec<String> =
        numbered().map(|(number, view)| format!("{number}. {}", one_verdict(page, &view.verdict))).collect();
    page.block(&lines.join("\n"));
}

fn checked(page: &mut Blocks, report: &Report, evidence: &Evidence) {
    page.heading(&labels::CHECKED);
    let of_endpoints = report.targets.iter().flat_map(|target| facts::of_endpoint(report, target));
    let facts = of_endpoints.chain(facts::of_run(report, evidence));
    let lines: Vec<String> = facts.map(|(name, value)| page.item(&name, &value)).collect();
    page.block(&lines.join("\n"));
}

fn findings(page: &mut Blocks, report: &Report) {
    page.heading(&labels::FINDINGS);
    let mut roots = report.findings.iter().filter(|finding| finding.is_root()).peekable();
    if roots.peek().is_none() {
        page.paragraph(&labels::NO_FINDINGS);
    }
    for finding in roots {
        page.block(&one_finding(page, report, finding));
    }
}

fn one_finding(page: &Blocks, report: &Report, finding: &Finding) -> String {
    let Finding { code, name, summary, severity, .. } = finding;
    let (sign, shown) = (labels::severity_sign(*severity), page.inline(&Text::word(severity.as_str())));
    let confidence = labels::confidence(finding);
    let confidence = (!confidence.is_empty()).then(|| text!(" ({confidence})", confidence));
    let told = page.inline(&text!("{code} {name}{confidence}: {summary}", code, name, confidence, summary));
    let candidates = finding.candidates.iter().map(|candidate| page.item(&labels::OR, candidate));
    let fixes = finding.help.iter().map(|help| page.item(&labels::lead(*severity), help));
    let of_symptom = |Finding { code, name, summary, .. }: &Finding| {
        page.item(&labels::SYMPTOM, &text!("{code} {name}: {summary}", code, name, summary))
    };
    let first = std::iter::once(format!("**{sign} {shown}** {told}\n"));
    let lines: Vec<String> =
        first.chain(candidates).chain(fixes).chain(symptoms(report, finding).map(of_symptom)).collect();
    lines.join("\n")
}

fn addresses(page: &mut Blocks, report: &Report, evidence: &Evidence, target: &Target, style: Style) {
    let all = report.addresses.iter().filter(|view| view.endpoint == target.host && !view.ports.is_empty());
    let (left_out, views): (Vec<&AddressView>, Vec<&AddressView>) = all.partition(|view| is_left_out(view));
    if views.is_empty() {
        return;
    }
    heading_of(page, labels::ADDRESSES, report, target);
    let row = |view: &AddressView, port| {
        let [port, connects, rtt, tls, http, signed] = port_told(port, evidence, true).map(|told| told.text);
        let (ip, scope) = (Text::literal(view.ip.to_string()), Text::word(view.scope.as_str()));
        [ip, scope, port, connects, rtt, tls, http, signed]
    };
    let rows: Vec<_> = views.iter().flat_map(|view| view.ports.iter().map(|port| row(view, port))).collect();
    page.table(HEADER, &rows);
    for note in notes(&views, left_out.len(), evidence, target, style.view) {
        page.paragraph(&note);
    }
}

fn answers(page: &mut Blocks, report: &Report, evidence: &Evidence, target: &Target) {
    let view = report.endpoints.iter().find(|view| view.endpoint == target.host);
    let rows = view.map(|view| resolution::rows(evidence, view)).unwrap_or_default();
    if !rows.is_empty() {
        heading_of(page, labels::NAMES, report, target);
        page.table(resolution::HEADER, &rows);
    }
}

/// A heading with the host, where there is more than one.
fn heading_of(page: &mut Blocks, words: Text, report: &Report, target: &Target) {
    let is_alone = report.targets.len() == 1;
    let heading = if is_alone { words } else { text!("{words}: {host}", words, host = &target.host) };
    page.heading(&heading);
}

fn list<const N: usize>(
    page: &mut Blocks,
    heading: &Text,
    help: Option<Text>,
    header: [Text; N],
    rows: &facts::Rows<N>,
) {
    if rows.rows.is_empty() {
        return;
    }
    page.heading(heading);
    page.table(header, &rows.rows);
    for remark in help.into_iter().chain((rows.left_out > 0).then(|| labels::further(rows.left_out))) {
        page.paragraph(&remark);
    }
}

fn paths(page: &mut Blocks, traced: &[PathView]) {
    if !traced.is_empty() {
        page.heading(&labels::PATHS);
    }
    for view in traced {
        page.paragraph(&path::title(view));
        let rows = path::all_rows(view);
        if !rows.is_empty() {
            page.table(path::HEADER, &rows);
        }
        page.paragraph(&path::sentence(view));
    }
}

fn commands(page: &mut Blocks, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.heading(&labels::BY_HAND);
    page.paragraph(&labels::BY_HAND_HELP);
    page.block(&block("sh", lines));
}
