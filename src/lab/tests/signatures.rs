//! Who asks: signatures in header and query, tokens, times, strict mode.

use super::*;

#[test]
fn an_anonymous_request_is_refused_as_cos_does() {
    run(async {
        let lab = start("healthy-private").await;
        let head = ask(&lab, "HEAD", "/").send(&lab).await;
        assert_eq!(head.status(), 403);
        assert_eq!(head.header("server"), Some("tencent-cos"));
        assert_eq!(head.header("content-type"), Some("application/xml"));
        assert!(head.header("x-cos-request-id").is_some() && head.header("x-cos-trace-id").is_some());
        assert!(head.header("date").is_some_and(|date| date.ends_with(" GMT")));
        assert_eq!(head.body, "");

        let get = send(connect_tls(&lab).await.unwrap(), ask(&lab, "GET", "/").request()).await.unwrap();
        assert_eq!(get.status(), 403);
        assert_eq!(get.header("content-length"), Some(get.body.len().to_string().as_str()));
        for part in ["<Code>AccessDenied</Code>", "<Message>Access Denied.</Message>", "<RequestId>", "<TraceId>"] {
            assert!(get.body.contains(part), "{part} is not in {}", get.body);
        }
        assert_eq!(lab.calls(), Calls { connections: 2, http: 1, https: 1, ..Calls::default() });
    });
}

#[test]
fn a_signature_is_checked() {
    run(async {
        let lab = start("healthy-private").await;
        let head = send(connect_tls(&lab).await.unwrap(), signed(&lab, "HEAD", "/").request()).await.unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(head.header("x-cos-bucket-region"), Some("ap-guangzhou"));
        assert_eq!(head.header("content-length"), Some("0"));
        let listing = || signed(&lab, "GET", "/").with_param("max-keys", "1");
        let get = listing().send(&lab).await;
        assert_eq!((get.status(), get.body.contains("<ListBucketResult>")), (200, true));

        let mut other_method = listing().request();
        *other_method.method_mut() = hyper::Method::DELETE;
        let mut other_param = listing().request();
        *other_param.uri_mut() = "/?max-keys=2".parse().unwrap();
        let mut without_param = listing().request();
        *without_param.uri_mut() = "/".parse().unwrap();
        let mut other_path = listing().request();
        *other_path.uri_mut() = "/key?max-keys=1".parse().unwrap();
        let mut other_host = listing().request();
        other_host.headers_mut().insert("host", "cos.ap-guangzhou.myqcloud.com".parse().unwrap());
        for tampered in [other_method, other_param, without_param, other_path, other_host] {
            let refused = send(connect(&lab, 80).await.unwrap(), tampered).await.unwrap();
            assert_eq!(refused.refusal(), (403, "SignatureDoesNotMatch"));
            for part in ["<StringToSign>sha1\n", "<FormatString>"] {
                assert!(refused.body.contains(part), "{part} is not in {}", refused.body);
            }
        }
        let calls = lab.calls();
        assert_eq!((calls.signed, calls.signed_by_header, calls.signed_by_query), (7, 7, 0));
    });
}

#[test]
fn a_signature_is_of_what_its_fields_say() {
    run(async {
        let lab = start("healthy-private").await;
        // Parameters of the signature itself are never signed.
        for name in ["q-ak", "sign"] {
            let signed = signed(&lab, "GET", "/").with_param(name, "x").refusal(&lab).await;
            assert_eq!(signed, (403, "SignatureDoesNotMatch".to_owned()), "{name}");
        }
        for (field, change) in
            [("q-header-list=host", ";range"), ("q-sign-time=", "1"), ("q-url-param-list=", "a"), ("=sha1", "2")]
        {
            let mut request = signed(&lab, "GET", "/").request();
            let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
            let changed = authorization.replacen(field, &format!("{field}{change}"), 1);
            assert_ne!(changed, authorization);
            request.headers_mut().insert("authorization", changed.parse().unwrap());
            let refused = send(connect(&lab, 80).await.unwrap(), request).await.unwrap();
            assert_eq!(refused.refusal(), (403, "SignatureDoesNotMatch"), "{field}");
        }
    });
}

#[test]
fn a_presigned_url_is_checked_in_both_forms() {
    run(async {
        let lab = start("healthy-private").await;
        for by in [By::Query, By::MergedQuery] {
            let listing = || signed(&lab, "GET", "/").with_param("max-keys", "1").with_param("prefix", "a b/ü").by(by);
            assert_eq!(listing().send(&lab).await.status(), 200, "{by:?}");
            let mut tampered = listing().request();
            *tampered.uri_mut() = tampered.uri().to_string().replacen("max-keys=1", "max-keys=2", 1).parse().unwrap();
            let refused = send(connect(&lab, 80).await.unwrap(), tampered).await.unwrap();
            assert_eq!(refused.refusal(), (403, "SignatureDoesNotMatch"), "{by:?}");
            let mut with_plus = listing().request();
            *with_plus.uri_mut() = with_plus.uri().to_string().replacen("a%20b", "a+b", 1).parse().unwrap();
            assert_eq!(send(connect(&lab, 80).await.unwrap(), with_plus).await.unwrap().status(), 200, "{by:?}");
            let late = Ask { window_shift_seconds: -700, ..listing() }.refusal(&lab).await;
            assert_eq!(late, (403, "AccessDenied".to_owned()), "{by:?}");
        }
        let malformed = ask(&lab, "GET", "/").with_param("sign", "q-ak=1").refusal(&lab).await;
        assert_eq!(malformed, (400, "InvalidArgument".to_owned()));
        assert_eq!((lab.calls().signed_by_query, lab.calls().signed), (9, 9));
    });
}

#[test]
fn accounts_refuse_with_their_codes() {
    let expected = [
        ("bad-signature", 0, 403, "SignatureDoesNotMatch"),
        ("bad-signature-unexplained", 0, 403, "SignatureDoesNotMatch"),
        ("quoted-key", 0, 403, "SignatureDoesNotMatch"),
        ("rewritten-host", 0, 403, "SignatureDoesNotMatch"),
        ("unknown-key", 0, 403, "InvalidAccessKeyId"),
        ("access-denied", 0, 403, "AccessDenied"),
        ("request-expired", 0, 403, "AccessDenied"),
        ("expired-token", 0, 400, "ExpiredToken"),
        ("invalid-token", 0, 403, "InvalidToken"),
        ("referer-rule", 0, 403, "AccessDenied"),
        ("bucket-not-found", 0, 404, "NoSuchBucket"),
        ("bucket-elsewhere", 0, 404, "NoSuchBucket"),
        ("arrears", 0, 451, "UnavailableForLegalReasons"),
        ("clock-skew", 0, 403, "RequestTimeTooSkewed"),
        ("clock-kills-signature", 0, 403, "AccessDenied"),
        ("healthy-private", -700, 403, "AccessDenied"),
        ("healthy-private", 700, 403, "AccessDenied"),
        ("healthy-private", -3600, 403, "RequestTimeTooSkewed"),
        ("server-error", 0, 500, "InternalError"),
        ("throttled", 0, 503, "SlowDown"),
    ];
    run(async {
        for (name, window_shift_seconds, status, code) in expected {
            let lab = start(name).await;
            let answer = Ask { window_shift_seconds, ..signed(&lab, "GET", "/") }.send(&lab).await;
            assert_eq!(answer.refusal(), (status, code), "{name}");
            assert!(answer.header("x-cos-request-id").is_some(), "{name}");
        }
    });
}

#[test]
fn reasons_stand_in_the_message() {
    let expected = [
        ("request-expired", "Request has expired"),
        ("request-expired", "<ServerTime>"),
        ("referer-rule", "You are denied by bucket referer rule"),
        ("strict-signature", "Strict signature missing header that must be signed: user-agent"),
        ("arrears", "Due to your account is arrears"),
        ("invalid-token", "The security token you provided is invalid."),
    ];
    run(async {
        for (name, words) in expected {
            let lab = start(name).await;
            let body = signed(&lab, "GET", "/").with_unsigned("user-agent", "x").send(&lab).await.body;
            assert!(body.contains(words), "{name}: {body}");
        }
        let (referer, arrears) = (start("referer-rule").await, start("arrears").await);
        assert!(ask(&referer, "GET", "/").send(&referer).await.body.contains("bucket referer rule"));
        assert_eq!(ask(&arrears, "HEAD", "/").send(&arrears).await.status(), 451);
    });
}

#[test]
fn what_was_computed_is_told_where_the_row_says_so() {
    run(async {
        for (name, is_told) in [
            ("bad-signature", true),
            ("bad-signature-unexplained", false),
            ("quoted-key", false),
            ("rewritten-host", false),
            ("rewritten-host-explained", true),
        ] {
            let lab = start(name).await;
            let body = signed(&lab, "GET", "/").send(&lab).await.body;
            assert_eq!(body.contains("<FormatString>"), is_told, "{name}");
            assert_eq!(body.contains("<StringToSign>"), is_told, "{name}");
            let rewritten = body.contains("host=examplebucket-1250000000.cos-internal.ap-guangzhou.tencentcos.cn");
            assert_eq!(rewritten, name == "rewritten-host-explained", "{name}");
        }
    });
}

#[test]
fn one_change_makes_each_signature_good() {
    run(async {
        let lab = start("rewritten-host").await;
        let without_host = Ask { signs_host: false, ..signed(&lab, "HEAD", "/") };
        assert_eq!(without_host.send(&lab).await.status(), 200);
        let lab = start("quoted-key").await;
        let key = lab.key().map(|key| Key { secret_key: key.secret_key.trim_matches('"'), ..key });
        assert_eq!(Ask { key, ..signed(&lab, "HEAD", "/") }.send(&lab).await.status(), 200);
        let lab = start("bad-signature").await;
        let key = lab.key().map(|key| Key { secret_key: keys::LASTING.secret_key, ..key });
        assert_eq!(Ask { key, ..signed(&lab, "HEAD", "/") }.send(&lab).await.status(), 200);
    });
}

#[test]
fn a_token_is_checked_wherever_it_travels() {
    run(async {
        let lab = start("temporary-key").await;
        for by in [By::Header, By::Query, By::MergedQuery, By::QueryWithToken] {
            let bucket = |token| {
                let key = lab.key().map(|key| Key { token, ..key });
                Ask { key, ..signed(&lab, "GET", "/") }.by(by)
            };
            let good = bucket(lab.key().unwrap().token).refusal(&lab).await;
            assert_eq!(good, (200, String::new()), "{by:?}");
            assert_eq!(bucket(None).refusal(&lab).await, (403, "InvalidAccessKeyId".to_owned()), "{by:?}");
            assert_eq!(bucket(Some("other")).refusal(&lab).await, (403, "InvalidToken".to_owned()), "{by:?}");
        }
        // The token need not be signed.
        let key = lab.key().map(|key| Key { token: None, ..key });
        let unsigned = Ask { key, ..signed(&lab, "HEAD", "/") };
        let token = lab.key().unwrap().token.unwrap();
        assert_eq!(unsigned.with_unsigned("x-cos-security-token", token).send(&lab).await.status(), 200);
        let lab = start("healthy-private").await;
        let lasting = signed(&lab, "GET", "/").with("x-cos-security-token", token).refusal(&lab).await;
        assert_eq!(lasting, (403, "InvalidAccessKeyId".to_owned()));
    });
}

#[test]
fn strict_mode_wants_the_user_agent_signed_where_it_is() {
    run(async {
        let lab = start("strict-signature").await;
        let refused = signed(&lab, "GET", "/").with_unsigned("user-agent", "x").refusal(&lab).await;
        assert_eq!(refused, (403, "AccessDenied".to_owned()));
        assert_eq!(signed(&lab, "GET", "/").with("user-agent", "x").send(&lab).await.status(), 200);
        assert_eq!(signed(&lab, "GET", "/").send(&lab).await.status(), 200);
        let presigned = signed(&lab, "GET", "/").by(By::Query);
        assert_eq!(presigned.clone().send(&lab).await.status(), 200);
        assert_eq!(presigned.with_unsigned("user-agent", "x").send(&lab).await.status(), 403);
        let anonymous = ask(&lab, "GET", "/").with_unsigned("user-agent", "x").send(&lab).await;
        assert!(anonymous.body.contains("<Message>Access Denied.</Message>"));
    });
}

#[test]
fn rights_differ_by_what_is_asked() {
    run(async {
        let lab = start("list-denied").await;
        assert_eq!(signed(&lab, "HEAD", "/").send(&lab).await.status(), 403);
        assert_eq!(signed(&lab, "GET", "/").with_param("max-keys", "1").send(&lab).await.status(), 200);
        assert_eq!(signed(&lab, "HEAD", "/exampleobject").send(&lab).await.status(), 200);
        let lab = start("public-read").await;
        assert_eq!(ask(&lab, "HEAD", "/").send(&lab).await.status(), 200);
        assert_eq!(ask(&lab, "HEAD", "/missing").send(&lab).await.status(), 404);
        assert_eq!(ask(&lab, "PUT", "/new").send(&lab).await.status(), 403);
        // A wrong signature is refused where none would do.
        let key = Some(keys::STRANGE);
        assert_eq!(Ask { key, ..signed(&lab, "HEAD", "/") }.send(&lab).await.status(), 403);
        assert_eq!(start("no-key").await.key(), None);
    });
}
