//! Tracing: who answers packets that live for one hop, for two, and so on up to the address.
//!
//! `path/pace.rs` decides what is sent when, `path/line.rs` sends and listens. No privilege is needed: TCP sockets queue the ICMP
//! errors of a connect since Linux 5.8. A pass asks for all hops together; flows with one TCP port ask one hop after the other,
//! because the kernel does not let two connects have the same ports and addresses.

pub(super) mod echo;
mod line;
mod pace;
mod packet;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::{Context, tcp};
use crate::evidence::{Detail, FailureKind, Hop, HopAnswer, HopProbe, Outcome, Path, PathProtocol, PathStop};
use crate::plan::{Step, TracePlan};
use crate::sys::{self, Egress, IcmpError};

use line::Line;
use pace::Pace;

/// At how many TTLs one address has to answer before it is certain that packets go in a circle.
const CERTAIN_LOOP: usize = 3;

/// Hops in a row that do not answer a flow of which it is known that it breaks off somewhere: behind them nothing will.
const MOST_SILENT: usize = 3;

/// Packets and their answers, in the order of sending.
type Probes = Vec<(u8, HopProbe)>;

/// Traces the path to the peer. When the run is broken off, what was seen until then is kept.
pub(super) async fn trace(context: &Context, step: &Step, plan: &TracePlan) -> (Outcome, Detail) {
    let mut path = plan.untraced();
    let Some(peer) = step.peer else { return (Outcome::failed(FailureKind::Internal), Detail::Path(path)) };
    let egress = &context.config.egress;
    path.source = egress.source_towards(peer);
    let mut probes = Probes::new();
    let traced = tokio::select! {
        biased;
        traced = passes(&mut probes, peer, plan, egress, context.config.limits.attempt_timeout) => Ok(traced),
        because = context.cancelled() => Err(because),
    };
    path.hops = by_hop(probes);
    if let Some((end, _)) = path.end(peer.ip()) {
        path.hops.truncate(end.into());
    }
    let outcome = match traced {
        Ok(Ok(())) => {
            path.stop = stop(&path, peer);
            outcome(&path, peer)
        }
        Ok(Err(error)) => {
            path.stop = PathStop::NotSent;
            not_sent(&error, plan.protocol, peer)
        }
        Err(because) => Outcome::NotRun { because },
    };
    (outcome, Detail::Path(path))
}

/// The rounds, one after the other, and then the flows.
async fn passes(
    probes: &mut Probes,
    peer: SocketAddr,
    plan: &TracePlan,
    egress: &Egress,
    most: Duration,
) -> io::Result<()> {
    let mut line = Line::open(plan.protocol, peer, egress)?;
    let mut pace = Pace::finding(plan.max_ttl, most);
    for round in 1..=plan.rounds.max(1) {
        if round > 1 {
            pace = pace.again();
        }
        pass(&mut line, &mut pace, &HopProbe { round: Some(round), ..HopProbe::default() }, probes).await?;
    }
    drop(line);
    probes.extend(flows(plan, peer, egress, &pace).await?);
    Ok(())
}

fn by_hop(probes: Probes) -> Vec<Hop> {
    let mut hops: Vec<Hop> = Vec::new();
    for (ttl, probe) in probes {
        while hops.len() < usize::from(ttl) {
            let next = u8::try_from(hops.len() + 1).unwrap_or(u8::MAX);
            hops.push(Hop { ttl: next, probes: Vec::new() });
        }
        hops[usize::from(ttl) - 1].probes.push(probe);
    }
    hops
}

/// Asks for all hops, as the pace has it; `blank` is a packet of this pass that is not sent yet. What the kernel refuses after it has
/// sent something is a packet without an answer.
async fn pass(line: &mut Line, pace: &mut Pace, blank: &HopProbe, probes: &mut Probes) -> io::Result<()> {
    let begun_with = probes.len();
    line.begin_pass();
    loop {
        for ttl in pace.due(Instant::now()) {
            let source_port = match line.send(ttl) {
                Ok(source_port) => source_port,
                Err(error) if probes.is_empty() => return Err(error),
                Err(_) => None,
            };
            probes.push((ttl, HopProbe { source_port, ..blank.clone() }));
        }
        let Some(wake) = pace.wake(Instant::now()) else { return Ok(()) };
        tokio::select! {
            biased;
            heard = line.next() => {
                let of_pass = &mut probes[begun_with..];
                let is_asked = |(ttl, probe): &&mut (u8, HopProbe)| *ttl == heard.ttl && probe.answer == HopAnswer::None;
                let Some((ttl, probe)) = of_pass.iter_mut().find(is_asked) else { continue };
                let HopProbe { round, flow, source_port, .. } = *probe;
                *probe = HopProbe { round, flow, source_port, ..heard.probe };
                if probe.answer != HopAnswer::None {
                    let rtt = Duration::from_micros(probe.rtt_us.unwrap_or(0));
                    pace.answered(*ttl, probe.is_end(), rtt, Instant::now());
                }
                if goes_in_a_circle(of_pass) {
                    pace.go_no_further();
                }
            }
            () = sleep_until(wake.into()) => {}
        }
    }
}

fn goes_in_a_circle(probes: &[(u8, HopProbe)]) -> bool {
    let routers = || probes.iter().filter(|(_, probe)| probe.answer == HopAnswer::TimeExceeded);
    let ttls = |from| { routers().filter(|(_, probe)| probe.from == from).map(|(ttl, _)| *ttl) }.collect::<Vec<_>>();
    let are_apart = |ttls: &[u8]| ttls.len() >= CERTAIN_LOOP && ttls.windows(2).all(|pair| pair[0] + 1 < pair[1]);
    routers().any(|(_, probe)| probe.from.is_some() && are_apart(&ttls(probe.from)))
}

/// The path again, with one source port for all hops each time, as far as it is known.
async fn flows(plan: &TracePlan, peer: SocketAddr, egress: &Egress, known: &Pace) -> io::Result<Probes> {
    let mut running = JoinSet::new();
    let ports = match (plan.protocol, plan.flow_ports) {
        (PathProtocol::Tcp, Some(ports)) => ports.to_vec(),
        (PathProtocol::Tcp, None) => free_ports(peer, plan.flows, egress)?,
        _ => Vec::new(),
    };
    let most_silent = if plan.flow_ports.is_some() { MOST_SILENT } else { usize::MAX };
    for flow in 1..=plan.flows {
        let mut pace = known.again();
        let blank = HopProbe { flow: Some(flow), ..HopProbe::default() };
        if let Some(&port) = ports.get(usize::from(flow) - 1) {
            // Hops that nothing answered at would cost their whole time each. Of chosen ports some go on where others break off.
            let limit = if plan.flow_ports.is_some() { known.farthest() } else { known.known() };
            let patience = known.patience();
            let blank = HopProbe { source_port: Some(port), ..blank };
            let mut line = Line::from_port(peer, port, egress);
            running.spawn(async move { (flow, one_by_one(&mut line, limit, patience, most_silent, &blank).await) });
        } else {
            let mut line = Line::open(plan.protocol, peer, egress)?;
            running.spawn(async move {
                let mut probes = Probes::new();
                // What could not be sent leaves the flow without packets.
                let _ = pass(&mut line, &mut pace, &blank, &mut probes).await;
                (flow, probes)
            });
        }
    }
    let mut all: Vec<_> = running.join_all().await;
    all.sort_by_key(|(flow, _)| *flow);
    Ok(all.into_iter().flat_map(|(_, probes)| probes).collect())
}

/// Ports that nobody uses now. They are not held: a connect that finds its port taken is a packet without an answer.
fn free_ports(peer: SocketAddr, count: u16, egress: &Egress) -> io::Result<Vec<u16>> {
    let held: Vec<_> = (0..count).map(|_| sys::tcp_socket_from(peer, 0, egress)).collect::<io::Result<_>>()?;
    let port = |socket: &socket2::Socket| Some(socket.local_addr().ok()?.as_socket()?.port());
    Ok(held.iter().filter_map(port).collect())
}

/// One SYN after the other from one port, to the end of the path, or until nothing answers any more.
async fn one_by_one(line: &mut Line, limit: u8, patience: Duration, most_silent: usize, blank: &HopProbe) -> Probes {
    let (mut probes, mut silent) = (Probes::new(), 0);
    for ttl in 1..=limit {
        line.begin_pass();
        let heard = match line.send(ttl) {
            Ok(_) => timeout(patience, line.next()).await.map(|heard| heard.probe).unwrap_or_default(),
            Err(_) => HopProbe::default(),
        };
        let is_end = heard.is_end();
        silent = if heard.answer.is_silence() { silent + 1 } else { 0 };
        probes.push((ttl, HopProbe { flow: blank.flow, source_port: blank.source_port, ..heard }));
        if is_end || silent >= most_silent {
            break;
        }
    }
    probes
}

fn stop(path: &Path, peer: SocketAddr) -> PathStop {
    let answers = |hop: &Hop| hop.probes.iter().any(|probe| probe.answer == HopAnswer::TimeExceeded);
    match path.end(peer.ip()) {
        Some((_, probe)) if probe.is_of(peer.ip()) => PathStop::Reached,
        Some(_) => PathStop::Unreachable,
        None if path.repeated().is_some() => PathStop::Loop,
        None if path.hops.iter().any(|hop| hop.ttl == path.max_ttl && answers(hop)) => PathStop::TtlLimit,
        None => PathStop::Silent,
    }
}

fn outcome(path: &Path, peer: SocketAddr) -> Outcome {
    let unnamed = |probe: &HopProbe| probe.answer == HopAnswer::Unnamed;
    match path.stop {
        PathStop::Reached => Outcome::Succeeded,
        PathStop::Loop | PathStop::TtlLimit => Outcome::failed(FailureKind::TtlExceeded),
        PathStop::Unreachable => {
            let failure = path.end(peer.ip()).and_then(|(_, probe)| {
                let (icmp_type, code) = (probe.icmp_type?, probe.icmp_code?);
                let error = IcmpError { is_v6: peer.is_ipv6(), icmp_type, code, from: probe.from };
                tcp::icmp_failure(error, path.source.map(|ip| SocketAddr::new(ip, 0)))
            });
            failure.unwrap_or_else(|| Outcome::failed(FailureKind::HostUnreachable))
        }
        PathStop::Silent if path.hops.iter().flat_map(|hop| &hop.probes).any(unnamed) => {
            let release = sys::kernel_release().unwrap_or_else(|| "unknown".to_owned());
            let message = format!("kernel {release} does not tell who answers TCP: that needs Linux 5.8 or --udp");
            Outcome::failed_with(FailureKind::Other, &message)
        }
        _ if path.protocol == PathProtocol::Tcp => Outcome::failed(FailureKind::ConnectTimeout),
        _ => Outcome::failed(FailureKind::ResponseTimeout),
    }
}

/// The failure when this machine sends nothing.
fn not_sent(error: &io::Error, protocol: PathProtocol, peer: SocketAddr) -> Outcome {
    let is_permission = matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM));
    if protocol == PathProtocol::Icmp && is_permission {
        let range = sys::ping_group_range().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
        let range = range.unwrap_or_else(|| "unknown".to_owned());
        let message = format!(
            "this user may not send ICMP echo: no group of its own is in net.ipv4.ping_group_range, which is {range}"
        );
        return Outcome::failed_with(FailureKind::NotPermitted, &message);
    }
    tcp::local_failure(error, peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exceeded(ttl: u8, from: &str) -> (u8, HopProbe) {
        let answer = HopAnswer::TimeExceeded;
        (ttl, HopProbe { answer, from: from.parse().ok(), ..HopProbe::default() })
    }

    #[test]
    fn a_circle_is_certain_at_the_third_time() {
        let [a, b] = ["192.0.2.1", "192.0.2.2"];
        let mut probes = vec![exceeded(1, a), exceeded(2, b), exceeded(3, a), exceeded(4, b)];
        assert!(!goes_in_a_circle(&probes));
        probes.push(exceeded(5, a));
        assert!(goes_in_a_circle(&probes));
        assert!(!goes_in_a_circle(&[exceeded(1, a), exceeded(2, a), exceeded(3, a)]));
        assert!(!goes_in_a_circle(&[exceeded(1, "-"), exceeded(3, "-"), exceeded(5, "-")]));
    }

    #[test]
    fn a_trace_ends_for_one_reason() {
        let peer: SocketAddr = "203.0.113.10:443".parse().unwrap();
        let path = |probes: Probes| {
            let mut path = Path { max_ttl: 4, hops: by_hop(probes), ..Path::default() };
            path.stop = stop(&path, peer);
            (path.stop, outcome(&path, peer).failure())
        };
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
        let with = |answer, from: &str| HopProbe { answer, from: from.parse().ok(), ..HopProbe::default() };
        let syn_ack = with(HopAnswer::SynAck, "203.0.113.10");
        assert_eq!(path(vec![exceeded(1, a), (2, syn_ack)]), (PathStop::Reached, None));
        let error = HopProbe { icmp_type: Some(3), icmp_code: Some(13), ..with(HopAnswer::Unreachable, b) };
        let prohibited = Some(FailureKind::AdminProhibited);
        assert_eq!(path(vec![exceeded(1, a), (2, error)]), (PathStop::Unreachable, prohibited));
        let too_many = Some(FailureKind::TtlExceeded);
        assert_eq!(path(vec![exceeded(1, a), exceeded(2, b), exceeded(3, a)]), (PathStop::Loop, too_many));
        let all = vec![exceeded(1, a), exceeded(2, b), exceeded(3, c), exceeded(4, "192.0.2.4")];
        assert_eq!(path(all), (PathStop::TtlLimit, too_many));
        let silent = vec![exceeded(1, a), (2, HopProbe::default())];
        assert_eq!(path(silent), (PathStop::Silent, Some(FailureKind::ConnectTimeout)));
        let unnamed = vec![(1, with(HopAnswer::Unnamed, "-"))];
        assert_eq!(path(unnamed), (PathStop::Silent, Some(FailureKind::Other)));
    }
}
