//! A request as the double sees it.

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::form::Form;

/// A request with its body, which is bounded.
#[derive(Debug)]
pub(super) struct Asked {
    parts: Parts,
    /// The body; `None` when it is longer than the double takes.
    pub body: Option<Bytes>,
    /// The form in the body of a POST; `None` when there is none to read.
    pub form: Option<Form>,
}

impl Asked {
    pub(super) fn new(parts: Parts, body: Option<Bytes>) -> Self {
        let content_type = parts.headers.get("content-type").and_then(|value| value.to_str().ok());
        let form = match (&parts.method, content_type, &body) {
            (&Method::POST, Some(content_type), Some(body)) => Form::read(content_type, body),
            _ => None,
        };
        Self { parts, body, form }
    }

    pub(super) const fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The first header of a name, when it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Every value of a header.
    pub(super) fn header_values(&self, name: &str) -> impl Iterator<Item = String> {
        self.parts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The Host header.
    pub(super) fn host(&self) -> &str {
        self.header("host").unwrap_or_default()
    }

    /// Puts another Host header in place of what the client sent.
    pub(super) fn rewrite_host(&mut self, host: &'static str) {
        self.parts.headers.insert("host", HeaderValue::from_static(host));
    }

    /// The path as it stands in the request line.
    pub(super) fn raw_path(&self) -> &str {
        self.parts.uri.path()
    }

    /// The decoded path.
    pub(super) fn path(&self) -> String {
        decoded(self.raw_path())
    }

    /// The decoded query parameters. A `+` is a blank, as Tencent's Python SDK writes one there; one that is meant is `%2B`.
    pub(super) fn params(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = self.parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decoded = |text: &str| decoded(&text.replace('+', " "));
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(move |(name, value)| (decoded(name), decoded(value)))
    }

    /// The decoded value of a query parameter.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        self.params().find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

/// Text without its percent signs.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
