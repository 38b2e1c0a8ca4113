//! Keys in JSON: as tccli, the COS STS SDK, STS itself and the metadata service write them.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Credential;
use super::parts::{Part, Parts, fault_place, malformed, place, to_the_second};
use crate::error::Error;

const ID: &[&str] = &["secretId", "tmpSecretId", "TmpSecretId", "secret_id"];
const KEY: &[&str] = &["secretKey", "tmpSecretKey", "TmpSecretKey", "secret_key"];
const TOKEN: &[&str] = &["token", "sessionToken", "Token", "session_token"];
const EXPIRY: &[&str] = &["expiredTime", "ExpiredTime", "expiresAt", "expiration", "Expiration", "expired_time"];

/// Reads a file. Its text is not quoted in errors.
pub(super) fn parts(text: &str, path: &Path) -> Result<Parts, Error> {
    let is_of = |problem: String| malformed("a JSON file with a key", path, problem);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: Value = serde_json::from_str(text).map_err(|error| is_of(break_of(text, &error)))?;
    let Value::Object(outer) = value else { return Err(is_of("it should be an object { … }".to_owned())) };
    let named = |key: &str| place(text, 0, key, path);
    read(&outer, named).map_err(is_of)
}

/// Where JSON breaks off or goes wrong, and what to do.
fn break_of(text: &str, error: &serde_json::Error) -> String {
    let what =
        if error.is_eof() { "it ends in the middle" } else { "it is not JSON there, look at the quotes and commas" };
    let names = [ID, KEY, TOKEN, EXPIRY].concat();
    format!("{}: {what}", fault_place(text, (error.line(), error.column()), &names))
}

/// The parts, from the object itself or from the one inside it that STS and its SDK put them into.
fn read(outer: &Map<String, Value>, named: impl Fn(&str) -> String) -> Result<Parts, String> {
    let inner = ["credentials", "Credentials"].iter().find_map(|name| outer.get(*name)?.as_object());
    let inner = inner.unwrap_or(outer);
    let part = |object: &Map<String, Value>, keys: &[&str]| -> Result<Part, String> {
        let is_set = |key: &&&str| object.get(**key).is_some_and(|value| !value.is_null() && value != "");
        let key = keys.iter().find(is_set).copied().unwrap_or(keys[0]);
        let value = match object.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) if keys == EXPIRY => Some(number.to_string()),
            Some(_) => return Err(format!("{} should be a text in quotes", named(key))),
        };
        Ok(Part::new(named(key), value))
    };
    let expiry = match part(outer, EXPIRY)? {
        Part { value: None, .. } => part(inner, EXPIRY)?,
        found => found,
    };
    Ok(Parts { id: part(inner, ID)?, key: part(inner, KEY)?, token: part(inner, TOKEN)?, expiry })
}

/// The temporary key in an answer of STS or of the metadata service: all four fields, and an end that is to come.
///
/// # Errors
/// What is missing or wrong, in words that show no value.
pub fn temporary_key(answer: &Value, source: &str, now: Timestamp) -> Result<Credential, String> {
    let Value::Object(outer) = answer else { return Err("it is not a JSON object".to_owned()) };
    let parts = read(outer, str::to_owned)?;
    let wanted = [("id", &parts.id), ("secret key", &parts.key), ("token", &parts.token), ("end", &parts.expiry)];
    if let Some((name, _)) = wanted.iter().find(|(_, part)| part.value.is_none()) {
        return Err(format!("it holds no {name} of a temporary key"));
    }
    // A key that was made a moment ago has not expired: the two clocks differ.
    let credential = parts.credential(source.to_owned(), Timestamp::MIN).map_err(|error| error.to_string())?;
    let credential = credential.ok_or("it holds no key")?;
    match credential.expires_at.filter(|end| *end <= now) {
        Some(end) => Err(format!(
            "the key ended at {}, and this machine's clock says {}: set the clock if it is wrong",
            to_the_second(end),
            to_the_second(now)
        )),
        None => Ok(credential),
    }
}
