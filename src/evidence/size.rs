//! What is seen of the size of packets that a path takes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FailureKind, Outcome, Sample};
use crate::target::Protocol;

/// Bytes of TCP options that take their place in every segment, as nearly all hosts agree on them: timestamps (RFC 7323).
const TIMESTAMPS: u32 = 12;

/// One TLS handshake with segments no larger than some size, in both directions: where ordinary handshakes stall and this one does not,
/// the large ones get lost (RFC 2923).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ClampedHandshake {
    /// The maximum segment size that was announced (`TCP_MAXSEG`).
    pub mss_bytes: u32,
    /// What the kernel knew of the connection at the end; null when it did not open.
    pub tcp: Option<TcpState>,
}

/// One anonymous HEAD that fills several packets. The observation succeeded if all of it reached the peer: an answer came, whatever it
/// says, or the peer's kernel acknowledged the last byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LargeRequest {
    /// HTTP or HTTPS.
    pub protocol: Protocol,
    /// Size of the padding, in bytes, before encryption; the request has some hundred bytes more.
    pub request_bytes: u32,
    /// The maximum segment size that was announced (`TCP_MAXSEG`), which binds both directions; null for the usual one.
    pub mss_bytes: Option<u32>,
    /// Status of the answer, where it was waited for.
    pub status: Option<u16>,
    /// What the kernel knew of the connection at the end; null when it did not open.
    pub tcp: Option<TcpState>,
}

impl Default for LargeRequest {
    fn default() -> Self {
        Self { protocol: Protocol::Https, request_bytes: 0, mss_bytes: None, status: None, tcp: None }
    }
}

impl LargeRequest {
    /// Whether the request was sent, a part of it again, and that part never arrived.
    pub fn is_lost(&self, outcome: &Outcome) -> bool {
        let unheard = |tcp: &TcpState| tcp.unacknowledged_segments > Some(0) && tcp.retransmitted_segments > Some(0);
        outcome.failure() == Some(FailureKind::ResponseTimeout) && self.tcp.as_ref().is_some_and(unheard)
    }
}

/// Bytes of IP and TCP header without options (RFC 9293, RFC 8200).
pub const fn header_bytes(is_v6: bool) -> u32 {
    if is_v6 { 60 } else { 40 }
}

/// The largest segment with its TCP options, which the MSS of a SYN tells, from what is left for data and the MTU of the path.
fn full_segment(data_bytes: Option<u32>, path_mtu_bytes: Option<u32>, is_v6: bool) -> Option<u32> {
    let by_path = path_mtu_bytes.map(|bytes| bytes.saturating_sub(header_bytes(is_v6)));
    data_bytes.map(|bytes| bytes + TIMESTAMPS).into_iter().chain(by_path).min()
}

impl Sample {
    /// The largest segment, with its TCP options, that the peer was told it may send.
    pub fn largest_incoming(&self, is_v6: bool) -> Option<u32> {
        full_segment(Some(self.announced_mss_bytes?), self.path_mtu_bytes, is_v6)
    }
}

impl TcpState {
    /// The largest segment, with its TCP options, that was sent.
    pub fn largest_outgoing(&self, is_v6: bool) -> Option<u32> {
        full_segment(Some(self.mss_bytes?), self.path_mtu_bytes, is_v6)
    }
}

/// What is worth knowing of the size of packets on a connection: a path that takes smaller ones than this machine's own link, and a
/// peer, or a router on the way, that asked for smaller segments than the path takes.
pub fn remark_on_size(tcp: &TcpState, is_v6: bool) -> Option<String> {
    let overhead = header_bytes(is_v6) + TIMESTAMPS;
    let (path, mss, announced) = (tcp.path_mtu_bytes?, tcp.mss_bytes?, tcp.announced_mss_bytes?);
    if path < announced + header_bytes(is_v6) {
        return Some(format!("path MTU {path}"));
    }
    // On loopback segments are bound by the window.
    (mss + overhead < path && path < 16_384).then(|| format!("MSS clamped to {}", mss + TIMESTAMPS))
}

/// What the kernel knows of a TCP connection (`TCP_INFO`). Null: this kernel does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TcpState {
    /// The MTU of the path: that of the interface or route, or what a router reported (`tcpi_pmtu`).
    pub path_mtu_bytes: Option<u32>,
    /// Maximum segment size towards the peer, without TCP options (`tcpi_snd_mss`).
    pub mss_bytes: Option<u32>,
    /// Maximum segment size that this machine announced, without TCP options (`tcpi_advmss`).
    pub announced_mss_bytes: Option<u32>,
    /// Segments that were sent and that nobody acknowledged (`tcpi_unacked`).
    pub unacknowledged_segments: Option<u32>,
    /// Segments that were sent again, SYNs included (`tcpi_total_retrans`).
    pub retransmitted_segments: Option<u32>,
    /// Bytes that the peer acknowledged (`tcpi_bytes_acked`).
    pub acknowledged_bytes: Option<u64>,
    /// Segments that came while one before them was missing (`tcpi_rcv_ooopack`).
    pub out_of_order_segments: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(path_mtu: u32, mss: u32, announced: u32) -> TcpState {
        TcpState {
            path_mtu_bytes: Some(path_mtu),
            mss_bytes: Some(mss),
            announced_mss_bytes: Some(announced),
            ..TcpState::default()
        }
    }

    #[test]
    fn a_full_segment_is_what_its_mss_says() {
        assert_eq!(state(1500, 1448, 1448).largest_outgoing(false), Some(1460));
        assert_eq!(state(1500, 1460, 1460).largest_outgoing(false), Some(1460), "without timestamps");
        assert_eq!(state(1500, 1428, 1428).largest_outgoing(true), Some(1440));
        assert_eq!(state(1500, 1248, 1448).largest_outgoing(false), Some(1260), "clamped");
        assert_eq!(TcpState::default().largest_outgoing(false), None);
    }

    #[test]
    fn only_what_is_unusual_is_remarked_on() {
        assert_eq!(remark_on_size(&state(1500, 1448, 1448), false), None);
        assert_eq!(remark_on_size(&state(1500, 1460, 1460), false), None);
        assert_eq!(remark_on_size(&state(1500, 1428, 1428), true), None);
        assert_eq!(remark_on_size(&state(65_535, 32_741, 65_483), false), None);
        assert_eq!(remark_on_size(&state(1300, 1248, 1448), false).as_deref(), Some("path MTU 1300"));
        assert_eq!(remark_on_size(&state(1500, 1248, 1448), false).as_deref(), Some("MSS clamped to 1260"));
    }
}
