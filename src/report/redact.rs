//! A report with stand-ins for what tells whose network, bucket and machine it is about.
//!
//! One thing has one stand-in everywhere, of the same kind: an address keeps its network, a host its role and region, a name
//! its place in other names. So the rules find the same in what is left, and a redacted report can be judged again. The record is
//! walked as JSON, text by text; `redact/fields.rs` says for each field what its texts are. What is derived is derived anew.
//!
//! To add a field with a name or an address: nothing, if plain text does for it ([`Redactor::text`]); else a row in `fields.rs`.

mod addresses;
mod fields;
mod hosts;
mod objects;
mod text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Report, Run};
use crate::evidence::Evidence;

use addresses::Addresses;

/// How much of a report is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Redaction {
    /// Names and addresses. What identifies a request at Tencent stays.
    Default,
    /// Also what identifies a request, and what tells about the machine.
    Strict,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// The report with stand-ins, judged again. The same report, level and seed give the same stand-ins; whoever knows the seed can find
/// addresses out, so it is not to be kept.
///
/// # Errors
/// What a stand-in is not fit for. None is known of.
pub fn redact(report: &Report, level: Redaction, seed: u128) -> Result<Report, String> {
    let record = json!({
        "labels": report.labels,
        "targets": report.targets,
        "controls": report.controls,
        "evidence": report.evidence,
    });
    let mut redactor = Redactor::new(level, seed);
    // A name may stand in a message before it stands where it is known for one: the first walk only collects.
    fields::walk(&mut redactor, &mut record.clone(), "");
    redactor.addresses.settle();
    let mut record = record;
    fields::walk(&mut redactor, &mut record, "");
    let evidence = Evidence {
        targets: part(&mut record, "targets")?,
        controls: part(&mut record, "controls")?,
        observations: part(&mut record, "evidence")?,
    };
    let run = Run {
        started_at: report.started_at,
        ended_at: report.ended_at,
        ended_because: report.ended_because,
        labels: part(&mut record, "labels")?,
    };
    let judged = Report::new(evidence, report.policy.clone(), run);
    Ok(Report { tool: report.tool.clone(), redacted: Some(level), ..judged })
}

/// A part of the record as what it was before. Only texts were exchanged, for others of the same kind.
fn part<T: serde::de::DeserializeOwned>(record: &mut Value, name: &str) -> Result<T, String> {
    serde_json::from_value(record[name].take()).map_err(|error| format!("{name}: {error}"))
}

/// What has been replaced, and by what.
struct Redactor {
    level: Redaction,
    seed: u128,
    addresses: Addresses,
    /// Words that are replaced wherever they stand alone: buckets, account numbers, ids, names of interfaces and users.
    words: BTreeMap<String, String>,
    /// Words that are replaced only where they are known for what they are.
    common: BTreeMap<String, String>,
    /// Labels of host names.
    labels: BTreeMap<String, String>,
    /// Labels at the end of host names of others.
    top_labels: BTreeMap<String, String>,
    /// Parts of object keys.
    keys: BTreeMap<String, String>,
    /// Paths of files.
    files: BTreeMap<String, String>,
    /// Digests of what was signed, with those of its stand-ins.
    digests: BTreeMap<String, String>,
    /// How many stand-ins of each kind there are.
    counts: BTreeMap<&'static str, usize>,
}

impl Redactor {
    fn new(level: Redaction, seed: u128) -> Self {
        Self {
            level,
            seed,
            addresses: Addresses::new(seed),
            words: BTreeMap::new(),
            common: BTreeMap::new(),
            labels: BTreeMap::new(),
            top_labels: BTreeMap::new(),
            keys: BTreeMap::new(),
            files: BTreeMap::new(),
            digests: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    fn is_strict(&self) -> bool {
        self.level != Redaction::Default
    }

    /// The next stand-in of a kind: `host-1`, `host-2`, and so on.
    fn next(&mut self, kind: &'static str) -> String {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        format!("{kind}-{count}")
    }

    /// The stand-in of a word or a phrase. It is replaced wherever it stands alone, unless it could as well be anybody's word.
    fn word(&mut self, word: &str, kind: &'static str) -> String {
        let is_given = ["user", "name", "label"].contains(&kind);
        let map = if is_given && !text::is_telling(word) { &self.common } else { &self.words };
        if let Some(known) = map.get(word) {
            return known.clone();
        }
        let new = self.next(kind);
        let map = if is_given && !text::is_telling(word) { &mut self.common } else { &mut self.words };
        map.insert(word.to_owned(), new.clone());
        new
    }

    /// Hexadecimal digits in place of others, as many.
    fn digits(&self, text: &str) -> String {
        let all = keyed(self.seed, "digits", text.as_bytes()).map(|byte| format!("{byte:02x}")).concat();
        all.chars().cycle().take(text.len()).collect()
    }
}

/// What nobody can tell without the seed, and always the same for the same.
fn keyed(seed: u128, purpose: &str, data: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(purpose.as_bytes());
    hash.update([0]);
    hash.update(data);
    hash.finalize().into()
}
