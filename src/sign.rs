//! The signatures of COS and of STS: pure functions, the time is passed in.
//!
//! [`sign`] makes the signature of a request to COS (XML API, HMAC-SHA1), [`presign`] puts it into a URL, [`policy`] signs
//! a form for an upload, [`tc3`] signs requests to STS. The other way round, [`parse`] reads a signature, [`verify`]
//! recomputes it and looks for the mistake, [`difference`] compares what two sides signed. [`mask`] hides
//! secrets in what comes back.
//!
//! Source: COS documentation, "Request Signature"; checked against vectors made by Tencent's own SDKs
//! (`tests/vectors/cos-signature.json`). This room knows nothing of the others.

mod canonical;
pub mod difference;
mod key;
pub mod mask;
mod mistakes;
pub mod parse;
pub mod policy;
pub mod presign;
pub mod tc3;
pub mod verify;
pub mod visible;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use key::SignKey;

/// RFC 3986's unreserved characters stay as they are, everything else is encoded with upper-case hex digits.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Start and end of a signature's validity, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTime {
    /// First second.
    pub start: i64,
    /// Last second.
    pub end: i64,
}

impl KeyTime {
    /// A window around `now`: it opens a minute early, as Tencent's Python SDK does, to tolerate a small clock skew.
    pub const fn around(now: i64, seconds: i64) -> Self {
        Self { start: now - 60, end: now + seconds }
    }
}

impl std::fmt::Display for KeyTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{};{}", self.start, self.end)
    }
}

impl std::str::FromStr for KeyTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(';').and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)));
        match parsed.map(|(start, end)| Self { start, end }) {
            // The text itself is signed, so one with leading zeros or plus signs would be another.
            Some(key_time) if key_time.start <= key_time.end && key_time.to_string() == text => Ok(key_time),
            _ => Err(format!(
                "'{}' is not a key time: it should look like 1700000000;1700003600, in Unix seconds",
                visible::short(text)
            )),
        }
    }
}

/// What is signed: exactly this, with values as given.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Decoded path with its leading `/`.
    pub path: &'a str,
    /// Decoded query parameters to sign; a parameter without a value has an empty one.
    pub params: &'a [(String, String)],
    /// Headers to sign.
    pub headers: &'a [(String, String)],
}

/// A signature with every intermediate value.
#[derive(Clone)]
pub struct Signature {
    /// The validity.
    pub key_time: KeyTime,
    /// As good as the secret key within the validity.
    pub sign_key: SignKey,
    /// The canonical request.
    pub format_string: String,
    /// What the signature is made over.
    pub string_to_sign: String,
    /// Names of the signed headers, joined by `;`.
    pub header_list: String,
    /// Names of the signed parameters, joined by `;`.
    pub url_param_list: String,
    /// The signature, as lower-case hex.
    pub signature: String,
    /// The value of the Authorization header.
    pub authorization: String,
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signature").field("key_time", &self.key_time).finish_non_exhaustive()
    }
}

impl Signature {
    /// The seven fields as URL query parameters, each value encoded, for a pre-signed URL.
    pub fn presigned_query(&self) -> String {
        let field = |text: &str| text.split_once('=').map(|(name, value)| format!("{name}={}", encode(value)));
        self.authorization.split('&').filter_map(field).collect::<Vec<_>>().join("&")
    }
}

/// Encodes as COS does: UTF-8, RFC 3986's unreserved characters stay, the rest becomes `%XX`.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Encodes a decoded path for the request line; slashes stay.
pub fn encode_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// The text with the hex digits of every `%XX`, and only those, in lower case.
pub fn lower_hex(text: &str) -> String {
    let mut digits_left = 0;
    let lower = |character: char| {
        let is_digit = digits_left > 0;
        digits_left = if character == '%' { 2 } else { digits_left - i32::from(is_digit) };
        if is_digit { character.to_ascii_lowercase() } else { character }
    };
    text.chars().map(lower).collect()
}

/// Signs a request. `secret_id` goes into the result as it is; `secret_key` does not.
pub fn sign(request: Request<'_>, secret_id: &str, secret_key: &str, key_time: KeyTime) -> Signature {
    let canonical::Canonical { format_string, header_list, url_param_list } = canonical::COS.canonical(request);
    let string_to_sign = canonical::COS.string_to_sign(&format_string, key_time);
    let sign_key = SignKey::new(secret_key, key_time);
    let signature = canonical::COS.signature(&string_to_sign, &sign_key);
    let authorization = format!(
        "q-sign-algorithm=sha1&q-ak={secret_id}&q-sign-time={key_time}&q-key-time={key_time}\
         &q-header-list={header_list}&q-url-param-list={url_param_list}&q-signature={signature}"
    );
    Signature {
        key_time,
        sign_key,
        format_string,
        string_to_sign,
        header_list,
        url_param_list,
        signature,
        authorization,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_time_is_two_ordered_numbers() {
        assert_eq!("1;2".parse(), Ok(KeyTime { start: 1, end: 2 }));
        for bad in ["", "1", "1;", ";2", "2;1", "a;b", "1;2;3", "+1;2", "01;2", " 1;2"] {
            assert!(bad.parse::<KeyTime>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_digits_of_escapes_are_lowered() {
        for (text, lower) in [
            ("A%3DB%E5", "A%3dB%e5"),
            ("T0K%2BEn%3D%3D", "T0K%2bEn%3d%3d"),
            ("%A", "%a"),
            ("%图A", "%图a"),
            ("Plain", "Plain"),
        ] {
            assert_eq!(lower_hex(text), lower);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let request = Request { method: "GET", path: "/", params: &[], headers: &[] };
        let signature = sign(request, "id", "secret", KeyTime { start: 1, end: 2 });
        assert!(!format!("{signature:?}").contains(signature.sign_key.expose()));
    }

    proptest::proptest! {
        #[test]
        fn any_request_signs(path in "\\PC{0,40}", name in "\\PC{0,20}", value in "\\PC{0,20}") {
            let params = [(name, value)];
            let request = Request { method: "HEAD", path: &path, params: &params, headers: &[] };
            let signature = sign(request, "id", "key", KeyTime { start: 1, end: 2 });
            proptest::prop_assert_eq!(signature.signature.len(), 40);
            proptest::prop_assert!(signature.authorization.is_ascii());
        }
    }
}
