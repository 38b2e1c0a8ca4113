//! Scenarios: TLS fails.

use super::{HEALTHY, PUBLIC};
use crate::lab::scenario::{CertificateBehaviour, ClientKey, Scenario, TlsBehaviour};

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "tls-expired",
        summary: "the certificate ended a day ago",
        certificate: CertificateBehaviour::Expired,
        roots: &["TLS001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "tls-not-yet-valid",
        summary: "the certificate begins in two days",
        certificate: CertificateBehaviour::NotYetValid,
        roots: &["TLS001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "tls-ends-soon",
        summary: "the certificate ends in five days",
        certificate: CertificateBehaviour::EndsSoon,
        roots: &["TLS006"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "tls-old",
        summary: "what answers on port 443 knows no version of TLS that is safe",
        tls: TlsBehaviour::NoCommonVersion,
        roots: &["TLS007"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "tls-wrong-name",
        summary: "the certificate is for another host",
        certificate: CertificateBehaviour::WrongName,
        roots: &["TLS002"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "tls-untrusted",
        summary: "an inspecting gateway puts its own certificate in COS's place",
        addresses: &[PUBLIC[0]],
        certificate: CertificateBehaviour::Untrusted,
        roots: &["TLS003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "tls-reset",
        summary: "the TLS handshake is answered with RST",
        tls: TlsBehaviour::Reset,
        roots: &["TLS004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "tls-silent",
        summary: "port 443 takes the connection and never says a word",
        tls: TlsBehaviour::Silent,
        roots: &["TLS005"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "not-tls",
        summary: "port 443 answers in clear text",
        tls: TlsBehaviour::PlainText,
        roots: &["TLS008"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "tls-ends-soon-public",
        summary: "the certificate ends in five days, at two public addresses, and there is no key",
        addresses: &[PUBLIC[0], PUBLIC[1]],
        key: ClientKey::None,
        certificate: CertificateBehaviour::EndsSoon,
        roots: &["TLS006"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "tls-old-public",
        summary: "port 443 of two public addresses speaks only old versions of TLS",
        addresses: &[PUBLIC[0], PUBLIC[1]],
        tls: TlsBehaviour::NoCommonVersion,
        roots: &["TLS007"],
        status: "degraded",
        ..HEALTHY
    },
];
