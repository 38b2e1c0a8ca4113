//! What stands before everything else where there are several targets: a row and a verdict for each.

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::super::page::Page;
use super::super::{Report, Style};
use super::verdict_text;
use crate::diagnose::{EndpointView, Status, find_code};
use crate::text;
use crate::text::Text;

const HEADER: [Text; 6] =
    [Text::plain("#"), text!("target"), text!("verdict"), text!("finding"), text!("route"), text!("in short")];

/// A table with a row for each target, and the verdicts in full, with the numbers of the rows.
pub(super) fn show(page: &mut Page, report: &Report) {
    if report.endpoints.len() < 2 {
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
    table.set_width(u16::try_from(style.width).unwrap_or(80)).set_header(HEADER.map(|word| word.say(style.language)));
    if style.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for (number, view) in (1_usize..).zip(views) {
        let verdict = &view.verdict;
        let color = match verdict.status {
            Status::Healthy => Color::Green,
            Status::Degraded | Status::Inconclusive => Color::Yellow,
            Status::Unreachable => Color::Red,
        };
        table.add_row([
            Cell::new(number.to_string()),
            Cell::new(folded(&view.endpoint)),
            Cell::new(Text::word(verdict.status.as_str()).say(style.language)).fg(color),
            Cell::new(verdict.code.as_deref().unwrap_or("-")),
            Cell::new(Text::word(verdict.route.as_str()).say(style.language)),
            Cell::new(in_short(view, style)),
        ]);
    }
    for index in 0..HEADER.len() {
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
fn in_short(view: &EndpointView, style: Style) -> String {
    let row = view.verdict.code.as_deref().and_then(find_code);
    if let Some(row) = row {
        return style.language.title(row.code).unwrap_or(row.title).to_owned();
    }
    match view.verdict.status {
        Status::Healthy => text!("nothing is wrong"),
        Status::Inconclusive => text!("could not be measured"),
        Status::Degraded | Status::Unreachable => text!("nothing was found"),
    }
    .say(style.language)
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
