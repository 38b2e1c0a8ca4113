//! Signatures that others made, verified.

use proptest::prelude::*;
use serde_json::Value;

use super::vectors::vectors;
use super::{HOST, ID, KEY, KEY_TIME, TOKEN, sign};
use crate::support::{Cosprobe, Ran};

/// Inside [`KEY_TIME`].
const NOW: &str = "1700000100";

#[test]
fn every_signature_of_the_sdks_verifies() {
    let mut urls = 0;
    for vector in vectors() {
        let at = vector.key_time.split(';').next().unwrap();
        let command = |signature: &str| {
            Cosprobe::new(["sign", "--verify", signature, "--at", at, "--format=json", "--method", &vector.method])
                .variable("COS_SECRET_ID", &vector.secret_id)
                .variable("COS_SECRET_KEY", &vector.secret_key)
        };
        let headers = vector.signed_headers.iter().map(|(name, value)| format!("--header={name}: {value}"));
        let params = vector.params.iter().map(|(name, value)| format!("--param={name}={value}"));
        let given = command(&vector.expected.authorization)
            .arguments(["--path", &vector.path])
            .arguments(headers.clone())
            .arguments(params);
        let mut commands = vec![given];
        if let Some(url) = &vector.expected.url {
            assert_eq!(vector.kind, "presign");
            urls += 1;
            let but_host = headers.filter(|header| !header.starts_with("--header=Host"));
            commands.push(command(url).arguments(but_host));
        }
        for command in commands {
            let ran = command.run();
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}: {ran:?}", vector.name);
            let found = ran.json();
            assert_eq!(found["verifies"], true, "{}", vector.name);
            assert_eq!(found["signature_computed"], vector.expected.signature.as_str(), "{}", vector.name);
            assert_eq!(found["problems"], Value::Array(Vec::new()), "{}", vector.name);
        }
    }
    assert_eq!(urls, 6);
}

/// The SDK's URL of a HEAD, with the text that is to be changed in it.
fn url() -> String {
    let authorization = sign(None, &["--host-header", HOST, "--path=/a b", "--key-time", KEY_TIME, "--as=url"]).stdout;
    authorization.trim().to_owned()
}

fn verify(arguments: &[&str]) -> Ran {
    sign(None, &[&["--verify"], arguments].concat())
}

#[test]
fn exit_code_and_last_line_agree() {
    let url = url();
    for (at, words) in [
        (NOW, "verifies"),
        ("1699999999", "validity has not begun"),
        ("1700003601", "validity is over"),
        ("2023-11-14T23:13:20Z", "verifies"),
    ] {
        let ran = verify(&[&url, "--at", at]);
        assert_eq!(ran.code, Some(i32::from(words != "verifies")), "{at}: {ran:?}");
        assert!(ran.last_line().ends_with(words), "{at}: {ran:?}");
    }
    let over = verify(&[&url, "--at", "1700090061", "--format=json"]).json();
    assert_eq!((&over["window"], &over["window_seconds"]), (&Value::from("over"), &Value::from(86_461)));
    assert_eq!((&over["verifies"], &over["signature_matches"]), (&Value::from(false), &Value::from(true)));
    assert!(verify(&[&url, "--at", "1700090061"]).stdout.contains("over for 1 d 1 min"));
}

#[test]
fn the_flags_go_before_the_url() {
    let url = url();
    for (arguments, words) in [
        (&["--method=HEAD"][..], "cause       the signature was made for GET instead of HEAD"),
        (&["--path=/a b/"], "cause       the signature was made over the path without the slash at its end"),
        (&["--host-header=other-1250000000.cos.ap-guangzhou.myqcloud.com"], "cause       not found"),
        (
            &["--host-header=examplebucket-1250000000.cos.accelerate.myqcloud.com"],
            &format!("cause       the signature was made for the host {HOST}"),
        ),
        (&["--param=acl"], "warning     parameter acl is not signed"),
    ] {
        let ran = verify(&[&[url.as_str(), "--at", NOW], arguments].concat());
        assert!(ran.stdout.lines().any(|line| line.starts_with(words)), "{words}: {ran:?}");
    }
    let token = format!("{url}&x-cos-security-token=fakeTokenOfNobody");
    let found = verify(&[&token, "--at", NOW]);
    assert!(found.code == Some(0) && !found.stdout.contains("fakeTokenOfNobody"), "{found:?}");
}

#[test]
fn a_signature_can_come_from_standard_input() {
    let ran = Cosprobe::new(["sign", "--verify", "-", "--at", NOW])
        .variable("COS_SECRET_ID", ID)
        .variable("COS_SECRET_KEY", KEY)
        .input(&format!("{}\n", url()))
        .run();
    assert_eq!((ran.code, ran.last_line()), (Some(0), "verifies"), "{ran:?}");
}

#[test]
fn a_signed_token_comes_from_the_key_and_is_not_shown() {
    let host = ["--host-header", HOST];
    let signed = sign(Some(TOKEN), &[&host[..], &["--token=signed", "--key-time", KEY_TIME]].concat());
    for explain in [&[][..], &["--explain"], &["--format=json"]] {
        let arguments = [&["--verify", signed.stdout.trim(), "--at", NOW], &host[..], explain].concat();
        let ran = sign(Some(TOKEN), &arguments);
        assert!(ran.code == Some(0) && !ran.stdout.contains("fakeToken"), "{ran:?}");
        let ran = sign(Some("anotherFakeToken"), &arguments);
        assert!(ran.code == Some(1) && !ran.stdout.contains("akeToken"), "{ran:?}");
    }
}

#[test]
fn the_text_of_cos_is_compared() {
    let url = url();
    for (text, lines) in [
        (format!("get\n/a b\n\nhost={HOST}\n"), &[][..]),
        (format!("get\\n/a b\\n\\nhost={HOST}\\n"), &[]),
        (format!("get\r\n/a b\r\n\r\nhost={HOST}"), &[]),
        (
            format!("head\n/a%20b\n\nhost={HOST}&x-cos-security-token=fakeTokenOfNobody\n"),
            &[
                "method: signed 'get', computed 'head'",
                "path: signed '/a b', computed '/a%20b': the path was computed percent-encoded and signed decoded",
                "header x-cos-security-token is in the computed text and was not signed",
            ],
        ),
        ("sha1\r\n1700000000;1700003601\r\nab".to_owned(), &["time: ", "digest of the request: "]),
        ("nothing".to_owned(), &["method: ", "path: ", "header host was signed and is not"]),
    ] {
        let command = |format: &str| {
            Cosprobe::new(["sign", "--verify", &url, "--at", NOW, "--server-text=-", "--format", format])
                .variable("COS_SECRET_ID", ID)
                .variable("COS_SECRET_KEY", KEY)
                .input(&text)
                .run()
        };
        let ran = command("text");
        let found: Vec<&str> = ran.stdout.lines().filter_map(|line| line.strip_prefix("difference  ")).collect();
        assert_eq!(found.len(), lines.len(), "{text:?}: {ran:?}");
        assert!(found.iter().zip(lines).all(|(found, line)| found.starts_with(line)), "{text:?}: {ran:?}");
        assert_eq!(command("json").json()["differences"].as_array().unwrap().len(), lines.len(), "{text:?}");
        assert!(!ran.stdout.contains("fakeTokenOfNobody"), "{ran:?}");
    }
    let both = verify(&["-", "--server-text=-"]);
    assert!(both.code == Some(2) && both.stderr.contains("--server-text"), "{both:?}");
}

#[test]
fn a_temporary_key_needs_its_token_in_the_url() {
    let ran = sign(Some(TOKEN), &["--verify", &url(), "--at", NOW]);
    assert!(ran.stdout.contains("warning     the key is a temporary one, and the request has no x-cos"), "{ran:?}");
}

#[test]
fn a_wrong_key_and_another_key_are_told_apart() {
    let url = url();
    let with = |id: &str, key: &str| {
        Cosprobe::new(["sign", "--verify", &url, "--at", NOW])
            .variable("COS_SECRET_ID", id)
            .variable("COS_SECRET_KEY", key)
            .run()
    };
    let wrong = with(ID, "anotherFakeSecretKey");
    assert!(wrong.code == Some(1) && wrong.stdout.contains("the secret key"), "{wrong:?}");
    let other = with("AKIDfakeFAKEfakeFAKEfakeFAKEfake0002", KEY);
    assert!(other.stdout.contains("of another key: its q-ak is AKID****0001"), "{other:?}");
    assert!(!other.stdout.contains(ID), "{other:?}");
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let url = url();
    for (signature, named) in [
        (url.replace("q-ak=", "x="), "no q-ak"),
        (url.replace("=sha1", "=md5"), "'md5'"),
        (url.replace("1700003600", "soon"), "q-sign-time"),
        (url.replace('?', "/"), "no query"),
        ("TC3-HMAC-SHA256 Credential=x".to_owned(), "TC3"),
        ("\u{1b}[2Jq".to_owned(), "<U+001B>[2Jq"),
        (String::new(), "''"),
    ] {
        let ran = verify(&[&signature]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{signature}: {ran:?}");
        assert!(ran.stderr.contains(named) && !ran.stderr.contains('\u{1b}'), "{signature}: {ran:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_verified_or_refused(text in "\\PC{0,60}", query in "[a-z%=&;0-9+?/#-]{0,60}", cut in 0_usize..300) {
        let good = url();
        let cut_off: String = good.chars().take(cut).collect();
        for signature in [text.clone(), format!("https://{text}"), format!("{good}{query}"), cut_off] {
            let ran = Cosprobe::new(["sign", &format!("--verify={signature}"), "--at", NOW])
                .variable("COS_SECRET_ID", ID)
                .variable("COS_SECRET_KEY", KEY)
                .run();
            prop_assert!(matches!(ran.code, Some(0..=2)) && !ran.stderr.contains("panicked"), "{signature}: {ran:?}");
        }
    }
}
