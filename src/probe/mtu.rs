//! What shows the size of packets that a path takes: a TLS handshake with segments no larger than some size, and a request that fills
//! several packets. Only whether they arrive is of interest; certificates and answers were looked at elsewhere.

use std::os::fd::OwnedFd;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::http::{self, Exchange};
use super::tcp::Settings;
use super::{Context, tcp, tls};
use crate::evidence::{ClampedHandshake, Detail, FailureKind, LargeRequest, Outcome, Tls};
use crate::plan::{self, RequestPlan, Segments, Step};
use crate::sys;
use crate::target::Protocol;

/// Time for connect, handshake and request together: a flight that is lost is sent again, and lost again.
const WITHIN: Duration = Duration::from_millis(1500);
/// How often the kernel is asked whether all has arrived.
const TICK: Duration = Duration::from_millis(100);

/// Connects with the size announced, which binds both directions, and does the handshake.
pub(super) async fn handshake(context: &Context, step: &Step, server_name: &str, mss_bytes: u32) -> (Outcome, Detail) {
    let mut seen = ClampedHandshake { mss_bytes, tcp: None };
    let end = end(context);
    let outcome = match dial(context, step, Some(mss_bytes), end).await {
        Err(outcome) => outcome,
        Ok(stream) => {
            let watched = tcp::watched(&stream);
            let mut tls = Tls { server_name: server_name.to_owned(), ..Tls::default() };
            let secured = tls::secure(context, stream, &mut tls, end).await;
            seen.tcp = watched.and_then(|socket| tcp::state(&socket));
            secured.err().unwrap_or(Outcome::Succeeded)
        }
    };
    (outcome, Detail::ClampedHandshake(seen))
}

/// Sends a large request, over the connection that the TCP step left open or over one with the size announced.
pub(super) async fn request(
    context: &Context,
    step: &Step,
    plan: &RequestPlan,
    segments: Segments,
) -> (Outcome, Detail) {
    let mss_bytes = segments.clamp();
    let mut seen = LargeRequest {
        protocol: plan.protocol,
        request_bytes: plan.head_bytes(),
        mss_bytes,
        ..LargeRequest::default()
    };
    let end = end(context);
    let kept = match segments {
        Segments::Usual { used_by_others } => context.connections.take_spare(step.parent, used_by_others),
        Segments::Clamped(_) => None,
    };
    let stream = match kept {
        Some(Connection::Tcp(stream)) if tls::is_open(&stream) => Ok(stream),
        _ => dial(context, step, mss_bytes, end).await,
    };
    let outcome = match stream {
        Err(outcome) => outcome,
        Ok(stream) => {
            let watched = tcp::watched(&stream);
            let delivered = deliver(context, step, plan, stream, watched.as_ref(), end).await;
            seen.tcp = watched.and_then(|socket| tcp::state(&socket));
            match delivered {
                Ok(status) => {
                    seen.status = status;
                    Outcome::Succeeded
                }
                Err(outcome) => outcome,
            }
        }
    };
    (outcome, Detail::LargeRequest(seen))
}

fn end(context: &Context) -> Instant {
    Instant::now() + WITHIN.min(context.config.limits.attempt_timeout)
}

async fn dial(context: &Context, step: &Step, mss_bytes: Option<u32>, end: Instant) -> Result<TcpStream, Outcome> {
    let Some(peer) = step.peer else { return Err(Outcome::failed(FailureKind::Internal)) };
    let to = plan::redirect(&context.config, step.endpoint.as_deref().unwrap_or_default(), peer).unwrap_or(peer);
    let settings = Settings { mss_bytes, ..Settings::of(&context.config) };
    let attempt = tcp::dial_with(to, end.saturating_duration_since(Instant::now()), settings).await;
    attempt.stream.ok_or(attempt.sample.outcome)
}

/// Sends the request and waits until an answer comes or the peer has acknowledged all of it: it has arrived either way. The status, if
/// an answer came first.
async fn deliver(
    context: &Context,
    step: &Step,
    plan: &RequestPlan,
    stream: TcpStream,
    watched: Option<&OwnedFd>,
    end: Instant,
) -> Result<Option<u16>, Outcome> {
    let begun = match plan.protocol {
        Protocol::Https => {
            let server_name = step.endpoint.clone().unwrap_or_default();
            let mut seen = Tls { server_name, ..Tls::default() };
            Exchange::begin(tls::secure(context, stream, &mut seen, end).await?).await
        }
        _ => Exchange::begin(stream).await,
    };
    let mut exchange = begun.map_err(|error| http::failure(&error))?;
    let before = watched.and_then(acknowledged);
    let request = http::anonymous(plan, Timestamp::now())
        .ok_or_else(|| Outcome::failed_with(FailureKind::Internal, "the request cannot be put into words"))?;
    let whole = before.map(|before| before + u64::from(plan.head_bytes()));
    let answer = exchange.ask(request);
    tokio::pin!(answer);
    loop {
        let now = Instant::now();
        match timeout_at(end.min(now + TICK), &mut answer).await {
            Ok(answered) => return answered.map(|(status, _)| Some(status)),
            Err(_) if watched.is_some_and(|socket| has_all(socket, whole)) => return Ok(None),
            Err(_) if Instant::now() >= end => return Err(Outcome::failed(FailureKind::ResponseTimeout)),
            Err(_) => {}
        }
    }
}

fn acknowledged(socket: &OwnedFd) -> Option<u64> {
    sys::tcp_info(socket).ok()?.acknowledged_bytes
}

/// Whether the peer has acknowledged as many bytes, and nothing is under way.
fn has_all(socket: &OwnedFd, whole: Option<u64>) -> bool {
    sys::tcp_info(socket).is_ok_and(|info| {
        let nothing_left = info.unacknowledged_segments == 0 && info.unsent_bytes == Some(0);
        nothing_left && whole.is_some_and(|whole| info.acknowledged_bytes >= Some(whole))
    })
}
