//! `[[targets]]`: what is probed on an interval of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::reader::{Entry, Reader, did_you_mean};
use super::{ModuleSettings, TargetSettings, labels};

const KEYS: [&str; 5] = ["target", "module", "interval", "region", "labels"];
/// How often a target is probed that does not say.
const INTERVAL: Duration = Duration::from_mins(1);
/// The shortest interval.
const SHORTEST: Duration = Duration::from_secs(1);
/// The module of a target that names none.
const MODULE: &str = "cos_check";

/// Reads the list of targets.
pub(super) fn read<'t>(
    reader: &mut Reader<'t>,
    entry: &Entry<'t>,
    modules: &BTreeMap<String, ModuleSettings>,
) -> Vec<TargetSettings> {
    let items = reader.items(entry, "a list of tables, each begun by [[targets]]");
    let mut seen = BTreeSet::new();
    let mut targets = Vec::new();
    for item in &items {
        let Some(keys) = reader.table(item, "a table, begun by [[targets]]") else { continue };
        for key in keys.iter().filter(|key| !KEYS.contains(&key.name)) {
            reader.unknown(key, KEYS);
        }
        let Some(target) = target(reader, item, &keys, modules) else { continue };
        if !seen.insert((target.target.0.clone(), target.module.clone())) {
            let problem = "this target stands in the file already with the same module";
            reader.tell(&target.target.1, problem, Some("their series could not be told apart".to_owned()));
        }
        targets.push(target);
    }
    targets
}

fn target<'t>(
    reader: &mut Reader<'t>,
    item: &Entry<'t>,
    keys: &[Entry<'t>],
    modules: &BTreeMap<String, ModuleSettings>,
) -> Option<TargetSettings> {
    let named = |name: &str| keys.iter().find(|entry| entry.name == name);
    let interval = named("interval").and_then(|entry| interval(reader, entry)).unwrap_or(INTERVAL);
    let module = named("module").and_then(|entry| module(reader, entry, modules)).unwrap_or(MODULE);
    let text = |reader: &mut Reader<'t>, entry: &Entry<'t>| {
        Some((reader.text(entry, "text in quotes")?.trim().to_owned(), entry.spot.clone()))
    };
    let region = named("region").and_then(|entry| text(reader, entry));
    let labels = named("labels").map(|entry| labels::read(reader, entry)).unwrap_or_default();
    let Some(entry) = named("target") else {
        reader.tell(&item.spot, "the target itself is missing", Some("add target = \"…\"".to_owned()));
        return None;
    };
    let target = text(reader, entry)?;
    if target.0.contains(['?', '#']) {
        let problem =
            "a target in the file has no query, which could hold a signature and would be shown with every series";
        reader.tell(&entry.spot, problem, None);
        return None;
    }
    Some(TargetSettings { target, module: module.to_owned(), interval, region, labels })
}

fn interval<'t>(reader: &mut Reader<'t>, entry: &Entry<'t>) -> Option<Duration> {
    let interval = reader.duration(entry)?;
    if interval < SHORTEST {
        reader.tell(&entry.spot, "it should be at least a second", None);
    }
    Some(interval)
}

fn module<'t>(
    reader: &mut Reader<'t>,
    entry: &Entry<'t>,
    modules: &BTreeMap<String, ModuleSettings>,
) -> Option<&'t str> {
    let name = reader.text(entry, "the name of a module")?;
    let known = || modules.keys().chain(&reader.line.modules).map(String::as_str);
    if !known().any(|module| module == name) {
        let hint = did_you_mean(name, known());
        reader.tell(&entry.spot, "there is no such module", hint);
    }
    Some(name)
}
