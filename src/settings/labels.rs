//! Labels: what Prometheus takes, and what is taken already.

use std::collections::BTreeMap;

use super::reader::{Entry, Reader};
use crate::exposition::OWN_LABELS;

/// Reads a table of labels.
pub(super) fn read<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> BTreeMap<String, String> {
    let entries = reader.table(entry, "a table, such as { team = \"data\" }").unwrap_or_default();
    let mut labels = BTreeMap::new();
    for label in &entries {
        if let Some(problem) = problem(label.name) {
            reader.tell(&label.spot, problem, None);
        }
        if let Some(text) = reader.text(label, "text in quotes") {
            labels.insert(label.name.to_owned(), text.to_owned());
        }
    }
    labels
}

/// Why a label cannot have this name (Prometheus documentation, "Data model").
fn problem(name: &str) -> Option<&'static str> {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Some("the name of a label should have letters, digits and _, and no digit in front")
    } else if name.starts_with("__") {
        Some("labels that begin with __ are Prometheus's own: give it another name")
    } else if OWN_LABELS.contains(&name) {
        Some("this label is put by cosprobe or Prometheus itself: give it another name")
    } else {
        None
    }
}
