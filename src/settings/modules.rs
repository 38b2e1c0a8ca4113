//! `[modules.NAME]`: how targets are probed.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeValue;

use super::reader::{Entry, Reader, did_you_mean, integer, scalar};
use super::{Flag, FlagShape, FlagValue, ModuleSettings, PolicySettings, ProbeKind, StatusCodes, Takes};

/// What a module has beside the flags of the command line.
const KEYS: [&str; 4] = ["probe", "timeout", "policy", "valid_status_codes"];
/// The longest time of one probe, where a module does not say.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The word for every answer of COS, whatever its status.
const ANY: &str = "any";

/// Reads the entries of a module.
pub(super) fn read<'t>(
    reader: &mut Reader<'t>,
    module: &Entry<'t>,
    entries: &[Entry<'t>],
    policies: &BTreeMap<&str, PolicySettings>,
) -> ModuleSettings {
    let named = |name: &str| entries.iter().find(|entry| entry.name == name);
    let kind = named("probe").and_then(|entry| reader.word(entry, &ProbeKind::TABLE)).unwrap_or(ProbeKind::Check);
    let timeout = named("timeout").and_then(|entry| reader.duration(entry)).unwrap_or(TIMEOUT);
    let policy = named("policy").and_then(|entry| policy(reader, entry, policies)).unwrap_or_default();
    let valid_status_codes = match named("valid_status_codes") {
        Some(entry) if kind != ProbeKind::Head => {
            reader.tell(&entry.spot, "statuses are for modules with probe = \"head\"", None);
            None
        }
        Some(entry) => status_codes(reader, entry),
        None => (kind == ProbeKind::Head).then(|| StatusCodes(vec![(200, 299)])),
    };
    let others = entries.iter().filter(|entry| !KEYS.contains(&entry.name));
    let flags = others.filter_map(|entry| flag(reader, entry, kind)).collect();
    ModuleSettings { spot: module.spot.clone(), kind, timeout, policy, valid_status_codes, flags }
}

fn policy<'t>(
    reader: &mut Reader<'t>,
    entry: &Entry<'t>,
    policies: &BTreeMap<&str, PolicySettings>,
) -> Option<PolicySettings> {
    let name = reader.text(entry, "the name of a policy")?;
    let found = policies.get(name).cloned();
    if found.is_none() {
        reader.tell(&entry.spot, "there is no such policy in the file", did_you_mean(name, policies.keys().copied()));
    }
    found
}

fn status_codes<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> Option<StatusCodes> {
    const WANTED: &str = "a list such as [\"2xx\", 403], or \"any\" for every answer of COS";
    if entry.value.as_str() == Some(ANY) {
        return None;
    }
    let items = reader.items(entry, WANTED);
    if items.is_empty() && entry.value.is_array() {
        reader.tell(&entry.spot, format!("no status would count as a success: it should be {WANTED}"), None);
    }
    let mut codes = Vec::new();
    for item in &items {
        match range(item.value) {
            Some(range) => codes.push(range),
            None => reader.tell(&item.spot, "it should be a status from 100 to 599, or a class such as \"2xx\"", None),
        }
    }
    Some(StatusCodes(codes))
}

fn range(value: &DeValue<'_>) -> Option<(u16, u16)> {
    let number = match value {
        DeValue::String(text) => match text.strip_suffix("xx").map(str::as_bytes) {
            Some([class @ b'1'..=b'5']) => {
                let first = u16::from(class - b'0') * 100;
                return Some((first, first + 99));
            }
            _ => text.parse().ok(),
        },
        _ => integer(value),
    };
    let number = number.and_then(|number| u16::try_from(number).ok())?;
    (100..600).contains(&number).then_some((number, number))
}

/// A flag of the command line.
fn flag<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>, kind: ProbeKind) -> Option<Flag> {
    let shapes = reader.line.flags(kind);
    let Some(shape) = shapes.iter().find(|shape| shape.key == entry.name) else {
        unknown(reader, entry, kind);
        return None;
    };
    if let Some(refusal) = shape.refusal {
        reader.tell(&entry.spot, "a module cannot have this", Some(refusal.to_owned()));
        return None;
    }
    let value = value(reader, entry, shape.takes)?;
    Some(Flag { long: shape.long.clone(), value, spot: entry.spot.clone() })
}

fn unknown<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>, kind: ProbeKind) {
    let usable = |shape: &&FlagShape| shape.refusal.is_none();
    let others = [ProbeKind::Check, ProbeKind::Dns].into_iter().filter(|other| *other != kind);
    let is_of = |other: ProbeKind| reader.line.flags(other).iter().filter(usable).any(|shape| shape.key == entry.name);
    let of_others: Vec<ProbeKind> = others.filter(|other| is_of(*other)).collect();
    match of_others.first() {
        Some(ProbeKind::Dns) => reader.tell(&entry.spot, "only modules with probe = \"dns\" have this key", None),
        Some(_) => reader.tell(&entry.spot, "modules with probe = \"dns\" do not have this key", None),
        None => {
            let flags: Vec<&str> = reader.line.flags(kind).iter().filter(usable).map(|s| s.key.as_str()).collect();
            reader.unknown(entry, flags.into_iter().chain(KEYS));
        }
    }
}

fn value<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>, takes: Takes) -> Option<FlagValue> {
    let wanted = match takes {
        Takes::Nothing => "true or false",
        Takes::One => "text or a number",
        Takes::Many => "text, a number, or a list of these",
    };
    let found = match (takes, entry.value) {
        (Takes::Nothing, value) => value.as_bool().map(FlagValue::Switch),
        (Takes::Many, DeValue::Array(_)) => {
            let items = reader.items(entry, wanted);
            let mut values = Vec::new();
            for item in &items {
                match scalar(item.value) {
                    Some(text) => values.push(text),
                    None => reader.other_type(item, "text or a number"),
                }
            }
            return Some(FlagValue::Values(values));
        }
        (Takes::One | Takes::Many, value) => scalar(value).map(|text| FlagValue::Values(vec![text])),
    };
    if found.is_none() {
        reader.other_type(entry, wanted);
    }
    found
}
