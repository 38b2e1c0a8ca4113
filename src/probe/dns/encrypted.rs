//! Questions over TLS (RFC 7858) and HTTPS (RFC 8484). A server whose certificate is not trusted is asked nothing.

use std::net::SocketAddr;

use bytes::Bytes;
use hickory_resolver::proto::op::Message;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::answer::accept;
use super::plain::framed_exchange;
use crate::evidence::{Dns, FailureKind, Outcome, Tls, VerificationResult};
use crate::plan::Question;
use crate::probe::http::{self, Exchange};
use crate::probe::{Context, tcp, tls};

/// The media type of questions and answers.
const DNS_MESSAGE: &str = "application/dns-message";

/// Asks over TLS.
pub(super) async fn over_tls(
    context: &Context,
    asked: &Question,
    message: &Message,
    wire: &[u8],
    end: Instant,
    dns: &mut Dns,
) -> Result<Message, Outcome> {
    let mut stream = secured(context, asked, end, &[]).await?;
    dns.transmissions = 1;
    let answer = match timeout_at(end, framed_exchange(&mut stream, wire)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Outcome::failed_with(FailureKind::MalformedAnswer, &error.to_string())),
        Err(_) => return Err(Outcome::failed(FailureKind::QueryTimeout)),
    };
    read(message, &answer, dns)
}

/// Asks over HTTPS, by POST.
pub(super) async fn over_https(
    context: &Context,
    asked: &Question,
    message: &Message,
    wire: &[u8],
    end: Instant,
    dns: &mut Dns,
) -> Result<Message, Outcome> {
    let stream = secured(context, asked, end, &[b"http/1.1"]).await?;
    let mut exchange = Exchange::begin(stream).await.map_err(|error| http::failure(&error))?;
    let request = Request::post(&asked.server.path)
        .header(HOST, host_header(asked))
        .header(CONTENT_TYPE, DNS_MESSAGE)
        .header(ACCEPT, DNS_MESSAGE)
        .body(Full::new(Bytes::copy_from_slice(wire)))
        .map_err(|error| Outcome::failed_with(FailureKind::Other, &error.to_string()))?;
    dns.transmissions = 1;
    match timeout_at(end, exchange.ask(request)).await {
        Ok(Ok((200, body))) => read(message, &body, dns),
        Ok(Ok((status, _))) => {
            Err(Outcome::failed_with(FailureKind::MalformedAnswer, &format!("the server answers HTTP status {status}")))
        }
        Ok(Err(outcome)) => Err(outcome),
        Err(_) => Err(Outcome::failed(FailureKind::QueryTimeout)),
    }
}

fn read(message: &Message, answer: &[u8], dns: &mut Dns) -> Result<Message, Outcome> {
    dns.answer_bytes = u32::try_from(answer.len()).ok();
    accept(message, answer).map_err(|problem| Outcome::failed_with(FailureKind::MalformedAnswer, problem))
}

/// The name or address that certificate and Host header are for.
fn name_of(asked: &Question) -> String {
    asked.server.server_name.clone().unwrap_or_else(|| asked.server.address.ip().to_string())
}

fn host_header(asked: &Question) -> String {
    let SocketAddr::V6(address) = asked.server.address else { return name_of(asked) };
    asked.server.server_name.clone().unwrap_or_else(|| format!("[{}]", address.ip()))
}

/// An open connection to the server, with a certificate that is trusted.
async fn secured(
    context: &Context,
    asked: &Question,
    end: Instant,
    protocols: &[&[u8]],
) -> Result<TlsStream<TcpStream>, Outcome> {
    let attempt = tcp::dial(asked.server.address, end.saturating_duration_since(Instant::now())).await;
    let stream = attempt.stream.ok_or(attempt.sample.outcome)?;
    let mut seen = Tls { server_name: name_of(asked), ..Tls::default() };
    let stream = tls::secure_for(context, stream, &mut seen, end, protocols).await?;
    if seen.verification.result == VerificationResult::Trusted {
        return Ok(stream);
    }
    let why = seen.verification.message.unwrap_or_else(|| "its certificate is not trusted".to_owned());
    Err(Outcome::failed_with(FailureKind::HandshakeFailed, &format!("the certificate is not trusted: {why}")))
}
