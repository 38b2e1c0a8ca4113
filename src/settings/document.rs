//! The document: its tables, and what the text itself may get wrong.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::mistake::{Lines, Mistake};
use super::reader::{Entry, Reader};
use super::{CommandLine, Settings, labels, modules, policies, secrets, targets};

/// What may stand in the file itself.
const KEYS: [&str; 4] = ["labels", "policies", "modules", "targets"];

/// Reads a file: what could be read of it, and everything that is wrong with it, in the order of the lines.
///
/// A text that is not TOML has no settings, and nothing but that is told.
pub fn read(text: &str, line: &CommandLine) -> (Settings, Vec<Mistake>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let lines = Lines::of(text);
        let mut mistakes: Vec<Mistake> = errors.iter().map(|error| not_toml(&lines, error)).collect();
        // The parser goes on in the same line and stumbles over the rest of it.
        mistakes.sort_by_key(|mistake| mistake.spot.line);
        mistakes.dedup_by_key(|mistake| mistake.spot.line);
        return (Settings::default(), mistakes);
    }
    let mut reader = Reader::new(text, line);
    let entries = reader.entries(document.get_ref(), "");
    secrets::refuse(&mut reader, &entries);
    let settings = settings(&mut reader, &entries);
    let mut mistakes = reader.mistakes;
    mistakes.sort();
    (settings, mistakes)
}

/// What the parser says, without the lines that it would show: they may hold a secret.
fn not_toml(lines: &Lines<'_>, error: &toml::de::Error) -> Mistake {
    let at = error.span().map_or(0, |span| span.start);
    Mistake { spot: lines.spot(at, ""), problem: format!("this is not TOML: {}", error.message()), hint: None }
}

fn settings<'t>(reader: &mut Reader<'t>, entries: &[Entry<'t>]) -> Settings {
    let named = |name: &str| entries.iter().find(|entry| entry.name == name);
    let labels = named("labels").map(|entry| labels::read(reader, entry)).unwrap_or_default();
    let policies = tables(reader, named("policies"), "[policies.NAME]");
    let policies: BTreeMap<_, _> =
        policies.into_iter().map(|(entry, keys)| (entry.name, policies::read(reader, &keys))).collect();
    let modules = tables(reader, named("modules"), "[modules.NAME]");
    let modules: BTreeMap<_, _> = modules
        .into_iter()
        .map(|(entry, keys)| (entry.name.to_owned(), modules::read(reader, &entry, &keys, &policies)))
        .collect();
    let targets = named("targets").map(|entry| targets::read(reader, entry, &modules)).unwrap_or_default();
    for entry in entries.iter().filter(|entry| !KEYS.contains(&entry.name)) {
        reader.unknown(entry, KEYS);
    }
    Settings { labels, modules, targets }
}

/// The tables with names of the user's choice below a key, each with its entries.
fn tables<'t>(reader: &mut Reader<'t>, entry: Option<&Entry<'t>>, form: &str) -> Vec<(Entry<'t>, Vec<Entry<'t>>)> {
    let Some(entry) = entry else { return Vec::new() };
    let wanted = format!("a table, such as {form}");
    let named = reader.table(entry, &wanted).unwrap_or_default();
    let mut found = Vec::new();
    for table in named {
        if let Some(keys) = reader.table(&table, &wanted) {
            check_name(reader, &table);
            found.push((table, keys));
        }
    }
    found
}

/// Names go into metrics and addresses.
fn check_name<'t>(reader: &mut Reader<'t>, table: &Entry<'t>) {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if table.name.is_empty() || table.name.len() > 60 || !table.name.chars().all(is_of_name) {
        reader.tell(&table.spot, "a name should have 1 to 60 letters, digits, _ or -", None);
    }
}
