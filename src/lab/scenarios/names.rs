//! Scenarios: names do not lead where they should.

use std::net::Ipv4Addr;

use super::{HEALTHY, PRIVATE, PUBLIC};
use crate::lab::scenario::{DnsBehaviour, Scenario};

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "name-not-found",
        summary: "the region is misspelt and the name does not exist",
        target: "examplebucket-1250000000.cos.ap-guangzou.myqcloud.com",
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
];
