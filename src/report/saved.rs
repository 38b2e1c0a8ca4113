//! Reading a saved report, which somebody may have cut, changed or taken for one.
//!
//! What is refused is refused with its place and with what to do. What a later minor version adds is left aside.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{FORMAT_VERSION, Report, Run};
use crate::evidence::{Evidence, Observation, ObservationId, clean, is_harmless, printable};
use crate::target::Target;

/// Reads a report and judges its evidence again. Everything derived is derived anew, so that words of a later version do no harm
/// there.
pub(super) fn read(text: &str) -> Result<Report, String> {
    check_head(text)?;
    let mut document: Map<String, Value> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    document.values_mut().for_each(defuse);
    let evidence = Evidence {
        targets: items(&mut document, "targets")?,
        controls: if document.contains_key("controls") { items(&mut document, "controls")? } else { Vec::new() },
        observations: items(&mut document, "evidence")?,
    };
    let run = Run {
        started_at: field(&mut document, "started_at")?,
        ended_at: field(&mut document, "ended_at")?,
        ended_because: field_or_default(&mut document, "ended_because")?,
        labels: field_or_default(&mut document, "labels")?,
    };
    let (tool, redacted) = (field(&mut document, "tool")?, field_or_default(&mut document, "redacted")?);
    let policy = field_or_default(&mut document, "policy")?;
    if let Some(problem) = out_of_order(&run).or_else(|| inconsistent(&evidence)) {
        return Err(changed(&problem));
    }
    Ok(Report { tool, redacted, ..Report::new(evidence, policy, run) })
}

/// What tells whether it is a report at all, and one that this version can read.
#[derive(Debug, Deserialize)]
struct Head {
    format_version: String,
    /// All documents but the report have it.
    kind: Option<String>,
}

fn check_head(text: &str) -> Result<(), String> {
    let head: Head = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    if let Some(kind) = head.kind {
        let kind = clean(&kind, 40);
        return Err(format!("it is a document of kind '{kind}'; only check, head, dns and demo write reports"));
    }
    let version = clean(&head.format_version, 40);
    let (read, own) = (major(&head.format_version), major(FORMAT_VERSION));
    if read == own {
        return Ok(());
    }
    let advice = if read > own { "read it with the cosprobe that wrote it, or a later one" } else { "write it again" };
    let known = FORMAT_VERSION.split('.').next().unwrap_or_default();
    Err(format!("format version {version} is not known to this version of cosprobe, which reads {known}.x: {advice}"))
}

/// The first number of a version; `None` where it is no version.
fn major(version: &str) -> Option<u32> {
    let (major, minor) = version.split_once('.')?;
    minor.parse::<u32>().ok().and(major.parse().ok())
}

fn not_json(error: &serde_json::Error) -> String {
    let error_text = clean(&error.to_string(), 200);
    if error.is_eof() {
        return format!("it is cut short ({error_text}): save it again, with --output FILE");
    }
    format!("{error_text}: name a file that --format json wrote, as it was written")
}

/// What is told of a report that is JSON and not as it was written.
fn changed(problem: &str) -> String {
    format!("{problem}: use the report as it was written")
}

fn field<T: DeserializeOwned>(document: &mut Map<String, Value>, name: &str) -> Result<T, String> {
    let value = document.remove(name).ok_or_else(|| changed(&format!("missing field `{name}`")))?;
    serde_json::from_value(value).map_err(|error| changed(&format!("`{name}`: {}", clean(&error.to_string(), 200))))
}

fn field_or_default<T: DeserializeOwned + Default>(document: &mut Map<String, Value>, name: &str) -> Result<T, String> {
    if document.contains_key(name) { field(document, name) } else { Ok(T::default()) }
}

/// The items of a list, one by one, so that the wrong one can be named.
fn items<T: DeserializeOwned>(document: &mut Map<String, Value>, name: &str) -> Result<Vec<T>, String> {
    let values: Vec<Value> = field(document, name)?;
    let item = |(index, value): (usize, Value)| {
        let wrong = |error: serde_json::Error| format!("`{name}[{index}]`: {}", clean(&error.to_string(), 200));
        serde_json::from_value(value).map_err(|error| changed(&wrong(error)))
    };
    values.into_iter().enumerate().map(item).collect()
}

fn out_of_order(run: &Run) -> Option<String> {
    let (started, ended): (Timestamp, Timestamp) = (run.started_at, run.ended_at);
    (ended < started).then(|| format!("the run ends at {ended}, before it begins at {started}"))
}

/// What does not go together in a record: numbers and hosts must name one thing each, and what is named must be there.
fn inconsistent(evidence: &Evidence) -> Option<String> {
    let mut hosts: BTreeSet<&str> = BTreeSet::new();
    if let Some(twice) = evidence.targets.iter().find(|target| !hosts.insert(&target.host)) {
        return Some(format!("there are two targets with the host {}", clean(&twice.host, 100)));
    }
    hosts.extend(evidence.controls.iter().map(|control| control.target.host.as_str()));
    let is_target = |host: &str| evidence.targets.iter().any(|target: &Target| target.host == host);
    if let Some(control) = evidence.controls.iter().find(|control| !is_target(&control.of)) {
        return Some(format!("the control group has a member of {}, which is no target", clean(&control.of, 100)));
    }
    let mut ids: BTreeSet<ObservationId> = BTreeSet::new();
    evidence.observations.iter().find_map(|observation| {
        let Observation { id, parent, endpoint, .. } = observation;
        if let Some(parent) = parent.filter(|parent| !ids.contains(parent)) {
            return Some(format!("observation {id} builds on {parent}, which does not stand before it"));
        }
        if !ids.insert(*id) {
            return Some(format!("there are two observations with the id {id}"));
        }
        let host = endpoint.as_deref().filter(|host| !hosts.contains(host))?;
        Some(format!(
            "observation {id} is about {}, which is neither a target nor in the control group",
            clean(host, 100)
        ))
    })
}

/// The members whose line ends are part of what COS signed. They are shown with their line ends made visible.
const OF_SEVERAL_LINES: [&str; 2] = ["format_string", "string_to_sign"];

/// Cleans the texts of a document that somebody else may have written: on a terminal they must not move the cursor or begin a
/// line of their own. A report of ours was cleaned when it was recorded and stays as it is.
fn defuse(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_controls(text),
        Value::Array(items) => items.iter_mut().for_each(defuse),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if OF_SEVERAL_LINES.contains(&name.as_str()) => {
                        *text = printable(text);
                    }
                    member => defuse(member),
                }
            }
        }
        _ => {}
    }
}

fn without_controls(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { c } else { '?' }).collect()
}
