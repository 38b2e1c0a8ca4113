//! JSON documents as text.

use serde::Serialize;

use super::{Report, Style};

/// A document as JSON that people can read too, ended by a line end. The documents hold texts, finite numbers and times: nothing that
/// JSON cannot say.
pub fn json_text(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

pub(super) fn render(report: &Report, _style: Style) -> String {
    json_text(report)
}
