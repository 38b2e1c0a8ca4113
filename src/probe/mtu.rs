//! One TLS handshake with segments no larger than some size. Only whether it ends is of interest; the certificate was looked at before.

use std::time::Duration;

use tokio::time::Instant;

use super::{Context, tcp, tls};
use crate::evidence::{ClampedHandshake, Detail, FailureKind, Outcome, Tls};
use crate::plan::{self, Step};

/// Time for connect and handshake together: a flight that is lost is sent again, and lost again.
const WITHIN: Duration = Duration::from_millis(1500);

/// Connects with the size announced, which binds both directions, and does the handshake.
pub(super) async fn handshake(context: &Context, step: &Step, server_name: &str, mss_bytes: u32) -> (Outcome, Detail) {
    let detail = Detail::ClampedHandshake(ClampedHandshake { mss_bytes });
    let Some(peer) = step.peer else { return (Outcome::failed(FailureKind::Internal), detail) };
    let within = WITHIN.min(context.config.limits.attempt_timeout);
    let end = Instant::now() + within;
    let to = plan::redirect(&context.config, step.endpoint.as_deref().unwrap_or_default(), peer).unwrap_or(peer);
    let attempt = tcp::dial_with(to, within, Some(mss_bytes)).await;
    let Some(stream) = attempt.stream else { return (attempt.sample.outcome, detail) };
    let mut seen = Tls { server_name: server_name.to_owned(), ..Tls::default() };
    match tls::secure(context, stream, &mut seen, end).await {
        Ok(_) => (Outcome::Succeeded, detail),
        Err(outcome) => (outcome, detail),
    }
}
