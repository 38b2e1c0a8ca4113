//! The table of scenarios: what misbehaves, and what a check has to conclude.
//!
//! A row is plain data, and says only in what it differs from a healthy network. The test of the table and the loopback
//! tests go over all rows.

use std::net::Ipv4Addr;

use super::scenario::{
    AccountBehaviour, AnswerBehaviour, CertificateBehaviour, DnsBehaviour, PortBehaviour, Scenario, TlsBehaviour,
};

/// The bucket of the lab. Its name and number are the ones of Tencent's documentation.
pub(super) const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";

/// The scenario with a name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

const PRIVATE: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 47);
// TEST-NET-3 (RFC 5737): public by range, and nobody's.
const PUBLIC: [Ipv4Addr; 3] =
    [Ipv4Addr::new(203, 0, 113, 10), Ipv4Addr::new(203, 0, 113, 11), Ipv4Addr::new(203, 0, 113, 12)];

const HEALTHY: Scenario = Scenario {
    name: "healthy-private",
    summary: "a machine in the bucket's region: private address, everything works",
    hidden: false,
    host: HOST,
    addresses: &[PRIVATE],
    dead: &[],
    dns: DnsBehaviour::Ok,
    port_80: PortBehaviour::Serve,
    port_443: PortBehaviour::Serve,
    tls: TlsBehaviour::Normal,
    certificate: CertificateBehaviour::Good,
    clock_offset_seconds: 0,
    answer: AnswerBehaviour::Cos,
    account: AccountBehaviour::Ok,
    roots: &[],
    status: "healthy",
};

const fn hostile(name: &'static str, summary: &'static str, roots: &'static [&'static str]) -> Scenario {
    Scenario { name, summary, hidden: true, roots, status: "unreachable", ..HEALTHY }
}

/// Every scenario. The first is the default.
pub const SCENARIOS: &[Scenario] = &[
    HEALTHY,
    Scenario {
        name: "healthy-public",
        summary: "a machine on the internet: two public addresses, everything works",
        addresses: &[PUBLIC[0], PUBLIC[1]],
        ..HEALTHY
    },
    // Names.
    Scenario {
        name: "name-not-found",
        summary: "the region is misspelt and the name does not exist",
        host: "examplebucket-1250000000.cos.ap-guangzou.myqcloud.com",
        addresses: &[],
        dns: DnsBehaviour::NxDomain,
        roots: &["DNS001"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "resolver-silent",
        summary: "the name server never answers",
        addresses: &[],
        dns: DnsBehaviour::Silent,
        roots: &["DNS002"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "resolver-refuses",
        summary: "the name server refuses to answer this machine",
        addresses: &[],
        dns: DnsBehaviour::Refused,
        roots: &["DNS003"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "resolver-fails",
        summary: "the name server fails (SERVFAIL)",
        addresses: &[],
        dns: DnsBehaviour::ServFail,
        roots: &["DNS003"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "sinkhole",
        summary: "a blocking name server answers 0.0.0.0",
        addresses: &[Ipv4Addr::UNSPECIFIED],
        roots: &["DNS006"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "fake-ip",
        summary: "a local proxy answers with a placeholder address and passes the connections on",
        addresses: &[Ipv4Addr::new(198, 18, 0, 7)],
        roots: &["DNS007"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "no-address",
        summary: "the name exists and has no address",
        addresses: &[],
        dns: DnsBehaviour::NoData,
        roots: &["DNS009"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "tcp-53-blocked",
        summary: "the answer does not fit into UDP, and the name server cannot be reached over TCP",
        addresses: &[],
        dns: DnsBehaviour::TruncateWithoutTcp,
        roots: &["DNS010"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "mixed-route",
        summary: "one private and one public address",
        addresses: &[PRIVATE, PUBLIC[0]],
        roots: &["RTE004"],
        status: "degraded",
        ..HEALTHY
    },
    // Connections.
    Scenario {
        name: "all-refused",
        summary: "both ports refuse every connection",
        addresses: &[PUBLIC[0], PUBLIC[1]],
        port_80: PortBehaviour::Refuse,
        port_443: PortBehaviour::Refuse,
        roots: &["TCP001"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "one-address-dead",
        summary: "one of three addresses refuses every connection",
        addresses: &PUBLIC,
        dead: &[PUBLIC[1]],
        roots: &["TCP007"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "port-80-refused",
        summary: "port 80 refuses every connection, port 443 works",
        port_80: PortBehaviour::Refuse,
        roots: &["TCP008"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "port-443-refused",
        summary: "port 443 refuses every connection, port 80 works",
        port_443: PortBehaviour::Refuse,
        roots: &["TCP009"],
        status: "degraded",
        ..HEALTHY
    },
    // TLS.
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
    // Answers.
    Scenario {
        name: "captive-portal",
        summary: "a captive portal takes the connections of both ports",
        addresses: &[PUBLIC[0]],
        certificate: CertificateBehaviour::Portal,
        answer: AnswerBehaviour::Portal,
        roots: &["HTP001"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "not-cos",
        summary: "another web server answers in COS's place",
        addresses: &[PUBLIC[0]],
        answer: AnswerBehaviour::NotCos,
        roots: &["HTP001"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "server-error",
        summary: "COS answers every request with 500",
        answer: AnswerBehaviour::ServerError,
        roots: &["HTP003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "throttled",
        summary: "COS answers every request with 503 SlowDown",
        answer: AnswerBehaviour::SlowDown,
        roots: &["HTP004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "answer-stalls",
        summary: "requests are taken and never answered",
        answer: AnswerBehaviour::Silent,
        roots: &["HTP005"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "answer-reset",
        summary: "the connection is reset in the middle of every answer",
        answer: AnswerBehaviour::ResetMidAnswer,
        roots: &["HTP006"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "clock-skew",
        summary: "this machine's clock is 20 minutes ahead of COS's",
        clock_offset_seconds: -20 * 60,
        roots: &["HST004"],
        status: "degraded",
        ..HEALTHY
    },
    // Keys and buckets.
    Scenario {
        name: "bad-signature",
        summary: "the secret key is not the account's",
        account: AccountBehaviour::WrongKey,
        roots: &["AUT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "unknown-key",
        summary: "the account has no such key",
        account: AccountBehaviour::UnknownKey,
        roots: &["AUT002"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "access-denied",
        summary: "the key is good and has no right to the bucket",
        account: AccountBehaviour::Denied,
        roots: &["AUT003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "expired-token",
        summary: "the key is a temporary one and has expired",
        account: AccountBehaviour::ExpiredToken,
        roots: &["AUT005"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "bucket-not-found",
        summary: "there is no such bucket in the region",
        account: AccountBehaviour::NoBucket,
        roots: &["BKT001"],
        status: "degraded",
        ..HEALTHY
    },
    // Hostile name servers.
    Scenario {
        dns: DnsBehaviour::WrongQuestion,
        ..hostile("hostile-dns-wrong-question", "DNS: another question is answered", &["DNS003"])
    },
    Scenario {
        dns: DnsBehaviour::Garbage,
        ..hostile("hostile-dns-garbage", "DNS: the answer is not DNS", &["DNS003"])
    },
    Scenario {
        dns: DnsBehaviour::CnameLoop,
        ..hostile("hostile-dns-cname-loop", "DNS: aliases that lead to each other", &["DNS003"])
    },
    Scenario {
        dns: DnsBehaviour::Many(100),
        status: "healthy",
        ..hostile("hostile-dns-many", "DNS: a hundred addresses", &[])
    },
    Scenario {
        dns: DnsBehaviour::Truncate,
        status: "healthy",
        ..hostile("hostile-dns-truncated", "DNS: every UDP answer is cut short", &[])
    },
    // Hostile web servers.
    Scenario {
        answer: AnswerBehaviour::EndlessHeaders,
        ..hostile("hostile-endless-headers", "HTTP: header lines without end", &["HTP006"])
    },
    Scenario {
        answer: AnswerBehaviour::HugeHeaderLine(1 << 20),
        ..hostile("hostile-huge-header", "HTTP: a header line of 1 MiB", &["HTP006"])
    },
    Scenario {
        answer: AnswerBehaviour::EndlessBody,
        status: "degraded",
        ..hostile("hostile-endless-body", "HTTP: a body without end", &["AUT003"])
    },
    Scenario {
        answer: AnswerBehaviour::Garbage,
        ..hostile("hostile-garbage", "HTTP: bytes that are not HTTP", &["HTP006"])
    },
    Scenario {
        answer: AnswerBehaviour::SlowDrip,
        ..hostile("hostile-slow-drip", "HTTP: one byte every 200 ms", &["HTP005"])
    },
    Scenario {
        answer: AnswerBehaviour::ControlCharacters,
        status: "degraded",
        ..hostile("hostile-control-characters", "HTTP: control characters in headers and body", &["AUT003"])
    },
];
