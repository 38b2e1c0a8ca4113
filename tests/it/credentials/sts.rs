//! Temporary keys of STS: how it is asked, what becomes of its answers, and a check with such a key.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::doubles::{Asked, Double, Reply, answer, is_signed_by, sts_answer, sts_refusal};
use super::{Home, ID, KEY, LATER, TEMPORARY_ID, TEMPORARY_KEY, TOKEN, with_key};
use crate::support::{Cosprobe, Ran, RunningLab};

const ROLE: &str = "qcs::cam::uin/100000000001:roleName/probe";
const BUCKET: &str = "examplebucket-1250000000";

fn sts() -> Double {
    Double::start(|_| answer(&sts_answer(TEMPORARY_ID, TEMPORARY_KEY, TOKEN, LATER)))
}

/// `credentials sts` with a key in variables.
fn ask(double: &Double, arguments: &[&str]) -> Ran {
    with_key(["credentials", "sts"])
        .arguments(arguments)
        .arguments(["--sts-url", &double.url, "--bucket", BUCKET, "--region", "ap-guangzhou"])
        .run()
}

fn only_question(double: &Double) -> Asked {
    let asked = double.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    asked.into_iter().next().unwrap()
}

fn policy(asked: &Asked) -> Value {
    let encoded = asked.json()["Policy"].as_str().unwrap().to_owned();
    let text = percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap().into_owned();
    assert!(encoded.contains("%7B") && !encoded.contains('{'), "{encoded}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_federation_token_is_asked_for_narrowed_and_signed() {
    let double = sts();
    let ran = ask(&double, &["federation-token", "--duration=15m", "--name=probe-1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let document = ran.json();
    assert_eq!(document["credentials"]["tmpSecretId"], TEMPORARY_ID);
    assert_eq!(document["credentials"]["tmpSecretKey"], TEMPORARY_KEY);
    assert_eq!(document["credentials"]["sessionToken"], TOKEN);
    assert_eq!(document["expiredTime"], LATER);

    let asked = only_question(&double);
    assert!(is_signed_by(&asked, ID, KEY) && !is_signed_by(&asked, ID, "another"), "{asked:?}");
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/"));
    assert_eq!((asked.header("x-tc-action"), asked.header("x-tc-version")), ("GetFederationToken", "2018-08-13"));
    assert_eq!((asked.header("x-tc-region"), asked.header("x-tc-token")), ("ap-guangzhou", ""));
    assert_eq!(asked.json()["DurationSeconds"], 900);
    assert_eq!(asked.json()["Name"], "probe-1");
    let policy = policy(&asked);
    assert_eq!(policy["statement"][0]["resource"][0], format!("qcs::cos:ap-guangzhou:uid/1250000000:{BUCKET}/*"));
    assert!(!asked.body.contains(KEY), "{asked:?}");
}

#[test]
fn a_role_is_taken_with_the_token_of_a_temporary_key() {
    let double = sts();
    let ran = with_key(["credentials", "sts", "assume-role", "--bucket", BUCKET, "--sts-url", &double.url])
        .arguments(["--role-arn", ROLE, "--session-name=s-1"])
        .variable("COS_SESSION_TOKEN", "fakeTokenOfTheCaller")
        .run();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let asked = only_question(&double);
    assert!(is_signed_by(&asked, ID, KEY), "{asked:?}");
    assert_eq!((asked.header("x-tc-action"), asked.header("x-tc-token")), ("AssumeRole", "fakeTokenOfTheCaller"));
    assert_eq!((&asked.json()["RoleArn"], &asked.json()["RoleSessionName"]), (&ROLE.into(), &"s-1".into()));
    let ran = ask(&double, &["assume-role"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("--role-arn"), "{ran:?}");
}

/// A pod of TKE.
fn in_pod(home: &Home, command: Cosprobe) -> Cosprobe {
    let file = home.write("token", "fakeWebIdentityToken0001");
    command
        .variable("TKE_PROVIDER_ID", "tke-provider")
        .variable("TKE_ROLE_ARN", ROLE)
        .variable("TKE_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap())
        .variable("TKE_REGION", "ap-beijing")
}

#[test]
fn web_identity_is_asked_for_unsigned() {
    let (double, home) = (sts(), Home::new());
    let arguments = ["credentials", "sts", "web-identity", "--format=env", "--sts-url", &double.url];
    let ran = in_pod(&home, Cosprobe::new(arguments)).run();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(
        ran.stdout,
        format!(
            "export COS_SECRET_ID='{TEMPORARY_ID}'\nexport COS_SECRET_KEY='{TEMPORARY_KEY}'\nexport COS_SESSION_TOKEN='{TOKEN}'\n"
        )
    );
    let asked = only_question(&double);
    assert_eq!((asked.header("authorization"), asked.header("x-tc-region")), ("SKIP", "ap-beijing"));
    assert_eq!(asked.json()["WebIdentityToken"], "fakeWebIdentityToken0001");
    assert_eq!(asked.json()["ProviderId"], "tke-provider");

    // As a source of keys, the same.
    let signed = in_pod(&home, Cosprobe::new(["sign", "--sts-url", &double.url])).run();
    assert!(signed.stdout.contains(&format!("q-ak={TEMPORARY_ID}")), "{signed:?}");
    assert_eq!(only_question(&double).header("x-tc-action"), "AssumeRoleWithWebIdentity");
    // Listing asks nobody.
    let listed = in_pod(&home, Cosprobe::new(["credentials", "--sts-url", &double.url])).run();
    assert!(listed.code == Some(0) && double.asked().is_empty(), "{listed:?}");
    let outside = Cosprobe::new(arguments).run();
    assert!(outside.code == Some(2) && outside.stderr.contains("TKE_ROLE_ARN"), "{outside:?}");
}

#[test]
fn a_profile_can_be_used_as_it_is_written() {
    let (double, home) = (sts(), Home::new());
    let path = home.write(".tencentcloud/credentials", "old");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran =
        ask(&double, &["federation-token", "--format=profile", "--profile-name=tmp", "-o", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""), "{ran:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let signed = home.run(["sign", "--profile=tmp"]).run();
    assert!(signed.stdout.contains(&format!("q-ak={TEMPORARY_ID}")), "{signed:?}");
    let unknown = home.run(["sign", "--profile=other"]).run();
    assert!(unknown.code == Some(2) && unknown.stderr.contains("there are tmp"), "{unknown:?}");
}

#[test]
fn a_refusal_is_told_with_what_to_do() {
    for (code, advice) in [
        ("AuthFailure.SecretIdNotFound", "unknown or disabled"),
        ("AuthFailure.SignatureFailure", "copy both again"),
        ("AuthFailure.SignatureExpire", "clock"),
        ("UnauthorizedOperation", "CAM"),
        ("InvalidParameter.StrategyFormatError", "--policy"),
        ("InvalidParameter.Anything", "the message names"),
        ("RequestLimitExceeded", "wait"),
        ("InternalError.DbError", "Tencent support"),
        ("Novel", "documentation"),
    ] {
        let refusal = sts_refusal(code, &format!("a message with {KEY}\u{1b}[2J."));
        let double = Double::start(move |_| answer(&refusal));
        let ran = ask(&double, &["federation-token"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        for named in [code, advice, "a message with ****", "GetFederationToken", "request id r-2", double.url.as_str()]
        {
            assert!(ran.stderr.contains(named), "{named}: {ran:?}");
        }
        assert!(!ran.stderr.contains(KEY) && !ran.stderr.contains('\u{1b}'), "{ran:?}");
    }
}

#[test]
fn nobody_there_is_told_with_what_to_do() {
    let ran = with_key(["credentials", "sts", "federation-token", "--bucket", BUCKET]).run();
    assert!(ran.code == Some(3) && ran.stderr.contains("127.0.0.1:1"), "{ran:?}");
    assert!(ran.stderr.contains("--sts-url https://sts.internal.tencentcloudapi.com/"), "{ran:?}");
}

#[test]
fn what_sts_sends_back_of_the_question_is_not_told() {
    let double = Double::start(|asked| {
        let (token, authorization) = (asked.header("x-tc-token"), asked.header("authorization"));
        let signature = authorization.rsplit('=').next().unwrap();
        let token = token.replace('+', "%2B").replace('=', "%3D");
        answer(&sts_refusal("AuthFailure", &format!("{token} {signature} {authorization}")))
    });
    let command =
        Cosprobe::new(["credentials", "sts", "federation-token", "--bucket", BUCKET, "--sts-url", &double.url]);
    let command = command.variable("COS_SECRET_ID", ID).variable("COS_SECRET_KEY", KEY);
    let ran = command.variable("COS_SESSION_TOKEN", "fake+Token=").run();
    let asked = only_question(&double);
    let signature = asked.header("authorization").rsplit('=').next().unwrap();
    assert!(ran.stderr.contains("**** **** TC3-HMAC-SHA256") && !ran.stderr.contains(signature), "{ran:?}");
}

#[test]
fn an_answer_that_cannot_be_used_is_told() {
    let doubles: Vec<(Double, &str)> = vec![
        (Double::start(|_| Reply::Answer(502, "text/html", "<html>bad gateway</html>".to_owned())), "status 502"),
        (Double::start(|_| Reply::Answer(200, "application/json", "{\"Response\": {".to_owned())), "is cut"),
        (Double::start(|_| Reply::Answer(200, "text/plain", "{}".to_owned())), "no answer of STS"),
        (Double::start(|_| Reply::Answer(200, "application/json", "x".repeat(1 << 20))), "larger than 64 KiB"),
        (Double::start(|_| answer(&sts_answer(TEMPORARY_ID, TEMPORARY_KEY, TOKEN, 1_700_000_000))), "set the clock"),
        (Double::start(|_| answer(&sts_answer(TEMPORARY_ID, TEMPORARY_KEY, "", LATER))), "it holds no token"),
        (Double::start(|_| answer(&sts_answer("", TEMPORARY_KEY, TOKEN, LATER))), "it holds no"),
        (Double::start(|_| answer(&sts_answer(TEMPORARY_ID, "a b", TOKEN, LATER))), "blank"),
    ];
    for (double, named) in doubles {
        let ran = ask(&double, &["federation-token"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{named}: {ran:?}");
        assert!(ran.stderr.contains(named) && ran.stderr.contains(&double.url), "{named}: {ran:?}");
        assert!(!ran.stderr.contains(TEMPORARY_KEY) && !ran.stderr.contains(TOKEN), "{ran:?}");
    }
}

#[test]
fn sts_is_asked_over_trusted_tls_only() {
    let home = Home::new();
    let (double, certificate) = Double::start_tls(|_| answer(&sts_answer(TEMPORARY_ID, TEMPORARY_KEY, TOKEN, LATER)));
    let file = home.write("ca.pem", &certificate);
    let trusted = ask(&double, &["federation-token", "--cacert", file.to_str().unwrap()]);
    assert_eq!((trusted.code, trusted.stderr.as_str()), (Some(0), ""), "{trusted:?}");
    assert!(is_signed_by(&only_question(&double), ID, KEY));
    let untrusted = ask(&double, &["federation-token"]);
    assert!(
        untrusted.code == Some(3) && untrusted.stderr.contains("TLS failed: invalid peer certificate"),
        "{untrusted:?}"
    );
    assert!(double.asked().is_empty(), "nothing is sent to a server that is not trusted");
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_is_sent() {
    let double = sts();
    let home = Home::new();
    let policy = home.write("policy.json", "{\"version\": ");
    let policy = policy.to_str().unwrap();
    for (arguments, named) in [
        (&["federation-token", "--sts-url=http://192.0.2.1/"][..], "loopback"),
        (&["federation-token", "--sts-url=nowhere"], "--sts-url"),
        (&["federation-token"], "no bucket is named"),
        (&["federation-token", "--bucket=Bad"], "Bad"),
        (&["federation-token", "--policy", policy], policy),
        (&["web-identity", "--policy", policy], "takes no --policy"),
        (&["federation-token", "--profile-name=a]b", "--bucket", BUCKET], "a]b"),
        (&["federation-token", "--duration=0"], "--duration"),
        (&["nonsense"], "federation-token"),
    ] {
        let ran = with_key(["credentials", "sts"]).arguments(arguments).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(named), "{named}: {ran:?}");
    }
    let without_key =
        Cosprobe::new(["credentials", "sts", "federation-token", "--bucket", BUCKET, "--sts-url", &double.url]).run();
    assert!(without_key.code == Some(2) && without_key.stderr.contains("no key to sign"), "{without_key:?}");
    assert!(double.asked().is_empty());
    let own = home.write("own.json", r#"{"version":"2.0","statement":[]}"#);
    assert_eq!(ask(&double, &["federation-token", "--policy", own.to_str().unwrap()]).code, Some(0));
    assert_eq!(super::sts::policy(&only_question(&double))["statement"], serde_json::json!([]));
}

#[test]
fn a_bucket_is_checked_with_a_temporary_key() {
    let lab = RunningLab::start("temporary-key");
    let (id, key, token) = (lab.secret_id().to_owned(), lab.secret_key().to_owned(), lab.token().unwrap().to_owned());
    let given = sts_answer(&id, &key, &token, LATER);
    let double = Double::start(move |_| answer(&given));
    for kind in ["federation-token", "assume-role", "web-identity"] {
        let home = Home::new();
        let check = lab.check().variable("COS_SECRET_ID", ID).variable("COS_SECRET_KEY", KEY);
        // A switch that is set to no is not set.
        let check = in_pod(&home, check.variable("COSPROBE_ANONYMOUS", "0"));
        let arguments = [lab.host(), "--via-sts", kind, "--role-arn", ROLE, "--sts-url", &double.url, "--format=json"];
        let ran = check.arguments(arguments).run();
        assert_eq!((ran.code, ran.json()["verdict"]["status"].as_str()), (Some(0), Some("healthy")), "{kind}: {ran:?}");
        assert!(ran.stderr.contains("temporary key") && ran.stderr.contains("2096"), "{ran:?}");
        for secret in [KEY, token.as_str(), key.as_str()] {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{kind}: {ran:?}");
        }
        let asked = only_question(&double);
        if kind == "web-identity" {
            assert_eq!(asked.header("authorization"), "SKIP");
        } else {
            assert!(is_signed_by(&asked, ID, KEY), "{asked:?}");
            let resource = &policy(&asked)["statement"][0]["resource"][0];
            assert_eq!(resource, "qcs::cos:ap-guangzhou:uid/1250000000:examplebucket-1250000000/*");
        }
    }
    assert_eq!(lab.stop().signed, 3, "one signed HEAD for each kind of key");
}

#[test]
fn a_check_does_not_begin_without_the_temporary_key_it_was_told_to_use() {
    let lab = RunningLab::start("healthy-private");
    let refusing = Double::start(|_| answer(&sts_refusal("UnauthorizedOperation", "no")));
    let silent = "http://127.0.0.1:1/";
    for (url, code) in [(refusing.url.as_str(), 2), (silent, 3)] {
        let ran = lab.check().arguments([lab.host(), "--via-sts=federation-token", "--sts-url", url]).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
    }
    let ran = lab.check().arguments(["127.0.0.1:9", "--via-sts=federation-token", "--sts-url", silent]).run();
    assert!(ran.code == Some(2) && ran.stderr.contains("no bucket is named"), "{ran:?}");
    let ran = lab.check().arguments([lab.host(), "--via-sts=federation-token", "--anonymous"]).run();
    assert!(ran.code == Some(2) && ran.stderr.contains("--anonymous"), "{ran:?}");
    let calls = lab.stop();
    assert_eq!((calls.http, calls.https), (0, 0), "{calls:?}");
}
