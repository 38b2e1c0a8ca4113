//! Findings about the size of packets that the path takes.

use super::codes::PTH001;
use super::view::listed;
use super::{Confidence, Finding};
use crate::config::Policy;
use crate::evidence::{Evidence, FailureKind, LargeRequest, Observation, ObservationId, Outcome, Stage, header_bytes};
use crate::text;
use crate::text::Text;

pub(super) fn rule(evidence: &Evidence, _: &Policy) -> Vec<Finding> {
    evidence.targets.iter().filter_map(|target| black_hole(evidence, &target.host)).collect()
}

/// Large packets that get lost one way: something stalls, and does not with small segments.
struct Loss<'a> {
    /// What stalled with segments of the usual size.
    stalled: Vec<&'a Observation>,
    /// The same with smaller ones.
    tried: Vec<ObservationId>,
    /// The largest segment that passes, and the smallest that does not.
    passed: u32,
    failed: Option<u32>,
}

impl<'a> Loss<'a> {
    /// The sizes between which the largest that passes lies. `usual` is the one that does not.
    fn of(
        stalled: Vec<&'a Observation>,
        tried: &[(&Observation, u32)],
        failed: &dyn Fn(&Observation) -> bool,
        usual: Option<u32>,
    ) -> Option<Self> {
        let passed = tried.iter().filter(|(o, _)| o.outcome.is_success()).map(|(_, size)| *size).max()?;
        let lost = tried.iter().filter(|(o, _)| failed(o)).map(|(_, size)| *size).chain(usual);
        let failed = lost.filter(|size| *size > passed).min();
        let tried = tried.iter().map(|(observation, _)| observation.id).collect();
        (!stalled.is_empty()).then_some(Self { stalled, tried, passed, failed })
    }
}

/// The server's certificates do not arrive: handshakes stall.
fn towards_us<'a>(evidence: &'a Evidence, host: &'a str) -> Option<Loss<'a>> {
    let stalled: Vec<&Observation> = evidence
        .of_endpoint(Stage::TlsHandshake, host)
        .filter(|o| o.outcome.failure() == Some(FailureKind::HandshakeTimeout))
        .collect();
    let all = evidence.of_endpoint(Stage::PathMtu, host);
    let tried: Vec<_> = all.filter_map(|o| Some((o, o.detail.clamped_handshake()?.mss_bytes))).collect();
    let v6 = is_v6(&stalled);
    let connect = stalled.first().and_then(|o| evidence.get(o.parent?)?.detail.tcp());
    let usual = connect.and_then(|tcp| tcp.samples.iter().find_map(|sample| sample.largest_incoming(v6)));
    Loss::of(stalled, &tried, &|o| matches!(o.outcome, Outcome::Failed { .. }), usual)
}

/// A large request does not arrive, and not at a second try either.
fn from_us<'a>(evidence: &'a Evidence, host: &'a str) -> Option<Loss<'a>> {
    let is_lost =
        |o: &Observation| o.detail.large_request().is_some_and(|large: &LargeRequest| large.is_lost(&o.outcome));
    let all: Vec<_> = large_requests(evidence, host).collect();
    let peer = all.iter().find(|(o, large)| large.mss_bytes.is_none() && is_lost(o))?.0.peer;
    let of_peer = || all.iter().filter(|(o, _)| o.peer == peer);
    let whole: Vec<&Observation> =
        of_peer().filter(|(_, large)| large.mss_bytes.is_none()).map(|(observation, _)| *observation).collect();
    if whole.len() < 2 || !whole.iter().all(|o| is_lost(o)) {
        return None;
    }
    let tried: Vec<_> = of_peer().filter_map(|(o, large)| Some((*o, large.mss_bytes?))).collect();
    let v6 = is_v6(&whole);
    let usual = whole.iter().find_map(|o| o.detail.large_request()?.tcp.as_ref()?.largest_outgoing(v6));
    Loss::of(whole, &tried, &is_lost, usual)
}

/// The large requests to an endpoint.
fn large_requests<'a>(
    evidence: &'a Evidence,
    host: &'a str,
) -> impl Iterator<Item = (&'a Observation, &'a LargeRequest)> {
    evidence.of_endpoint(Stage::PathMtu, host).filter_map(|o| Some((o, o.detail.large_request()?)))
}

/// Whether a large request of the usual kind has reached the address of an observation.
pub(super) fn arrives(evidence: &Evidence, host: &str, at: &Observation) -> bool {
    let same_address = |o: &Observation| o.peer.map(|peer| peer.ip()) == at.peer.map(|peer| peer.ip());
    large_requests(evidence, host)
        .any(|(o, large)| large.mss_bytes.is_none() && o.outcome.is_success() && same_address(o))
}

/// Whether handshakes were tried with smaller segments, and none of them ended.
pub(super) fn no_size_helps(evidence: &Evidence, host: &str) -> bool {
    let tried = || evidence.of_endpoint(Stage::PathMtu, host).filter(|o| o.detail.clamped_handshake().is_some());
    tried().next().is_some() && tried().all(|o| matches!(o.outcome, Outcome::Failed { .. }))
}

fn is_v6(observations: &[&Observation]) -> bool {
    observations.iter().any(|o| o.peer.is_some_and(|peer| peer.is_ipv6()))
}

fn black_hole(evidence: &Evidence, host: &str) -> Option<Finding> {
    let (incoming, outgoing) = (towards_us(evidence, host), from_us(evidence, host));
    let losses = || incoming.iter().chain(&outgoing);
    let first = losses().next()?.stalled.first().copied()?;
    let stalled: Vec<&Observation> = losses().flat_map(|loss| loss.stalled.iter().copied()).collect();
    let v6 = is_v6(&stalled);
    let (headers, peers) = (header_bytes(v6), listed(stalled.iter().filter_map(|o| o.peer)));
    let passed = losses().map(|loss| loss.passed).min()?;
    let failed = losses().filter_map(|loss| loss.failed).filter(|size| *size > passed).min();
    let way = match (&incoming, &outgoing) {
        (Some(_), Some(_)) => text!("between this machine and {host} ({peers}), both ways,", host, peers),
        (None, _) => text!("from this machine to {host} ({peers})", host, peers),
        (_, None) => text!("from {host} ({peers}) to this machine", host, peers),
    };
    let effect = match (&incoming, &outgoing) {
        (Some(_), Some(_)) => text!("the TLS handshake and large requests stall"),
        (None, _) => text!("a request of several packets stalls, as uploads do"),
        (_, None) if arrives(evidence, host, first) => {
            text!("the TLS handshake stalls, as downloads do; large requests arrive")
        }
        (_, None) => text!("the TLS handshake stalls, as downloads do"),
    };
    let between =
        failed.map_or_else(Text::empty, |failed| text!(", those of {bytes} do not", bytes = failed + headers));
    let summary = text!(
        "large packets {way} get lost without a word: those of {bytes} bytes pass{between}; small exchanges work, {effect}",
        way,
        bytes = passed + headers,
        between,
        effect
    );
    // Requests over the same connections stall too.
    let of_http =
        evidence.of_endpoint(Stage::HttpRoundTrip, host).filter(|o| o.was_run() && o.outcome.failure().is_some());
    let cited = losses().flat_map(|loss| loss.tried.iter().copied()).chain(stalled.iter().map(|o| o.id));
    let finding = Finding::new(&PTH001, host, first.id, summary)
        .citing(cited.chain(of_http.map(|o| o.id)))
        .confidence(Confidence::high_if(failed.is_some()));
    let remedies = remedies(incoming.is_some(), outgoing.is_some(), v6, passed);
    Some(remedies.into_iter().fold(finding, Finding::help))
}

/// What helps, by the way that is broken. The router in front of the small link tells the sender, and only the sender can do with it.
fn remedies(incoming: bool, outgoing: bool, v6: bool, mss: u32) -> Vec<Text> {
    let (message, tables, ip) = if v6 {
        ("ICMPv6 type 2 (packet too big)", "ip6tables", "ip -6")
    } else {
        ("ICMP type 3 code 4 (fragmentation needed)", "iptables", "ip")
    };
    let mtu = mss + header_bytes(v6);
    let to = match (incoming, outgoing) {
        (true, true) => text!("this machine and the endpoint"),
        (true, false) => text!("the endpoint, which sends what is too large"),
        _ => text!("this machine, which sends what is too large"),
    };
    let change = format!("{ip} route change default via GATEWAY dev INTERFACE");
    let until_then = match (incoming, outgoing) {
        (true, true) => text!("`ip link set INTERFACE mtu {mtu}`, which binds both directions", mtu),
        (true, false) => {
            text!("`{change} advmss {mss}`, which tells the endpoint to send smaller packets", change, mss)
        }
        _ => text!(
            "`{change} mtu lock {mtu}`, or `sysctl -w net.ipv4.tcp_mtu_probing=1`: the kernel then finds the size by itself",
            change,
            mtu
        ),
    };
    vec![
        text!("network team: let {message} pass at every firewall on the way to {to}", message, to),
        text!(
            "network team: or clamp the MSS on the router or VPN gateway in front of the small link: `{tables} -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss {mss}`",
            tables,
            mss
        ),
        text!("you, until then: {until_then}", until_then),
    ]
}
