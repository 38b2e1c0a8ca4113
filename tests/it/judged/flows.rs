//! Recorded evidence about flows and round trips: the port decides or it does not, and between which hops the time comes.

use super::{Row, Words};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("flow-all-fail", 0, "degraded", "public", "TCP005:warning:medium", ""),
    ("flow-broken", 0, "degraded", "public", "TCP010:warning:high", "TCP005<TCP010"),
    ("flow-broken-and-port-blocked", 1, "degraded", "public", "TCP009:error:high TCP010:warning:high", "TCP002<TCP009 TCP005<TCP010"),
    ("flow-broken-and-port-silent", 0, "degraded", "public", "TCP010:warning:high", "TCP002<TCP010 TCP009<TCP010 TCP005<TCP010"),
    ("flow-broken-beside-loss", 0, "degraded", "public", "TCP005:warning:medium TCP010:warning:high", ""),
    ("flow-broken-lossy", 0, "degraded", "public", "TCP010:warning:medium", "TCP005<TCP010"),
    ("flow-broken-one-port", 0, "degraded", "public", "TCP010:warning:medium", ""),
    ("flow-broken-traced", 0, "degraded", "public", "TCP010:warning:high", "TCP005<TCP010"),
    ("flow-mixed", 0, "degraded", "public", "TCP005:warning:medium", ""),
    ("flow-now-fine", 0, "degraded", "public", "TCP005:warning:medium", ""),
    ("flow-ports-taken", 0, "degraded", "public", "TCP005:warning:medium", ""),
    ("slow-between-two-hops", 0, "degraded", "public", "TCP006:warning:high", ""),
    ("slow-from-the-first-hop", 0, "degraded", "public", "TCP006:warning:high", ""),
    ("slow-router-answers-late", 0, "degraded", "public", "TCP006:warning:high", ""),
];

#[rustfmt::skip]
pub(super) const SAID: &[Words] = &[
    ("flow-broken", "TCP010", "from source ports 40003, 40007, 41001 and 1 more every one of 14 connects"),
    ("flow-broken", "TCP010", "(203.0.113.10:80) failed, from 4 other ports all 14 passed: of several ways there, one is broken"),
    ("flow-broken", "TCP010", "TCP from 192.0.2.2 port 40003 to 203.0.113.10:80 gets lost, port 40005 comes through"),
    ("flow-broken-one-port", "TCP010", "from source port 40003 every one of 4 connects"),
    ("flow-broken-traced", "TCP010", "port 40003 is seen up to hop 2 (100.64.13.2), a port that passes goes on to hop 3 (198.51.100.2)"),
    ("flow-broken-traced", "TCP010", "operator of 100.64.13.2, or of what is behind it"),
    ("flow-mixed", "TCP005", "from one and the same source port now pass and now fail, so no single way of several is broken"),
    ("slow-between-two-hops", "TCP006", "takes 346 ms; 331 ms of it seem to come between hop 2 (198.51.100.2) and hop 3 (198.51.100.3)"),
    ("slow-from-the-first-hop", "TCP006", "310 ms of it seem to come before hop 1 (198.51.100.1)"),
    ("slow-from-the-first-hop", "TCP006", "look at this machine's own link first"),
];
