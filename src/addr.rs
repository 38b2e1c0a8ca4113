//! Which network an IP address belongs to, as seen by a COS client.
//!
//! One table of ranges, each with its source. The first row that contains an address decides. To add a range, add a
//! row: the boundary tests are generated from the table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The network an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddressScope {
    /// Tencent's private network by COS's documentation, or a private endpoint in the user's own network.
    Private,
    /// The internet.
    Public,
    /// Public by its registry, but used by other Tencent products inside their network.
    Ambiguous,
    /// A placeholder that a local proxy hands out for every name.
    FakeIp,
    /// Leads nowhere or back to this machine: a blocking resolver, or a hosts file.
    Sinkhole,
    /// Not a usable unicast address.
    Reserved,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

impl AddressScope {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
            Self::Ambiguous => "ambiguous",
            Self::FakeIp => "fake_ip",
            Self::Sinkhole => "sinkhole",
            Self::Reserved => "reserved",
            Self::Unknown => "unknown",
        }
    }
}

/// One row of the table of ranges.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The addresses.
    pub net: IpNet,
    /// The network they belong to.
    pub scope: AddressScope,
    /// What the range is.
    pub what: &'static str,
    /// Why another reading is possible (finding RTE006), if one is.
    pub doubt: Option<&'static str>,
    /// Who says so.
    pub source: &'static str,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6(first: u16, second: u16, last: u16, prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, last), prefix))
}

const COS_DOC: &str = "Tencent COS documentation, creating a request: 10.*, 100.* and 169.254.* mean private";
const PRIVATE_LINK: &str = "RFC 1918; COS documentation on private endpoints: the address is one of your own subnet";
const TENCENT_INTERNAL: &str = "Tencent API Gateway and Direct Connect documentation: internal range of other products";

/// Every range, most specific first. What no row contains is public.
pub const RANGES: &[Range] = &[
    Range {
        net: v4(0, 0, 0, 0, 8),
        scope: AddressScope::Sinkhole,
        what: "this network",
        doubt: None,
        source: "RFC 1122",
    },
    Range {
        net: v4(127, 0, 0, 0, 8),
        scope: AddressScope::Sinkhole,
        what: "loopback",
        doubt: None,
        source: "RFC 1122",
    },
    Range {
        net: v4(10, 0, 0, 0, 8),
        scope: AddressScope::Private,
        what: "classic network",
        doubt: None,
        source: COS_DOC,
    },
    Range {
        net: v4(100, 64, 0, 0, 10),
        scope: AddressScope::Private,
        what: "classic network",
        doubt: None,
        source: COS_DOC,
    },
    Range {
        net: v4(100, 0, 0, 0, 8),
        scope: AddressScope::Private,
        what: "classic network by COS's rule, public by registry",
        doubt: Some("only 100.64.0.0/10 of 100.0.0.0/8 is non-public by RFC 6598"),
        source: COS_DOC,
    },
    Range {
        net: v4(169, 254, 0, 0, 16),
        scope: AddressScope::Private,
        what: "VPC service network",
        doubt: None,
        source: COS_DOC,
    },
    Range {
        net: v4(172, 16, 0, 0, 12),
        scope: AddressScope::Private,
        what: "private network",
        doubt: Some("a private endpoint (PrivateLink) of yours, or an answer of a local resolver"),
        source: PRIVATE_LINK,
    },
    Range {
        net: v4(192, 168, 0, 0, 16),
        scope: AddressScope::Private,
        what: "private network",
        doubt: Some("a private endpoint (PrivateLink) of yours, or an answer of a local resolver"),
        source: PRIVATE_LINK,
    },
    Range {
        net: v4(198, 18, 0, 0, 15),
        scope: AddressScope::FakeIp,
        what: "benchmarking range",
        doubt: None,
        source: "RFC 2544",
    },
    Range {
        net: v4(9, 0, 0, 0, 8),
        scope: AddressScope::Ambiguous,
        what: "public by registry",
        doubt: Some("Tencent bare-metal instances and other products use it internally"),
        source: TENCENT_INTERNAL,
    },
    Range {
        net: v4(11, 0, 0, 0, 8),
        scope: AddressScope::Ambiguous,
        what: "public by registry",
        doubt: Some("other Tencent products use it internally"),
        source: TENCENT_INTERNAL,
    },
    Range {
        net: v4(30, 0, 0, 0, 8),
        scope: AddressScope::Ambiguous,
        what: "public by registry",
        doubt: Some("other Tencent products use it internally"),
        source: TENCENT_INTERNAL,
    },
    Range {
        net: v4(224, 0, 0, 0, 4),
        scope: AddressScope::Reserved,
        what: "multicast",
        doubt: None,
        source: "RFC 5771",
    },
    Range {
        net: v4(240, 0, 0, 0, 4),
        scope: AddressScope::Reserved,
        what: "reserved",
        doubt: None,
        source: "RFC 1112",
    },
    Range {
        net: v6(0, 0, 0, 128),
        scope: AddressScope::Sinkhole,
        what: "unspecified",
        doubt: None,
        source: "RFC 4291",
    },
    Range { net: v6(0, 0, 1, 128), scope: AddressScope::Sinkhole, what: "loopback", doubt: None, source: "RFC 4291" },
    Range {
        net: v6(0xfc00, 0, 0, 7),
        scope: AddressScope::Private,
        what: "unique local",
        doubt: Some("no COS document names an IPv6 private range"),
        source: "RFC 4193",
    },
    Range {
        net: v6(0xfe80, 0, 0, 10),
        scope: AddressScope::Reserved,
        what: "link-local",
        doubt: None,
        source: "RFC 4291",
    },
    Range {
        net: v6(0xff00, 0, 0, 8),
        scope: AddressScope::Reserved,
        what: "multicast",
        doubt: None,
        source: "RFC 4291",
    },
];

/// The row that contains an address, if any. IPv4-mapped IPv6 addresses are read as IPv4.
pub fn range_of(address: IpAddr) -> Option<&'static Range> {
    let address = address.to_canonical();
    RANGES.iter().find(|range| range.net.contains(&address))
}

/// The network an address belongs to; public where the table has no row.
pub fn scope_of(address: IpAddr) -> AddressScope {
    range_of(address).map_or(AddressScope::Public, |range| range.scope)
}

/// The range of link-local IPv4 addresses, which COS uses inside a VPC and everyone else uses without a DHCP server.
pub fn is_link_local_v4(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last address of each range, and the address on either side of it.
    #[test]
    fn boundaries_of_every_range() {
        for (index, range) in RANGES.iter().enumerate() {
            let (first, last) = (range.net.network(), range.net.broadcast());
            for inside in [first, last] {
                let expected = RANGES.iter().position(|r| r.net.contains(&inside));
                assert!(expected <= Some(index), "{inside}");
                assert_eq!(scope_of(inside), RANGES[expected.unwrap()].scope, "{inside}");
            }
            for outside in [step(first, -1), step(last, 1)].into_iter().flatten() {
                assert!(!range.net.contains(&outside), "{outside} is not in {}", range.net);
            }
        }
    }

    /// A row that an earlier row hides completely could never decide.
    #[test]
    fn no_row_is_hidden() {
        for (index, range) in RANGES.iter().enumerate() {
            assert!(!RANGES[..index].iter().any(|earlier| earlier.net.contains(&range.net)), "{}", range.net);
            assert!(!range.source.is_empty() && !range.what.is_empty());
        }
    }

    #[test]
    fn documented_examples() {
        for (text, scope) in [
            ("169.254.0.47", AddressScope::Private),
            ("10.148.214.13", AddressScope::Private),
            ("100.88.222.14", AddressScope::Private),
            ("14.119.113.22", AddressScope::Public),
            ("203.0.113.10", AddressScope::Public),
            ("2001:db8::1", AddressScope::Public),
            ("::ffff:169.254.0.47", AddressScope::Private),
            ("198.19.255.255", AddressScope::FakeIp),
            ("0.0.0.0", AddressScope::Sinkhole),
        ] {
            assert_eq!(scope_of(text.parse().unwrap()), scope, "{text}");
        }
    }

    fn step(address: IpAddr, by: i8) -> Option<IpAddr> {
        match (address, by) {
            (IpAddr::V4(a), 1) => u32::from(a).checked_add(1).map(|n| Ipv4Addr::from(n).into()),
            (IpAddr::V4(a), _) => u32::from(a).checked_sub(1).map(|n| Ipv4Addr::from(n).into()),
            (IpAddr::V6(a), 1) => u128::from(a).checked_add(1).map(|n| Ipv6Addr::from(n).into()),
            (IpAddr::V6(a), _) => u128::from(a).checked_sub(1).map(|n| Ipv6Addr::from(n).into()),
        }
    }
}
