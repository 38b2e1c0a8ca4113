//! TC3-HMAC-SHA256, with which Tencent Cloud's API (STS among it) is asked.
//!
//! Source: Tencent Cloud documentation, "Signature Method v3"; checked against vectors made by Tencent's own SDK
//! (`tests/vectors/tc3.json`). Signed are the headers Content-Type and Host, the query and the body, exactly as sent.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "TC3-HMAC-SHA256";
const SIGNED_HEADERS: &str = "content-type;host";

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The first label of the service's host, such as `sts`.
    pub service: &'a str,
    /// The Host header.
    pub host: &'a str,
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The query as it is sent; empty for POST.
    pub query: &'a str,
    /// The Content-Type header.
    pub content_type: &'a str,
    /// The body as it is sent.
    pub body: &'a [u8],
    /// The header X-TC-Timestamp, which holds Unix seconds. The service allows five minutes either way.
    pub timestamp: Timestamp,
}

/// A signature with its intermediate values. None of them is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The request in its canonical form.
    pub canonical_request: String,
    /// What the signature is made over.
    pub string_to_sign: String,
    /// The signature, as lower-case hex.
    pub signature: String,
    /// The value of the Authorization header.
    pub authorization: String,
}

/// A derived key: as good as the secret key for a day. It is wiped when it is dropped.
type DerivedKey = SecretBox<[u8; 32]>;

/// Signs a request. `secret_id` goes into the result as it is; `secret_key` does not.
pub fn sign(request: &Request<'_>, secret_id: &str, secret_key: &str) -> Signature {
    let Request { service, host, method, query, content_type, body, timestamp } = *request;
    let digest = hex::encode(Sha256::digest(body));
    let canonical_request =
        format!("{method}\n/\n{query}\ncontent-type:{content_type}\nhost:{host}\n\n{SIGNED_HEADERS}\n{digest}");
    let date = timestamp.strftime("%Y-%m-%d").to_string();
    let scope = format!("{date}/{service}/tc3_request");
    let digest = hex::encode(Sha256::digest(canonical_request.as_bytes()));
    let string_to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{digest}", timestamp.as_second());

    let first = secrecy::SecretString::from(format!("TC3{secret_key}"));
    let of_date = derived(first.expose_secret().as_bytes(), &date);
    let of_service = derived(of_date.expose_secret(), service);
    let key = derived(of_service.expose_secret(), "tc3_request");
    let signature = hex::encode(derived(key.expose_secret(), &string_to_sign).expose_secret());
    let authorization =
        format!("{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}");
    Signature { canonical_request, string_to_sign, signature, authorization }
}

/// HMAC-SHA256.
fn derived(key: &[u8], message: &str) -> DerivedKey {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any key length");
    mac.update(message.as_bytes());
    SecretBox::new(Box::new(mac.finalize().into_bytes().into()))
}
