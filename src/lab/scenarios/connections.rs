//! Scenarios: connections fail.

use super::{HEALTHY, PUBLIC};
use crate::lab::scenario::{PortBehaviour, Scenario};

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
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
];
