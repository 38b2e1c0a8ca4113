//! `[policies.NAME.slo]`: which share of the probes is promised to be good.

use std::time::Duration;

use toml::de::DeValue;

use super::reader::{Entry, Reader, integer, scalar};
use super::{LatencyObjective, Objectives};

/// What may stand in the table.
const KEYS: [&str; 4] = ["availability_percent", "latency_percent", "latency_ms", "window_days"];
/// The time that the objectives are about, where the file does not say.
pub(crate) const WINDOW_DAYS: i64 = 30;
/// Shorter times leave too few probes to judge by, longer ones no Prometheus keeps.
pub(crate) const WINDOWS: (i64, i64) = (7, 90);

/// Reads the table; `None`: it has no objective.
pub(super) fn read<'t>(reader: &mut Reader<'t>, table: &Entry<'t>) -> Option<Objectives> {
    let keys = reader.table(table, "a table, such as { availability_percent = 99.9 }")?;
    let named = |name: &str| keys.iter().find(|entry| entry.name == name);
    let availability = named("availability_percent").and_then(|entry| ratio(reader, entry));
    let (percent, bound) = (named("latency_percent"), named("latency_ms"));
    for (one, without, missing) in [(percent, bound, "latency_ms"), (bound, percent, "latency_percent")] {
        if let (Some(entry), None) = (one, without) {
            reader.tell(&entry.spot, format!("it needs {missing} beside it"), None);
        }
    }
    let percent = percent.and_then(|entry| ratio(reader, entry));
    let bound = bound.and_then(|entry| whole(reader, entry, 1, i64::from(u32::MAX)));
    let window = named("window_days").and_then(|entry| whole(reader, entry, WINDOWS.0, WINDOWS.1));
    for entry in keys.iter().filter(|entry| !KEYS.contains(&entry.name)) {
        reader.unknown(entry, KEYS);
    }
    if !["availability_percent", "latency_percent", "latency_ms"].iter().any(|name| named(name).is_some()) {
        let hint = "add availability_percent, or latency_percent with latency_ms".to_owned();
        reader.tell(&table.spot, "no objective stands in it", Some(hint));
        return None;
    }
    let latency =
        percent.zip(bound).map(|(ratio, bound)| LatencyObjective { ratio, bound: Duration::from_millis(bound) });
    let days = window.unwrap_or(WINDOW_DAYS.unsigned_abs());
    Some(Objectives { availability, latency, window: Duration::from_hours(24 * days) })
}

/// A share in per cent, as a ratio. With all of it no budget would be left to be spent, and none of it is no promise.
fn ratio<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> Option<f64> {
    if !matches!(entry.value, DeValue::Integer(_) | DeValue::Float(_)) {
        reader.other_type(entry, "a number such as 99.9");
        return None;
    }
    let percent = scalar(entry.value).and_then(|text| text.parse::<f64>().ok());
    // Rounded, so that 99.9 per cent are 0.999 and no neighbour of it.
    let ratio = percent.map(|percent| (percent * 1e10).round() / 1e12).filter(|ratio| *ratio > 0.0 && *ratio < 1.0);
    if ratio.is_none() {
        let problem = "it should be more than 0 and less than 100: without room for a failure there is no budget";
        reader.tell(&entry.spot, problem, None);
    }
    ratio
}

fn whole<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>, least: i64, most: i64) -> Option<u64> {
    if !matches!(entry.value, DeValue::Integer(_)) {
        reader.other_type(entry, "a whole number");
        return None;
    }
    let number = integer(entry.value).filter(|number| (least..=most).contains(number));
    if number.is_none() {
        reader.tell(&entry.spot, format!("it should be a whole number from {least} to {most}"), None);
    }
    number.map(i64::unsigned_abs)
}
