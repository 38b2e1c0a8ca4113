//! Connections, TLS, and answers that are not COS's.

use tokio::io::AsyncWriteExt;

use super::*;

#[test]
fn clocks_differ_by_what_the_scenario_says() {
    run(async {
        for (name, wanted) in [("clock-skew", 1200), ("clock-behind", -600), ("clock-kills-signature", 960)] {
            let lab = start(name).await;
            let answer = ask(&lab, "HEAD", "/").send(&lab).await;
            let date = answer.header("date").unwrap();
            let there = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).unwrap();
            let ahead = jiff::Timestamp::now().as_second() - there.as_second();
            assert!((wanted - 1..=wanted + 2).contains(&ahead), "{name}: {ahead}");
            let wanted = if ahead < 0 { 200 } else { 403 };
            assert_eq!(signed(&lab, "HEAD", "/").send(&lab).await.status(), wanted, "{name}");
        }
    });
}

#[test]
fn a_cached_answer_is_an_hour_old_and_says_so() {
    run(async {
        let lab = start("cached-answer").await;
        let answer = signed(&lab, "HEAD", "/").send(&lab).await;
        assert_eq!((answer.status(), answer.header("age")), (200, Some("3600")));
        let date = answer.header("date").unwrap();
        let told = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).unwrap().as_second();
        assert!((3599..=3602).contains(&(jiff::Timestamp::now().as_second() - told)));
        assert_eq!(second_of(answer.header("x-cos-request-id").unwrap()), told);
    });
}

/// The second in a request id.
fn second_of(request_id: &str) -> i64 {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.decode(request_id).unwrap();
    i64::from_str_radix(std::str::from_utf8(&text).unwrap().split('_').next().unwrap(), 16).unwrap()
}

#[test]
fn request_ids_tell_the_time_and_are_fresh() {
    run(async {
        let lab = start("healthy-private").await;
        let (first, second) = (ask(&lab, "HEAD", "/").send(&lab).await, ask(&lab, "HEAD", "/").send(&lab).await);
        let [first, second] = [&first, &second].map(|answer| answer.header("x-cos-request-id").unwrap());
        assert_ne!(first, second);
        assert!((0..=2).contains(&(jiff::Timestamp::now().as_second() - second_of(first))));
    });
}

#[test]
fn others_do_not_look_like_cos() {
    run(async {
        for (name, status) in [("captive-portal", 302), ("not-cos", 200)] {
            let lab = start(name).await;
            let answer = ask(&lab, "HEAD", "/").send(&lab).await;
            assert_eq!(answer.status(), status, "{name}");
            assert_ne!(answer.header("server"), Some("tencent-cos"), "{name}");
            assert_eq!(answer.header("x-cos-request-id"), None, "{name}");
            assert_eq!(answer.header("location").is_some(), status == 302, "{name}");
        }
    });
}

#[test]
fn handshakes_fail_as_the_scenario_says() {
    let expected = [
        ("tls-expired", "certificate expired"),
        ("tls-not-yet-valid", "certificate not valid yet"),
        ("tls-wrong-name", "certificate not valid for name"),
        ("tls-untrusted", "UnknownIssuer"),
        ("captive-portal", "UnknownIssuer"),
        ("not-tls", "corrupt message"),
        ("tls-reset", "reset"),
        ("port-443-refused", "refused"),
    ];
    run(async {
        for (name, words) in expected {
            let lab = start(name).await;
            let problem = connect_tls(&lab).await.expect_err(name).to_string();
            assert!(problem.contains(words), "{name}: {problem}");
            assert!([403, 302].contains(&ask(&lab, "HEAD", "/").send(&lab).await.status()), "{name}");
        }
        let lab = start("tls-silent").await;
        assert!(tokio::time::timeout(Duration::from_millis(100), connect_tls(&lab)).await.is_err());
    });
}

#[test]
fn dead_addresses_refuse_and_the_others_serve() {
    run(async {
        assert_eq!(start("sinkhole").await.connect_to(), []);
        let lab = start("one-address-dead").await;
        assert_eq!(lab.connect_to().len(), 6);
        for rule in lab.connect_to() {
            let connected = TcpStream::connect((rule.to, rule.to_port.unwrap())).await;
            assert_eq!(connected.is_err(), rule.host == "203.0.113.11", "{rule:?}");
        }
    });
}

#[test]
fn hostile_answers_are_hostile() {
    /// What a client that reads 2 MiB at most gets, and whether the connection then is reset or still open.
    async fn read(lab: &Lab) -> (Vec<u8>, &'static str) {
        let mut stream = connect(lab, 80).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut seen = vec![];
        loop {
            match tokio::time::timeout(Duration::from_millis(250), stream.read_buf(&mut seen)).await {
                Err(_) => return (seen, "open"),
                Ok(Err(_)) => return (seen, "reset"),
                Ok(Ok(0)) => return (seen, "closed"),
                Ok(Ok(_)) if seen.len() > 2 << 20 => return (seen, "endless"),
                Ok(Ok(_)) => {}
            }
        }
    }
    let expected = [
        ("answer-stalls", "open", ""),
        ("answer-reset", "reset", "HTTP/1.1 200 OK"),
        ("hostile-endless-headers", "endless", "HTTP/1.1 200 OK"),
        ("hostile-endless-body", "endless", "HTTP/1.1 403 Forbidden"),
        ("hostile-huge-header", "closed", "HTTP/1.1 200 OK"),
        ("hostile-garbage", "closed", ""),
        ("hostile-control-characters", "open", "HTTP/1.1 403 Forbidden"),
    ];
    run(async {
        for (name, end, beginning) in expected {
            let lab = start(name).await;
            let (seen, how) = read(&lab).await;
            assert_eq!(how, end, "{name}");
            assert!(seen.starts_with(beginning.as_bytes()), "{name}");
            assert_eq!(lab.calls().http, 1, "{name}");
        }
        let (huge, _) = read(&start("hostile-huge-header").await).await;
        assert!(huge.len() > 1 << 20);
        let (defaced, _) = read(&start("hostile-control-characters").await).await;
        assert!(defaced.contains(&0x1b));
        let lab = start("hostile-slow-drip").await;
        let mut stream = connect(&lab, 80).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert_eq!(stream.read(&mut [0; 100]).await.unwrap(), 1);
    });
}
