//! What `sign` makes: a header, a URL, a form; and the signatures of STS, against vectors.

use cosprobe::sign::policy::{self, ObjectKey, Upload};
use cosprobe::sign::tc3;
use serde::Deserialize;
use serde_json::json;

use super::{HOST, KEY_TIME, TOKEN, read_vectors, sign};
use crate::support::Cosprobe;

#[derive(Deserialize)]
struct Tc3Vector {
    name: String,
    service: String,
    method: String,
    host: String,
    timestamp: i64,
    headers: std::collections::BTreeMap<String, String>,
    query: String,
    body: String,
    secret_id: String,
    secret_key: String,
    expected: Tc3Expected,
}

#[derive(Deserialize)]
struct Tc3Expected {
    canonical_request: String,
    string_to_sign: String,
    signature: String,
    authorization: String,
}

#[test]
fn requests_to_sts_are_signed_as_tencents_sdk_does() {
    for vector in read_vectors::<Tc3Vector>("tc3.json", 6) {
        let request = tc3::Request {
            service: &vector.service,
            host: &vector.host,
            method: &vector.method,
            query: &vector.query,
            content_type: &vector.headers["Content-Type"],
            body: vector.body.as_bytes(),
            timestamp: jiff::Timestamp::from_second(vector.timestamp).unwrap(),
        };
        let (name, ours) = (&vector.name, tc3::sign(&request, &vector.secret_id, &vector.secret_key));
        assert_eq!(ours.canonical_request, vector.expected.canonical_request, "{name}");
        assert_eq!(ours.string_to_sign, vector.expected.string_to_sign, "{name}");
        assert_eq!(ours.signature, vector.expected.signature, "{name}");
        assert_eq!(ours.authorization, vector.expected.authorization, "{name}");
    }
}

#[derive(Deserialize)]
struct FormVector {
    name: String,
    secret_id: String,
    secret_key: String,
    token: Option<String>,
    key_time: String,
    bucket: String,
    key: Option<String>,
    key_prefix: Option<String>,
    max_bytes: Option<u64>,
    fields: Vec<(String, String)>,
    expected: FormExpected,
}

#[derive(Deserialize)]
struct FormExpected {
    policy: String,
    policy_base64: String,
    string_to_sign: String,
    sign_key: String,
    signature: String,
    fields: Vec<(String, String)>,
}

#[test]
fn the_library_signs_forms_as_the_vectors_do() {
    for vector in read_vectors::<FormVector>("post-policy.json", 4) {
        let key = match (&vector.key, &vector.key_prefix) {
            (Some(key), None) => ObjectKey::Exactly(key),
            (None, Some(prefix)) => ObjectKey::StartingWith(prefix),
            other => panic!("{}: {other:?}", vector.name),
        };
        let (bucket, token) = (vector.bucket.as_str(), vector.token.as_deref());
        let upload = Upload { bucket, key, max_bytes: vector.max_bytes, fields: &vector.fields, token };
        let ours = policy::form(upload, &vector.secret_id, &vector.secret_key, vector.key_time.parse().unwrap());
        let (name, theirs) = (&vector.name, &vector.expected);
        assert_eq!(ours.policy, theirs.policy, "{name}");
        assert_eq!(ours.policy_base64, theirs.policy_base64, "{name}");
        assert_eq!(ours.string_to_sign, theirs.string_to_sign, "{name}");
        assert_eq!(ours.sign_key.expose(), theirs.sign_key, "{name}");
        assert_eq!(ours.signature, theirs.signature, "{name}");
        assert_eq!(ours.fields, theirs.fields, "{name}");
        assert!(!format!("{ours:?}").contains(&theirs.sign_key), "{name}");
    }
}

#[test]
fn the_binary_signs_forms_as_the_vectors_do() {
    for vector in read_vectors::<FormVector>("post-policy.json", 4) {
        let run = |format: &str| {
            let mut command = Cosprobe::new(["sign", "--as=form", "--format", format, "--key-time", &vector.key_time])
                .arguments(["--bucket", &vector.bucket])
                .arguments(vector.key.as_ref().map(|key| format!("--object-key={key}")))
                .arguments(vector.key_prefix.as_ref().map(|prefix| format!("--object-key-prefix={prefix}")))
                .arguments(vector.max_bytes.map(|most| format!("--max-bytes={most}")))
                .arguments(vector.fields.iter().map(|(name, value)| format!("--field={name}={value}")))
                .variable("COS_SECRET_ID", &vector.secret_id)
                .variable("COS_SECRET_KEY", &vector.secret_key);
            if let Some(token) = &vector.token {
                command = command.variable("COS_SESSION_TOKEN", token);
            }
            let ran = command.run();
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", vector.name);
            assert!(!ran.stdout.contains(&vector.expected.sign_key), "{ran:?}");
            ran
        };
        let (signed, theirs) = (run("json").json(), &vector.expected);
        assert_eq!(signed["policy"], theirs.policy.as_str(), "{}", vector.name);
        assert_eq!(signed["policy_base64"], theirs.policy_base64.as_str(), "{}", vector.name);
        assert_eq!(signed["string_to_sign"], theirs.string_to_sign.as_str(), "{}", vector.name);
        assert_eq!(signed["signature"], theirs.signature.as_str(), "{}", vector.name);
        let fields: Vec<_> =
            theirs.fields.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        assert_eq!(signed["fields"], json!(fields), "{}", vector.name);

        let text = run("text").stdout;
        let lines: Vec<_> = theirs.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert!(text.starts_with(&(lines.join("\n") + "\n\n")), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("curl --form-string ") && last.contains(" -F file=@FILE 'https://"), "{last}");
    }
}

#[test]
fn a_url_carries_the_token_and_a_header_tells_of_it() {
    let common = ["--host-header", HOST, "--key-time", KEY_TIME];
    let with = |token, further: &[&str]| sign(token, &[&common[..], further].concat());
    for (product, start) in
        [("url", "?q-sign-algorithm=sha1&q-ak="), ("merged-url", "?sign=q-sign-algorithm%3Dsha1%26")]
    {
        let plain = with(None, &["--as", product, "--path=/a b"]).stdout;
        assert!(plain.starts_with(&format!("https://{HOST}/a%20b{start}")) && !plain.contains("token"), "{plain}");
        let signed = with(Some(TOKEN), &["--as", product, "--format=json"]).json();
        assert_eq!(signed["url_param_list"], "x-cos-security-token");
        let unsigned = with(Some(TOKEN), &["--as", product, "--format=json", "--token=unsigned"]).json();
        assert_eq!(unsigned["url_param_list"], "");
        for signed in [signed, unsigned] {
            let url = signed["url"].as_str().unwrap();
            assert!(url.ends_with("&x-cos-security-token=fakeTokenOfATemporaryKey0001%2F%2B%3D"), "{url}");
        }
    }

    let header = with(Some(TOKEN), &[]);
    assert!(header.stderr.contains("send its token as header x-cos-security-token"), "{header:?}");
    assert!(header.stdout.contains("&q-header-list=host&"), "{header:?}");
    let signed = with(Some(TOKEN), &["--token=signed", "--explain"]);
    assert!(signed.stdout.contains("&q-header-list=host;x-cos-security-token&"), "{signed:?}");
    for ran in [&header, &signed] {
        assert!(!ran.stdout.contains("fakeToken") && !ran.stderr.contains("fakeToken"), "{ran:?}");
    }
    assert_eq!(with(Some(TOKEN), &["--format=json"]).json()["send_also"], json!(["x-cos-security-token"]));
    assert!(with(None, &["--format=json"]).json().get("send_also").is_none());

    let put = with(None, &["--as=url", "--method=PUT", "--header=Content-Type: image/png"]);
    assert!(put.stderr.contains("header content-type is signed"), "{put:?}");
}

#[test]
fn every_step_is_shown_with_its_blanks() {
    let header = ["--header", "Range:  bytes=0-0\t", "--header", "X: \u{a0}", "--path", "/a\u{3000}b\r "];
    let ran = sign(None, &[&["--explain", "--method=HEAD", "--key-time", KEY_TIME][..], &header].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for line in [
        "KeyTime",
        "    1700000000;1700003600",
        "    2023-11-14T22:13:20Z to 2023-11-14T23:13:20Z, 1 h",
        "SignKey (keep it secret)",
        "    444826d0b33bf1d44ccb32ae906dd50ec2c569df",
        "FormatString",
        "    head\\n",
        "    /a<U+3000>b\\r·\\n",
        "    \\n",
        "    range=%20bytes%3D0-0%09&x=%C2%A0\\n",
        "StringToSign",
        "    sha1\\n",
        "    1700000000;1700003600\\n",
        "Signature",
        "Authorization",
    ] {
        assert!(ran.stdout.lines().any(|found| found == line), "{line:?} is not in {}", ran.stdout);
    }
    let form = sign(None, &["--explain", "--as=form", "--bucket=b-1", "--object-key=k", "--key-time", KEY_TIME]).stdout;
    for line in ["SignKey (keep it secret)", "Policy", "StringToSign (SHA-1 of the policy)", "Fields", "Command"] {
        assert!(form.lines().any(|found| found == line), "{line:?} is not in {form}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (arguments, named) in [
        (&["--as=url"][..], "--host-header"),
        (&["--as=url", "--host-header=a/b"], "'a/b'"),
        (&["--as=form"], "--bucket"),
        (&["--as=form", "--bucket=b-1"], "--object-key"),
        (&["--as=form", "--bucket=b-1", "--object-key="], "--object-key is empty"),
        (&["--as=form", "--bucket=b-1", "--object-key=k", "--object-key-prefix=k"], "--object-key-prefix"),
        (&["--as=form", "--bucket=b-1", "--object-key=k", "--param=x"], "--param"),
        (&["--as=form", "--bucket=b-1", "--object-key=k", "--field=x"], "--field"),
        (&["--max-bytes=5"], "--as form"),
        (&["--as=postcard"], "postcard"),
        (&["--verify=x", "--as=url"], "--verify"),
        (&["--at=2023-11-14T22:13:20Z"], "--verify"),
        (&["--verify=x", "--at=noon"], "RFC 3339"),
    ] {
        let ran = sign(None, arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(named), "{arguments:?}: {ran:?}");
    }
}
