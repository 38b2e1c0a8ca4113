//! TCP connects: how often they succeed, how long they take by both clocks, and who says no.
//!
//! How a connect ended follows `docs/architecture.md`, "reading a failed connect": the TCP state first, because a writable
//! socket is not yet a connected one; then the error queue, because reading it clears `SO_ERROR`; then `SO_ERROR`.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use socket2::Socket;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use super::connection::Connection;
use super::{Context, micros};
use crate::config::Config;
use crate::evidence::{Detail, FailureKind, NotRunReason, ObservationId, Outcome, Sample, Tcp, TcpState};
use crate::plan::{self, Step};
use crate::sys::{self, Egress, IcmpError, TcpInfo};

/// After a wake-up that decided nothing.
const PAUSE_AFTER_WAKE: Duration = Duration::from_millis(2);

/// Connections that are no longer needed, and yet held until all connects ended.
const MOST_HELD: usize = plan::PORTS_OF_A_KIND;

/// Connects `count` times, paced, without waiting for one to end before the next begins. The first `keep` connections stay
/// open for later steps, the others are closed at once.
pub(super) async fn connect(context: &Context, id: ObservationId, step: &Step, keep: usize) -> (Outcome, Detail) {
    let Some(peer) = step.peer else {
        return (Outcome::failed(FailureKind::Internal), step.action.blank_detail());
    };
    let limits = &context.config.limits;
    let redirected_to = plan::redirect(&context.config, step.endpoint.as_deref().unwrap_or_default(), peer);
    let count = usize::from(limits.count.max(1));
    let peer = redirected_to.unwrap_or(peer);
    if count == 1 {
        return connect_singly(context, id, peer, redirected_to, keep).await;
    }
    let begun = tokio::time::Instant::now();
    let mut running = JoinSet::new();
    for number in 0..count {
        let (interval, attempt_timeout) = (limits.interval, limits.attempt_timeout);
        let settings = Settings::of(&context.config);
        running.spawn(async move {
            if number > 0 {
                sleep_until(begun + interval * u32::try_from(number).unwrap_or(u32::MAX)).await;
            }
            let attempt = dial_with(peer, attempt_timeout, settings).await;
            (number, attempt.sample, attempt.stream)
        });
    }
    let mut samples: Vec<Option<Sample>> = vec![None; count];
    let (mut kept, mut held) = (0, Vec::new());
    let cancelled_because = loop {
        tokio::select! {
            biased;
            ended = running.join_next() => match ended {
                None => break None,
                Some(Ok((number, sample, stream))) => {
                    match stream {
                        Some(stream) if kept < keep => {
                            kept += 1;
                            context.connections.put(id, Connection::Tcp(stream));
                        }
                        Some(stream) if held.len() < MOST_HELD => held.push(stream),
                        _ => {}
                    }
                    samples[number] = Some(sample);
                }
                // A sample that panicked stays without a record and is counted as a defect below.
                Some(Err(_)) => {}
            },
            because = context.cancelled() => break Some(because),
        }
    };
    let missing = || match cancelled_because {
        Some(because) => Sample::ended(Outcome::NotRun { because }),
        None => Sample::ended(Outcome::failed(FailureKind::Internal)),
    };
    let samples: Vec<Sample> = samples.into_iter().map(|sample| sample.unwrap_or_else(missing)).collect();
    if samples.iter().any(|sample| sample.outcome.failure() == Some(FailureKind::ConnectTimeout)) {
        free_ports_of(&held);
    }
    (summary(&samples, cancelled_because), Detail::Tcp(Tcp { redirected_to, samples }))
}

/// Connects once, which needs no task of its own.
async fn connect_singly(
    context: &Context,
    id: ObservationId,
    peer: SocketAddr,
    redirected_to: Option<SocketAddr>,
    keep: usize,
) -> (Outcome, Detail) {
    let settings = Settings::of(&context.config);
    let (sample, cancelled_because) = tokio::select! {
        biased;
        attempt = dial_with(peer, context.config.limits.attempt_timeout, settings) => {
            if let Some(stream) = attempt.stream.filter(|_| keep > 0) {
                context.connections.put(id, Connection::Tcp(stream));
            }
            (attempt.sample, None)
        }
        because = context.cancelled() => (Sample::ended(Outcome::NotRun { because }), Some(because)),
    };
    let samples = vec![sample];
    (summary(&samples, cancelled_because), Detail::Tcp(Tcp { redirected_to, samples }))
}

/// Where some connects got no answer, the source ports of those that did are wanted once more; an orderly close would keep them in
/// `TIME_WAIT` for a minute.
fn free_ports_of(held: &[TcpStream]) {
    for stream in held {
        // Without it the port stays taken, and another one is used.
        let _ = sys::leave_nothing_behind(stream);
    }
}

/// The outcome of several connects: success if any succeeded, else the most telling failure. Silence tells least.
pub(super) fn summary(samples: &[Sample], cancelled_because: Option<NotRunReason>) -> Outcome {
    if samples.iter().any(|sample| sample.outcome.is_success()) {
        return Outcome::Succeeded;
    }
    let failures = || samples.iter().filter(|sample| sample.outcome.failure().is_some());
    let telling = failures().find(|sample| sample.outcome.failure() != Some(FailureKind::ConnectTimeout));
    match (telling.or_else(|| failures().next()), cancelled_because) {
        (Some(sample), _) => sample.outcome.clone(),
        (None, Some(because)) => Outcome::NotRun { because },
        (None, None) => Outcome::failed(FailureKind::Internal),
    }
}

/// One connect and, when it succeeded, its connection.
pub(super) struct Attempt {
    pub(super) sample: Sample,
    pub(super) stream: Option<TcpStream>,
}

/// Connects once, as the kernel has it: to a name server or another service of this machine's network.
pub(super) async fn dial(peer: SocketAddr, attempt_timeout: Duration) -> Attempt {
    dial_with(peer, attempt_timeout, Settings::default()).await
}

/// What a socket is told before it connects.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    /// How it leaves this machine.
    pub(super) egress: Egress,
    /// Segments are no larger than this.
    pub(super) mss_bytes: Option<u32>,
    /// What arrives with a smaller TTL is ignored.
    pub(super) minimum_ttl: Option<u8>,
}

impl Settings {
    /// Those of a connection to an endpoint.
    pub(super) fn of(config: &Config) -> Self {
        Self { egress: config.egress.clone(), ..Self::default() }
    }

    fn applied(&self, socket: Socket, peer: SocketAddr) -> io::Result<Socket> {
        self.mss_bytes.map_or(Ok(()), |mss_bytes| socket.set_tcp_mss(mss_bytes))?;
        self.minimum_ttl.map_or(Ok(()), |ttl| sys::set_minimum_ttl(&socket, peer, ttl))?;
        Ok(socket)
    }
}

/// Connects once, with some settings.
pub(super) async fn dial_with(peer: SocketAddr, attempt_timeout: Duration, settings: Settings) -> Attempt {
    let socket = sys::tcp_socket(peer, &settings.egress).and_then(|socket| settings.applied(socket, peer));
    dial_over(socket, peer, attempt_timeout).await
}

/// Connects a socket once, if there is one.
pub(super) async fn dial_over(socket: io::Result<Socket>, peer: SocketAddr, attempt_timeout: Duration) -> Attempt {
    let refused = |error: &io::Error| Attempt { sample: Sample::ended(local_failure(error, peer)), stream: None };
    let socket = match socket {
        Ok(socket) => socket,
        Err(error) => return refused(&error),
    };
    let begun = Instant::now();
    match socket.connect(&peer.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return refused(&error),
    }
    let local = socket.local_addr().ok().and_then(|address| address.as_socket());
    let stream = match TcpStream::from_std(socket.into()) {
        Ok(stream) => stream,
        Err(error) => return refused(&error),
    };
    let ended = timeout(attempt_timeout, established(&stream, local)).await;
    let elapsed_us = Some(micros(begun.elapsed()));
    let (outcome, info) =
        ended.unwrap_or_else(|_| (Outcome::failed(FailureKind::ConnectTimeout), sys::tcp_info(&stream).ok()));
    let sample = Sample {
        elapsed_us,
        kernel_rtt_us: info.and_then(|info| info.rtt_us),
        syn_retransmits: info.and_then(|info| info.total_retransmits),
        mss_bytes: info.and_then(|info| info.mss_bytes),
        announced_mss_bytes: info.and_then(|info| info.announced_mss_bytes),
        path_mtu_bytes: info.and_then(|info| info.path_mtu_bytes),
        local,
        outcome,
    };
    let stream = sample.outcome.is_success().then_some(stream);
    Attempt { sample, stream }
}

/// A second descriptor of a connection, to ask the kernel about it when the first has been given away.
pub(super) fn watched(stream: &TcpStream) -> Option<OwnedFd> {
    stream.as_fd().try_clone_to_owned().ok()
}

/// What the kernel knows of a connection.
pub(super) fn state(socket: &impl AsFd) -> Option<TcpState> {
    let info = sys::tcp_info(socket).ok()?;
    Some(TcpState {
        path_mtu_bytes: info.path_mtu_bytes,
        mss_bytes: info.mss_bytes,
        announced_mss_bytes: info.announced_mss_bytes,
        unacknowledged_segments: Some(info.unacknowledged_segments),
        retransmitted_segments: info.total_retransmits,
        acknowledged_bytes: info.acknowledged_bytes,
        out_of_order_segments: info.out_of_order_segments,
    })
}

/// Waits for the end of the handshake: how it ended, and what the kernel knew then.
async fn established(stream: &TcpStream, local: Option<SocketAddr>) -> (Outcome, Option<TcpInfo>) {
    loop {
        if let Err(error) = stream.ready(Interest::WRITABLE | Interest::ERROR).await {
            return (Outcome::failed_with(FailureKind::Other, &error.to_string()), None);
        }
        // Most sockets wake because they are connected, so this is asked first and once: every call counts among thousands.
        let info = sys::tcp_info(stream).ok();
        let outcome = match info {
            Some(info) if info.established => Some(Outcome::Succeeded),
            _ => refusal(stream, local, info),
        };
        if let Some(outcome) = outcome {
            return (outcome, info);
        }
        // Nothing is decided: an ICMP error may wake the socket while the kernel goes on sending SYNs. The readiness is
        // cleared, one interest at a time as tokio wants it. What stays is the mark of a closed stream, and the pause keeps
        // that from being a busy loop.
        for interest in [Interest::WRITABLE, Interest::ERROR] {
            let _: io::Result<()> = stream.try_io(interest, || Err(io::ErrorKind::WouldBlock.into()));
        }
        sleep(PAUSE_AFTER_WAKE).await;
    }
}

/// How a connect that is not established has ended, if it has.
fn refusal(stream: &TcpStream, local: Option<SocketAddr>, info: Option<TcpInfo>) -> Option<Outcome> {
    if let Some(failure) = sys::next_icmp_error(&stream.as_fd()).and_then(|error| icmp_failure(error, local)) {
        return Some(failure);
    }
    match stream.take_error() {
        // A refusal of the SYN is ECONNREFUSED; this RST came after the handshake, so the port was reached.
        Ok(Some(error)) if matches!(error.raw_os_error(), Some(libc::ECONNRESET | libc::EPIPE)) => {
            Some(Outcome::Succeeded)
        }
        Ok(Some(error)) => Some(remote_failure(&error)),
        Ok(None) if info.is_some_and(|info| info.closed) => {
            Some(Outcome::failed_with(FailureKind::Other, "the connection was over before it could be used"))
        }
        Ok(None) => None,
        Err(error) => Some(Outcome::failed_with(FailureKind::Other, &error.to_string())),
    }
}

/// The failure that an ICMP error stands for (RFC 792, RFC 1812 section 5.2.7, RFC 4443); `None` for one that does not end
/// a connect, such as fragmentation needed.
pub(super) fn icmp_failure(error: IcmpError, local: Option<SocketAddr>) -> Option<Outcome> {
    let from_us = error.from.is_some() && error.from == local.map(|address| address.ip());
    let kind = match (error.is_v6, error.icmp_type, error.code) {
        (false, 3, 9 | 10 | 13) | (true, 1, 1 | 5 | 6) if from_us => FailureKind::LocalReject,
        (false, 3, 0 | 6 | 11) | (true, 1, 0 | 2) => FailureKind::NetworkUnreachable,
        (false, 3, 1 | 5 | 7 | 8 | 12) | (true, 1, 3) => FailureKind::HostUnreachable,
        (false, 3, 2) => FailureKind::ProtocolUnreachable,
        (false, 3, 3) | (true, 1, 4) => FailureKind::PortUnreachable,
        (false, 3, 9 | 10 | 13) | (true, 1, 1 | 5 | 6) => FailureKind::AdminProhibited,
        (false, 11, _) | (true, 3, _) => FailureKind::TtlExceeded,
        _ => return None,
    };
    Some(Outcome::Failed { kind, from: error.from, message: None })
}

/// The failure that the network reported, without an ICMP error that tells more.
fn remote_failure(error: &io::Error) -> Outcome {
    let kind = match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => FailureKind::ConnectionRefused,
        Some(libc::ETIMEDOUT) => FailureKind::ConnectTimeout,
        Some(libc::EHOSTUNREACH) => FailureKind::HostUnreachable,
        Some(libc::ENETUNREACH) => FailureKind::NetworkUnreachable,
        Some(libc::EACCES) => FailureKind::AdminProhibited,
        Some(libc::ENOPROTOOPT) => FailureKind::ProtocolUnreachable,
        _ => return Outcome::failed_with(FailureKind::Other, &error.to_string()),
    };
    Outcome::failed(kind)
}

/// The failure when `socket()` or `connect()` itself refuses: this machine's kernel, before anything was sent.
pub(super) fn local_failure(error: &io::Error, peer: SocketAddr) -> Outcome {
    let kind = match error.raw_os_error() {
        // EINVAL is a blackhole route, EHOSTUNREACH an unreachable one.
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EINVAL) => FailureKind::NoRoute,
        Some(libc::EPERM | libc::EACCES) => FailureKind::LocalReject,
        // Without any IPv6 address there is no source address to bind to.
        Some(libc::EADDRNOTAVAIL) if peer.is_ipv6() => FailureKind::NoRoute,
        Some(libc::EADDRNOTAVAIL | libc::EADDRINUSE | libc::EAGAIN) => FailureKind::NoFreePort,
        Some(libc::EMFILE | libc::ENFILE) => FailureKind::TooManyFiles,
        Some(libc::EAFNOSUPPORT) => FailureKind::FamilyUnsupported,
        Some(libc::ECONNREFUSED) => FailureKind::ConnectionRefused,
        _ => FailureKind::Other,
    };
    Outcome::failed_with(kind, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icmp_errors_have_their_words() {
        let error =
            |is_v6, icmp_type, code| IcmpError { is_v6, icmp_type, code, from: Some("100.64.12.2".parse().unwrap()) };
        let kind = |error| icmp_failure(error, None).and_then(|outcome| outcome.failure());
        for (v6, icmp_type, code, expected) in [
            (false, 3, 0, Some(FailureKind::NetworkUnreachable)),
            (false, 3, 1, Some(FailureKind::HostUnreachable)),
            (false, 3, 3, Some(FailureKind::PortUnreachable)),
            (false, 3, 4, None),
            (false, 3, 10, Some(FailureKind::AdminProhibited)),
            (false, 3, 13, Some(FailureKind::AdminProhibited)),
            (false, 11, 0, Some(FailureKind::TtlExceeded)),
            (true, 1, 0, Some(FailureKind::NetworkUnreachable)),
            (true, 1, 1, Some(FailureKind::AdminProhibited)),
            (true, 1, 4, Some(FailureKind::PortUnreachable)),
            (true, 2, 0, None),
        ] {
            assert_eq!(kind(error(v6, icmp_type, code)), expected, "{v6} {icmp_type}/{code}");
        }
        let own = icmp_failure(error(false, 3, 13), Some("100.64.12.2:5".parse().unwrap()));
        assert_eq!(own.unwrap().failure(), Some(FailureKind::LocalReject));
    }

    #[test]
    fn one_success_is_a_success_and_silence_tells_least() {
        let sample = |outcome| Sample::ended(outcome);
        let timeout = || sample(Outcome::failed(FailureKind::ConnectTimeout));
        let refused = || sample(Outcome::failed(FailureKind::ConnectionRefused));
        assert_eq!(summary(&[timeout(), sample(Outcome::Succeeded)], None), Outcome::Succeeded);
        assert_eq!(summary(&[timeout(), refused()], None).failure(), Some(FailureKind::ConnectionRefused));
        assert_eq!(summary(&[timeout()], None).failure(), Some(FailureKind::ConnectTimeout));
        let because = NotRunReason::Interrupted;
        let broken_off = sample(Outcome::NotRun { because });
        assert_eq!(summary(&[broken_off], Some(because)), Outcome::NotRun { because });
    }
}
