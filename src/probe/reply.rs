//! With which TTL an answer arrives: connections that ignore what comes with less than some minimum, several at once.
//!
//! No privilege is needed (ip(7), `IP_MINTTL`). The largest minimum that still lets the answer in is its TTL. First a grid that is
//! dense below the initial TTLs that systems use, then what lies between, then the two values at the edge again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::tcp::{Settings, dial_with};
use super::{Context, tls};
use crate::evidence::{Detail, FailureKind, Outcome, ReplyAnswer, ReplyTo, ReplyTry, ReplyTtl};
use crate::plan::{self, Step};
use crate::sys;

/// Time for everything.
const WITHIN: Duration = Duration::from_millis(1500);
/// How long the first answer of a round is waited for.
const FIRST_ANSWER: Duration = Duration::from_millis(500);
/// What the others may be later than half as long again as the first one took.
const LATER: Duration = Duration::from_millis(50);
/// What came while this process did not get to run is still taken.
const LATE: Duration = Duration::from_millis(20);
/// Minimums that are tried first. Systems send with 64, 128 or 255, and few addresses are farther away than 31 hops. The first ignores
/// nothing.
const FIRST: [u8; 15] = [1, 33, 41, 49, 57, 65, 97, 105, 113, 121, 129, 225, 233, 241, 249];
/// Minimums of a further round.
const FURTHER: u16 = 8;
/// How often the smallest minimum that lets nothing in is tried: one answer could be lost.
const SURE: usize = 3;

/// Measures the TTL of the answer to a SYN, to the first message of TLS, or to a request.
pub(super) async fn measure(context: &Context, step: &Step, to: ReplyTo) -> (Outcome, Detail) {
    let mut seen = ReplyTtl { to, ..ReplyTtl::default() };
    let Some(peer) = step.peer else { return (Outcome::failed(FailureKind::Internal), Detail::ReplyTtl(seen)) };
    let host = step.endpoint.as_deref().unwrap_or_default();
    let Some(words) = words(to, host) else {
        let outcome = Outcome::failed_with(FailureKind::Other, "the host cannot be a TLS server name");
        return (outcome, Detail::ReplyTtl(seen));
    };
    let peer = plan::redirect(&context.config, host, peer).unwrap_or(peer);
    let settings = Settings::of(&context.config);
    let (words, end) = (Arc::new(words), Instant::now() + WITHIN.min(context.config.limits.attempt_timeout));
    loop {
        let minimums = next_minimums(&seen);
        if minimums.is_empty() {
            break;
        }
        // A round that is cut off tells nothing: its silence need not be one.
        let Ok(tries) = timeout_at(end, round(peer, &settings, &words, &minimums)).await else { break };
        seen.tries.extend(tries);
    }
    let silence = match to {
        ReplyTo::ClientHello => FailureKind::HandshakeTimeout,
        ReplyTo::Request => FailureKind::ResponseTimeout,
        ReplyTo::Syn | ReplyTo::Unknown => FailureKind::ConnectTimeout,
    };
    let any = seen.tries.iter().any(|one| is_awaited(to, one.answer));
    (if any { Outcome::Succeeded } else { Outcome::failed(silence) }, Detail::ReplyTtl(seen))
}

/// Whether an answer is the one whose TTL is measured.
const fn is_awaited(to: ReplyTo, answer: ReplyAnswer) -> bool {
    match answer {
        ReplyAnswer::Rst => true,
        ReplyAnswer::SynAck => matches!(to, ReplyTo::Syn),
        _ => false,
    }
}

/// What to try next; nothing when the TTL is known, or when nothing answers.
fn next_minimums(seen: &ReplyTtl) -> Vec<u8> {
    if seen.tries.is_empty() {
        return FIRST.to_vec();
    }
    let (answered, silent): (Vec<&ReplyTry>, Vec<&ReplyTry>) =
        seen.tries.iter().partition(|one| is_awaited(seen.to, one.answer));
    let Some(largest) = answered.iter().map(|one| one.minimum_ttl).max() else { return Vec::new() };
    let above = silent.iter().map(|one| one.minimum_ttl).filter(|minimum| *minimum > largest);
    let next = above.clone().min();
    let gap = next.map_or(256, u16::from) - u16::from(largest);
    match next {
        Some(next) if gap == 1 && above.filter(|minimum| *minimum == next).count() < SURE => vec![largest, next, next],
        _ if gap == 1 => Vec::new(),
        // The largest that lets the answer in is tried again: where it no longer does, silence tells nothing.
        _ => (0..FURTHER)
            .map(|number| u16::from(largest) + number * gap.div_ceil(FURTHER))
            .take_while(|minimum| *minimum < u16::from(largest) + gap)
            .filter_map(|minimum| u8::try_from(minimum).ok())
            .collect(),
    }
}

/// Tries some minimums at once. It ends some time after the first answer, or when there is none.
async fn round(peer: SocketAddr, settings: &Settings, words: &Arc<Vec<u8>>, minimums: &[u8]) -> Vec<ReplyTry> {
    let mut tries: Vec<ReplyTry> =
        minimums.iter().map(|&minimum_ttl| ReplyTry { minimum_ttl, ..ReplyTry::default() }).collect();
    let mut running = JoinSet::new();
    for (number, &minimum) in minimums.iter().enumerate() {
        let (words, settings) = (Arc::clone(words), settings.clone());
        running.spawn(async move { (number, answer(peer, settings, minimum, &words).await) });
    }
    let begun = Instant::now();
    let mut end = begun + FIRST_ANSWER;
    loop {
        tokio::select! {
            biased;
            ended = running.join_next() => match ended {
                None => return tries,
                Some(Ok((number, answer))) => {
                    tries[number].answer = answer;
                    end = end.min(begun + begun.elapsed() * 3 / 2 + LATER);
                }
                Some(Err(_)) => {}
            },
            () = sleep_until(end) => break,
        }
    }
    sleep(LATE).await;
    while let Some(ended) = running.try_join_next() {
        if let Ok((number, answer)) = ended {
            tries[number].answer = answer;
        }
    }
    tries
}

/// One try. Without words the answer to the SYN counts, else that to the words, and the connection is opened without a minimum.
async fn answer(peer: SocketAddr, settings: Settings, minimum_ttl: u8, words: &[u8]) -> ReplyAnswer {
    let settings = Settings { minimum_ttl: Some(minimum_ttl).filter(|_| words.is_empty()), ..settings };
    let attempt = dial_with(peer, WITHIN, settings).await;
    let refusal = match attempt.sample.outcome.failure() {
        None => ReplyAnswer::SynAck,
        Some(FailureKind::ConnectTimeout) => ReplyAnswer::None,
        Some(FailureKind::ConnectionRefused) => ReplyAnswer::Rst,
        Some(_) => ReplyAnswer::NotMade,
    };
    match attempt.stream {
        Some(stream) if !words.is_empty() => {
            if sys::set_minimum_ttl(&stream, peer, minimum_ttl).is_err() {
                return ReplyAnswer::NotMade;
            }
            reset_after(&stream, words).await.unwrap_or_else(|error| match error.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => ReplyAnswer::Rst,
                _ => ReplyAnswer::Other,
            })
        }
        _ if words.is_empty() => refusal,
        _ => ReplyAnswer::NotMade,
    }
}

/// Sends the words and reads to the end, which a RST makes an error.
async fn reset_after(stream: &TcpStream, words: &[u8]) -> io::Result<ReplyAnswer> {
    stream.writable().await?;
    // A new connection takes so little at once.
    stream.try_write(words)?;
    let mut bytes = [0_u8; 2048];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut bytes) {
            Ok(0) => return Ok(ReplyAnswer::Other),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// What is sent over an open connection; nothing where the answer to the SYN is measured. `None` where it cannot be put into words.
fn words(to: ReplyTo, host: &str) -> Option<Vec<u8>> {
    match to {
        ReplyTo::Syn | ReplyTo::Unknown => Some(Vec::new()),
        ReplyTo::ClientHello => client_hello(host),
        ReplyTo::Request => Some(format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()),
    }
}

/// The first message of a handshake. Nobody is asked to prove anything, so no root is trusted.
fn client_hello(host: &str) -> Option<Vec<u8>> {
    let mut config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let mut connection = ClientConnection::new(Arc::new(config), name).ok()?;
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds the TTL of somebody who answers with it; some numbers of tries are lost.
    fn found(ttl: u8, lost: &[usize]) -> (Option<u8>, usize, usize) {
        let mut seen = ReplyTtl::default();
        for rounds in 0..9 {
            let minimums = next_minimums(&seen);
            if minimums.is_empty() {
                let answered = seen.tries.iter().filter(|one| one.answer == ReplyAnswer::Rst);
                return (answered.map(|one| one.minimum_ttl).max(), rounds, seen.tries.len());
            }
            for minimum_ttl in minimums {
                let is_in = minimum_ttl <= ttl && !lost.contains(&seen.tries.len());
                let answer = if is_in { ReplyAnswer::Rst } else { ReplyAnswer::None };
                seen.tries.push(ReplyTry { minimum_ttl, answer });
            }
        }
        panic!("{ttl}: no end of {seen:?}");
    }

    #[test]
    fn every_ttl_is_found_with_few_tries() {
        for ttl in 1..=255 {
            let (value, rounds, tries) = found(ttl, &[]);
            assert_eq!(value, Some(ttl));
            assert!(rounds <= 5 && tries <= 40, "{ttl}: {rounds} rounds, {tries} tries");
        }
        for ttl in (33..=64).chain(97..=128).chain(225..=254) {
            let (_, rounds, tries) = found(ttl, &[]);
            assert!(rounds <= 3 && tries <= 26, "{ttl}: {rounds} rounds, {tries} tries");
        }
    }

    #[test]
    fn an_answer_that_is_lost_is_asked_for_again() {
        // The last of the second round that would let it in: 57, 58, 59, 60 and 61.
        assert_eq!(found(61, &[FIRST.len() + 4]).0, Some(61));
        assert_eq!(found(61, &[4]).0, Some(61), "one of the grid");
        assert_eq!(found(61, &(0..99).collect::<Vec<_>>()), (None, 1, FIRST.len()));
    }

    #[tokio::test]
    async fn a_closed_port_of_loopback_refuses_with_the_ttl_of_this_machine() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let tries = round(free, &Settings::default(), &Arc::default(), &[1, 255]).await;
        assert_eq!(tries[0].answer, ReplyAnswer::Rst);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let tries = round(listener.local_addr().unwrap(), &Settings::default(), &Arc::default(), &[1]).await;
        assert_eq!(tries[0].answer, ReplyAnswer::SynAck);
    }

    #[test]
    fn the_first_message_of_tls_names_the_host() {
        let bytes = client_hello("bucket.example").unwrap();
        assert_eq!(bytes[..2], [0x16, 0x03]);
        assert!(bytes.windows(14).any(|part| part == b"bucket.example"));
        assert_eq!(client_hello("no host"), None);
    }
}
