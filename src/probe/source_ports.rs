//! Connects from chosen source ports, each again and again: does failing belong to the port?

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::Socket;
use tokio::task::JoinSet;

use super::{Context, tcp};
use crate::evidence::{Detail, FailureKind, Outcome, PortChoice, PortTrial, Sample, SourcePorts};
use crate::plan::{self, PORTS_OF_A_KIND, Step};
use crate::sys::{self, Egress};

/// Source ports that are tried, with those that are drawn.
const PORTS: usize = 8;
/// Connects from each of them, one after the other.
const ATTEMPTS: usize = 3;
/// For one connect: the kernel sends a SYN again after a second (RFC 6298 section 2.1), and that one is to have its time too.
const WITHIN: Duration = Duration::from_millis(1200);

/// A port that this machine lets us use, with the socket that holds it until the first connect.
struct Held {
    port: u16,
    choice: PortChoice,
    socket: io::Result<Socket>,
}

/// Connects from ports that failed, from ports that passed as far as they are free, and from new ones. All ports go side by side.
pub(super) async fn try_ports(context: &Context, step: &Step, failed: &[u16], passed: &[u16]) -> (Outcome, Detail) {
    let Some(peer) = step.peer else {
        return (Outcome::failed(FailureKind::Internal), step.action.blank_detail());
    };
    let redirected_to = plan::redirect(&context.config, step.endpoint.as_deref().unwrap_or_default(), peer);
    let to = redirected_to.unwrap_or(peer);
    let within = WITHIN.min(context.config.limits.attempt_timeout);
    let mut running = JoinSet::new();
    let egress = &context.config.egress;
    for (number, held) in ports(to, egress, failed, passed).into_iter().enumerate() {
        let egress = egress.clone();
        running.spawn(async move {
            let Held { port, choice, socket } = held;
            (number, PortTrial { port, choice, samples: again_and_again(socket, port, to, within, &egress).await })
        });
    }
    let mut trials = running.join_all().await;
    trials.sort_by_key(|(number, _)| *number);
    let ports: Vec<PortTrial> = trials.into_iter().map(|(_, trial)| trial).collect();
    let samples: Vec<Sample> = ports.iter().flat_map(|trial| trial.samples.iter().cloned()).collect();
    (tcp::summary(&samples, None), Detail::SourcePorts(SourcePorts { redirected_to, ports }))
}

/// The ports to try. One that failed and is taken now is recorded as that; in place of any other that is taken comes the next.
fn ports(to: SocketAddr, egress: &Egress, failed: &[u16], passed: &[u16]) -> Vec<Held> {
    let bound = |port: u16, choice| Held { port, choice, socket: sys::tcp_socket_from(to, port, egress) };
    let mut held: Vec<Held> = failed.iter().map(|port| bound(*port, PortChoice::Failed)).collect();
    let free = passed.iter().map(|port| bound(*port, PortChoice::Passed)).filter(|held| held.socket.is_ok());
    held.extend(free.take(PORTS_OF_A_KIND));
    let known: BTreeSet<u16> = failed.iter().chain(passed).copied().collect();
    let drawn = (held.len()..PORTS).filter_map(|_| {
        let socket = sys::tcp_socket_from(to, 0, egress).ok()?;
        let port = socket.local_addr().ok()?.as_socket()?.port();
        (!known.contains(&port)).then_some(Held { port, choice: PortChoice::New, socket: Ok(socket) })
    });
    let drawn: Vec<Held> = drawn.collect();
    held.extend(drawn);
    held
}

/// Connects one after the other; a port that is taken is not asked for again.
async fn again_and_again(
    first: io::Result<Socket>,
    port: u16,
    to: SocketAddr,
    within: Duration,
    egress: &Egress,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut socket = first;
    for _ in 0..ATTEMPTS {
        let tcp::Attempt { sample, stream } = tcp::dial_over(socket, to, within).await;
        let was_tried = sample.was_tried();
        samples.push(sample);
        if !was_tried {
            break;
        }
        // The next socket holds the port before this connection is closed, and may connect once it is.
        socket = sys::tcp_socket_from(to, port, egress);
        drop(stream);
    }
    samples
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn run(to: SocketAddr, failed: &[u16], passed: &[u16]) -> Vec<PortTrial> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let trial = async |held: Held| {
            let Held { port, choice, socket } = held;
            PortTrial { port, choice, samples: again_and_again(socket, port, to, WITHIN, &Egress::default()).await }
        };
        runtime.block_on(async {
            let mut trials = Vec::new();
            for held in ports(to, &Egress::default(), failed, passed) {
                trials.push(trial(held).await);
            }
            trials
        })
    }

    #[test]
    fn a_port_is_used_again_and_again_and_new_ones_fill_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        // Free a moment ago, and closed in a way that leaves nothing behind.
        let free =
            sys::tcp_socket_from(to, 0, &Egress::default()).unwrap().local_addr().unwrap().as_socket().unwrap().port();
        let trials = run(to, &[free], &[]);
        assert_eq!(trials.len(), PORTS);
        assert_eq!((trials[0].port, trials[0].choice, trials[1].choice), (free, PortChoice::Failed, PortChoice::New));
        for trial in &trials {
            assert!(trial.always_passes() && trial.samples.len() == ATTEMPTS, "{trial:?}");
            assert!(trial.samples.iter().all(|sample| sample.local.is_some_and(|local| local.port() == trial.port)));
        }
    }

    #[test]
    fn a_port_that_is_taken_was_not_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let other = std::net::TcpStream::connect(to).unwrap();
        let taken = other.local_addr().unwrap().port();
        let trials = run(to, &[taken], &[taken]);
        assert_eq!((trials[0].port, trials[0].choice), (taken, PortChoice::Failed));
        let outcomes: Vec<_> = trials[0].samples.iter().map(|sample| sample.outcome.failure()).collect();
        assert_eq!(outcomes, [Some(FailureKind::NoFreePort)]);
        assert!(!trials[0].always_fails());
        assert!(trials[1..].iter().all(|trial| trial.choice == PortChoice::New), "{trials:?}");
    }
}
