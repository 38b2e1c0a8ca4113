//! One HTTP request over a connection that was already measured, with the time of each phase.
//!
//! hyper speaks the protocol and bounds the head of the answer; [`Timed`] notes when bytes pass.

mod body;
mod secrets;
mod timed;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, RANGE, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::{Context, micros, tls};
use crate::evidence::{
    Authentication, Detail, FailureKind, Header, Http, ObservationId, Outcome, Tls, VerificationResult, clean,
};
use crate::plan::{RequestPlan, Step};
use crate::sign::{self, KeyTime};
use crate::target::Protocol;

use timed::{Marks, Timed};

/// Largest head of an answer that is read. COS's own is under 2 KiB.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Headers of an answer that are recorded.
const MAX_HEADERS: usize = 40;
/// Characters of a header value that are recorded.
const MAX_VALUE: usize = 400;
/// Validity of a signature that we make.
const SIGNATURE_SECONDS: i64 = 840;

/// An HTTP connection that is ready for a request.
pub(super) struct Exchange {
    sender: SendRequest<Empty<Bytes>>,
    marks: Marks,
}

impl Exchange {
    async fn begin<S>(stream: S) -> Result<Self, hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (timed, marks) = Timed::new(stream);
        let (sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(300)
            .handshake(TokioIo::new(timed))
            .await?;
        // Errors of the connection come out of the request that meets them.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, marks })
    }
}

/// Sends a request and records the answer.
pub(super) async fn round_trip(
    context: &Context,
    id: ObservationId,
    step: &Step,
    plan: &RequestPlan,
) -> (Outcome, Detail) {
    let mut http = Http {
        protocol: plan.protocol,
        method: plan.method.to_owned(),
        path: plan.path.clone(),
        authentication: plan.authentication,
        ..Http::default()
    };
    let end = Instant::now() + context.config.limits.attempt_timeout;
    let mut outcome = match open(context, step, plan, end).await {
        Ok(mut exchange) => {
            let outcome = send(context, plan, &mut exchange, end, &mut http).await;
            if outcome.is_success() && exchange.sender.is_ready() {
                context.connections.put(id, Connection::Http(exchange));
            }
            outcome
        }
        Err(outcome) => outcome,
    };
    // A server may keep what it was sent and send it back with another answer.
    if let Some(credential) = &context.credential {
        secrets::scrub(credential, &mut http, &mut outcome);
    }
    (outcome, Detail::Http(http))
}

/// The connection that the step before left open, or a new one.
async fn open(context: &Context, step: &Step, plan: &RequestPlan, end: Instant) -> Result<Exchange, Outcome> {
    let begun = match (context.connections.take(step.parent), plan.protocol) {
        (Some(Connection::Http(exchange)), _) if !exchange.sender.is_closed() => return Ok(exchange),
        (Some(Connection::Tls(stream)), _) if tls::is_open(stream.get_ref().0) => Exchange::begin(*stream).await,
        (Some(Connection::Tcp(stream)), Protocol::Http) if tls::is_open(&stream) => Exchange::begin(stream).await,
        (_, Protocol::Http) => Exchange::begin(tls::redial(context, step, end).await?).await,
        _ => {
            let server_name = step.endpoint.clone().unwrap_or_default();
            let mut seen = Tls { server_name, ..Tls::default() };
            let stream = tls::secure(context, tls::redial(context, step, end).await?, &mut seen, end).await?;
            // The new connection may have ended at somebody else than the one that was checked before.
            let signed = plan.authentication == Authentication::Signed;
            if signed && seen.verification.result != VerificationResult::Trusted {
                return Err(Outcome::NotRun { because: crate::evidence::NotRunReason::NotTrusted });
            }
            Exchange::begin(stream).await
        }
    };
    begun.map_err(|error| failure(&error))
}

async fn send(
    context: &Context,
    plan: &RequestPlan,
    exchange: &mut Exchange,
    end: Instant,
    http: &mut Http,
) -> Outcome {
    let began_at = Timestamp::now();
    let Some(request) = request(context, plan, began_at) else {
        return Outcome::failed_with(FailureKind::Internal, "the request cannot be put into words");
    };
    exchange.marks.reset();
    let began = Instant::now();
    let answered = timeout_at(end, exchange.sender.send_request(request)).await;
    let phases = exchange.marks.read();
    http.send_us = phases.last_write.map(|at| micros(at.saturating_duration_since(began)));
    http.first_byte_us = phases.first_read.map(|at| micros(at.saturating_duration_since(began)));
    http.answered_at = http.first_byte_us.and_then(|us| began_at.checked_add(Duration::from_micros(us)).ok());
    let response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return failure(&error),
        Err(_) => return Outcome::failed(FailureKind::ResponseTimeout),
    };
    http.status = Some(response.status().as_u16());
    http.headers = headers(response.headers());
    let outcome = finish(response, plan, end, http).await;
    http.total_us = Some(micros(began.elapsed()));
    outcome
}

/// Reads the body, up to a bound, and the error in it.
async fn finish(
    response: Response<hyper::body::Incoming>,
    plan: &RequestPlan,
    end: Instant,
    http: &mut Http,
) -> Outcome {
    let refused = response.status().as_u16() >= 400;
    match timeout_at(end, body::read(response.into_body())).await {
        Ok(Ok(bytes)) => {
            if plan.method == "GET" && refused {
                http.error = body::cos_error(&bytes);
            }
            Outcome::Succeeded
        }
        Ok(Err(error)) => failure(&error),
        Err(_) => Outcome::failed(FailureKind::ResponseTimeout),
    }
}

/// The request in hyper's words, signed where the plan says so.
fn request(context: &Context, plan: &RequestPlan, now: Timestamp) -> Option<Request<Empty<Bytes>>> {
    let mut headers = vec![("host".to_owned(), plan.host_header.clone())];
    if let Some(range) = plan.range {
        headers.push((RANGE.as_str().to_owned(), range.to_owned()));
    }
    let mut authorization = None;
    if plan.authentication == Authentication::Signed {
        let credential = context.credential.as_ref()?;
        if let Some(token) = credential.token_text() {
            headers.push((plan.token_header.to_owned(), token.to_owned()));
        }
        let to_sign = sign::Request { method: plan.method, path: &plan.path, params: &plan.params, headers: &headers };
        let key_time = KeyTime::around(now.as_second(), SIGNATURE_SECONDS);
        let signature = sign::sign(to_sign, &credential.secret_id, credential.secret_key.expose_secret(), key_time);
        authorization = Some(signature.authorization);
    }
    let mut request = Request::builder().method(plan.method).uri(request_target(plan));
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(name == plan.token_header);
        request = if name == "host" { request.header(HOST, value) } else { request.header(name, value) };
    }
    request = request.header(USER_AGENT, concat!("cosprobe/", env!("CARGO_PKG_VERSION")));
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::from_str(&authorization).ok()?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request.body(Empty::new()).ok()
}

fn request_target(plan: &RequestPlan) -> String {
    let path = sign::encode_path(&plan.path);
    let query: Vec<String> =
        plan.params.iter().map(|(name, value)| format!("{}={}", sign::encode(name), sign::encode(value))).collect();
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

/// The headers that the diagnosis reads.
fn headers(all: &HeaderMap) -> Vec<Header> {
    const WANTED: &[&str] = &[
        "server",
        "date",
        "age",
        "via",
        "location",
        "content-type",
        "content-length",
        "connection",
        "etag",
        "retry-after",
    ];
    let wanted = |name: &str| {
        // What the owner of an object attached to it is nobody's business here.
        let is_users = name.starts_with("x-cos-meta-");
        let of_cos = name.starts_with("x-cos-") || name.starts_with("x-ci-") || name.starts_with("x-cache");
        WANTED.contains(&name) || (of_cos && !is_users)
    };
    all.iter()
        .filter(|(name, _)| wanted(name.as_str()))
        .take(MAX_HEADERS)
        .map(|(name, value)| Header {
            name: clean(name.as_str(), 100),
            value: {
                let text = String::from_utf8_lossy(value.as_bytes());
                clean(if name == "location" { secrets::bare_url(&text) } else { text }.as_ref(), MAX_VALUE)
            },
        })
        .collect()
}

/// Which failure a broken exchange is.
fn failure(error: &hyper::Error) -> Outcome {
    let kind = if error.is_parse_too_large() {
        FailureKind::ResponseTooLarge
    } else if error.is_parse() {
        FailureKind::MalformedResponse
    } else if let Some(kind) = io_kind(error) {
        kind
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        FailureKind::ResponseClosed
    } else {
        FailureKind::Other
    };
    Outcome::failed_with(kind, &error.to_string())
}

fn io_kind(error: &hyper::Error) -> Option<FailureKind> {
    use std::io::ErrorKind;
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
                    Some(FailureKind::ResponseReset)
                }
                ErrorKind::UnexpectedEof => Some(FailureKind::ResponseClosed),
                _ => None,
            };
        }
        source = inner.source();
    }
    None
}
