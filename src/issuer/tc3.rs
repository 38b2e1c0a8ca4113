//! The signature of Tencent's API version 3, TC3-HMAC-SHA256: a pure function, the time is passed in.
//!
//! Source: Tencent Cloud API documentation, "Signature v3"; checked against `tests/vectors/tc3.json`.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// What is signed: exactly what is sent.
pub(super) struct Message<'a> {
    pub(super) method: &'a str,
    pub(super) query: &'a str,
    pub(super) content_type: &'a str,
    pub(super) host: &'a str,
    pub(super) body: &'a str,
    /// The name of the API, such as `sts`.
    pub(super) service: &'a str,
    /// Unix seconds; the header X-TC-Timestamp carries the same.
    pub(super) time: i64,
}

/// The value of the Authorization header.
pub(super) fn authorization(message: &Message<'_>, secret_id: &str, secret_key: &str) -> String {
    let signed_headers = "content-type;host";
    let canonical = format!(
        "{}\n/\n{}\ncontent-type:{}\nhost:{}\n\n{signed_headers}\n{}",
        message.method,
        message.query,
        message.content_type,
        message.host,
        sha256_hex(message.body)
    );
    let time = Timestamp::from_second(message.time).unwrap_or_default().to_string();
    let date = time.get(..10).unwrap_or_default();
    let scope = format!("{date}/{}/tc3_request", message.service);
    let string_to_sign = format!("TC3-HMAC-SHA256\n{}\n{scope}\n{}", message.time, sha256_hex(&canonical));
    let steps = [date, message.service, "tc3_request"];
    let key = steps.iter().fold(format!("TC3{secret_key}").into_bytes(), |key, step| hmac_sha256(&key, step));
    let signature = hex::encode(hmac_sha256(&key, &string_to_sign));
    format!("TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}")
}

fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn hmac_sha256(key: &[u8], message: &str) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any key length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_tencents_own_sdk_are_met() {
        let text = include_str!("../../tests/vectors/tc3.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        let mut met = 0;
        for vector in vectors.iter().filter(|vector| vector["hashed_payload_input"] == vector["body"]) {
            let text = |pointer: &str| vector.pointer(pointer).unwrap().as_str().unwrap();
            let message = Message {
                method: text("/method"),
                query: text("/query"),
                content_type: text("/headers/Content-Type"),
                host: text("/host"),
                body: text("/body"),
                service: text("/service"),
                time: vector["timestamp"].as_i64().unwrap(),
            };
            let made = authorization(&message, text("/secret_id"), text("/secret_key"));
            assert_eq!(made, text("/expected/authorization"), "{}", text("/name"));
            met += 1;
        }
        assert!(met >= 6, "only {met} vectors were looked at");
    }
}
