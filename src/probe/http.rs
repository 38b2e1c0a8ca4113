//! One HTTP request over a connection that was already measured, with the time of each phase.
//!
//! hyper speaks the protocol and bounds the head of the answer; [`Timed`] notes when bytes pass.

mod body;
mod form;
mod request;
mod secrets;
mod timed;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::{Context, micros, tls};
use crate::evidence::{
    Authentication, Detail, FailureKind, Header, Http, ObservationId, Outcome, Tls, VerificationResult, clean,
};
use crate::plan::{RequestPlan, Step};
use crate::target::Protocol;

use request::Built;
use timed::{Marks, Timed};

pub(super) use secrets::Secrets;

/// Largest head of an answer that is read. COS's own is under 2 KiB.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Headers of an answer that are recorded.
const MAX_HEADERS: usize = 40;
/// Characters of a header value that are recorded.
const MAX_VALUE: usize = 400;

/// An HTTP connection that is ready for a request.
pub(super) struct Exchange {
    sender: SendRequest<Full<Bytes>>,
    marks: Marks,
}

impl Exchange {
    /// Makes an open connection ready for a request.
    pub(super) async fn begin<S>(stream: S) -> Result<Self, hyper::Error>
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

    /// Sends an anonymous HEAD for the root of a host. Status, and the headers that the diagnosis reads.
    pub(super) async fn head(&mut self, host: &str) -> Result<(u16, Vec<Header>), Outcome> {
        let request = request::head(host)
            .ok_or_else(|| Outcome::failed_with(FailureKind::Internal, "the request cannot be put into words"))?;
        let response = self.sender.send_request(request).await.map_err(|error| failure(&error))?;
        Ok((response.status().as_u16(), headers(response.headers())))
    }

    /// Sends a request that is none to COS. Status and body, which is bounded as the bodies of refusals are.
    pub(super) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), Outcome> {
        let response = self.sender.send_request(request).await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let body = body::read(response.into_body()).await.map_err(|error| failure(&error))?;
        Ok((status, body))
    }
}

/// The request of a plan without a signature, in hyper's words. `None` when it cannot be put into them.
pub(super) fn anonymous(plan: &RequestPlan, now: Timestamp) -> Option<Request<Full<Bytes>>> {
    request::build(None, plan, now).map(|built| built.request)
}

/// Sends a request and records the answer.
pub(super) async fn round_trip(
    context: &Context,
    id: ObservationId,
    step: &Step,
    plan: &RequestPlan,
) -> (Outcome, Detail) {
    let mut http = plan.blank();
    let end = Instant::now() + context.config.limits.attempt_timeout;
    let mut outcome = match open(context, step, plan, end).await {
        Ok(mut exchange) => {
            let outcome = send(context, step, plan, &mut exchange, end, &mut http).await;
            if outcome.is_success() && exchange.sender.is_ready() {
                context.connections.put(id, Connection::Http(exchange));
            }
            outcome
        }
        Err(outcome) => outcome,
    };
    // A server may keep what it was sent and send it back with another answer.
    context.secrets.scrub(step.endpoint.as_deref().unwrap_or_default(), &mut http, &mut outcome);
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
    step: &Step,
    plan: &RequestPlan,
    exchange: &mut Exchange,
    end: Instant,
    http: &mut Http,
) -> Outcome {
    let began_at = Timestamp::now();
    let Some(Built { request, signed, signature }) = request::build(context.credential.as_ref(), plan, began_at) else {
        return Outcome::failed_with(FailureKind::Internal, "the request cannot be put into words");
    };
    http.signed = signed;
    if let Some(signature) = signature {
        context.secrets.note(step.endpoint.as_deref().unwrap_or_default(), &signature);
    }
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
            if plan.method != "HEAD" && refused {
                http.error = body::error(&bytes);
            }
            http.body_matches = plan.expected_body.filter(|_| !refused).map(|expected| *bytes == *expected.as_bytes());
            Outcome::Succeeded
        }
        Ok(Err(error)) => failure(&error),
        Err(_) => Outcome::failed(FailureKind::ResponseTimeout),
    }
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
        "last-modified",
        "retry-after",
        "x-cache-lookup",
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
pub(super) fn failure(error: &hyper::Error) -> Outcome {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_owner_of_an_object_attached_to_it_is_not_recorded() {
        let sent = [
            ("x-cos-meta-project", "secret"),
            ("x-cos-request-id", "id"),
            ("etag", "\"1\""),
            ("set-cookie", "a"),
            ("location", "https://u:p@h.example/a?sign=x"),
        ];
        let all: HeaderMap = sent.into_iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        let recorded = |name: &str| headers(&all).iter().find(|header| header.name == name).map(|h| h.value.clone());
        assert_eq!(headers(&all).len(), 3);
        assert_eq!(recorded("x-cos-request-id").as_deref(), Some("id"));
        assert_eq!(recorded("location").as_deref(), Some("https://h.example/a"), "nothing of a user and no query");
    }

    /// Opens a connection for a request of a scenario's endpoint, where no step before has left one.
    #[cfg(feature = "lab")]
    fn opened(scenario: &str, authentication: Authentication) -> Result<(), Outcome> {
        use crate::evidence::Stage;
        use crate::plan::Action;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let scenario = crate::lab::find(scenario).unwrap();
            let lab = crate::lab::Lab::start(scenario).await.unwrap();
            let job = crate::cli::demo_job(scenario, &lab).unwrap();
            let (_stop, cancelled) = tokio::sync::watch::channel(None);
            let context = Context::new(job.config, job.credential, cancelled).unwrap();
            let plan = RequestPlan { authentication, ..request::tests::plan() };
            let step = Step {
                parent: None,
                stage: Stage::HttpRoundTrip,
                endpoint: Some(lab.host().to_owned()),
                peer: Some((scenario.addresses[0], 443).into()),
                action: Action::Request(plan.clone()),
            };
            let end = Instant::now() + context.config.limits.attempt_timeout;
            open(&context, &step, &plan, end).await.map(drop)
        })
    }

    #[test]
    #[cfg(feature = "lab")]
    fn a_connection_that_has_to_be_made_anew_carries_a_signature_only_when_it_is_trusted() {
        use crate::evidence::NotRunReason;

        assert_eq!(opened("healthy-private", Authentication::Signed), Ok(()));
        for scenario in ["tls-untrusted", "tls-wrong-name", "tls-expired"] {
            let refused = Err(Outcome::NotRun { because: NotRunReason::NotTrusted });
            assert_eq!(opened(scenario, Authentication::Signed), refused, "{scenario}");
            assert_eq!(opened(scenario, Authentication::Anonymous), Ok(()), "{scenario}");
        }
    }
}
