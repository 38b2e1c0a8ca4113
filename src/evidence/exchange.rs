//! What TLS handshakes and HTTP requests hold.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Hypothesis, Purpose, TcpState};
use crate::target::Protocol;

/// One TLS handshake. The observation succeeded if the handshake ended, whatever the certificate is worth.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tls {
    /// The name sent as SNI and checked against the certificate.
    pub server_name: String,
    /// Whether the connection carries the signed request.
    pub for_signed_request: bool,
    /// Protocol version, such as `TLS 1.3`.
    pub version: Option<String>,
    /// Cipher suite by its IANA name.
    pub cipher: Option<String>,
    /// The certificates as sent, leaf first.
    pub chain: Vec<Certificate>,
    /// What checking the chain came to.
    pub verification: Verification,
    /// What the kernel knew of the connection at the end; null when there was none.
    pub tcp: Option<TcpState>,
}

/// A certificate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Certificate {
    /// Subject, RFC 4514 style.
    pub subject: String,
    /// Issuer, RFC 4514 style.
    pub issuer: String,
    /// DNS names and addresses it is valid for; at most the first twenty.
    pub names: Vec<String>,
    /// Valid from.
    #[schemars(with = "Option<String>")]
    pub not_before: Option<Timestamp>,
    /// Valid until.
    #[schemars(with = "Option<String>")]
    pub not_after: Option<Timestamp>,
}

/// What checking a certificate chain came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Verification {
    /// The result in one word.
    pub result: VerificationResult,
    /// The words of the library.
    pub message: Option<String>,
    /// Where the trusted roots come from.
    pub roots: Option<String>,
}

/// The result of checking a certificate chain. Where several things are wrong, the one that the library meets first: the
/// validity, then the issuer, then the name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerificationResult {
    /// The handshake did not get that far.
    #[default]
    NotChecked,
    /// The chain leads to a trusted root, the name fits, the time is right.
    Trusted,
    /// No trusted root stands behind the chain.
    UntrustedIssuer,
    /// The certificate is for other names.
    WrongName,
    /// The validity is over.
    Expired,
    /// The validity has not begun.
    NotYetValid,
    /// The certificate is not acceptable for another reason.
    Invalid,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// Who asked for an HTTP answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// A request without a signature.
    #[default]
    Anonymous,
    /// A signed request.
    Signed,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

impl Authentication {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Signed => "signed",
            Self::Unknown => "unknown",
        }
    }
}

/// One HTTP request and its answer. The observation succeeded if an answer came, whatever its status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Http {
    /// HTTP or HTTPS.
    pub protocol: Protocol,
    /// Request method.
    pub method: String,
    /// Decoded request path, without the query.
    pub path: String,
    /// Whether the request was signed.
    pub authentication: Authentication,
    /// What the request was sent for.
    pub purpose: Purpose,
    /// What was done otherwise than usual, to find out why a signature is refused.
    pub hypothesis: Option<Hypothesis>,
    /// What was signed, where the request was.
    pub signed: Option<Signed>,
    /// Status code of the answer.
    pub status: Option<u16>,
    /// From the first byte of the request handed to the kernel to the last.
    pub send_us: Option<u64>,
    /// From the start of the request to the first byte of the answer.
    pub first_byte_us: Option<u64>,
    /// From the start of the request to the end of the answer.
    pub total_us: Option<u64>,
    /// Local time when the first byte of the answer arrived.
    #[schemars(with = "Option<String>")]
    pub answered_at: Option<Timestamp>,
    /// The headers that matter for the diagnosis, with lower-case names, in the order of the answer.
    pub headers: Vec<Header>,
    /// The decoded error body, where one was read.
    pub error: Option<CosError>,
    /// Whether the body was what had been written before; null when nothing was to be compared.
    pub body_matches: Option<bool>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            protocol: Protocol::Https,
            method: "HEAD".to_owned(),
            path: "/".to_owned(),
            authentication: Authentication::Anonymous,
            purpose: Purpose::Probe,
            hypothesis: None,
            signed: None,
            status: None,
            send_us: None,
            first_byte_us: None,
            total_us: None,
            answered_at: None,
            headers: Vec::new(),
            error: None,
            body_matches: None,
        }
    }
}

impl Http {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
    }

    /// Whether this is the answer to a question of the usual kind: not to a signature that was changed on purpose, and not a
    /// part of a write probe.
    pub const fn is_usual(&self) -> bool {
        matches!(self.purpose, Purpose::Probe | Purpose::Reason)
    }

    /// Whether COS itself let the request pass: what was asked for is there, is unchanged, or does not exist.
    pub fn is_accepted(&self) -> bool {
        matches!(self.status, Some(200..=299 | 304 | 404)) && self.is_from_cos()
    }

    /// Whether COS itself says that it did what was asked for.
    pub fn is_done(&self) -> bool {
        matches!(self.status, Some(200..=299)) && self.is_from_cos()
    }

    /// Whether COS itself says that there is no such thing.
    pub fn is_absent(&self) -> bool {
        self.status == Some(404) && self.is_from_cos()
    }

    /// Whether the request went out and nobody knows whether COS did what was asked for: no answer came, somebody else answered,
    /// or COS failed.
    pub fn is_in_doubt(&self) -> bool {
        let sent = self.send_us.is_some() || self.status.is_some();
        sent && !(self.is_from_cos() && matches!(self.status, Some(..=499)))
    }

    /// COS's id of the request.
    pub fn request_id(&self) -> Option<&str> {
        self.header("x-cos-request-id").or_else(|| self.header("x-ci-request-id"))
    }

    /// Whether the answer carries a header that only COS sends.
    ///
    /// Source: COS documentation, "Common Response Headers".
    pub fn is_from_cos(&self) -> bool {
        self.request_id().is_some()
            || self.header("server").is_some_and(|server| server.eq_ignore_ascii_case("tencent-cos"))
    }
}

/// What a signature was made over, with secrets masked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Signed {
    /// Validity in Unix seconds, `start;end`.
    pub key_time: String,
    /// Our `FormatString`.
    pub format_string: String,
    /// Our `StringToSign`.
    pub string_to_sign: String,
}

/// A response header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// Its name in lower case.
    pub name: String,
    /// Its value, cleaned of control characters.
    pub value: String,
}

/// The error body of COS.
///
/// Source: COS documentation, "Error Codes".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CosError {
    /// `Code`.
    pub code: String,
    /// `Message`.
    pub message: String,
    /// `Resource`.
    pub resource: Option<String>,
    /// `RequestId`.
    pub request_id: Option<String>,
    /// `TraceId`.
    pub trace_id: Option<String>,
    /// `ServerTime`, which COS adds to some refusals that are about time.
    pub server_time: Option<String>,
    /// `StringToSign` as the server computed it, where it says so.
    pub string_to_sign: Option<String>,
    /// `FormatString` as the server computed it, where it says so.
    pub format_string: Option<String>,
}

impl CosError {
    /// Whether `Code` is a word or `Message` contains it: COS's documents print some reasons as the one and some as the other
    /// (COS documentation, "Error Codes" and "403 error when accessing COS").
    pub fn says(&self, word: &str) -> bool {
        self.code == word || self.message.contains(word)
    }

    /// Whether COS refuses a signature because of the time.
    pub fn is_about_time(&self) -> bool {
        self.says("RequestTimeTooSkewed") || self.says("Request has expired")
    }

    /// Whether the bucket demands that more of the request be signed (COS documentation, "Strict Signature Mode").
    pub fn is_about_strict_signature(&self) -> bool {
        self.says("Strict signature missing")
    }
}
