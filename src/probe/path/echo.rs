//! One ICMP echo to an address, from a datagram socket, as an ordinary user.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::line::Line;
use super::not_sent;
use crate::evidence::{FailureKind, HopAnswer, HopProbe, Outcome, PathProtocol, Sample};
use crate::probe::{micros, tcp};
use crate::sys::{self, Egress, IcmpError};

/// Hops that a request lives for: the system's usual number.
const TTL: u8 = 64;

/// Why this user may not send ICMP echo; `None` where it may.
pub(in crate::probe) fn refusal(to: SocketAddr, egress: &Egress) -> Option<String> {
    let Outcome::Failed { kind: FailureKind::NotPermitted, message, .. } =
        not_sent(&sys::echo_trace_socket(to, egress).err()?, PathProtocol::Icmp, to)
    else {
        return None;
    };
    message
}

/// Sends one request and waits for its reply. The time is from handing it to the kernel to its receive stamp for the reply.
pub(in crate::probe) async fn echo(to: SocketAddr, attempt_timeout: Duration, egress: &Egress) -> Sample {
    let begun = Instant::now();
    let heard = match Line::open(PathProtocol::Icmp, to, egress) {
        Ok(mut line) => match line.send(TTL) {
            Ok(_) => Ok(timeout(attempt_timeout, line.next()).await.ok().map(|heard| heard.probe)),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let (outcome, rtt) = match heard {
        Ok(None) => (Outcome::failed(FailureKind::ResponseTimeout), None),
        Ok(Some(probe)) => (outcome(&probe, to), probe.rtt_us.filter(|_| probe.kernel_time)),
        Err(error) => (not_sent(&error, PathProtocol::Icmp, to), None),
    };
    let kernel_rtt_us = rtt.filter(|_| outcome.is_success()).and_then(|us| u32::try_from(us).ok());
    let elapsed_us = Some(micros(begun.elapsed()));
    Sample { elapsed_us, kernel_rtt_us, ..Sample::ended(outcome) }
}

fn outcome(probe: &HopProbe, to: SocketAddr) -> Outcome {
    if probe.answer == HopAnswer::EchoReply {
        return Outcome::Succeeded;
    }
    let error = probe.icmp_type.zip(probe.icmp_code);
    let error = error.map(|(icmp_type, code)| IcmpError { is_v6: to.is_ipv6(), icmp_type, code, from: probe.from });
    error.and_then(|error| tcp::icmp_failure(error, None)).unwrap_or(Outcome::failed(FailureKind::Other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_reply_or_a_failure_with_its_sender() {
        let to = "203.0.113.10:0".parse().unwrap();
        let reply = HopProbe { answer: HopAnswer::EchoReply, ..HopProbe::default() };
        assert_eq!(outcome(&reply, to), Outcome::Succeeded);
        let from = "192.0.2.1".parse().ok();
        let answer = HopAnswer::Unreachable;
        let error = HopProbe { answer, from, icmp_type: Some(3), icmp_code: Some(1), ..HopProbe::default() };
        assert_eq!(outcome(&error, to), Outcome::Failed { kind: FailureKind::HostUnreachable, from, message: None });
    }
}
