//! What the kernel counts of TCP.

use std::fs;

use crate::evidence::{Detail, Outcome, TcpCounters};

/// Reads the counters of this network namespace (proc(5), `/proc/[pid]/net`). Where there are none, as in some sandboxes, all are null.
pub(in crate::probe) fn tcp_counters() -> (Outcome, Detail) {
    let text = fs::read_to_string("/proc/self/net/netstat").unwrap_or_default();
    (Outcome::Succeeded, Detail::TcpCounters(parse(&text)))
}

/// Names and values stand in two lines that begin with the same word.
fn parse(text: &str) -> TcpCounters {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let value = |wanted: &str| {
        let mut pairs = names.split_whitespace().zip(values.split_whitespace());
        pairs.find(|(name, _)| *name == wanted)?.1.parse().ok()
    };
    TcpCounters { syn_retransmits: value("TCPSynRetrans"), retransmit_failures: value("TCPRetransFail") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_their_names() {
        let text = "TcpExt: TCPRetransFail Other TCPSynRetrans\nTcpExt: 3 99 18446744073709551615\nIpExt: TCPRetransFail\nIpExt: 7\n";
        let expected = TcpCounters { syn_retransmits: Some(u64::MAX), retransmit_failures: Some(3) };
        assert_eq!(parse(text), expected);
        assert_eq!(parse(""), TcpCounters::default());
        assert_eq!(parse("TcpExt: TCPSynRetrans\n"), TcpCounters::default());
    }

    #[test]
    fn this_machine_has_them() {
        let (outcome, detail) = tcp_counters();
        assert!(outcome.is_success());
        let counters = detail.tcp_counters().unwrap();
        assert!(counters.syn_retransmits.is_some() && counters.retransmit_failures.is_some(), "{counters:?}");
    }
}
