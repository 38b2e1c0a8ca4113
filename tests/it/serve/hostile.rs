//! Requests that are none, and those that others could take for two.

use std::fmt::Write as _;
use std::io::{Read, Write};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::service::{Service, head};

/// What is sent behind a request, to be taken for another one.
const SMUGGLED: &str = "GET /-/healthy HTTP/1.1\r\nHost: smuggled.example\r\n\r\n";
/// No answer is longer: the pages of a service without targets are small.
const MOST_BYTES: usize = 64 * 1024;

/// All that is answered until the connection is closed.
fn exchanged(service: &Service, request: &[u8], is_whole: bool) -> Vec<u8> {
    let mut stream = service.connect();
    // The service may hang up at any time.
    let _ = stream.write_all(request);
    if !is_whole {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let is_open = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!is_open, "the connection stays open after {:?}", String::from_utf8_lossy(request));
    answer
}

/// The statuses of the answers in some bytes, or what is wrong with them.
fn statuses(mut bytes: &[u8], is_head: bool) -> Result<Vec<u16>, String> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or("a head without an end")?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?.to_lowercase();
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let is_known = first.starts_with("http/1.1 ") || first.starts_with("http/1.0 ");
        let status = first.get(9..12).and_then(|text| text.parse().ok()).filter(|_| is_known);
        let status: u16 = status.ok_or_else(|| format!("no status: {first}"))?;
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        // The refusals of the server itself, such as 400, have none.
        let length: usize = length.unwrap_or("0").parse().map_err(|_| "no length".to_owned())?;
        let length = if is_head || status == 100 { 0 } else { length };
        bytes = bytes.get(end + 4 + length..).ok_or("less than the length says")?;
        all.push(status);
    }
    Ok(all)
}

#[test]
fn nothing_is_taken_for_a_second_request() {
    let service = Service::start("");
    let length = SMUGGLED.len();
    let start = "POST /-/reload HTTP/1.1\r\nHost: a.example\r\n";
    let chunk = format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n");
    let rows: Vec<(&str, String, &[u16])> = vec![
        ("a body", format!("{start}Content-Length: {length}\r\n\r\n{SMUGGLED}"), &[200]),
        ("two lengths", format!("{start}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"), &[400]),
        ("a list of lengths", format!("{start}Content-Length: 0, {length}\r\n\r\n{SMUGGLED}"), &[400]),
        ("a signed length", format!("{start}Content-Length: +{length}\r\n\r\n{SMUGGLED}"), &[400]),
        (
            "length and chunks",
            format!("{start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
            &[200, 400],
        ),
        (
            "chunks and length",
            format!("{start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n{chunk}"),
            &[200, 400],
        ),
        ("chunks of an odd name", format!("{start}Transfer-Encoding: xchunked\r\n\r\n{SMUGGLED}"), &[400]),
        ("chunks not last", format!("{start}Transfer-Encoding: chunked, identity\r\n\r\n{SMUGGLED}"), &[400]),
        ("chunks that are none", format!("{start}Transfer-Encoding: chunked\r\n\r\n{SMUGGLED}"), &[200, 400]),
        ("a blank before the colon", format!("{start}Content-Length : {length}\r\n\r\n{SMUGGLED}"), &[400]),
        ("a folded line", format!("{start}X: a\r\n Content-Length: 0\r\n\r\n{SMUGGLED}"), &[400]),
        ("a NUL in a value", format!("{start}X: a\0b\r\n\r\n{SMUGGLED}"), &[400]),
        ("a NUL in the path", format!("GET /\0 HTTP/1.1\r\nHost: a.example\r\n\r\n{SMUGGLED}"), &[400]),
        ("a CR alone", format!("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n{SMUGGLED}"), &[400]),
        ("a blank in the path", format!("GET / x HTTP/1.1\r\nHost: a.example\r\n\r\n{SMUGGLED}"), &[400]),
        ("an unknown version", format!("GET / HTTP/1.7\r\nHost: a.example\r\n\r\n{SMUGGLED}"), &[400, 505]),
        ("a length of a GET", format!("GET / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"), &[200]),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[400, 505]),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned(), &[400]),
    ];
    let (mut wrong, mut answered) = (String::new(), 0);
    for (name, request, allowed) in &rows {
        let answer = exchanged(&service, request.as_bytes(), true);
        let found = statuses(&answer, false);
        // What was sent behind the answer may have reset the connection before it was read.
        let is_right = found.as_ref().is_ok_and(|all| all.len() <= 1 && all.iter().all(|one| allowed.contains(one)));
        answered += usize::from(!answer.is_empty());
        let text = String::from_utf8_lossy(&answer);
        if !is_right || text.contains("Healthy") {
            writeln!(wrong, "{name}: {allowed:?} were due, and it is {found:?}").unwrap();
        }
    }
    assert!(wrong.is_empty() && answered > rows.len() / 2, "{wrong} {answered} answers");
    assert_eq!(service.get("/-/healthy").status, 200);
}

#[test]
fn no_spelling_of_a_path_leads_to_another_one() {
    let service = Service::start("");
    for (target, status) in [
        ("/x/../metrics", 404),
        ("/./metrics", 404),
        ("/%2e%2e/metrics", 404),
        ("/..%2fmetrics", 404),
        ("//metrics", 404),
        ("/metrics/", 404),
        ("/metrics%00", 404),
        ("/%6detrics", 404),
        ("/metrics;x", 404),
        ("/METRICS", 404),
        ("\\metrics", 400),
        ("/\\metrics", 404),
        ("metrics", 404),
        ("*", 404),
        ("http://other.example/metrics", 200),
        ("http://other.example/../metrics", 404),
        ("/metrics?..", 200),
        ("/metrics#x", 200),
    ] {
        let answer = service.request("GET", target, "");
        assert_eq!(answer.status, status, "{target}: {answer:?}");
    }
    // With a bare line feed it is one request all the same.
    let answer = exchanged(&service, b"GET /-/healthy HTTP/1.1\nHost: a.example\nConnection: close\n\n", true);
    assert_eq!(statuses(&answer, false), Ok(vec![200]));
}

#[test]
fn whatever_is_sent_is_answered_in_form_or_hung_up_on() {
    let mut service = Service::start("");
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let method = prop_oneof![Just("GET".to_owned()), Just("POST".to_owned()), Just("HEAD".to_owned()), "[A-Z]{1,9}"];
    let path = prop_oneof![
        "/(probe|metrics|config|logs|-/reload|-/healthy)?([?]([a-z]{0,6}=[!-~]{0,20}&?){0,3})?",
        "[!-~]{1,60}"
    ];
    let line = prop_oneof![
        "(Content-Length|Transfer-Encoding|Expect|Connection|Upgrade|Authorization|Accept): [ -~]{0,20}",
        "Content-Length: [0-9]{1,20}",
        "Transfer-Encoding: (chunked|gzip, chunked)",
        "X-Prometheus-Scrape-Timeout-Seconds: [-+.e0-9]{0,9}",
        "[ -~]{0,60}",
    ];
    let lines = proptest::collection::vec(line, 0..4);
    let cases = (method, path, lines, bytes, any::<bool>());
    let answered = std::cell::Cell::new(0);
    let tried = TestRunner::new(config).run(&cases, |(method, path, lines, bytes, is_request)| {
        let mut request = bytes.clone();
        if is_request {
            let lines = lines.iter().map(String::as_str).chain([""]).collect::<Vec<_>>().join("\r\n");
            request = head(&method, &path, &lines).into_bytes();
            request.extend(&bytes);
        }
        let answer = exchanged(&service, &request, false);
        prop_assert!(answer.len() <= MOST_BYTES, "{} bytes", answer.len());
        let found = statuses(&answer, method == "HEAD");
        answered.set(answered.get() + usize::from(!answer.is_empty()));
        prop_assert!(found.is_ok(), "{:?}: {:?}", found, String::from_utf8_lossy(&answer));
        Ok(())
    });
    tried.unwrap();
    assert!(answered.get() > 100, "{} answers", answered.get());
    assert_eq!(service.get("/-/healthy").status, 200);
    assert_eq!(service.ended(), None);
}
