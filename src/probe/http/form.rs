//! The form of POST Object: the fields of the signed policy, then the file (RFC 7578).

use std::fmt::Write;

use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::credential::Credential;
use crate::sign::KeyTime;
use crate::sign::policy::{ObjectKey, Upload, form};

/// A form, ready to be sent.
pub(super) struct Form {
    /// Value of the Content-Type header, with the boundary.
    pub(super) content_type: String,
    /// The body.
    pub(super) body: Bytes,
    /// The signature in it.
    pub(super) signature: String,
}

/// The form that writes an object. COS is told not to overwrite one that exists.
pub(super) fn build(credential: &Credential, bucket: &str, key: &str, content: &str, key_time: KeyTime) -> Form {
    let fields = [("x-cos-forbid-overwrite".to_owned(), "true".to_owned())];
    let upload = Upload {
        bucket,
        key: ObjectKey::Exactly(key),
        max_bytes: u64::try_from(content.len()).ok(),
        fields: &fields,
        token: credential.token_text(),
    };
    let signed = form(upload, &credential.secret_id, credential.secret_key.expose_secret(), key_time);
    let (content_type, body) = encoded(&signed.fields, content);
    Form { content_type, body, signature: signed.signature }
}

/// The value of the Content-Type header, and the body.
fn encoded(fields: &[(String, String)], content: &str) -> (String, Bytes) {
    let boundary = boundary(fields, content);
    let mut body = String::new();
    for (name, value) in fields {
        let name = quoted(name);
        // Writing to a string does not fail.
        let _ = write!(body, "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    // COS documentation, "POST Object": what stands behind the file is not read.
    let _ = write!(
        body,
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"canary\"\r\n\
         Content-Type: text/plain\r\n\r\n{content}\r\n--{boundary}--\r\n"
    );
    (format!("multipart/form-data; boundary={boundary}"), Bytes::from(body))
}

/// Names in a form are quoted (RFC 7578, section 4.2); a quotation mark or a line end in one would end it.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A line that stands in no part (RFC 2046, section 5.1.1).
fn boundary(fields: &[(String, String)], content: &str) -> String {
    let stands_in_a_part = |boundary: &String| {
        content.contains(boundary.as_str()) || fields.iter().any(|(_, value)| value.contains(boundary.as_str()))
    };
    let mut boundary = "cosprobe-boundary".to_owned();
    while stands_in_a_part(&boundary) {
        boundary.push('-');
    }
    boundary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fields: &[(&str, &str)], content: &str) -> (String, String) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (content_type, body) = encoded(&fields, content);
        (content_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn the_file_is_the_last_part() {
        let (content_type, body) = text(&[("key", "a b"), ("policy", "e30=")], "canary\n");
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 5, "{body}");
        assert_eq!(parts[1], "\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na b\r\n");
        assert!(parts[3].contains("name=\"file\"") && parts[3].ends_with("\r\n\r\ncanary\n\r\n"), "{body}");
        assert_eq!(parts[4], "--\r\n");
    }

    #[test]
    fn a_name_cannot_end_its_own_quotes() {
        let (_, body) = text(&[("a\"b\r\nc", "v")], "");
        assert!(body.contains("name=\"a%22b%0D%0Ac\"\r\n\r\nv\r\n"), "{body}");
    }

    #[test]
    fn no_part_holds_the_boundary() {
        for (field, content) in [
            ("cosprobe-boundary", "cosprobe-boundary-"),
            ("cosprobe-boundary", ""),
            ("", "cosprobe-boundary"),
            ("--cosprobe-boundary--", "--cosprobe-boundary---"),
        ] {
            let (content_type, body) = text(&[("key", field)], content);
            let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
            assert_eq!(body.matches(&format!("--{boundary}")).count(), 3, "{body}");
        }
    }

    #[test]
    fn the_policy_allows_this_object_and_no_other() {
        let credential = Credential {
            secret_id: "AKIDfake".into(),
            secret_key: "fakeKey".to_owned().into(),
            token: Some("fakeToken".to_owned().into()),
            expires_at: None,
            source: String::new(),
        };
        let form = build(&credential, "b-1", "k", "12345", KeyTime { start: 1_700_000_000, end: 1_700_000_900 });
        let body = String::from_utf8(form.body.to_vec()).unwrap();
        let policy = body.split("name=\"policy\"\r\n\r\n").nth(1).unwrap().lines().next().unwrap();
        let policy = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, policy).unwrap();
        let policy: serde_json::Value = serde_json::from_slice(&policy).unwrap();
        assert_eq!(
            policy["conditions"],
            serde_json::json!([
                {"bucket": "b-1"},
                {"key": "k"},
                ["content-length-range", 0, 5],
                {"x-cos-forbid-overwrite": "true"},
                {"x-cos-security-token": "fakeToken"},
                {"q-sign-algorithm": "sha1"},
                {"q-ak": "AKIDfake"},
                {"q-sign-time": "1700000000;1700000900"},
            ])
        );
        assert_eq!(policy["expiration"], "2023-11-14T22:28:20.000Z");
    }
}
