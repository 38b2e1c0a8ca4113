//! The name looked up as programs on this machine do, and the address in a record.

use std::net::IpAddr;

use hickory_resolver::proto::rr::RData;
use tokio::time::timeout;

use crate::config::{Family, Limits};
use crate::evidence::{Detail, FailureKind, Outcome, SystemLookup};

/// Addresses that are kept.
const MAX_ADDRESSES: usize = 256;

/// Looks a name up by getaddrinfo(3): what it asks, and in which order, is this machine's configuration.
pub(in crate::probe) async fn look_up(name: &str, limits: &Limits, family: Family) -> (Outcome, Detail) {
    let mut lookup = SystemLookup { name: name.to_owned(), addresses: Vec::new() };
    let outcome = match timeout(limits.attempt_timeout, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(found)) => {
            for ip in found.map(|address| address.ip()).filter(|ip| family.allows(*ip)) {
                if !lookup.addresses.contains(&ip) && lookup.addresses.len() < MAX_ADDRESSES {
                    lookup.addresses.push(ip);
                }
            }
            if lookup.addresses.is_empty() { Outcome::failed(FailureKind::NoRecords) } else { Outcome::Succeeded }
        }
        // The standard library keeps the code of getaddrinfo to itself; the words tell.
        Ok(Err(error)) => Outcome::failed_with(FailureKind::Other, &error.to_string()),
        Err(_) => Outcome::failed(FailureKind::QueryTimeout),
    };
    (outcome, Detail::SystemLookup(lookup))
}

/// The address in a record, if it is an address record.
pub(in crate::probe) fn address_of(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}
