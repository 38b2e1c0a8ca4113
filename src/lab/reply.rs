//! Putting an answer together.
//!
//! Source: COS documentation "Common Response Headers".

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::moment::Moment;
use super::refusal::Refusal;

/// A whole answer.
pub(super) type Reply = Response<Full<Bytes>>;

pub(super) const HTML: (&str, &str) = ("content-type", "text/html");
pub(super) const XML: (&str, &str) = ("content-type", "application/xml");

/// An answer of COS.
pub(super) fn of_cos(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>, moment: Moment) -> Reply {
    let request_id = moment.request_id();
    let identity = [("server", "tencent-cos"), ("x-cos-request-id", request_id.as_str())];
    build(status, &[identity.as_slice(), headers].concat(), body, moment)
}

/// A refusal of COS: a document for programs.
pub(super) fn refuse(refusal: &Refusal, resource: &str, moment: Moment) -> Reply {
    let headers = [("x-cos-trace-id", &*moment.trace_id()), XML];
    of_cos(refusal.status, &headers, refusal.document(resource, moment), moment)
}

/// A refusal of COS: a page for people.
pub(super) fn refuse_with_page(refusal: &Refusal, moment: Moment) -> Reply {
    of_cos(refusal.status, &[("x-cos-trace-id", &*moment.trace_id()), HTML], refusal.page(moment), moment)
}

/// An answer of anybody.
pub(super) fn build(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>, moment: Moment) -> Reply {
    let body = body.into();
    // Said here, because hyper does not say it in answers to HEAD.
    let length = body.len().to_string();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let date = moment.date();
    let common = [("content-length", length.as_str()), ("date", &date), ("connection", "keep-alive")];
    for (name, value) in common.into_iter().chain(headers.iter().copied()) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
