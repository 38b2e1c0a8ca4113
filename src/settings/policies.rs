//! `[policies.NAME]`: thresholds, what counts as a failure, when failures are expected, and what is promised.
//!
//! Which thresholds there are, and of what type, is taken from [`Policy`] itself.

use jiff::Timestamp;
use serde_json::Value;
use toml::de::DeValue;

use super::reader::{Entry, Reader, integer};
use super::{PolicySettings, Window, objectives};
use crate::config::{Policy, Route};
use crate::diagnose::Severity;

/// The severities from which a probe may fail.
const SEVERITIES: [(Severity, &str); 2] = [(Severity::Warning, "warning"), (Severity::Error, "error")];
/// The routes that may be expected.
const ROUTES: [(Route, &str); 2] = [(Route::Private, "private"), (Route::Public, "public")];
/// What a policy has beside thresholds that are numbers.
const OTHERS: [&str; 4] = ["expect", "fail_on", "maintenance", "slo"];
/// What a window is made of.
const WINDOW: [&str; 3] = ["from", "to", "reason"];

/// Reads the entries of a policy.
pub(super) fn read<'t>(reader: &mut Reader<'t>, entries: &[Entry<'t>]) -> PolicySettings {
    let numbers = numbers();
    let mut policy = PolicySettings::default();
    for entry in entries {
        match entry.name {
            "fail_on" => policy.fail_on = reader.word(entry, &SEVERITIES),
            "maintenance" => policy.maintenance = windows(reader, entry),
            "slo" => policy.slo = objectives::read(reader, entry),
            "expect" => {
                let route = reader.word(entry, &ROUTES).map(Route::as_str);
                policy.thresholds.extend(route.map(|word| (entry.name.to_owned(), word.into())));
            }
            name if numbers.iter().any(|number| number == name) => {
                let value = threshold(reader, entry);
                policy.thresholds.extend(value.map(|value| (name.to_owned(), value)));
            }
            _ => reader.unknown(entry, numbers.iter().map(String::as_str).chain(OTHERS)),
        }
    }
    policy
}

/// The names of the thresholds that are numbers. What else a policy holds are flags.
fn numbers() -> Vec<String> {
    match serde_json::to_value(Policy::default()) {
        Ok(Value::Object(fields)) => fields.into_iter().filter(|(_, v)| v.is_number()).map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}

fn threshold<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> Option<Value> {
    if !matches!(entry.value, DeValue::Integer(_)) {
        reader.other_type(entry, "a whole number");
        return None;
    }
    let most = if entry.name.ends_with("_percent") { 100 } else { i64::from(u32::MAX) };
    let number = integer(entry.value).filter(|number| (0..=most).contains(number));
    if number.is_none() {
        reader.tell(&entry.spot, format!("it should be a whole number from 0 to {most}"), None);
    }
    number.map(Value::from)
}

fn windows<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> Vec<Window> {
    let items = reader.items(entry, "a list of windows, each with from and to");
    let mut windows = Vec::new();
    for item in &items {
        let Some(keys) = reader.table(item, "a window with from and to") else { continue };
        let named = |name: &str| keys.iter().find(|entry| entry.name == name);
        let from = required_moment(reader, item, named("from"), "from");
        let to = required_moment(reader, item, named("to"), "to");
        let reason = named("reason").and_then(|entry| reader.text(entry, "text in quotes")).map(str::to_owned);
        for entry in keys.iter().filter(|entry| !WINDOW.contains(&entry.name)) {
            reader.unknown(entry, WINDOW);
        }
        let (Some(from), Some(to)) = (from, to) else { continue };
        if from >= to {
            let spot = named("to").map_or(&item.spot, |entry| &entry.spot);
            reader.tell(spot, "the window ends before it begins", None);
        }
        windows.push(Window { from, to, reason });
    }
    windows
}

fn required_moment<'t>(
    reader: &mut Reader<'t>,
    window: &Entry<'t>,
    entry: Option<&Entry<'t>>,
    name: &str,
) -> Option<Timestamp> {
    let Some(entry) = entry else {
        reader.tell(&window.spot, format!("a window needs {name}"), None);
        return None;
    };
    let text = match entry.value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Datetime(moment) => Some(moment.to_string()),
        _ => None,
    };
    let moment = text.and_then(|text| text.parse::<Timestamp>().ok());
    if moment.is_none() {
        reader.tell(&entry.spot, "it should be a moment with its offset, such as 2026-12-01T00:00:00Z", None);
    }
    moment
}
