//! One look for a bucket in another region: resolve, connect, and one anonymous HEAD, all in one step.
//!
//! Nothing secret is sent, so the certificate is not judged; the request id tells whether COS answered.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::http::{self, Exchange};
use super::{Context, dns, tcp, tls};
use crate::config::NameServer;
use crate::evidence::{BucketSearch, Detail, FailureKind, Header, Outcome, RecordType, Tls};
use crate::plan::{self, Action, Question, Step};
use crate::target::{Protocol, Service};

/// Looks and records.
pub(super) async fn search(context: &Context, step: &Step) -> (Outcome, Detail) {
    let Action::SearchBucket { region, host, record_type, server, service } = &step.action else {
        return (Outcome::failed(FailureKind::Internal), step.action.blank_detail());
    };
    let mut found = BucketSearch { region: (*region).to_owned(), host: host.clone(), ..BucketSearch::default() };
    let end = Instant::now() + context.config.limits.attempt_timeout;
    let mut outcome = match look(context, step, (*record_type, server), *service, end, &mut found).await {
        Ok(()) => Outcome::Succeeded,
        Err(outcome) => outcome,
    };
    // Whoever answers here may have got the signed requests as well.
    let endpoint = step.endpoint.as_deref().unwrap_or_default();
    if let Some(id) = &mut found.request_id {
        context.secrets.hide(endpoint, id);
    }
    context.secrets.scrub_outcome(endpoint, &mut outcome);
    (outcome, Detail::BucketSearch(found))
}

async fn look(
    context: &Context,
    step: &Step,
    question: (RecordType, &NameServer),
    service: Service,
    end: Instant,
    found: &mut BucketSearch,
) -> Result<(), Outcome> {
    let address = resolve(context, step, question, &found.host).await?;
    let peer = SocketAddr::new(address, service.port);
    let to = plan::redirect(&context.config, &found.host, peer).unwrap_or(peer);
    let attempt = tcp::dial_with(to, left(end), tcp::Settings::of(&context.config)).await;
    let stream = attempt.stream.ok_or(attempt.sample.outcome)?;
    let mut exchange = match service.protocol {
        Protocol::Https => {
            let mut seen = Tls { server_name: found.host.clone(), ..Tls::default() };
            Exchange::begin(tls::secure(context, stream, &mut seen, end).await?).await
        }
        _ => Exchange::begin(stream).await,
    }
    .map_err(|error| http::failure(&error))?;
    let answered = timeout_at(end, exchange.head(&found.host)).await;
    let (status, headers) = answered.map_err(|_| Outcome::failed(FailureKind::ResponseTimeout))??;
    found.status = Some(status);
    let is_id = |header: &&Header| header.name == "x-cos-request-id";
    found.request_id = headers.iter().find(is_id).map(|header| header.value.clone());
    Ok(())
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// The first address that the name server gives.
async fn resolve(
    context: &Context,
    step: &Step,
    (record_type, server): (RecordType, &NameServer),
    host: &str,
) -> Result<IpAddr, Outcome> {
    let server = server.clone();
    let question = Question { name: host.to_owned(), record_type, server, comparison: false, listen: false };
    match dns::query(context, step, &question).await {
        (outcome, Detail::Dns(answer)) => answer.addresses.first().map(|record| record.ip).ok_or(match outcome {
            Outcome::Succeeded => Outcome::failed(FailureKind::NoRecords),
            outcome => outcome,
        }),
        (outcome, _) => Err(outcome),
    }
}
