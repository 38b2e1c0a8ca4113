//! Recorded evidence about who sent a RST, who answers from nearer, and what this machine itself keeps back.

use super::{Row, Words};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("http-reset-on-the-way", 1, "degraded", "public", "HTP006:error:high", ""),
    ("local-drop", 1, "unreachable", "public", "HST005:error:medium", "TCP002<HST005 PTH002<HST005"),
    ("local-drop-and-rst", 1, "unreachable", "public", "HST005:error:medium", "TCP001<HST005 TCP002<HST005 PTH002<HST005"),
    ("local-drop-one-of-two", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("local-drop-one-port", 1, "degraded", "public", "HST005:error:medium", "TCP002<HST005 TCP009<HST005 PTH002<HST005"),
    ("local-drop-others-count-too", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("nearer-by-ttl-and-cos", 0, "healthy", "public", "", ""),
    ("portal-as-far-by-ttl", 1, "degraded", "public", "HTP001:error:high", ""),
    ("portal-nearer-by-ttl", 0, "degraded", "public", "PTH004:warning:high", "HTP001<PTH004"),
    ("remote-drop", 1, "unreachable", "public", "TCP002:error:medium", ""),
    ("rst-both-ports", 1, "unreachable", "public", "TCP001:error:medium", ""),
    ("rst-feigned-ttl", 1, "degraded", "public", "TCP009:error:high", "TCP001<TCP009"),
    ("rst-from-here", 1, "degraded", "public", "TCP009:error:high", "TCP001<TCP009"),
    ("rst-from-two-distances", 1, "degraded", "public", "TCP009:error:high", "TCP001<TCP009"),
    ("rst-not-measured", 1, "degraded", "public", "TCP009:error:high", "TCP001<TCP009"),
    ("rst-of-server", 1, "degraded", "public", "TCP009:error:high", "TCP001<TCP009"),
    ("rst-on-the-way", 1, "degraded", "public", "TCP009:error:high", "TCP001<TCP009"),
    ("tls-reset-of-server", 1, "degraded", "public", "TLS004:error:high", ""),
    ("tls-reset-on-the-way", 1, "degraded", "public", "TLS004:error:high", ""),
];

#[rustfmt::skip]
pub(super) const SAID: &[Words] = &[
    ("http-reset-on-the-way", "HTP006", "the RST of 203.0.113.10:80 comes from the first router, 192.168.1.1, not from the server (4 hops)"),
    ("local-drop", "HST005", "of 20 SYNs that were to be sent again 20 did not get out"),
    ("local-drop-and-rst", "HST005", "the RST of 203.0.113.10:443 comes from it or from its first router"),
    ("portal-nearer-by-ttl", "PTH004", "something 1 hop away answers"),
    ("portal-nearer-by-ttl", "PTH004", "another port of the address at 4 hops"),
    ("rst-both-ports", "TCP001", "seems to come from 3 hops away, 198.51.100.2: the path ends at hop 4"),
    ("rst-feigned-ttl", "TCP009", "the RST is not the server's: its TTL stands for 6 hops, that of the server for 4 hops"),
    ("rst-from-here", "TCP001", "the RST comes from this machine itself or its first router, not from the server (4 hops)"),
    ("rst-of-server", "TCP001", "the RST comes from as far away as the server itself (4 hops)"),
    ("rst-on-the-way", "TCP001", "the RST comes from 3 hops away, 198.51.100.2, not from the server (4 hops)"),
    ("rst-on-the-way", "TCP009", "operator of 198.51.100.2: it, or a device beside it, answers with RST"),
    ("tls-reset-of-server", "TLS004", "whoever runs 203.0.113.10: it sends the RST itself"),
    ("tls-reset-on-the-way", "TLS004", "comes from 2 hops away, 100.64.12.2, not from the server (4 hops)"),
];

/// Where it was not measured, or not for sure, nothing is said about the sender.
#[test]
fn what_is_not_known_is_not_said() {
    for name in ["rst-not-measured", "rst-from-two-distances"] {
        let report = super::read(&super::directory().join(format!("{name}.json")));
        let refused = report.findings.iter().find(|finding| finding.code == "TCP001").expect("refused");
        assert!(
            refused.summary.to_string().ends_with("(203.0.113.10:443) refuses the connection"),
            "{}",
            refused.summary
        );
        assert_eq!(refused.confidence.as_str(), "medium", "{name}");
    }
}
