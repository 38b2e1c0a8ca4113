use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::sign::{self, KeyTime};
use crate::target::{Target, TargetDefaults};

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test hangs") })
}

async fn start(name: &str) -> Lab {
    Lab::start(find(name).unwrap()).await.unwrap()
}

async fn connect(lab: &Lab, port: u16) -> std::io::Result<TcpStream> {
    let rule = lab.connect_to().iter().find(|rule| rule.port == Some(port)).unwrap();
    TcpStream::connect((rule.to, rule.to_port.unwrap())).await
}

async fn connect_tls(lab: &Lab) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(lab.ca_file()).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(lab.host()).unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, connect(lab, 443).await?).await
}

/// Sends one request on a connection and reads the whole answer.
async fn send<S>(stream: S, request: Request<Empty<Bytes>>) -> hyper::Result<(Response<()>, String)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((Response::from_parts(parts, ()), String::from_utf8_lossy(&body).into_owned()))
}

fn request(lab: &Lab, method: &str, target: &str) -> hyper::http::request::Builder {
    Request::builder().method(method).uri(target).header("host", lab.host())
}

fn anonymous(lab: &Lab, method: &str, target: &str) -> Request<Empty<Bytes>> {
    request(lab, method, target).body(Empty::new()).unwrap()
}

/// A request for the bucket, signed with a window around this machine's clock, with `max-keys=1` when it is a GET.
fn signed(lab: &Lab, method: &str, window_shift_seconds: i64) -> Request<Empty<Bytes>> {
    let params = if method == "GET" { vec![("max-keys".to_owned(), "1".to_owned())] } else { vec![] };
    let mut headers = vec![("host".to_owned(), lab.host().to_owned())];
    headers.extend(lab.token().map(|token| ("x-cos-security-token".to_owned(), token.to_owned())));
    let now = jiff::Timestamp::now().as_second() + window_shift_seconds;
    let signed = sign::Request { method, path: "/", params: &params, headers: &headers };
    let signature = sign::sign(signed, lab.secret_id(), lab.secret_key(), KeyTime::around(now, 600));
    let target = if method == "GET" { "/?max-keys=1" } else { "/" };
    let mut request = request(lab, method, target).header("authorization", signature.authorization);
    if let Some(token) = lab.token() {
        request = request.header("x-cos-security-token", token);
    }
    request.body(Empty::new()).unwrap()
}

fn header<'a>(response: &'a Response<()>, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

#[test]
fn the_table_is_consistent() {
    assert_eq!(SCENARIOS[0].name, "healthy-private");
    for scenario in SCENARIOS {
        let name = scenario.name;
        assert_eq!(SCENARIOS.iter().filter(|other| other.name == name).count(), 1, "{name}");
        assert_eq!(name.starts_with("hostile-"), scenario.hidden, "{name}");
        assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{name}");
        assert!(!scenario.summary.is_empty() && !scenario.summary.ends_with('.'), "{name}");
        assert_eq!(scenario.roots.is_empty(), scenario.status == "healthy", "{name}");
        assert!(["healthy", "degraded", "unreachable"].contains(&scenario.status), "{name}");
        assert!(scenario.dead.iter().all(|dead| scenario.addresses.contains(dead)), "{name}");
        let target = Target::parse(scenario.host, &TargetDefaults::default()).unwrap();
        assert_eq!(target.bucket.as_deref(), Some("examplebucket-1250000000"), "{name}");
        assert!(target.may_be_signed(), "{name}");
    }
}

#[test]
fn every_scenario_starts_and_cleans_up() {
    use std::os::unix::fs::PermissionsExt;
    run(async {
        for scenario in SCENARIOS {
            let lab = Lab::start(scenario).await.unwrap();
            let directory = lab.ca_file().parent().unwrap().to_owned();
            assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
            assert!(lab.resolver().ip().is_loopback());
            assert!(lab.connect_to().iter().all(|rule| rule.to.is_loopback()));
            assert_eq!(lab.calls(), Calls::default());
            drop(lab);
            assert!(!directory.exists(), "{}", scenario.name);
        }
    });
}

#[test]
fn a_dropped_lab_is_gone() {
    run(async {
        let lab = start("healthy-private").await;
        let rule = lab.connect_to()[0].clone();
        let idle = connect(&lab, 80).await;
        drop(lab);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(TcpStream::connect((rule.to, rule.to_port.unwrap())).await.is_err());
        assert!(!matches!(idle.unwrap().read(&mut [0; 1]).await, Ok(1)));
    });
}

#[test]
fn an_anonymous_request_is_refused_as_cos_does() {
    run(async {
        let lab = start("healthy-private").await;
        let (head, no_body) = send(connect(&lab, 80).await.unwrap(), anonymous(&lab, "HEAD", "/")).await.unwrap();
        assert_eq!(head.status(), 403);
        assert_eq!(header(&head, "server"), Some("tencent-cos"));
        assert_eq!(header(&head, "content-type"), Some("application/xml"));
        assert!(header(&head, "x-cos-request-id").is_some() && header(&head, "x-cos-trace-id").is_some());
        assert!(header(&head, "date").is_some_and(|date| date.ends_with(" GMT")));
        assert_eq!(no_body, "");

        let (get, body) = send(connect_tls(&lab).await.unwrap(), anonymous(&lab, "GET", "/")).await.unwrap();
        assert_eq!(get.status(), 403);
        assert_eq!(header(&get, "content-length"), Some(body.len().to_string().as_str()));
        for part in ["<Code>AccessDenied</Code>", "<Message>Access Denied.</Message>", "<RequestId>", "<TraceId>"] {
            assert!(body.contains(part), "{part} is not in {body}");
        }
        assert_eq!(lab.calls(), Calls { connections: 2, http: 1, https: 1, ..Calls::default() });
    });
}

#[test]
fn a_signature_is_checked() {
    run(async {
        let lab = start("healthy-private").await;
        let (head, _) = send(connect_tls(&lab).await.unwrap(), signed(&lab, "HEAD", 0)).await.unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(header(&head, "x-cos-bucket-region"), Some("ap-guangzhou"));
        assert_eq!(header(&head, "content-length"), Some("0"));
        let (get, body) = send(connect_tls(&lab).await.unwrap(), signed(&lab, "GET", 0)).await.unwrap();
        assert_eq!((get.status().as_u16(), body.contains("<ListBucketResult>")), (200, true));

        let mut other_method = signed(&lab, "HEAD", 0);
        *other_method.method_mut() = hyper::Method::GET;
        let mut other_param = signed(&lab, "GET", 0);
        *other_param.uri_mut() = "/?max-keys=2".parse().unwrap();
        let mut without_param = signed(&lab, "GET", 0);
        *without_param.uri_mut() = "/".parse().unwrap();
        let mut other_path = signed(&lab, "GET", 0);
        *other_path.uri_mut() = "/key?max-keys=1".parse().unwrap();
        for tampered in [other_method, other_param, without_param, other_path] {
            let (refused, body) = send(connect_tls(&lab).await.unwrap(), tampered).await.unwrap();
            assert_eq!(refused.status(), 403);
            for part in ["<Code>SignatureDoesNotMatch</Code>", "<StringToSign>sha1\n", "<FormatString>get\n/"] {
                assert!(body.contains(part), "{part} is not in {body}");
            }
        }
        assert_eq!(lab.calls().signed, 6);
    });
}

#[test]
fn accounts_refuse_with_their_codes() {
    let expected = [
        ("bad-signature", 0, 403, "SignatureDoesNotMatch"),
        ("unknown-key", 0, 403, "InvalidAccessKeyId"),
        ("access-denied", 0, 403, "AccessDenied"),
        ("expired-token", 0, 400, "ExpiredToken"),
        ("bucket-not-found", 0, 404, "NoSuchBucket"),
        ("clock-skew", 0, 403, "RequestTimeTooSkewed"),
        ("healthy-private", -700, 403, "AccessDenied"),
        ("healthy-private", 700, 403, "AccessDenied"),
        ("healthy-private", -3600, 403, "RequestTimeTooSkewed"),
        ("server-error", 0, 500, "InternalError"),
        ("throttled", 0, 503, "SlowDown"),
    ];
    run(async {
        for (name, shift, status, code) in expected {
            let lab = start(name).await;
            let (response, body) = send(connect_tls(&lab).await.unwrap(), signed(&lab, "GET", shift)).await.unwrap();
            assert_eq!(response.status(), status, "{name}");
            assert!(body.contains(&format!("<Code>{code}</Code>")), "{name}: {body}");
            assert!(header(&response, "x-cos-request-id").is_some(), "{name}");
        }
    });
}

#[test]
fn a_temporary_key_without_its_token_is_unknown() {
    run(async {
        let lab = start("expired-token").await;
        let mut without_token = signed(&lab, "GET", 0);
        without_token.headers_mut().remove("x-cos-security-token");
        let (_, body) = send(connect_tls(&lab).await.unwrap(), without_token).await.unwrap();
        assert!(body.contains("<Code>InvalidAccessKeyId</Code>"), "{body}");
    });
}

#[test]
fn clocks_differ_by_what_the_scenario_says() {
    run(async {
        let lab = start("clock-skew").await;
        let (head, _) = send(connect(&lab, 80).await.unwrap(), anonymous(&lab, "HEAD", "/")).await.unwrap();
        let there = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(header(&head, "date").unwrap()).unwrap();
        let behind = jiff::Timestamp::now().as_second() - there.as_second();
        assert!((1199..=1202).contains(&behind), "{behind}");
    });
}

#[test]
fn others_do_not_look_like_cos() {
    run(async {
        for (name, status) in [("captive-portal", 302), ("not-cos", 200)] {
            let lab = start(name).await;
            let (head, _) = send(connect(&lab, 80).await.unwrap(), anonymous(&lab, "HEAD", "/")).await.unwrap();
            assert_eq!(head.status(), status, "{name}");
            assert_ne!(header(&head, "server"), Some("tencent-cos"), "{name}");
            assert_eq!(header(&head, "x-cos-request-id"), None, "{name}");
            assert_eq!(header(&head, "location").is_some(), status == 302, "{name}");
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
            let (head, _) = send(connect(&lab, 80).await.unwrap(), anonymous(&lab, "HEAD", "/")).await.unwrap();
            assert!([403, 302].contains(&head.status().as_u16()), "{name}");
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
