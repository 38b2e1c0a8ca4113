//! Questions over UDP and TCP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::op::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::answer::{accept, record};
use crate::evidence::{Dns, FailureKind, FurtherAnswer, Outcome, ServerOrigin};
use crate::plan::Question;
use crate::probe::{Context, micros, tcp};

/// Lost datagrams are sent again after this long, as stub resolvers do, as long as the time for the look-up lasts.
const RETRANSMIT_AFTER: Duration = Duration::from_secs(1);
/// Datagrams that are no answer, after which no more are read.
const MAX_WRONG_ANSWERS: u32 = 64;
/// How long further answers are listened for after the first.
const LISTEN: Duration = Duration::from_secs(1);
/// Further answers that are kept.
const MAX_FURTHER_ANSWERS: usize = 4;

/// How long a first answer is waited for. Where no name server is, silence is what is hoped for.
fn patience(origin: ServerOrigin, limit: Duration) -> Duration {
    if origin == ServerOrigin::Decoy { limit.min(LISTEN) } else { limit }
}

/// Asks over UDP. The time limit is for the first answer; then, if that is wanted, further ones are listened for.
pub(super) async fn over_udp(
    context: &Context,
    server: SocketAddr,
    asked: &Question,
    question: &Message,
    wire: &[u8],
    dns: &mut Dns,
) -> Result<Message, Outcome> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let failed = |error: &io::Error| udp_failure(error, server);
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await.map_err(|error| failed(&error))?;
    socket.connect(server).await.map_err(|error| failed(&error))?;
    let begun = Instant::now();
    let end = begun + patience(asked.server.origin, context.config.limits.attempt_timeout);
    let (mut garbage, mut wrong) = (None, 0_u32);
    let mut buffer = vec![0_u8; 4096];
    while Instant::now() < end {
        socket.send(wire).await.map_err(|error| failed(&error))?;
        dns.transmissions += 1;
        let resend_at = end.min(Instant::now() + RETRANSMIT_AFTER);
        while let Ok(received) = timeout_at(resend_at, socket.recv(&mut buffer)).await {
            let length = received.map_err(|error| failed(&error))?;
            match accept(question, &buffer[..length]) {
                Ok(answer) => {
                    dns.answer_bytes = u32::try_from(length).ok();
                    if asked.listen {
                        dns.answered_us = Some(micros(begun.elapsed()));
                        // What is known already is not lost when the run is broken off.
                        tokio::select! {
                            biased;
                            () = further_answers(&socket, question, begun, dns) => {}
                            _ = context.cancelled() => {}
                        }
                    }
                    return Ok(answer);
                }
                // Anyone can send a wrong datagram; the right one may still come. A flood of them is not read to its end,
                // and leaves the clock a say.
                Err(problem) => {
                    garbage = Some(problem);
                    wrong += 1;
                    if wrong >= MAX_WRONG_ANSWERS {
                        return Err(Outcome::failed_with(FailureKind::MalformedAnswer, problem));
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    Err(match garbage {
        Some(problem) => Outcome::failed_with(FailureKind::MalformedAnswer, problem),
        None => Outcome::failed(FailureKind::QueryTimeout),
    })
}

/// Asks over TCP.
pub(super) async fn over_tcp(
    server: SocketAddr,
    question: &Message,
    wire: &[u8],
    limit: Duration,
    dns: &mut Dns,
) -> Result<Message, Outcome> {
    let end = Instant::now() + limit;
    let attempt = tcp::dial(server, limit).await;
    let Some(mut stream) = attempt.stream else { return Err(attempt.sample.outcome) };
    dns.transmissions = 1;
    let bytes = match timeout_at(end, framed_exchange(&mut stream, wire)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(Outcome::failed_with(FailureKind::MalformedAnswer, &error.to_string())),
        Err(_) => return Err(Outcome::failed(FailureKind::QueryTimeout)),
    };
    dns.answer_bytes = u32::try_from(bytes.len()).ok();
    accept(question, &bytes).map_err(|problem| Outcome::failed_with(FailureKind::MalformedAnswer, problem))
}

/// One question and its answer, each behind its length in two bytes (RFC 7766, RFC 7858).
pub(super) async fn framed_exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    wire: &[u8],
) -> io::Result<Vec<u8>> {
    // One write: length and question in two segments cost some servers a delayed acknowledgement.
    let mut framed = u16::try_from(wire.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    framed.extend_from_slice(wire);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0_u8; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// Listens for answers to a question that was answered already. Whoever answers on the way is quicker than the server, or is
/// outrun by it.
async fn further_answers(socket: &UdpSocket, question: &Message, begun: Instant, dns: &mut Dns) {
    let end = Instant::now() + LISTEN;
    let mut buffer = vec![0_u8; 4096];
    for _ in 0..MAX_WRONG_ANSWERS {
        let Ok(Ok(length)) = timeout_at(end, socket.recv(&mut buffer)).await else { return };
        let Ok(answer) = accept(question, &buffer[..length]) else { continue };
        let mut seen = Dns::default();
        record(&answer, &mut seen);
        dns.further_answers.push(FurtherAnswer {
            after_us: micros(begun.elapsed()),
            rcode: seen.rcode,
            addresses: seen.addresses.iter().map(|record| record.ip).collect(),
        });
        if dns.further_answers.len() >= MAX_FURTHER_ANSWERS {
            return;
        }
    }
}

/// On a connected socket an ICMP port unreachable comes back as ECONNREFUSED.
fn udp_failure(error: &io::Error, server: SocketAddr) -> Outcome {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Outcome::failed(FailureKind::PortUnreachable),
        Some(libc::EHOSTUNREACH) => Outcome::failed(FailureKind::HostUnreachable),
        _ => tcp::local_failure(error, server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_name_server_is_a_second_of_silence_is_enough() {
        let limit = LISTEN * 3;
        assert_eq!(patience(ServerOrigin::Decoy, limit), LISTEN);
        assert_eq!(patience(ServerOrigin::Decoy, LISTEN / 2), LISTEN / 2);
        assert_eq!(patience(ServerOrigin::System, limit), limit);
    }
}
