//! What COS would say to a request: status, headers and body. No input or output here.
//!
//! Source: COS documentation "Common Response Headers", "HEAD Bucket" and "Error Codes".

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use quick_xml::escape::escape;

use super::account;
use super::scenario::{AnswerBehaviour, Scenario};
use super::scenarios::HOST;

/// The region's own name, and the alias behind which COS's addresses stand.
pub(super) const SERVICE_HOST: &str = "cos.ap-guangzhou.myqcloud.com";
const REGION: &str = "ap-guangzhou";
/// The COS machine that answers, as request ids tell. From TEST-NET-1 (RFC 5737).
const NODE: [u8; 4] = [192, 0, 2, 80];
const XML_HEAD: &str = "<?xml version='1.0' encoding='utf-8' ?>\n";

/// When, and the how-manieth answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The double's clock.
    pub now: Timestamp,
    /// Number of the request.
    pub serial: u32,
}

impl Moment {
    /// As in the Date header.
    pub(super) fn date(self) -> String {
        // The only timestamps without this form are before the year 0.
        DateTimePrinter::new().timestamp_to_rfc9110_string(&self.now).unwrap_or_default()
    }

    /// As COS makes them: the second, the machine and two numbers, all in hex, the machine's address little-endian.
    pub(super) fn request_id(self) -> String {
        let node = u32::from_le_bytes(NODE);
        base64(format!("{:x}_{node:x}_{:x}_{:x}", self.now.as_second(), std::process::id(), self.serial).as_bytes())
    }

    fn trace_id(self) -> String {
        base64(format!("lab-trace-{:032x}", self.serial).as_bytes())
    }
}

/// Why COS does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: &'static str,
    further: Vec<(&'static str, String)>,
    tells_time: bool,
}

impl Refusal {
    pub(super) const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, further: Vec::new(), tells_time: false }
    }

    /// Adds an element to the body.
    pub(super) fn with(mut self, element: &'static str, text: String) -> Self {
        self.further.push((element, text));
        self
    }

    /// Adds the double's clock to the body.
    pub(super) const fn with_server_time(mut self) -> Self {
        self.tells_time = true;
        self
    }

    fn document(&self, resource: &str, moment: Moment) -> String {
        let mut elements = vec![
            ("Code", self.code.to_owned()),
            ("Message", self.message.to_owned()),
            ("Resource", resource.to_owned()),
            ("RequestId", moment.request_id()),
            ("TraceId", moment.trace_id()),
        ];
        elements.extend(self.further.iter().cloned());
        if self.tells_time {
            let whole = Timestamp::from_second(moment.now.as_second()).unwrap_or(moment.now);
            elements.push(("ServerTime", whole.to_string()));
        }
        let mut document = format!("{XML_HEAD}<Error>\n");
        for (name, text) in elements {
            // Writing to a string does not fail.
            let _ = writeln!(document, "\t<{name}>{}</{name}>", escape(&text));
        }
        document.push_str("</Error>\n");
        document
    }
}

/// The answer to a request, of COS or of what stands in its place.
pub(super) fn answer(scenario: &Scenario, request: &Parts, moment: Moment) -> Response<Full<Bytes>> {
    let mut response = answer_on_open_connection(scenario, request, moment);
    if request.headers.get("connection").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close")) {
        // The HTTP library says `close` by itself.
        response.headers_mut().remove("connection");
    }
    response
}

fn answer_on_open_connection(scenario: &Scenario, request: &Parts, moment: Moment) -> Response<Full<Bytes>> {
    let portal = "<html><title>Log in to this network</title></html>\n";
    match scenario.answer {
        AnswerBehaviour::Portal => {
            let headers = [("server", "portal"), ("location", "http://portal.example.net/login"), HTML];
            build(302, &headers, portal.to_owned(), moment)
        }
        AnswerBehaviour::NotCos => {
            let page = "<html><title>Welcome to nginx!</title></html>\n";
            build(200, &[("server", "nginx"), HTML], page.to_owned(), moment)
        }
        AnswerBehaviour::ServerError => {
            let message = "We encountered an internal error. Please try again.";
            refuse(&Refusal::new(500, "InternalError", message), request, moment)
        }
        AnswerBehaviour::SlowDown => {
            refuse(&Refusal::new(503, "SlowDown", "Reduce your request rate."), request, moment)
        }
        AnswerBehaviour::ControlCharacters => defaced(request, moment),
        _ => of_cos(scenario, request, moment),
    }
}

const HTML: (&str, &str) = ("content-type", "text/html");
const XML: (&str, &str) = ("content-type", "application/xml");

fn of_cos(scenario: &Scenario, request: &Parts, moment: Moment) -> Response<Full<Bytes>> {
    let judged = check_host(request).and_then(|()| account::judge(scenario.account, request, moment.now.as_second()));
    let is_bucket = request.uri.path() == "/";
    match judged {
        Err(refusal) => refuse(&refusal, request, moment),
        Ok(()) if !is_bucket => {
            refuse(&Refusal::new(404, "NoSuchKey", "The specified key does not exist."), request, moment)
        }
        Ok(()) => {
            let list = || {
                let bucket = HOST.split('.').next().unwrap_or_default();
                format!(
                    "{XML_HEAD}<ListBucketResult>\n\t<Name>{bucket}</Name>\n\t<MaxKeys>1</MaxKeys>\n\t<IsTruncated>false</IsTruncated>\n</ListBucketResult>\n"
                )
            };
            let body = if request.method == Method::HEAD { String::new() } else { list() };
            let request_id = moment.request_id();
            let headers =
                [("server", "tencent-cos"), ("x-cos-request-id", &request_id), ("x-cos-bucket-region", REGION), XML];
            build(200, &headers, body, moment)
        }
    }
}

/// COS finds the bucket by the Host header.
fn check_host(request: &Parts) -> Result<(), Refusal> {
    let host = request.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if name.eq_ignore_ascii_case(HOST) {
        Ok(())
    } else if name.eq_ignore_ascii_case(SERVICE_HOST) {
        Err(Refusal::new(403, "AccessDenied", "Access Denied."))
    } else {
        Err(Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist."))
    }
}

fn refuse(refusal: &Refusal, request: &Parts, moment: Moment) -> Response<Full<Bytes>> {
    let (request_id, trace_id) = (moment.request_id(), moment.trace_id());
    let headers =
        [("server", "tencent-cos"), ("x-cos-request-id", request_id.as_str()), ("x-cos-trace-id", &trace_id), XML];
    let host = request.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let resource = format!("{host}{}", request.uri.path());
    build(refusal.status, &headers, refusal.document(&resource, moment), moment)
}

/// A refusal whose headers and body would rewrite a careless terminal. HTTP forbids ASCII control characters in headers, but
/// not bytes above 0x80: U+009B is the one-character form of ESC [, U+202E turns the direction of writing.
fn defaced(request: &Parts, moment: Moment) -> Response<Full<Bytes>> {
    let message = "Access \u{1b}[2J\u{1b}]0;owned\u{7}Denied.\u{202e}\u{9b}31m";
    let refusal = Refusal::new(403, "AccessDenied", message);
    let mut response = refuse(&refusal, request, moment);
    let headers = response.headers_mut();
    for name in ["x-cos-trace-id", "content-type"] {
        if let Ok(value) = HeaderValue::from_bytes("odd\u{9b}31m\u{202e}".as_bytes()) {
            headers.insert(name, value);
        }
    }
    response
}

fn build(status: u16, headers: &[(&str, &str)], body: String, moment: Moment) -> Response<Full<Bytes>> {
    // Said here, because hyper does not say it in answers to HEAD.
    let length = body.len().to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let date = moment.date();
    let common = [("content-length", length.as_str()), ("date", &date), ("connection", "keep-alive")];
    for (name, value) in headers.iter().copied().chain(common) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Base64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_documents_are_escaped_and_complete() {
        let moment = Moment { now: Timestamp::from_second(1_700_000_000).unwrap(), serial: 7 };
        let refusal =
            Refusal::new(403, "AccessDenied", "a < b").with("StringToSign", "x&y".to_owned()).with_server_time();
        let document = refusal.document("host/<>", moment);
        for part in [
            "<Code>AccessDenied</Code>",
            "<Message>a &lt; b</Message>",
            "<Resource>host/&lt;&gt;</Resource>",
            "<StringToSign>x&amp;y</StringToSign>",
            "<ServerTime>2023-11-14T22:13:20Z</ServerTime>",
        ] {
            assert!(document.contains(part), "{part} is not in {document}");
        }
        assert_eq!(moment.date(), "Tue, 14 Nov 2023 22:13:20 GMT");
    }
}
