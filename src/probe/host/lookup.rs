//! The name looked up as programs on this machine do, and the address in a record.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::proto::rr::RData;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::{Family, Limits};
use crate::evidence::{Detail, FailureKind, Outcome, SystemLookup};

/// Addresses that are kept.
const MAX_ADDRESSES: usize = 256;

/// Look-ups at the same time. The C library takes a thread for each, also for long after it was given up here: where no server answers,
/// it gives up after some 10 s for each server and each domain of the search list. Other work needs threads too.
const MOST: usize = 256;
/// Look-ups of a name at the same time, so that one that nobody answers does not use up all of them.
const MOST_OF_A_NAME: usize = 4;

static ALL: Semaphore = Semaphore::const_new(MOST);
/// The names that are being looked up.
static NAMES: Mutex<BTreeMap<String, Arc<Semaphore>>> = Mutex::new(BTreeMap::new());

/// The part of the look-ups that a name may take; without a user it goes away.
struct Share {
    name: String,
    places: Arc<Semaphore>,
}

impl Share {
    fn of(name: &str) -> Self {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        let places = names.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(MOST_OF_A_NAME)));
        Self { name: name.to_owned(), places: Arc::clone(places) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        // The table holds one, and this is the other.
        if Arc::strong_count(&self.places) == 2 {
            names.remove(&self.name);
        }
    }
}

/// Asks the C library as soon as there is a place for it. Who gives up before the answer does not free the place: its thread waits on.
async fn bounded(name: &str) -> io::Result<Vec<SocketAddr>> {
    let share = Share::of(name);
    let closed = |_| io::Error::other("no look-up is begun any more");
    // A name that waits for itself takes nothing from others.
    let of_name = Arc::clone(&share.places).acquire_owned().await.map_err(closed)?;
    let of_all = ALL.acquire().await.map_err(closed)?;
    let name = name.to_owned();
    let asking = tokio::spawn(async move {
        let found = tokio::net::lookup_host((name, 0)).await.map(Iterator::collect);
        drop((of_all, of_name, share));
        found
    });
    asking.await.map_err(io::Error::other)?
}

/// Looks a name up by getaddrinfo(3): what it asks, and in which order, is this machine's configuration.
pub(in crate::probe) async fn look_up(name: &str, limits: &Limits, family: Family) -> (Outcome, Detail) {
    let mut lookup = SystemLookup { name: name.to_owned(), addresses: Vec::new() };
    let outcome = match timeout(limits.attempt_timeout, bounded(name)).await {
        Ok(Ok(found)) => {
            for ip in found.iter().map(SocketAddr::ip).filter(|ip| family.allows(*ip)) {
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
