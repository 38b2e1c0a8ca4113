//! One HTML file, for browsers and printers: it asks for nothing else, runs no script, and says so in its policy.
//!
//! The templates of `maud` escape every text that is put into them. Nothing but the style sheet and the pages of `docs/explain`,
//! which are part of the program, goes past that.

mod explain;
mod latency;
mod phases;
mod targets;

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::page::commands_apart;
use super::table::{HEADER, is_left_out, notes, port_told, remarks, symptoms};
use super::{Report, Style, by_hand, facts, labels, path, resolution};
use crate::diagnose::{AddressView, Finding, PathView, Severity, Status};
use crate::evidence::{Evidence, printable};
use crate::target::Target;
use crate::text;
use crate::text::{Language, Text};

/// What the file may load and run: nothing but its own style sheet.
const CONTENT_SECURITY_POLICY: &str = include_str!("html/policy.txt");

/// How all pages look.
pub(crate) const STYLE_SHEET: &str = include_str!("html/style.css");

pub(super) fn render(report: &Report, style: Style) -> String {
    let evidence = report.observed();
    let hosts: Vec<&str> = report.targets.iter().map(|target| target.host.as_str()).collect();
    let language = style.language;
    let status = Text::word(report.verdict.status.as_str()).say(language);
    let title = format!("{}: {status} – {}", report.tool.name, hosts.join(", "));
    let document = html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_SECURITY_POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE_SHEET)) }
            }
            body {
                header { (verdict(report, language)) }
                main {
                    (targets::show(report, language))
                    (findings(report, language))
                    (checked(report, &evidence, language))
                    @for target in &report.targets { (endpoint(report, &evidence, target, style)) }
                    (paths(&facts::traced(&evidence), language))
                    (list(&labels::REPORTERS, None, labels::REPORTER_COLUMNS, &facts::reporters(&evidence), language))
                    (list(&labels::EVIDENCE, None, labels::EVIDENCE_COLUMNS, &facts::cited(report), language))
                    (list(
                        &labels::REQUEST_IDS,
                        Some(labels::REQUEST_IDS_HELP),
                        labels::REQUEST_ID_COLUMNS,
                        &facts::request_ids(&evidence),
                        language,
                    ))
                    (commands(&by_hand::commands(report, &evidence, language), language))
                }
            }
        }
    };
    printable(&format!("{}\n", document.into_string().trim_end()))
}

/// A sentence of a report, with its commands in the type of commands.
fn sentence(text: &Text, language: Language) -> Markup {
    let said = text.say(language);
    html! {
        @for (index, piece) in commands_apart(&said).into_iter().enumerate() {
            @if index % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

/// A table that can be scrolled sideways where there is no room for it.
fn table<const N: usize>(name: &Text, header: [Text; N], rows: &[[Markup; N]], language: Language) -> Markup {
    html! {
        div.scroll role="region" aria-label=(name.say(language)) tabindex="0" {
            table {
                thead { tr { @for column in header { th scope="col" { (column.say(language)) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

fn text_rows<const N: usize>(rows: &[[Text; N]], language: Language) -> Vec<[Markup; N]> {
    rows.iter().map(|row| row.each_ref().map(|text| html! { (text.say(language)) })).collect()
}

/// The class of a status in the style sheet, and a sign that tells it without its colour.
pub(crate) const fn status_marks(status: Status) -> (&'static str, &'static str) {
    let class = match status {
        Status::Healthy => "good",
        Status::Degraded | Status::Inconclusive => "warning",
        Status::Unreachable => "error",
    };
    (class, labels::status_sign(status))
}

fn verdict(report: &Report, language: Language) -> Markup {
    let verdict = &report.verdict;
    let (class, sign) = status_marks(verdict.status);
    let code = verdict.code.as_deref().map(|code| text!(", {code}", code));
    let route = Text::word(verdict.route.as_str());
    html! {
        div.verdict.(class) {
            h1 {
                span.sign aria-hidden="true" { (sign) }
                " " (Text::word(verdict.status.as_str()).say(language))
                small { " " (text!("{route} route{code}", route, code).say(language)) }
            }
            p { (sentence(&verdict.summary, language)) }
        }
        @for remark in remarks(report) { p.remark { (remark.say(language)) } }
    }
}

fn checked(report: &Report, evidence: &Evidence, language: Language) -> Markup {
    let of_endpoints = report.targets.iter().flat_map(|target| facts::of_endpoint(report, target));
    html! {
        section {
            h2 { (labels::CHECKED.say(language)) }
            dl {
                @for (name, value) in of_endpoints.chain(facts::of_run(report, evidence)) {
                    div { dt { (name.say(language)) } dd { (sentence(&value, language)) } }
                }
            }
        }
    }
}

fn findings(report: &Report, language: Language) -> Markup {
    let mut explained = BTreeSet::new();
    let roots: Vec<&Finding> = report.findings.iter().filter(|finding| finding.is_root()).collect();
    html! {
        section {
            h2 { (labels::FINDINGS.say(language)) }
            @if roots.is_empty() { p { (labels::NO_FINDINGS.say(language)) } }
            @for finding in roots { (one_finding(report, finding, explained.insert(&finding.code), language)) }
        }
    }
}

fn one_finding(report: &Report, finding: &Finding, is_first: bool, language: Language) -> Markup {
    let class = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    html! {
        article.finding.(class) {
            h3 {
                span.badge {
                    span aria-hidden="true" { (labels::severity_sign(finding.severity)) " " }
                    (Text::word(finding.severity.as_str()).say(language))
                }
                " " (finding.code) " " (finding.name)
                @let confidence = labels::confidence(finding).say(language);
                @if !confidence.is_empty() { small { " " (confidence) } }
            }
            p { (sentence(&finding.summary, language)) }
            @if !finding.candidates.is_empty() {
                ul { @for candidate in &finding.candidates { li { (led(&labels::OR, candidate, language)) } } }
            }
            @if !finding.help.is_empty() {
                ul { @for help in &finding.help { li { (led(&labels::lead(finding.severity), help, language)) } } }
            }
            @let explains: Vec<&Finding> = symptoms(report, finding).collect();
            @if !explains.is_empty() {
                ul.symptoms {
                    @for symptom in explains {
                        @let Finding { code, name, summary, .. } = symptom;
                        @let told = text!("{code} {name}: {summary}", code, name, summary);
                        li { (led(&labels::SYMPTOM, &told, language)) }
                    }
                }
            }
            (explain::page(&finding.code, is_first, language))
        }
    }
}

/// A sentence with what it is before it.
fn led(lead: &Text, content: &Text, language: Language) -> Markup {
    let said = text!("{name}: {content}", name = lead, content = "\n").say(language);
    html! { b { (said.trim_end()) } " " (sentence(content, language)) }
}

fn endpoint(report: &Report, evidence: &Evidence, target: &Target, style: Style) -> Markup {
    let all = report.addresses.iter().filter(|view| view.endpoint == target.host && !view.ports.is_empty());
    let (left_out, views): (Vec<&AddressView>, Vec<&AddressView>) = all.partition(|view| is_left_out(view));
    let answers = report.endpoints.iter().find(|view| view.endpoint == target.host);
    let answers = answers.map(|view| resolution::rows(evidence, view)).unwrap_or_default();
    let language = style.language;
    html! {
        section id=[targets::section(report, &target.host)] {
            h2 { (target.host) }
            (targets::verdict(report, &target.host, language))
            @if !views.is_empty() {
                h3 { (labels::ADDRESSES.say(language)) }
                (table(&labels::ADDRESSES, HEADER, &address_rows(&views, evidence, language), language))
                @for note in notes(&views, left_out.len(), evidence, target, style.view) {
                    p.remark { (note.say(language)) }
                }
            }
            (phases::show(&views, evidence, language))
            (latency::show(&views, evidence, language))
            @if !answers.is_empty() {
                h3 { (labels::NAMES.say(language)) }
                (table(&labels::NAMES, resolution::HEADER, &text_rows(&answers, language), language))
            }
        }
    }
}

fn address_rows(views: &[&AddressView], evidence: &Evidence, language: Language) -> Vec<[Markup; 8]> {
    let row = |view: &AddressView, port| {
        let told = port_told(port, evidence, true).map(|told| {
            let said = told.text.say(language);
            html! { @if told.is_fault { span.fault { "✗ " (said) } } @else { (said) } }
        });
        let [port, connects, rtt, tls, http, signed] = told;
        let (ip, scope) = (html! { (view.ip) }, html! { (Text::word(view.scope.as_str()).say(language)) });
        [ip, scope, port, connects, rtt, tls, http, signed]
    };
    views.iter().flat_map(|view| view.ports.iter().map(move |port| row(view, port))).collect()
}

fn list<const N: usize>(
    name: &Text,
    help: Option<Text>,
    header: [Text; N],
    rows: &facts::Rows<N>,
    language: Language,
) -> Markup {
    html! {
        @if !rows.rows.is_empty() {
            section {
                h2 { (name.say(language)) }
                (table(name, header, &text_rows(&rows.rows, language), language))
                @if let Some(help) = help { p.remark { (help.say(language)) } }
                @if rows.left_out > 0 { p.remark { (labels::further(rows.left_out).say(language)) } }
            }
        }
    }
}

fn paths(traced: &[PathView], language: Language) -> Markup {
    html! {
        @if !traced.is_empty() {
            section {
                h2 { (labels::PATHS.say(language)) }
                @for view in traced {
                    @let rows = path::all_rows(view);
                    h3 { (path::title(view).say(language)) }
                    @if !rows.is_empty() {
                        (table(&labels::PATHS, path::HEADER, &text_rows(&rows, language), language))
                    }
                    p { (path::sentence(view).say(language)) }
                }
            }
        }
    }
}

fn commands(lines: &[String], language: Language) -> Markup {
    html! {
        @if !lines.is_empty() {
            section {
                h2 { (labels::BY_HAND.say(language)) }
                p { (labels::BY_HAND_HELP.say(language)) }
                pre tabindex="0" { code { @for line in lines { (line) "\n" } } }
            }
        }
    }
}
