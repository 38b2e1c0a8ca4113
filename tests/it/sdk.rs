//! The official Python SDK of COS and cosprobe, each against what the other signs (`tests/sdk/cross_check.py`).
//!
//! `COSPROBE_SDK_PYTHON` names a Python that has `cos-python-sdk-v5`; `.ci/run` makes one. Without it the tests say that they are
//! skipped, or fail with `COSPROBE_LAB=require`, unless `COSPROBE_SDK=skip` says that there is no SDK to be had.

use std::io::Write;
use std::process::{Command, Stdio};

use cosprobe::lab::{self, Lab};
use serde_json::{Value, json};

use crate::support::{Cosprobe, Ran, repository, runtime};

const BUCKET: &str = "examplebucket-1250000000";
const ENDPOINT: &str = "cos.ap-guangzhou.myqcloud.com";
const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
const ID: &str = "AKIDfakeFAKEfakeFAKEfakeFAKEfake0001";
const KEY: &str = "fakeSecretKeyForTestVectors00001";

/// The Python that has the SDK; without one the test is skipped, loudly, or fails when it is required.
fn sdk_python() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(python) = variable("COSPROBE_SDK_PYTHON") {
        return Some(python);
    }
    let is_required = variable("COSPROBE_LAB").is_some_and(|value| value == "require");
    let may_be_skipped = variable("COSPROBE_SDK").is_some_and(|value| value == "skip");
    assert!(
        !is_required || may_be_skipped,
        "COSPROBE_LAB=require, and COSPROBE_SDK_PYTHON names no Python with the SDK"
    );
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test of the SDK");
    // Not by a macro: the test runner would keep that to itself, and a skip has to be seen.
    writeln!(std::io::stderr(), "skipped {name}: COSPROBE_SDK_PYTHON names no Python with cos-python-sdk-v5")
        .expect("standard error");
    None
}

/// Lets the SDK do its part.
fn run_sdk(python: &str, jobs: &Value) -> Value {
    let mut child = Command::new(python)
        .arg("-B")
        .arg(repository("tests/sdk/cross_check.py"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{python}: {error}"));
    child.stdin.take().unwrap().write_all(jobs.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the double of a scenario answers to requests that the SDK signs: status and code of each.
fn answers(python: &str, scenario: &str, calls: impl Fn(Value) -> Vec<Value>) -> Vec<(u64, String)> {
    runtime().block_on(async {
        let lab = Lab::start(lab::find(scenario).unwrap()).await.unwrap();
        let rule = lab.connect_to().iter().find(|rule| rule.port == Some(80)).unwrap();
        assert!(rule.to.is_loopback());
        let lab_key = lab.key().unwrap();
        let key = json!({
            "port": rule.to_port, "endpoint": ENDPOINT, "bucket": BUCKET, "token": lab_key.token,
            "secret_id": lab_key.secret_id, "secret_key": lab_key.secret_key,
        });
        let (python, jobs) = (python.to_owned(), json!({ "calls": calls(key) }));
        let done = tokio::task::spawn_blocking(move || run_sdk(&python, &jobs)).await.unwrap();
        let answers = done["calls"].as_array().unwrap().iter();
        let answers: Vec<_> = answers
            .map(|answer| (answer["status"].as_u64().unwrap(), answer["code"].as_str().unwrap_or_default().to_owned()))
            .collect();
        assert_eq!(lab.calls().signed as usize, answers.len(), "each request reached the double, once");
        answers
    })
}

/// The object, with further members or other values.
fn with(object: &Value, further: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    object
}

#[test]
fn the_double_accepts_what_the_sdk_signs_and_refuses_another_key() {
    let Some(python) = sdk_python() else { return };
    let wrong = json!({ "secret_key": "anotherFakeSecretKey" });
    let found = answers(&python, "healthy-private", |key| {
        let head = with(&key, &json!({ "operation": "head_bucket" }));
        let object = with(&key, &json!({ "operation": "head_object", "arguments": { "Key": "图片 1+2.png" } }));
        let list = json!({ "operation": "list_objects", "arguments": { "Prefix": "图 1/+&", "MaxKeys": 1 } });
        let list = with(&key, &list);
        vec![with(&head, &wrong), with(&object, &wrong), with(&list, &wrong), head, object, list]
    });
    let statuses: Vec<u64> = found.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses[..4], [403, 403, 403, 200], "{found:?}");
    assert_eq!(found[2].1, "SignatureDoesNotMatch", "{found:?}");
    // Whether the double has the object is another matter than whether it took the signature.
    assert!([200, 404].contains(&statuses[4]), "{found:?}");
    assert_eq!(statuses[5], 200, "{found:?}");
}

#[test]
fn the_double_takes_the_token_that_the_sdk_signs() {
    let Some(python) = sdk_python() else { return };
    for (scenario, last) in [("temporary-key", ""), ("expired-token", "ExpiredToken")] {
        let found = answers(&python, scenario, |key| {
            let list = with(&key, &json!({ "operation": "list_objects", "arguments": { "MaxKeys": 1 } }));
            let wrong = json!({ "secret_key": "anotherFakeSecretKey" });
            vec![with(&list, &wrong), with(&list, &json!({ "token": null })), list]
        });
        // That the token has expired is said only of a request whose signature is right.
        let codes: Vec<&str> = found.iter().map(|(_, code)| code.as_str()).collect();
        assert_eq!(codes, ["SignatureDoesNotMatch", "InvalidAccessKeyId", last], "{scenario}");
        assert_eq!(found[2].0 == 200, last.is_empty(), "{scenario}: {found:?}");
    }
}

fn cosprobe<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Ran {
    Cosprobe::new(["sign"]).arguments(arguments).variable("COS_SECRET_ID", ID).variable("COS_SECRET_KEY", KEY).run()
}

/// Requests: method, path, parameters, headers.
type Row =
    (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static [(&'static str, &'static str)]);

const REQUESTS: &[Row] = &[
    ("HEAD", "/", &[], &[("Host", HOST)]),
    ("GET", "/", &[("prefix", "a b/图"), ("max-keys", "1"), ("delimiter", "/")], &[("Host", HOST)]),
    ("GET", "/", &[("acl", ""), ("versionId", "MTg0+NDUx=")], &[("Host", "h.example:8080")]),
    ("PUT", "/up load/a+b%2F~.bin", &[], &[("Host", HOST), ("Content-Type", "image/png"), ("Content-Length", "5")]),
    (
        "PUT",
        "//a//图片.png",
        &[("x/y", "1"), ("x-y", "2")],
        &[("Host", HOST), ("x-cos-meta-note", "!'()*;:@&=+$,/?#[] ~")],
    ),
    ("DELETE", "/k", &[("é", "ü"), ("z", "")], &[("host", HOST), ("x-cos-security-token", "fakeToken/+=")]),
    ("POST", "/k", &[("uploads", "")], &[("Host", HOST), ("Range", "bytes=0-0"), ("If-Match", "\"etag\"")]),
    ("OPTIONS", "/k", &[], &[("Host", HOST), ("Origin", "https://www.example.com"), ("Expires", " 5 ")]),
];

#[test]
fn the_sdk_recomputes_what_cosprobe_signs() {
    let Some(python) = sdk_python() else { return };
    let pairs = |pairs: &[(&str, &str)]| -> Value {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let job = |(method, path, params, headers): &Row, key_time: &str| {
        json!({
            "method": method, "path": path, "params": pairs(params), "headers": pairs(headers), "key_time": key_time,
            "secret_id": ID, "secret_key": KEY, "endpoint": ENDPOINT,
        })
    };
    let key_times = ["1700000000;1700003600", "1;2000000000"];
    let rows: Vec<(&Row, &str)> = REQUESTS.iter().flat_map(|row| key_times.map(|key_time| (row, key_time))).collect();
    let jobs: Vec<Value> = rows.iter().map(|(row, key_time)| job(row, key_time)).collect();
    let theirs = run_sdk(&python, &json!({ "requests": jobs }));

    let theirs = theirs["requests"].as_array().unwrap();
    assert_eq!(theirs.len(), rows.len());
    for (((method, path, params, headers), key_time), theirs) in rows.into_iter().zip(theirs) {
        let params = params.iter().map(|(name, value)| format!("--param={name}={value}"));
        let headers = headers.iter().map(|(name, value)| format!("--header={name}: {value}"));
        let further: Vec<String> = params.chain(headers).collect();
        let request = ["--method", method, "--path", path, "--key-time", key_time];
        let ran = cosprobe(request.into_iter().chain(further.iter().map(String::as_str)));
        assert_eq!(ran.stdout.trim(), theirs.as_str().unwrap(), "{method} {path} {ran:?}");
    }
}

#[test]
fn cosprobe_verifies_the_urls_of_the_sdk() {
    let Some(python) = sdk_python() else { return };
    let key = json!({ "secret_id": ID, "secret_key": KEY, "endpoint": ENDPOINT, "bucket": BUCKET });
    let url = |arguments: Value| with(&key, &json!({ "arguments": arguments }));
    let disposition = "attachment; filename=a b+c.png";
    let jobs = json!({ "presigned": [
        url(json!({ "Method": "GET", "Key": "图片 1+2.png", "Expired": 600 })),
        url(json!({ "Method": "HEAD", "Key": "k", "Params": { "response-content-disposition": disposition } })),
        url(json!({ "Method": "PUT", "Key": "k", "Params": { "x-cos-security-token": "fakeToken/+=" } })),
        url(json!({ "Method": "GET", "Key": "k", "SignHost": false })),
    ] });
    let urls = run_sdk(&python, &jobs);
    let expected = [("GET", None), ("HEAD", None), ("PUT", None), ("GET", Some("the Host header is not signed"))];
    for (url, (method, warning)) in urls["presigned"].as_array().unwrap().iter().zip(expected) {
        let ran = cosprobe(["--format=json", "--method", method, "--verify", url.as_str().unwrap()]);
        let found = ran.json();
        assert_eq!((ran.code, &found["verifies"], &found["problems"]), (Some(0), &json!(true), &json!([])), "{ran:?}");
        let warnings = found["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), usize::from(warning.is_some()), "{ran:?}");
        assert!(warnings.iter().zip(warning).all(|(found, words)| found.as_str().unwrap().contains(words)), "{ran:?}");
        let other = cosprobe(["--method", "DELETE", "--verify", url.as_str().unwrap()]);
        assert!(
            other.code == Some(1) && other.stdout.contains(&format!("for {method} instead of DELETE")),
            "{other:?}"
        );
    }
}
