//! One JSON document.

use super::{Report, Style};

pub(super) fn render(report: &Report, _style: Style) -> String {
    // Every key is a string and every number is finite, so there is nothing that JSON cannot say.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
