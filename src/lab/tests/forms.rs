//! POST Object: a form with a signed policy.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::*;

/// A form that is to be sent.
struct Post {
    key: Key,
    object: &'static str,
    /// Beside the ones that a policy has to have.
    conditions: Vec<Value>,
    has_required_conditions: bool,
    fields: Vec<(&'static str, &'static str)>,
    shift_seconds: i64,
    expires_after: i64,
    content: String,
    file_is_first: bool,
}

fn post(lab: &Lab) -> Post {
    Post {
        key: lab.key().unwrap(),
        object: "canary/new ",
        conditions: vec![],
        has_required_conditions: true,
        fields: vec![],
        shift_seconds: 0,
        expires_after: 600,
        content: "canary".to_owned(),
        file_is_first: false,
    }
}

fn hmac_hex(key: &str, text: &str) -> String {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

impl Post {
    fn body(&self) -> String {
        let now = jiff::Timestamp::now().as_second() + self.shift_seconds;
        let key_time = format!("{};{}", now - 60, now + 600);
        let expiration = jiff::Timestamp::from_second(now + self.expires_after).unwrap().to_string();
        let mut conditions = self.conditions.clone();
        if self.has_required_conditions {
            conditions.extend([json!({"q-sign-algorithm": "sha1"}), json!({"q-ak": self.key.secret_id})]);
            conditions.push(json!({"q-sign-time": key_time}));
        }
        let policy = json!({"expiration": expiration, "conditions": conditions}).to_string();
        let sign_key = hmac_hex(self.key.secret_key, &key_time);
        let signature = hmac_hex(&sign_key, &hex::encode(Sha1::digest(&policy)));
        let policy = STANDARD.encode(policy);
        let mut fields = vec![("key", self.object), ("policy", &policy), ("q-sign-algorithm", "sha1")];
        fields.extend([("q-ak", self.key.secret_id), ("q-key-time", &key_time), ("q-signature", &signature)]);
        fields.extend(self.key.token.map(|token| ("x-cos-security-token", token)));
        fields.extend(self.fields.iter().copied());
        let part = |(name, value): &(&str, &str)| {
            let file = if *name == "file" { "; filename=\"f.txt\"" } else { "" };
            format!("--lab\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n")
        };
        let file = ("file", self.content.as_str());
        fields.insert(if self.file_is_first { 0 } else { fields.len() }, file);
        fields.iter().map(part).collect::<String>() + "--lab--\r\n"
    }

    async fn send(self, lab: &Lab) -> Answer {
        send_form(lab, self.body()).await
    }
}

async fn send_form(lab: &Lab, body: impl Into<Bytes>) -> Answer {
    let content_type = "multipart/form-data; boundary=lab";
    ask(lab, "POST", "/").with_unsigned("content-type", content_type).with_body(body).send(lab).await
}

#[test]
fn a_good_form_writes_an_object() {
    run(async {
        let lab = start("healthy-private").await;
        let answer = post(&lab).send(&lab).await;
        assert_eq!((answer.status(), answer.body.as_str()), (204, ""));
        assert_eq!(answer.header("location"), Some(format!("http://{}/canary/new%20", lab.host()).as_str()));
        let read = signed(&lab, "GET", "/canary/new ").send(&lab).await;
        assert_eq!((read.body.as_str(), read.header("etag")), ("canary", answer.header("etag")));
        let again = Post { fields: vec![("x-cos-forbid-overwrite", "true")], ..post(&lab) }.send(&lab).await;
        assert_eq!(again.refusal(), (409, "FileAlreadyExists"));
        let content_type = ("content-type", "multipart/form-data; boundary=lab");
        let by_header = ask(&lab, "POST", "/").with_unsigned(content_type.0, content_type.1);
        let by_header = by_header.with_unsigned("x-cos-forbid-overwrite", "true").with_body(post(&lab).body());
        assert_eq!(by_header.refusal(&lab).await, (409, "FileAlreadyExists".to_owned()));
        let named = Post {
            object: "canary/${filename}",
            conditions: vec![
                json!({"bucket": "examplebucket-1250000000"}),
                json!(["starts-with", "$key", "canary/"]),
                json!(["content-length-range", 1, 6]),
            ],
            fields: vec![("success_action_status", "200")],
            ..post(&lab)
        };
        assert_eq!(named.send(&lab).await.status(), 200);
        assert_eq!(lab.objects(), ["canary/f.txt", "canary/new ", "exampleobject", "index.html"]);
        let calls = lab.calls();
        assert_eq!((calls.signed_by_form, calls.signed_by_header, calls.writes), (4, 1, 4));
    });
}

#[test]
fn a_temporary_key_needs_its_token_in_the_form() {
    run(async {
        let lab = start("temporary-key").await;
        assert_eq!(post(&lab).send(&lab).await.status(), 204);
        let key = lab.key().unwrap();
        let without = Post { key: Key { token: None, ..key }, ..post(&lab) };
        assert_eq!(without.send(&lab).await.refusal(), (403, "InvalidAccessKeyId"));
        let other = Post { key: Key { token: Some("other"), ..key }, ..post(&lab) };
        assert_eq!(other.send(&lab).await.refusal(), (403, "InvalidToken"));
    });
}

#[test]
fn a_form_is_refused_for_what_is_wrong_with_it() {
    run(async {
        let lab = start("healthy-private").await;
        let with = |condition: Value| Post { conditions: vec![condition], ..post(&lab) };
        let wrong_key = Key { secret_key: keys::STRANGE.secret_key, ..lab.key().unwrap() };
        for (what, form, status, code) in [
            ("late", Post { shift_seconds: -700, expires_after: 9999, ..post(&lab) }, 403, "AccessDenied"),
            ("skewed", Post { shift_seconds: -3600, expires_after: 9999, ..post(&lab) }, 403, "RequestTimeTooSkewed"),
            ("expired policy", Post { expires_after: -1, ..post(&lab) }, 403, "AccessDenied"),
            ("wrong key", Post { key: wrong_key, ..post(&lab) }, 403, "SignatureDoesNotMatch"),
            ("unknown key", Post { key: keys::STRANGE, ..post(&lab) }, 403, "InvalidAccessKeyId"),
            ("too large", with(json!(["content-length-range", 0, 5])), 400, "EntityTooLarge"),
            ("too small", with(json!(["content-length-range", 7, 9])), 400, "EntityTooSmall"),
            ("other key", with(json!(["eq", "$key", "other"])), 403, "AccessDenied"),
            ("other prefix", with(json!(["starts-with", "$key", "other/"])), 403, "AccessDenied"),
            ("other bucket", with(json!({"bucket": "otherbucket-1250000000"})), 403, "AccessDenied"),
            ("missing field", with(json!({"acl": "default"})), 403, "AccessDenied"),
            ("bare policy", Post { has_required_conditions: false, ..post(&lab) }, 400, "InvalidPolicyDocument"),
            ("odd condition", with(json!(["like", "$key", "a"])), 400, "InvalidPolicyDocument"),
            ("fields behind the file", Post { file_is_first: true, ..post(&lab) }, 403, "AccessDenied"),
            ("no key", Post { object: "", ..post(&lab) }, 400, "InvalidArgument"),
        ] {
            assert_eq!(form.send(&lab).await.refusal(), (status, code), "{what}");
        }
        assert_eq!(lab.objects(), ["exampleobject", "index.html"]);
    });
}

#[test]
fn what_is_no_form_is_refused() {
    run(async {
        let lab = start("healthy-private").await;
        let whole = post(&lab).body();
        let cut = whole.replace("--lab--", "");
        assert_eq!(send_form(&lab, cut).await.refusal(), (403, "AccessDenied"));
        assert_eq!(send_form(&lab, whole.replace("name=\"file\"", "name=\"life\"")).await.refusal().0, 400);
        assert_eq!(send_form(&lab, vec![0; 100_000]).await.status(), 403);
        assert_eq!(
            signed(&lab, "POST", "/").with_body("x").refusal(&lab).await,
            (400, "MalformedPOSTRequest".to_owned())
        );
        let lab = start("canary-write-denied").await;
        assert_eq!(post(&lab).send(&lab).await.refusal(), (403, "AccessDenied"));
    });
}
