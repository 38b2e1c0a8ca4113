//! Where there are several targets: a row for each before everything else, which leads to its section, and the section's verdict.

use maud::{Markup, html};

use super::super::table::{TARGET_COLUMNS, are_several, target_row};
use super::super::{Report, labels};
use super::{sentence, status_marks, table};
use crate::diagnose::EndpointView;
use crate::text;
use crate::text::{Language, Text};

/// A table with a row for each target; nothing where there is one.
pub(super) fn show(report: &Report, language: Language) -> Markup {
    let rows: Vec<[Markup; 6]> =
        (1_usize..).zip(&report.endpoints).map(|(number, view)| row(report, number, view, language)).collect();
    html! {
        @if are_several(report) {
            section.targets {
                h2 { (labels::TARGETS.say(language)) }
                (table(&labels::TARGETS, TARGET_COLUMNS, &rows, language))
            }
        }
    }
}

fn row(report: &Report, number: usize, view: &EndpointView, language: Language) -> [Markup; 6] {
    let [number, host, status, code, route, short] = target_row(number, view, language).map(|text| text.say(language));
    let (class, sign) = status_marks(view.verdict.status);
    let target = section(report, &view.endpoint).map(|name| format!("#{name}"));
    [
        html! { (number) },
        html! { @if let Some(target) = target { a href=(target) { (broken(&host)) } } @else { (broken(&host)) } },
        html! { span.status.(class) { span aria-hidden="true" { (sign) " " } (status) } },
        html! { (code) },
        html! { (route) },
        html! { (short) },
    ]
}

/// A name that is broken before dots where there is no room for it.
fn broken(host: &str) -> Markup {
    html! { @for (at, label) in host.split('.').enumerate() { @if at > 0 { wbr; "." } (label) } }
}

/// The name of a target's section, where there are several.
pub(super) fn section(report: &Report, host: &str) -> Option<String> {
    let at = report.targets.iter().position(|target| target.host == host)?;
    are_several(report).then(|| format!("target-{}", at + 1))
}

/// The verdict for a target, where there are several.
pub(super) fn verdict(report: &Report, host: &str, language: Language) -> Markup {
    let view = report.endpoints.iter().find(|view| view.endpoint == host).filter(|_| are_several(report));
    html! {
        @if let Some(EndpointView { verdict, .. }) = view {
            @let (class, sign) = status_marks(verdict.status);
            @let (route, code) = (Text::word(verdict.route.as_str()), verdict.code.as_deref());
            @let code = code.map(|code| text!(", {code}", code));
            p {
                span.status.(class) {
                    span aria-hidden="true" { (sign) " " }
                    (Text::word(verdict.status.as_str()).say(language))
                }
                " (" (text!("{route} route{code}", route, code).say(language)) ") "
                (sentence(&verdict.summary, language))
            }
        }
    }
}
