//! What stands before everything else where there are several targets: a row and a verdict for each.

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::super::page::Page;
use super::super::{Report, Style};
use super::verdict_text;
use crate::diagnose::{EndpointView, Status, find_code};
use crate::text;
use crate::text::{Language, Text};

pub(in crate::report) const COLUMNS: [Text; 6] =
    [Text::plain("#"), text!("target"), text!("verdict"), text!("finding"), text!("route"), text!("in short")];

/// Whether there is more than one target.
pub(in crate::report) const fn are_several(report: &Report) -> bool {
    report.endpoints.len() > 1
}

/// A row for a target, with its number.
pub(in crate::report) fn row(number: usize, view: &EndpointView, language: Language) -> [Text; 6] {
    let verdict = &view.verdict;
    [
        Text::literal(number.to_string()),
        Text::literal(&*view.endpoint),
        Text::word(verdict.status.as_str()),
        Text::literal(verdict.code.as_deref().unwrap_or("-")),
        Text::word(verdict.route.as_str()),
        in_short(view, language),
    ]
}

/// A table with a row for each target, and the verdicts in full, with the numbers of the rows.
pub(super) fn show(page: &mut Page, report: &Report) {
    if !are_several(report) {
        return;
    }
    for line in table(&report.endpoints, page.style).lines() {
        page.raw(line);
    }
    page.blank();
    for (number, view) in (1_usize..).zip(&report.endpoints) {
        let verdict = verdict_text(&view.verdict, Text::word(view.verdict.status.as_str()));
        page.line(&Text::literal(format!("{number}  ")), &verdict);
    }
    page.blank();
}

fn table(views: &[EndpointView], style: Style) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(style.width).unwrap_or(80)).set_header(COLUMNS.map(|word| word.say(style.language)));
    if style.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for (number, view) in (1_usize..).zip(views) {
        let color = match view.verdict.status {
            Status::Healthy => Color::Green,
            Status::Degraded | Status::Inconclusive => Color::Yellow,
            Status::Unreachable => Color::Red,
        };
        let [number, host, status, code, route, short] =
            row(number, view, style.language).map(|text| text.say(style.language));
        let (host, status) = (Cell::new(folded(&host)), Cell::new(status).fg(color));
        table.add_row([Cell::new(number), host, status, Cell::new(code), Cell::new(route), Cell::new(short)]);
    }
    for index in 0..COLUMNS.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            column.set_constraint(match index {
                5 => ColumnConstraint::LowerBoundary(Width::Fixed(12)),
                _ => ColumnConstraint::ContentWidth,
            });
        }
    }
    table.to_string()
}

/// A name in lines of at most 24 characters, broken before dots where there are some: a long one leaves no room for the rest.
fn folded(host: &str) -> String {
    const MOST: usize = 24;
    let mut lines = vec![String::new()];
    for (at, label) in host.split('.').enumerate() {
        let label = if at == 0 { label.to_owned() } else { format!(".{label}") };
        for piece in label.as_bytes().chunks(MOST).map(String::from_utf8_lossy) {
            match lines.last_mut() {
                Some(line) if line.len() + piece.len() <= MOST => line.push_str(&piece),
                _ => lines.push(piece.into_owned()),
            }
        }
    }
    lines.join("\n")
}

/// What the finding is called, or that there is none.
fn in_short(view: &EndpointView, language: Language) -> Text {
    let row = view.verdict.code.as_deref().and_then(find_code);
    if let Some(row) = row {
        return Text::literal(language.title(row.code).unwrap_or(row.title));
    }
    match view.verdict.status {
        Status::Healthy => text!("nothing is wrong"),
        Status::Inconclusive => text!("could not be measured"),
        Status::Degraded | Status::Unreachable => text!("nothing was found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_broken_before_dots() {
        assert_eq!(
            folded("examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com"),
            "examplebucket-1250000000\n.cos.ap-guangzhou\n.myqcloud.com"
        );
        assert_eq!(folded("203.0.113.10"), "203.0.113.10");
        assert_eq!(folded(&"a".repeat(30)), format!("{}\n{}", "a".repeat(24), "a".repeat(6)));
    }
}
