//! The signed policy in the form of POST Object.
//!
//! Source: COS documentation "POST Object". Which of its refusals COS words how is not established; the codes are of its list.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::Value;
use sha1::{Digest, Sha1};

use crate::lab::form::Form;
use crate::lab::hosts::BUCKET;
use crate::lab::refusal::Refusal;
use crate::sign::KeyTime;

use super::{check_window, known_key, wrong_signature};

/// Conditions that a policy must have.
const REQUIRED: [&str; 3] = ["q-sign-algorithm", "q-ak", "q-sign-time"];

/// Whether a form is signed with a key of the account, at a time that fits, and is what its policy allows.
pub(super) fn check(form: &Form, now: i64) -> Result<(), Refusal> {
    let missing = |name: &str| Refusal::new(400, "InvalidArgument", format!("The form has no field {name}."));
    let field = |name: &str| form.field(name).ok_or_else(|| missing(name));
    let key_time: KeyTime = field("q-key-time")?.parse().map_err(|_| missing("q-key-time"))?;
    let key = known_key(field("q-ak")?, form.field("x-cos-security-token"))?;
    check_window(key_time, now)?;
    let invalid = || Refusal::new(400, "InvalidPolicyDocument", "The policy of the form is not valid.");
    let policy = STANDARD.decode(field("policy")?).map_err(|_| invalid())?;
    if field("q-sign-algorithm")? != "sha1" || field("q-signature")? != signature(&policy, key.secret_key, key_time) {
        return Err(wrong_signature());
    }
    let policy: Value = serde_json::from_slice(&policy).map_err(|_| invalid())?;
    let expiration = policy.get("expiration").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
    if expiration.ok_or_else(invalid)?.as_second() < now {
        return Err(Refusal::expired());
    }
    let conditions = policy.get("conditions").and_then(Value::as_array).ok_or_else(invalid)?;
    let conditions: Vec<Condition<'_>> =
        conditions.iter().map(Condition::read).collect::<Option<_>>().ok_or_else(invalid)?;
    let has = |name: &&str| conditions.iter().any(|condition| condition.demands(name));
    if !REQUIRED.iter().all(has) {
        return Err(invalid());
    }
    conditions.iter().try_for_each(|condition| condition.check(form))
}

/// Computed here and not by `sign`, so that a mistake there does not pass here. The key of the second step is the hex text of the
/// first, and the string to sign is the hash of the policy's text, with nothing around it.
fn signature(policy: &[u8], secret_key: &str, key_time: KeyTime) -> String {
    let hmac = |key: &str, text: &str| {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(key.as_bytes()).expect("any key length");
        mac.update(text.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    };
    hmac(&hmac(secret_key, &key_time.to_string()), &hex::encode(Sha1::digest(policy)))
}

/// What a policy demands of the form.
enum Condition<'a> {
    Equal(&'a str, &'a str),
    StartsWith(&'a str, &'a str),
    Length(u64, u64),
}

impl<'a> Condition<'a> {
    /// `{"key": "value"}`, `["eq", "$key", "value"]`, `["starts-with", "$key", "value"]` or
    /// `["content-length-range", least, most]`.
    fn read(value: &'a Value) -> Option<Self> {
        if let Some(object) = value.as_object() {
            let (name, value) = object.iter().next().filter(|_| object.len() == 1)?;
            return Some(Self::Equal(name, value.as_str()?));
        }
        let [kind, first, second] = value.as_array()?.as_slice() else { return None };
        let name = || first.as_str()?.strip_prefix('$');
        match kind.as_str()? {
            "eq" => Some(Self::Equal(name()?, second.as_str()?)),
            "starts-with" => Some(Self::StartsWith(name()?, second.as_str()?)),
            "content-length-range" => Some(Self::Length(first.as_u64()?, second.as_u64()?)),
            _ => None,
        }
    }

    fn demands(&self, wanted: &str) -> bool {
        matches!(self, Self::Equal(name, _) if *name == wanted)
    }

    fn check(&self, form: &Form) -> Result<(), Refusal> {
        // The validity has two names: it is `q-key-time` in the form.
        let value = |name: &str| match name {
            "bucket" => Some(BUCKET),
            "q-sign-time" => form.field("q-key-time"),
            _ => form.field(name),
        };
        let holds = match self {
            Self::Equal(name, wanted) => value(name) == Some(wanted),
            Self::StartsWith(name, wanted) => value(name).is_some_and(|value| value.starts_with(wanted)),
            Self::Length(least, most) => {
                let length = form.file.as_ref().map_or(0, |(content, _)| content.len() as u64);
                return if length > *most {
                    Err(Refusal::new(400, "EntityTooLarge", "The file is larger than the policy allows."))
                } else if length < *least {
                    Err(Refusal::new(400, "EntityTooSmall", "The file is smaller than the policy allows."))
                } else {
                    Ok(())
                };
            }
        };
        if holds {
            return Ok(());
        }
        let (Self::Equal(name, _) | Self::StartsWith(name, _)) = self else { return Ok(()) };
        Err(Refusal::new(403, "AccessDenied", format!("The form does not meet the policy's condition on {name}.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_others_compute() {
        // The SignKey is the one of the first vector of `tests/vectors`; the rest was computed with Python's hmac.
        let key_time = KeyTime { start: 1_700_000_000, end: 1_700_003_600 };
        let signature = signature(b"{}", "fakeSecretKeyForTestVectors00001", key_time);
        assert_eq!(signature, "e94c34bca1ac6423d74aa8ea5fdaa1730cc9b751");
    }

    #[test]
    fn conditions_are_read_in_their_four_forms() {
        let read = |text: &str| Condition::read(&serde_json::from_str(text).unwrap()).is_some();
        for good in [
            r#"{"a": "b"}"#,
            r#"["eq", "$a", "b"]"#,
            r#"["starts-with", "$a", ""]"#,
            r#"["content-length-range", 0, 9]"#,
        ] {
            assert!(read(good), "{good}");
        }
        for bad in
            ["{}", "[]", r#"{"a": 1}"#, r#"{"a": "b", "c": "d"}"#, r#"["eq", "a", "b"]"#, r#"["ne", "$a", "b"]"#, "1"]
        {
            assert!(!read(bad), "{bad}");
        }
    }
}
