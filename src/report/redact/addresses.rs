//! Stand-ins for addresses, which keep what addresses have in common.
//!
//! Two addresses that share their first bits share as many afterwards: a bit is turned over or not by a keyed function of the
//! bits before it (Xu, Fan, Ammar, Moon, "Prefix-Preserving IP Address Anonymization", 2002). So subnets, gateways and routes
//! go together as before. Where the bits so far lead to a range of `addr::RANGES` and elsewhere too, the next bit stays: no
//! address leaves its range, and none comes into another.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::keyed;
use crate::addr::RANGES;

/// Addresses that stand for a service and not for anybody's network. Source: Tencent's documents on private DNS, instance
/// metadata and DNSPod's public DNS; the pages of the other resolvers; `NodeLocal DNSCache` of Kubernetes.
const WELL_KNOWN: &[&str] = &[
    "183.60.83.19",
    "183.60.82.98",
    "169.254.0.23",
    "119.29.29.29",
    "119.28.28.28",
    "120.53.53.53",
    "1.12.12.12",
    "2402:4e00::",
    "169.254.20.10",
    "169.254.25.10",
    "8.8.8.8",
    "8.8.4.4",
    "1.1.1.1",
    "1.0.0.1",
    "9.9.9.9",
    "114.114.114.114",
    "114.114.115.115",
    "223.5.5.5",
    "223.6.6.6",
    "180.76.76.76",
];

/// More keys are not tried: then some address would be left as it is, or stand for another.
const MOST_KEYS: u32 = 100;

/// The stand-ins of all addresses of a report.
pub(super) struct Addresses {
    seed: u128,
    key: u32,
    well_known: BTreeSet<IpAddr>,
    seen: BTreeSet<IpAddr>,
    known: BTreeMap<IpAddr, IpAddr>,
}

impl Addresses {
    pub(super) fn new(seed: u128) -> Self {
        let well_known = WELL_KNOWN.iter().filter_map(|text| text.parse().ok()).collect();
        Self { seed, key: 0, well_known, seen: BTreeSet::new(), known: BTreeMap::new() }
    }

    /// Whether an address says nothing about anybody.
    pub(super) fn is_kept(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || self.well_known.contains(&ip)
    }

    /// Takes a key with which no stand-in is an address that was there before, or a well-known one.
    pub(super) fn settle(&mut self) {
        self.known.clear();
        let moved: Vec<IpAddr> = self.seen.iter().copied().filter(|ip| !self.is_kept(*ip)).collect();
        let is_taken = |ip: &IpAddr| self.seen.contains(ip) || self.is_kept(*ip);
        let fits = |key: &u32| !moved.iter().map(|ip| turned(self.seed, *key, *ip)).any(|ip| is_taken(&ip));
        self.key = (0..MOST_KEYS).find(fits).unwrap_or_default();
    }

    /// The stand-in of an address.
    pub(super) fn address(&mut self, ip: IpAddr) -> IpAddr {
        let canonical = ip.to_canonical();
        self.seen.insert(canonical);
        if self.is_kept(canonical) {
            return ip;
        }
        let (seed, key) = (self.seed, self.key);
        let new = *self.known.entry(canonical).or_insert_with(|| turned(seed, key, canonical));
        match new {
            IpAddr::V4(v4) if ip.is_ipv6() => v4.to_ipv6_mapped().into(),
            new => new,
        }
    }

    /// The stand-in of a network, or of an address in one.
    pub(super) fn network(&mut self, ip: IpAddr, length: u8) -> IpAddr {
        let is_of_range = IpNet::new(ip, length).is_ok_and(|net| RANGES.iter().any(|range| range.net == net));
        if length == 0 || is_of_range {
            return ip;
        }
        match IpNet::new(ip, length) {
            Ok(net) if net.network() == ip && length < net.max_prefix_len() => {
                let new = turned(self.seed, self.key, ip);
                IpNet::new(new, length).map_or(new, |net| net.network())
            }
            _ => self.address(ip),
        }
    }
}

/// An address with its bits turned over, each by the bits before it.
fn turned(seed: u128, key: u32, ip: IpAddr) -> IpAddr {
    let (bits, width) = match ip {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let ranges: Vec<(u128, u8)> = RANGES
        .iter()
        .filter(|range| range.net.addr().is_ipv4() == ip.is_ipv4())
        .map(|range| range.net)
        .map(leading)
        .collect();
    let mut result = bits;
    for index in 0..width {
        let before = bits & !(u128::MAX >> index);
        let leads_to = |(net, length): &(u128, u8)| *length > index && net & !(u128::MAX >> index) == before;
        if !ranges.iter().any(leads_to) {
            let data = [&before.to_be_bytes()[..], &[index, width], &key.to_be_bytes()].concat();
            let turn = u128::from(keyed(seed, "address", &data)[0] & 1);
            result ^= turn << (127 - index);
        }
    }
    match ip {
        IpAddr::V4(_) => Ipv4Addr::from_bits(u32::try_from(result >> 96).unwrap_or_default()).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(result).into(),
    }
}

/// The bits of a network, from the left, and how many count.
fn leading(net: IpNet) -> (u128, u8) {
    match net {
        IpNet::V4(net) => (u128::from(net.network().to_bits()) << 96, net.prefix_len()),
        IpNet::V6(net) => (net.network().to_bits(), net.prefix_len()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::addr::range_of;

    fn shared(a: IpAddr, b: IpAddr) -> u32 {
        match (a, b) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => 0,
        }
    }

    /// Addresses of both families, often near the ranges and near each other.
    fn address() -> impl Strategy<Value = IpAddr> {
        let near = (0..RANGES.len(), any::<u32>(), 0..24_u32).prop_map(|(range, noise, shift)| {
            match RANGES[range].net.network() {
                IpAddr::V4(v4) => IpAddr::from(Ipv4Addr::from_bits(v4.to_bits() ^ (noise >> shift))),
                IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() ^ u128::from(noise >> shift)).into(),
            }
        });
        prop_oneof![
            any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
            any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
            near
        ]
    }

    proptest! {
        #[test]
        fn range_and_shared_bits_stay_and_none_stands_for_two(seed: u128, a in address(), b in address()) {
            let (a2, b2) = (turned(seed, 0, a), turned(seed, 0, b));
            prop_assert_eq!(a == b, a2 == b2);
            prop_assert_eq!(shared(a, b), shared(a2, b2));
            // An IPv6 address for an IPv4 one is turned as that one.
            if a == a.to_canonical() && a2 == a2.to_canonical() {
                prop_assert_eq!(range_of(a).map(|range| range.net), range_of(a2).map(|range| range.net));
            }
        }
    }

    #[test]
    fn neighbours_of_a_range_stay_neighbours_and_well_known_addresses_stay() {
        let mut addresses = Addresses::new(7);
        let mut map = |text: &str| addresses.address(text.parse().unwrap()).to_string();
        for kept in ["127.0.0.53", "::1", "0.0.0.0", "183.60.83.19", "169.254.0.23", "8.8.8.8"] {
            assert_eq!(map(kept), kept);
        }
        for (moved, begin) in [
            ("169.254.0.47", "169.254."),
            ("10.1.2.3", "10."),
            ("192.168.1.10", "192.168."),
            ("::ffff:10.1.2.3", "::ffff:10."),
        ] {
            let new = map(moved);
            assert!(new.starts_with(begin) && new != moved, "{moved} {new}");
        }
        let net = addresses.network("10.1.2.0".parse().unwrap(), 24);
        let inside = addresses.address("10.1.2.3".parse().unwrap());
        assert!(IpNet::new(net, 24).unwrap().contains(&inside) && IpNet::new(net, 24).unwrap().network() == net);
        for (range, length) in [("169.254.0.0", 16), ("0.0.0.0", 0), ("100.64.0.0", 10)] {
            assert_eq!(addresses.network(range.parse().unwrap(), length).to_string(), range);
        }
    }

    #[test]
    fn no_stand_in_is_another_address_of_the_report() {
        let mut addresses = Addresses::new(1);
        let all: Vec<IpAddr> = ["192.169.0.1", "192.169.0.2", "192.168.0.1"].map(|text| text.parse().unwrap()).to_vec();
        for ip in &all {
            addresses.address(*ip);
        }
        addresses.settle();
        for ip in &all {
            assert!(!all.contains(&addresses.address(*ip)), "{ip}");
        }
    }
}
