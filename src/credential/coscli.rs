//! `~/.cos.yaml`, as coscli writes it. Source: coscli `util/secret.go`, `util/config.go`.
//!
//! coscli hides its keys with a constant: that is no protection, and is undone here.

use std::path::Path;

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_saphyr::Location;

use super::chain::{Found, State, Wishes, in_home};
use super::coscmd::region_of_endpoint;
use super::parts::{Part, Parts, fault_place, malformed, place};
use super::{Regions, Surroundings};
use crate::error::{Error, usage};

/// coscli's constant, filled up with zeros.
const KEY: &[u8; 16] = b"coscli-secret\0\0\0";
const BLOCK: usize = 16;

/// The words of a file that a mistake in it can be told with.
const NAMES: &[&str] = &["secretid", "secretkey", "sessiontoken", "mode", "cvmrolename", "disableencryption"];

/// Looks at coscli's file.
pub(super) fn look(around: &dyn Surroundings, wishes: &Wishes) -> Found {
    in_home(around, ".cos.yaml", "coscli's configuration", |text, path| {
        let document = read(text, path)?;
        let base = |key: &str| document.pointer("/cos/base").and_then(|base| entry(base, key));
        let word = |key: &str| base(key).and_then(scalar).unwrap_or_default();
        let regions = Regions { default: None, buckets: buckets(&document) };
        if word("mode").eq_ignore_ascii_case("CvmRole") {
            let name = Some(word("cvmrolename")).filter(|name| !name.is_empty());
            return Ok((wishes.metadata.role(name), regions));
        }
        let is_plain = word("disableencryption").eq_ignore_ascii_case("true");
        let part = |key: &str| {
            let name = place(text, 0, key, path);
            match base(key) {
                None | Some(Value::Null) => Ok(Part::new(name, None)),
                Some(Value::String(value)) if is_plain => Ok(Part::new(name, Some(value.clone()))),
                Some(Value::String(value)) => Ok(Part::new(name, Some(plain_value(value)))),
                Some(_) => usage(format!("{name} is not a text: put it in quotes")),
            }
        };
        let (id, key, token) = (part("secretid")?, part("secretkey")?, part("sessiontoken")?);
        let parts = Parts { id, key, token, expiry: Part::default() };
        let key = parts.credential(format!("{} (coscli)", path.display()), around.now())?;
        Ok((State::of(key, "no key in cos.base"), regions))
    })
}

/// Reads the file into a tree: a typed reader would quote a value that has the wrong type.
fn read(text: &str, path: &Path) -> Result<Value, Error> {
    let expected = "a YAML file of coscli";
    let value: Value = serde_saphyr::from_str(text).map_err(|error| {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let place = |at: Location| fault_place(text, (number(at.line()), number(at.column())), NAMES) + ": ";
        let at = error.location().map(place).unwrap_or_default();
        malformed(expected, path, format!("{at}it is not YAML there, look at the indentation and the quotes"))
    })?;
    if value.pointer("/cos/base").is_some_and(Value::is_object) {
        return Ok(value);
    }
    let problem = "it should hold cos: and below it base: with secretid: and secretkey:";
    if value.is_null() || value.pointer("/cos").is_some_and(Value::is_object) {
        // An empty file, or one with buckets only, holds no key and is no mistake.
        return Ok(value);
    }
    Err(malformed(expected, path, problem.to_owned()))
}

/// coscli reads its keys whatever their case.
fn entry<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// A word or a switch as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(switch) => Some(switch.to_string()),
        _ => None,
    }
}

/// Name and region, and alias and region, of every bucket that has a region or an endpoint with one.
fn buckets(document: &Value) -> Vec<(String, String)> {
    let listed = document.pointer("/cos/buckets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut regions = Vec::new();
    for bucket in listed {
        let word = |key: &str| entry(bucket, key).and_then(scalar).filter(|text| !text.is_empty());
        let region = word("region").or_else(|| word("endpoint").and_then(|host| region_of_endpoint(&host)));
        let names = ["name", "alias"].into_iter().filter_map(word);
        regions.extend(region.into_iter().flat_map(|region| names.clone().map(move |name| (name, region.clone()))));
    }
    regions
}

/// A value as coscli means it: decrypted where it was encrypted, else as it stands.
///
/// AES-128 in ECB mode, filled up with zeros, in base64.
pub(super) fn plain_value(text: &str) -> String {
    decrypted(text).unwrap_or_else(|| text.to_owned())
}

fn decrypted(text: &str) -> Option<String> {
    let mut bytes = STANDARD.decode(text).ok()?;
    if bytes.is_empty() || bytes.len() % BLOCK != 0 {
        return None;
    }
    let cipher = Aes128::new(KEY.into());
    for chunk in bytes.chunks_exact_mut(BLOCK) {
        let block: &mut [u8; BLOCK] = chunk.try_into().ok()?;
        cipher.decrypt_block(block.into());
    }
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let plain = String::from_utf8(bytes[..end].to_vec()).ok()?;
    // A plain key may look like base64; what comes out of it then is no text.
    plain.bytes().all(|byte| (0x20..0x7f).contains(&byte)).then_some(plain)
}
