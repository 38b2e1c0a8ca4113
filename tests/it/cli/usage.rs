//! What is refused: exit code 2, one message that names the thing, and nothing on standard output.

use crate::support::{Cosprobe, Ran, run};

/// Holds for every refusal. The wrong thing has to be named.
fn assert_refused(ran: &Ran, named: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    let message = ran.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("{ran:?}"));
    assert!(message.contains(named), "'{named}' is not in {ran:?}");
    // Names of variables are in capitals, sentences do not begin with one.
    let mut first = message.chars();
    assert!(!first.next().unwrap().is_uppercase() || !first.next().unwrap().is_lowercase(), "{ran:?}");
    assert!(!message.contains("panicked"), "{ran:?}");
}

#[test]
fn targets_that_cannot_be_are_refused() {
    for (target, named) in [
        ("", "the target is empty"),
        ("Bad_Bucket-1250000000", "Bad_Bucket"),
        ("examplebucket-1250000000", "--region"),
        ("cos://nonumber", "nonumber"),
        ("ftp://host.example/", "'ftp'"),
        ("https://user:password@host.example/", "user name or password"),
        ("host.example:0", "'0'"),
        ("host.example:99999", "'99999'"),
        ("[2001:db8::zz]:443", "[2001:db8::zz]"),
        ("https://", "no host"),
        ("xn--.example", "xn--.example"),
        ("examplebucket-1250000000.cos.ap-guangzhou.mycloud.com", "myqcloud.com"),
        ("guangzou", "guangzou"),
    ] {
        let ran = run(["check", target]);
        assert_refused(&ran, named);
        assert!(!ran.stderr.contains("user:password"), "{ran:?}");
    }
    assert_refused(&run(["check", "--region", "ap-guangzhou", "cos://examplebucket-1250000000:443/key"]), "port");
}

#[test]
fn a_region_that_cannot_be_is_refused_with_one_that_can() {
    for (region, named) in [("guangzou", "ap-guangzhou"), ("nowhere at all", "nowhere at all"), ("", "--region")] {
        assert_refused(&run(["check", "examplebucket-1250000000", "--region", region]), named);
    }
}

#[test]
fn nothing_to_check_is_refused() {
    assert_refused(&run(["check"]), "nothing to check");
    assert_refused(&Cosprobe::new(["check", "--targets-from", "-"]).input("# none\n\n").run(), "nothing to check");
}

#[test]
fn values_that_cannot_be_are_refused() {
    for (flag, value) in [
        ("--timeout", "0"),
        ("--timeout", "soon"),
        ("--deadline", "2d"),
        ("--interval", "-1"),
        ("--count", "0"),
        ("--count", "1001"),
        ("--port", "0"),
        ("--port", "65536"),
        ("--concurrency", "0"),
        ("--resolver", "dns.example"),
        ("--resolver", "quic://192.0.2.1"),
        ("--resolver", "https://a b/"),
        ("--vpc-resolver", "name"),
        ("--connect-to", "a:b:c:d"),
        ("--endpoint", "nearby"),
        ("--suffix", "example.com"),
        ("--expect", "both"),
        ("--control", "maybe"),
        ("--label", "novalue"),
        ("--format", "yaml"),
        ("--fail-on", "info"),
    ] {
        let ran = run(["check", "127.0.0.1:9", &format!("{flag}={value}")]);
        assert_refused(&ran, flag);
        assert!(ran.stderr.contains(value), "{ran:?}");
    }
    assert_refused(&run(["check", "127.0.0.1:9", "-4", "-6"]), "--ipv6");
    assert_refused(&run(["check", "--no-such-flag"]), "--no-such-flag");
    assert_refused(&run(["no-such-command"]), "no-such-command");
}

#[test]
fn files_that_cannot_be_read_or_used_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let bytes = file("bytes", &[0xff, 0xfe, 0x00]);
    let words = file("words", b"no certificate at all\n");
    let broken = file("broken.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let empty = file("empty", b"");
    let brace = file("brace.json", b"{\"format_version\": \"1.0\"");
    let later = file("later.json", b"{\"format_version\": \"9.0\"}");
    let other = file("other.json", b"{\"a\": 1}");
    let missing = directory.path().join("missing").display().to_string();
    let itself = directory.path().display().to_string();

    for path in [&missing, &itself, &words, &broken, &empty, &bytes] {
        assert_refused(&run(["check", "127.0.0.1:9", "--cacert", path]), path);
    }
    for path in [&missing, &itself, &bytes] {
        assert_refused(&run(["check", "--targets-from", path]), path);
    }
    for path in [&missing, &itself, &bytes, &words, &empty, &brace, &later, &other] {
        assert_refused(&run(["diagnose", "--from", path]), path);
    }
    assert_refused(&run(["diagnose", "--from", &later]), "9.0");
}

#[test]
fn a_target_of_a_file_is_refused_like_any_other() {
    let ran = Cosprobe::new(["check", "--targets-from", "-"]).input("127.0.0.1:9 # fine\nftp://x.example\n").run();
    assert_refused(&ran, "'ftp'");
}

#[test]
fn a_key_that_is_half_set_is_refused_and_not_shown() {
    for (name, missing) in [
        ("COS_SECRET_ID", "COS_SECRET_KEY"),
        ("COS_SECRET_KEY", "COS_SECRET_ID"),
        ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"),
        ("TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_SECRET_ID"),
    ] {
        for arguments in [&["check", "127.0.0.1:9"][..], &["sign"]] {
            let ran = Cosprobe::new(arguments).variable(name, "fakeHalfOfAKey0123456789").run();
            assert_refused(&ran, &format!("{missing} is not"));
            assert!(!ran.stderr.contains("fakeHalf"), "{ran:?}");
        }
    }
    let blank = Cosprobe::new(["check", "127.0.0.1:9"])
        .variable("COS_SECRET_ID", "AKIDfakeFAKEfakeFAKE")
        .variable("COS_SECRET_KEY", "fakeSecretKey\n")
        .run();
    assert_refused(&blank, "COS_SECRET_KEY");
    assert!(!blank.stderr.contains("fake"), "{blank:?}");
}

#[test]
fn signing_needs_a_key_and_usable_words() {
    assert_refused(&run(["sign"]), "COS_SECRET_ID");
    for (flag, value) in [
        ("--path", "no/slash"),
        ("--header", "no colon"),
        ("--header", ": x"),
        ("--key-time", "2;1"),
        ("--expires", "0"),
    ] {
        let ran = Cosprobe::new(["sign", flag, value])
            .variable("COS_SECRET_ID", "AKIDfakeFAKEfakeFAKE")
            .variable("COS_SECRET_KEY", "fakeSecretKey")
            .run();
        assert_refused(&ran, value);
        assert!(!ran.stderr.contains("fakeSecretKey"), "{ran:?}");
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let ran = Cosprobe::new(["demo"]).variable("COSPROBE_FORMAT", "").variable("COSPROBE_FAIL_ON", "").run();
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
