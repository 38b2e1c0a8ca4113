//! The signed form of an upload from a browser, POST Object.
//!
//! The form carries a policy, JSON that says what may be uploaded, and a signature over it. Source: COS documentation, "POST
//! Object". Every field but the file has to meet a condition of the policy, and stands in the form before the file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::presign::TOKEN_NAME;
use super::{KeyTime, SignKey};

/// Which key the upload may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKey<'a> {
    /// This one.
    Exactly(&'a str),
    /// One that begins so; the form asks COS to add the name of the file (`${filename}`).
    StartingWith(&'a str),
}

/// What may be uploaded.
#[derive(Clone, Copy)]
pub struct Upload<'a> {
    /// Bucket with its APPID.
    pub bucket: &'a str,
    /// Key of the object.
    pub key: ObjectKey<'a>,
    /// The most bytes that the file may have; without it there is no limit but COS's.
    pub max_bytes: Option<u64>,
    /// Further fields of the form, such as Content-Type, each with the only value that it may have.
    pub fields: &'a [(String, String)],
    /// The token of a temporary key.
    pub token: Option<&'a str>,
}

/// A signed form with its intermediate values.
#[derive(Clone)]
pub struct Form {
    /// The validity.
    pub key_time: KeyTime,
    /// As good as the secret key within the validity.
    pub sign_key: SignKey,
    /// The policy as JSON.
    pub policy: String,
    /// The policy as it stands in the form.
    pub policy_base64: String,
    /// What the signature is made over: the digest of the policy's JSON.
    pub string_to_sign: String,
    /// The signature, as lower-case hex.
    pub signature: String,
    /// Names and values of the fields that stand before `file`, in their order. With a temporary key, its token is one.
    pub fields: Vec<(String, String)>,
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Form").field("key_time", &self.key_time).finish_non_exhaustive()
    }
}

/// Signs a form. The policy ends with the validity.
pub fn form(upload: Upload<'_>, secret_id: &str, secret_key: &str, key_time: KeyTime) -> Form {
    let policy = policy(upload, secret_id, key_time);
    let policy_base64 = STANDARD.encode(&policy);
    let string_to_sign = hex::encode(Sha1::digest(policy.as_bytes()));
    let sign_key = SignKey::new(secret_key, key_time);
    let signature = sign_key.sign(&string_to_sign);

    let key = match upload.key {
        ObjectKey::Exactly(key) => key.to_owned(),
        ObjectKey::StartingWith(prefix) => format!("{prefix}${{filename}}"),
    };
    let mut fields = vec![("key".to_owned(), key)];
    fields.extend_from_slice(upload.fields);
    let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
    if let Some(token) = upload.token {
        add(TOKEN_NAME, token);
    }
    add("policy", &policy_base64);
    add("q-sign-algorithm", "sha1");
    add("q-ak", secret_id);
    add("q-key-time", &key_time.to_string());
    add("q-signature", &signature);
    Form { key_time, sign_key, policy, policy_base64, string_to_sign, signature, fields }
}

fn policy(upload: Upload<'_>, secret_id: &str, key_time: KeyTime) -> String {
    let equal = |name: &str, value: &str| json!({ name: value });
    let mut conditions = vec![equal("bucket", upload.bucket)];
    conditions.push(match upload.key {
        ObjectKey::Exactly(key) => equal("key", key),
        ObjectKey::StartingWith(prefix) => json!(["starts-with", "$key", prefix]),
    });
    conditions.extend(upload.max_bytes.map(|most| json!(["content-length-range", 0, most])));
    conditions.extend(upload.fields.iter().map(|(name, value)| equal(name, value)));
    conditions.extend(upload.token.map(|token| equal(TOKEN_NAME, token)));
    conditions.push(equal("q-sign-algorithm", "sha1"));
    conditions.push(equal("q-ak", secret_id));
    conditions.push(equal("q-sign-time", &key_time.to_string()));
    let end = Timestamp::from_second(key_time.end).unwrap_or(Timestamp::MAX);
    let expiration = end.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    json!({ "expiration": expiration, "conditions": Value::Array(conditions) }).to_string()
}
