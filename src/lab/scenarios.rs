//! The table of scenarios: what misbehaves, and what a check has to conclude.
//!
//! A row is plain data, and says only in what it differs from a healthy network. The rows stand in a file for each group; to add one,
//! add it there. The test of the table and the loopback tests go over all rows.

mod answers;
mod buckets;
mod connections;
mod healthy;
mod hostile;
mod keys;
mod names;
mod place;
mod tls;
mod twofold;

use std::net::Ipv4Addr;

use super::hosts::HOST;
use super::scenario::{
    AccountBehaviour, AnswerBehaviour, BucketBehaviour, CertificateBehaviour, ClientKey, DnsBehaviour, PortBehaviour,
    Scenario, TlsBehaviour,
};

/// Every scenario. The first is the default.
pub const SCENARIOS: &[Scenario] = &joined::<{ number_of_rows() }>();

const GROUPS: &[&[Scenario]] = &[
    healthy::ROWS,
    names::ROWS,
    place::ROWS,
    connections::ROWS,
    tls::ROWS,
    answers::ROWS,
    keys::ROWS,
    buckets::ROWS,
    twofold::ROWS,
    hostile::ROWS,
];

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
    target: HOST,
    addresses: &[PRIVATE],
    dead: &[],
    dns: DnsBehaviour::Ok,
    others: &[],
    hosts_entry: None,
    vm: None,
    port_80: PortBehaviour::Serve,
    port_443: PortBehaviour::Serve,
    tls: TlsBehaviour::Normal,
    certificate: CertificateBehaviour::Good,
    clock_offset_seconds: 0,
    answer: AnswerBehaviour::Cos,
    gateway: None,
    key: ClientKey::Lasting,
    explains_signature: true,
    account: AccountBehaviour::Ok,
    bucket: BucketBehaviour::Private,
    canary: None,
    roots: &[],
    status: "healthy",
};

const fn number_of_rows() -> usize {
    let (mut number, mut group) = (0, 0);
    while group < GROUPS.len() {
        number += GROUPS[group].len();
        group += 1;
    }
    number
}

/// The rows of all groups. A constant function has no iterators.
const fn joined<const N: usize>() -> [Scenario; N] {
    let mut all = [HEALTHY; N];
    let (mut next, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut row = 0;
        while row < GROUPS[group].len() {
            all[next] = GROUPS[group][row];
            next += 1;
            row += 1;
        }
        group += 1;
    }
    all
}
