//! Recorded evidence of what packets of some size come to.

use super::Row;

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("mtu-both", 1, "degraded", "public", "PTH001:error:high", "TLS005<PTH001"),
    ("mtu-in", 1, "degraded", "public", "PTH001:error:high", "TLS005<PTH001"),
    ("mtu-lost-by-chance", 0, "healthy", "public", "", ""),
    ("mtu-no-size-helps", 0, "healthy", "public", "", ""),
    ("mtu-out", 1, "degraded", "public", "PTH001:error:high", ""),
    ("mtu-out-long-token", 1, "degraded", "public", "PTH001:error:high", "HTP005<PTH001"),
    ("mtu-out-pppoe", 1, "degraded", "public", "PTH001:error:high", ""),
    ("mtu-refused-431", 0, "healthy", "public", "", ""),
    ("mtu-reset", 0, "healthy", "public", "", ""),
    ("mtu-unanswered-arrived", 0, "healthy", "public", "", ""),
    ("stall-large-arrives", 1, "unreachable", "public", "HTP005:error:medium", ""),
    ("tls-stall-no-size-helps", 1, "degraded", "public", "TLS005:error:medium", ""),
];

/// File, code, words that its summary or help must contain.
pub(super) const SAID: &[(&str, &str, &str)] = &[
    ("mtu-both", "PTH001", "both ways, get lost without a word: those of 1297 bytes pass, those of 1305 do not"),
    ("mtu-both", "PTH001", "`ip link set INTERFACE mtu 1297`"),
    ("mtu-in", "PTH001", "(203.0.113.10:443) to this machine get lost"),
    ("mtu-in", "PTH001", "the TLS handshake stalls, as downloads do; large requests arrive"),
    ("mtu-in", "PTH001", "advmss 1257"),
    ("mtu-out", "PTH001", "large packets from this machine to "),
    ("mtu-out", "PTH001", "mtu lock 1297"),
    ("mtu-out-pppoe", "PTH001", "those of 1491 bytes pass, those of 1494 do not"),
    ("stall-large-arrives", "HTP005", "their size is not the cause"),
    ("tls-stall-no-size-helps", "TLS005", "it stalls with small packets too"),
    ("stall-one", "HTP005", "full-size packets may vanish (MTU)"),
];
