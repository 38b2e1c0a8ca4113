//! Findings about the size of packets that the path takes.

use super::codes::PTH001;
use super::view::listed;
use super::{Confidence, Finding};
use crate::config::Policy;
use crate::evidence::{Evidence, FailureKind, Observation, ObservationId, Outcome, Stage};

/// Bytes of IP and TCP header without options (RFC 9293, RFC 8200).
const HEADERS_V4: u32 = 40;
const HEADERS_V6: u32 = 60;

pub(super) fn rule(evidence: &Evidence, _: &Policy) -> Vec<Finding> {
    evidence.targets.iter().filter_map(|target| black_hole(evidence, &target.host)).collect()
}

/// Ordinary handshakes stall and those with small segments do not.
fn black_hole(evidence: &Evidence, host: &str) -> Option<Finding> {
    let of_size = |o: &Observation| Some(o.detail.clamped_handshake()?.mss_bytes);
    let all = || evidence.of_endpoint(Stage::PathMtu, host);
    let passed = all().filter(|o| o.outcome.is_success()).filter_map(of_size).max()?;
    let failed = all()
        .filter(|o| matches!(o.outcome, Outcome::Failed { .. }))
        .filter_map(of_size)
        .filter(|size| *size > passed)
        .min();
    let stalled: Vec<&Observation> = evidence
        .of_endpoint(Stage::TlsHandshake, host)
        .filter(|o| o.outcome.failure() == Some(FailureKind::HandshakeTimeout))
        .collect();
    let first = stalled.first()?;
    let headers = if first.peer.is_some_and(|peer| peer.is_ipv6()) { HEADERS_V6 } else { HEADERS_V4 };
    let largest = passed + headers;
    let between = failed.map_or_else(String::new, |failed| format!(" and of {} get lost", failed + headers));
    let peers = listed(stalled.iter().filter_map(|o| o.peer));
    let summary = format!(
        "large packets between this machine and {host} ({peers}) get lost without a word: packets of {largest} bytes pass{between}; small exchanges work, the TLS handshake stalls"
    );
    // Requests over the same connections stall too.
    let of_http =
        evidence.of_endpoint(Stage::HttpRoundTrip, host).filter(|o| o.was_run() && o.outcome.failure().is_some());
    let cited: Vec<ObservationId> =
        all().map(|o| o.id).chain(stalled.iter().map(|o| o.id)).chain(of_http.map(|o| o.id)).collect();
    let finding = Finding::new(&PTH001, host, first.id, summary)
        .citing(cited)
        .confidence(Confidence::high_if(failed.is_some()))
        .help("network team: let ICMP type 3 code 4 (fragmentation needed) and ICMPv6 type 2 (packet too big) pass at every firewall on the way")
        .help(format!("network team: or clamp the MSS on the router or VPN gateway: `iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss {passed}`"));
    Some(finding.help(format!("you, until then: `ip route change default via GATEWAY dev INTERFACE advmss {passed}`, or `ip link set INTERFACE mtu {largest}`")))
}
