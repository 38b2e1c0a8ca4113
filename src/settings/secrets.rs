//! Keys have no place in the file: it is passed around, kept in repositories and shown by `serve`.

use toml::de::DeValue;

use super::reader::{Entry, Reader};
use crate::sign::mask::MASK;

/// How the ids of Tencent's keys begin (COS documentation, "Creating a Request").
const ID: &str = "AKID";
/// A shorter word behind it is no id.
const SHORTEST_ID: usize = 16;
/// Tencent's secret keys have 32 characters.
const SHORTEST_KEY: usize = 30;

/// Whether a key of the file is the name of a secret, or one itself.
pub(super) fn is_name(name: &str) -> bool {
    if words(name).any(is_id) {
        return true;
    }
    let name = name.to_ascii_lowercase().replace('-', "_");
    let holds = ["secret", "password", "passwd", "access_key", "accesskey", "private_key"];
    holds.iter().any(|word| name.contains(word)) || name == "token" || name.ends_with("_token")
}

/// Tells of every secret in the document, by its name or by its looks.
pub(super) fn refuse<'t>(reader: &mut Reader<'t>, entries: &[Entry<'t>]) {
    for entry in entries {
        if is_name(entry.name) || entry.value.as_str().is_some_and(|text| words(text).any(is_id)) {
            let hint = "name a profile with profile = \"…\", or set COS_SECRET_ID and COS_SECRET_KEY";
            reader.tell(&entry.spot, "secrets do not stand in this file, which others may read", Some(hint.to_owned()));
            continue;
        }
        let inner = match entry.value {
            DeValue::Table(table) => reader.entries(table, &entry.spot.key),
            DeValue::Array(_) => reader.items(entry, "a list"),
            _ => continue,
        };
        refuse(reader, &inner);
    }
}

/// The text without what looks like a secret: the id of a key, or a long word of mixed characters.
pub(crate) fn hidden(text: &str) -> String {
    let mut shown = text.to_owned();
    for word in words(text).filter(|word| is_id(word) || is_key(word)) {
        shown = shown.replace(word, MASK);
    }
    shown
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !"+=_-".contains(c))
}

fn is_id(word: &str) -> bool {
    word.find(ID).is_some_and(|at| word.len() - at >= SHORTEST_ID)
}

fn is_key(word: &str) -> bool {
    let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    word.len() >= SHORTEST_KEY && is_mixed
}
