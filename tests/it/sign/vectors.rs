//! The signature, against vectors that Tencent's own SDKs made: through the library and through the binary.

use std::collections::BTreeMap;

use cosprobe::sign::{Request, Signature, sign};
use serde::Deserialize;

use super::read_vectors;
use crate::support::Cosprobe;

#[derive(Deserialize)]
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) params: BTreeMap<String, String>,
    pub(super) signed_headers: BTreeMap<String, String>,
    pub(super) secret_id: String,
    pub(super) secret_key: String,
    pub(super) key_time: String,
    pub(super) expected: Expected,
}

#[derive(Deserialize)]
pub(super) struct Expected {
    pub(super) sign_key: String,
    pub(super) format_string: String,
    pub(super) string_to_sign: String,
    pub(super) header_list: String,
    pub(super) url_param_list: String,
    pub(super) signature: String,
    pub(super) authorization: String,
    pub(super) url: Option<String>,
}

impl Vector {
    fn signature(&self) -> Signature {
        let (params, headers) = (pairs(&self.params), pairs(&self.signed_headers));
        let request = Request { method: &self.method, path: &self.path, params: &params, headers: &headers };
        sign(request, &self.secret_id, &self.secret_key, self.key_time.parse().unwrap())
    }
}

fn pairs(map: &BTreeMap<String, String>) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(super) fn vectors() -> Vec<Vector> {
    read_vectors("cos-signature.json", 40)
}

/// The fields of a query string, decoded, by name.
fn fields(query: &str) -> BTreeMap<String, String> {
    let field = |text: &str| {
        let (name, value) = text.split_once('=').unwrap();
        (name.to_owned(), percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned())
    };
    query.split('&').map(field).collect()
}

const SEVEN: [&str; 7] =
    ["q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature"];

#[test]
fn the_library_signs_as_the_sdks_do() {
    for vector in vectors() {
        let (name, ours, theirs) = (&vector.name, vector.signature(), &vector.expected);
        assert_eq!(ours.sign_key.expose(), theirs.sign_key, "{name}");
        assert_eq!(ours.format_string, theirs.format_string, "{name}");
        assert_eq!(ours.string_to_sign, theirs.string_to_sign, "{name}");
        assert_eq!(ours.header_list, theirs.header_list, "{name}");
        assert_eq!(ours.url_param_list, theirs.url_param_list, "{name}");
        assert_eq!(ours.signature, theirs.signature, "{name}");
        assert_eq!(ours.authorization, theirs.authorization, "{name}");
    }
}

#[test]
fn a_pre_signed_query_carries_the_seven_fields_of_the_sdks_url() {
    let mut seen = 0;
    for vector in vectors().iter().filter(|vector| vector.kind == "presign") {
        let ours = fields(&vector.signature().presigned_query());
        let url = vector.expected.url.as_deref().unwrap();
        let theirs = fields(url.split_once('?').unwrap().1);
        assert_eq!(ours.len(), SEVEN.len(), "{}: {ours:?}", vector.name);
        for field in SEVEN {
            assert_eq!(ours.get(field), theirs.get(field), "{}: {field}", vector.name);
        }
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn the_binary_signs_as_the_sdks_do() {
    for vector in vectors() {
        let mut command = Cosprobe::new(["sign", "--explain", "--format", "json", "--method", &vector.method])
            .arguments(["--path", &vector.path, "--key-time", &vector.key_time])
            .variable("COS_SECRET_ID", &vector.secret_id)
            .variable("COS_SECRET_KEY", &vector.secret_key);
        for (name, value) in &vector.params {
            command = command.arguments(["--param", &format!("{name}={value}")]);
        }
        for (name, value) in &vector.signed_headers {
            command = command.arguments(["--header", &format!("{name}: {value}")]);
        }
        let ran = command.run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", vector.name);
        let (signed, expected) = (ran.json(), &vector.expected);
        for (field, value) in [
            ("sign_key", &expected.sign_key),
            ("format_string", &expected.format_string),
            ("string_to_sign", &expected.string_to_sign),
            ("header_list", &expected.header_list),
            ("url_param_list", &expected.url_param_list),
            ("key_time", &vector.key_time),
            ("signature", &expected.signature),
            ("authorization", &expected.authorization),
        ] {
            assert_eq!(signed[field], value.as_str(), "{}: {field}", vector.name);
        }
        assert_eq!(signed["presigned_query"], vector.signature().presigned_query(), "{}", vector.name);
    }
}

#[test]
fn the_sign_key_is_shown_only_on_request() {
    let vector = &vectors()[0];
    let command = |further: &[&str]| {
        Cosprobe::new(["sign", "--method", &vector.method, "--path", &vector.path, "--key-time", &vector.key_time])
            .arguments(further)
            .variable("COS_SECRET_ID", &vector.secret_id)
            .variable("COS_SECRET_KEY", &vector.secret_key)
            .run()
    };
    for further in [&[][..], &["--format", "json"]] {
        let ran = command(further);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!ran.stdout.contains(&vector.expected.sign_key), "{ran:?}");
        assert!(!ran.stdout.contains(&vector.secret_key), "{ran:?}");
    }
    let explained = command(&["--explain"]);
    assert!(explained.stdout.contains(&vector.expected.sign_key), "{explained:?}");
    assert!(!explained.stdout.contains(&vector.secret_key), "{explained:?}");
}

#[test]
fn a_validity_begins_a_minute_ago() {
    let before = jiff::Timestamp::now().as_second();
    let ran = Cosprobe::new(["sign", "--expires", "10m", "--format", "json"])
        .variable("COS_SECRET_ID", "AKIDfakeFAKEfakeFAKE")
        .variable("COS_SECRET_KEY", "fakeSecretKey")
        .run();
    let after = jiff::Timestamp::now().as_second();
    let json = ran.json();
    let (start, end) = json["key_time"].as_str().unwrap().split_once(';').unwrap();
    let (start, end): (i64, i64) = (start.parse().unwrap(), end.parse().unwrap());
    assert_eq!(end - start, 60 + 600);
    assert!((before - 60..=after - 60).contains(&start), "{start} is not a minute before {before}");
}
