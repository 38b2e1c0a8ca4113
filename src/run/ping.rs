//! Connects or echoes again and again, paced, to the same peers, until the count is reached or the user ends it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::evidence::{FailureKind, Outcome, Sample};
use crate::probe;
use crate::sys::Egress;

/// What is sent to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A TCP connection, which is closed at once.
    Tcp,
    /// An ICMP echo request; the ports of the peers say nothing.
    IcmpEcho,
}

/// What is connected to, and how often.
#[derive(Debug, Clone)]
pub struct Ping {
    /// What is sent.
    pub method: Method,
    /// The peers, each with where connections to it really go.
    pub peers: Vec<(SocketAddr, SocketAddr)>,
    /// How it leaves this machine.
    pub egress: Egress,
    /// How many rounds; `None`: until the user ends it.
    pub rounds: Option<u64>,
    /// Between the starts of two rounds.
    pub interval: Duration,
    /// For one connect.
    pub attempt_timeout: Duration,
    /// Connects under way at the same time.
    pub concurrency: usize,
}

/// One connect that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// Index of the peer.
    pub peer: usize,
    /// Number of the round, from 0.
    pub round: u64,
    /// When it was begun.
    pub at: Timestamp,
    /// What came of it.
    pub sample: Sample,
}

/// Connects round after round and tells of each connect when it ends. Rounds begin on time whether or not the one before has ended,
/// as long as no more are under way than allowed. True when all rounds were made.
pub async fn ping(ping: &Ping, stop: impl Future<Output = ()>, mut tell: impl FnMut(Probed)) -> bool {
    let permits = Arc::new(Semaphore::new(ping.concurrency.max(1)));
    let mut running = JoinSet::new();
    let begun = Instant::now();
    tokio::pin!(stop);
    for round in 0..ping.rounds.unwrap_or(u64::MAX) {
        let start = begun + ping.interval.saturating_mul(u32::try_from(round).unwrap_or(u32::MAX));
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return false,
                Some(ended) = running.join_next() => note(ended, &mut tell),
                () = sleep_until(start) => break,
            }
        }
        for (index, &(_, to)) in ping.peers.iter().enumerate() {
            // The semaphore is never closed, so waiting for it cannot fail.
            let permit = loop {
                tokio::select! {
                    biased;
                    () = &mut stop => return false,
                    permit = Arc::clone(&permits).acquire_owned() => break permit,
                    Some(ended) = running.join_next() => note(ended, &mut tell),
                }
            };
            let (method, attempt_timeout, egress) = (ping.method, ping.attempt_timeout, ping.egress.clone());
            running.spawn(async move {
                let _permit = permit;
                let at = Timestamp::now();
                let sample = match method {
                    Method::Tcp => probe::connect_once(to, attempt_timeout, egress).await,
                    Method::IcmpEcho => probe::echo_once(to, attempt_timeout, &egress).await,
                };
                Probed { peer: index, round, at, sample }
            });
        }
    }
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return false,
            ended = running.join_next() => match ended {
                Some(ended) => note(ended, &mut tell),
                None => return true,
            },
        }
    }
}

/// Tells of a connect. One whose probe panicked has no peer to tell of.
fn note(ended: Result<Probed, tokio::task::JoinError>, tell: &mut impl FnMut(Probed)) {
    if let Ok(probed) = ended {
        tell(probed);
    }
}

/// Why this user may not send what is to be sent; `None` where it may.
pub fn refusal(ping: &Ping) -> Option<String> {
    let (_, to) = ping.peers.first().filter(|_| ping.method == Method::IcmpEcho)?;
    probe::echo_refusal(*to, &ping.egress)
}

/// Whether a connect says nothing about the network, because this machine could not even try.
pub fn is_own_failure(sample: &Sample) -> bool {
    matches!(sample.outcome, Outcome::Failed { kind: FailureKind::TooManyFiles | FailureKind::NoFreePort, .. })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn run(what: &Ping, stop: impl Future<Output = ()>) -> (bool, Vec<Probed>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut all = Vec::new();
        let done = runtime.block_on(ping(what, stop, |probed| all.push(probed)));
        (done, all)
    }

    fn to(peers: Vec<SocketAddr>, rounds: Option<u64>) -> Ping {
        let peers = peers.into_iter().map(|peer| (peer, peer)).collect();
        let (interval, attempt_timeout) = (Duration::from_millis(10), Duration::from_secs(3));
        Ping {
            method: Method::Tcp,
            peers,
            egress: Egress::default(),
            rounds,
            interval,
            attempt_timeout,
            concurrency: 2,
        }
    }

    #[test]
    fn every_peer_is_connected_to_in_every_round() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        // Bound and never listening: it refuses as long as it lives.
        let refusing = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        refusing.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let refused = refusing.local_addr().unwrap().as_socket().unwrap();
        let begun = std::time::Instant::now();
        let (done, all) = run(&to(vec![open, refused, open], Some(4)), std::future::pending());
        assert!(done && begun.elapsed() >= Duration::from_millis(30));
        assert_eq!(all.len(), 12);
        for probed in &all {
            let expected = (probed.peer == 1).then_some(FailureKind::ConnectionRefused);
            assert_eq!(probed.sample.outcome.failure(), expected, "{probed:?}");
        }
        assert_eq!(all.iter().filter(|probed| probed.round == 3).count(), 3);
    }

    #[test]
    fn the_user_ends_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let soon = async { tokio::time::sleep(Duration::from_millis(50)).await };
        let (done, all) = run(&to(vec![listener.local_addr().unwrap()], None), soon);
        assert!(!done && !all.is_empty());
    }
}
