//! Which way the kernel sends packets: the route to one address, and the routes for one network.

use std::io;
use std::net::IpAddr;

use ipnet::Ipv4Net;

use super::Egress;
use super::interface::interface_index;
use super::netlink::{Answer, address, ask, attribute, attributes, dump, header, malformed, u16_at, u32_at};

/// Bytes of `rtmsg` and of `rtnexthop` (`linux/rtnetlink.h`).
const ROUTE_BYTES: usize = 12;
const NEXT_HOP_BYTES: usize = 8;
/// `linux/rtnetlink.h`; not for every target in the `libc` crate.
const RTM_F_LOOKUP_TABLE: u32 = 0x1000;
const RTA_VIA: u16 = 18;
const RTAX_MTU: u16 = 2;
/// Routes of [`specific_routes_v4`].
const MOST_ROUTES: usize = 16;

/// What a route does with a packet (`rtm_type` in rtnetlink(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteKind {
    /// Sends it on: to a gateway, or straight to a neighbour.
    Unicast,
    /// Keeps it: the address is this machine's own.
    Local,
    /// Drops it, and says that the host is unreachable.
    Unreachable,
    /// Drops it, and says that it is forbidden.
    Prohibit,
    /// Drops it, and says nothing to others; the sender itself gets EINVAL.
    Blackhole,
    /// Anything else: broadcast, multicast, anycast, or `throw`, which goes on with the next rule.
    Other,
}

impl RouteKind {
    /// One word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Blackhole => "blackhole",
            Self::Other => "other",
        }
    }

    /// Whether it drops what it is for.
    pub const fn rejects(self) -> bool {
        matches!(self, Self::Unreachable | Self::Prohibit | Self::Blackhole)
    }

    fn of(rtm_type: u8) -> Self {
        match rtm_type {
            libc::RTN_UNICAST => Self::Unicast,
            libc::RTN_LOCAL => Self::Local,
            libc::RTN_UNREACHABLE => Self::Unreachable,
            libc::RTN_PROHIBIT => Self::Prohibit,
            libc::RTN_BLACKHOLE => Self::Blackhole,
            _ => Self::Other,
        }
    }

    /// The kind of route whose look-up fails with this errno (`fib_props` in `fib_semantics.c`, `fib6_prop` in `route.c`).
    fn of_refusal(errno: i32) -> Option<Self> {
        match errno {
            libc::EHOSTUNREACH => Some(Self::Unreachable),
            libc::EACCES => Some(Self::Prohibit),
            libc::EINVAL => Some(Self::Blackhole),
            _ => None,
        }
    }
}

/// The way to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTo {
    /// What happens to a packet there.
    pub kind: RouteKind,
    /// The interface it leaves by; `None` where the route rejects it.
    pub interface: Option<String>,
    /// The next router; `None` where the address is on the link, or the interface has but one other end.
    pub gateway: Option<IpAddr>,
    /// The address it is sent from, as long as the socket is not bound to another.
    pub source: Option<IpAddr>,
    /// The routing table that decided; `None` where the kernel names none, as when it rejects. 254 is main, 255 local. As
    /// long as no rule was ever added the kernel has the two in one, and says 254 for its own IPv4 addresses too.
    pub table: Option<u32>,
    /// The MTU of the route or of the path as far as it was discovered, in bytes; `None` means that of the interface.
    pub mtu_bytes: Option<u32>,
}

/// Asks which way packets to an address go (`RTM_GETROUTE`), as `ip route get` does. Nothing is sent there.
///
/// The answer holds for a socket of this user without a mark that leaves as is chosen. Rules for ports or for TCP alone are not seen.
///
/// # Errors
/// What the kernel says. ENETUNREACH means that no route leads there, or that a rule with the action `unreachable` says so;
/// EOPNOTSUPP and EAFNOSUPPORT, that the kernel lacks the family. A rejecting route is no error, but a [`RouteKind`].
pub fn route_to(destination: IpAddr, egress: &Egress) -> io::Result<RouteTo> {
    match ask(libc::RTM_GETROUTE, &question(destination, egress))? {
        Answer::Message(body) => Entry::read(&body).map(Entry::into_route).ok_or_else(malformed),
        Answer::Refused(errno) => match RouteKind::of_refusal(errno) {
            Some(kind) => Ok(Entry { kind, ..Entry::EMPTY }.into_route()),
            None => Err(io::Error::from_raw_os_error(errno)),
        },
    }
}

fn question(destination: IpAddr, egress: &Egress) -> Vec<u8> {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (family, prefix) = if destination.is_ipv4() { (libc::AF_INET, 32) } else { (libc::AF_INET6, 128) };
    let mut body: [u8; ROUTE_BYTES] = header(family);
    body[1] = prefix;
    // Without the flag an IPv4 answer says `main` whatever the table.
    body[8..].copy_from_slice(&RTM_F_LOOKUP_TABLE.to_ne_bytes());
    let mut question = [body.as_slice(), &attribute(libc::RTA_DST, &octets(destination))].concat();
    let source = egress.source.filter(|source| source.is_ipv4() == destination.is_ipv4());
    question.extend(source.map(|source| attribute(libc::RTA_SRC, &octets(source))).into_iter().flatten());
    let index = egress.interface.as_deref().and_then(interface_index);
    question.extend(index.map(|index| attribute(libc::RTA_OIF, &index.to_ne_bytes())).into_iter().flatten());
    question
}

/// A route of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRoute {
    /// The addresses it is for.
    pub destination: Ipv4Net,
    /// What it does with packets to them.
    pub kind: RouteKind,
    /// The interface they leave by, the first of several; `None` where it rejects them.
    pub interface: Option<String>,
    /// The next router, the first of several.
    pub gateway: Option<IpAddr>,
    /// The table it is in: 254 is main, 255 local.
    pub table: Option<u32>,
}

/// Reads the IPv4 routes, of all tables, for a network, for a part of it, or for a larger one around it; default routes
/// are left out. At most 16, those of the main table before those of the machine's own addresses.
///
/// Two routes `0.0.0.0/1` and `128.0.0.0/1`, with which some VPNs cover the default route, are specific in this sense.
///
/// # Errors
/// What the kernel says, or [`io::ErrorKind::FileTooLarge`] where the tables are too long to be read whole.
pub fn specific_routes_v4(network: Ipv4Net) -> io::Result<Vec<TableRoute>> {
    let body: [u8; ROUTE_BYTES] = header(libc::AF_INET);
    dump(libc::RTM_GETROUTE, &body, MOST_ROUTES, |body| Entry::read(body)?.into_specific(network))
}

/// A routing message, as far as it is of use.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    kind: RouteKind,
    /// Whether it is what path MTU discovery or a redirect left, and no route of a table.
    is_learned: bool,
    prefix_length: u8,
    destination: Option<IpAddr>,
    interface_index: Option<u32>,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
    table: u32,
    mtu_bytes: Option<u32>,
}

impl Entry {
    const EMPTY: Self = Self {
        kind: RouteKind::Other,
        is_learned: false,
        prefix_length: 0,
        destination: None,
        interface_index: None,
        gateway: None,
        source: None,
        table: 0,
        mtu_bytes: None,
    };

    /// Reads an `rtmsg` and its attributes.
    fn read(body: &[u8]) -> Option<Self> {
        let (header, rest) = body.split_first_chunk::<ROUTE_BYTES>()?;
        let is_learned = u32_at(header, 8)? & libc::RTM_F_CLONED != 0;
        let (kind, table) = (RouteKind::of(header[7]), header[4].into());
        let mut entry = Self { kind, is_learned, prefix_length: header[1], table, ..Self::EMPTY };
        for (kind, value) in attributes(rest) {
            match kind {
                libc::RTA_DST => entry.destination = address(value),
                libc::RTA_PREFSRC => entry.source = address(value),
                libc::RTA_TABLE => entry.table = u32_at(value, 0)?,
                libc::RTA_METRICS => entry.mtu_bytes = mtu(value),
                libc::RTA_OIF => entry.interface_index = u32_at(value, 0),
                libc::RTA_GATEWAY | RTA_VIA => entry.gateway = next_router(kind, value),
                libc::RTA_MULTIPATH => entry.take_first_hop(value),
                _ => {}
            }
        }
        Some(entry)
    }

    /// Takes interface and gateway from the first of several next hops (`rtnexthop`).
    fn take_first_hop(&mut self, hops: &[u8]) {
        let length = u16_at(hops, 0).map_or(0, usize::from);
        let Some((header, rest)) = hops.get(..length).and_then(<[u8]>::split_first_chunk::<NEXT_HOP_BYTES>) else {
            return;
        };
        self.interface_index = u32_at(header, 4);
        self.gateway = attributes(rest).find_map(|(kind, value)| next_router(kind, value));
    }

    fn interface(&self) -> Option<String> {
        // A route that rejects stands on `lo` in IPv6, but nothing leaves by it.
        let index = self.interface_index.filter(|_| !self.kind.rejects())?;
        Some(nix::net::if_::if_indextoname(index).ok()?.to_string_lossy().into_owned())
    }

    fn table(&self) -> Option<u32> {
        (self.table != u32::from(libc::RT_TABLE_UNSPEC)).then_some(self.table)
    }

    fn into_route(self) -> RouteTo {
        RouteTo {
            kind: self.kind,
            interface: self.interface(),
            gateway: self.gateway,
            source: self.source,
            table: self.table(),
            mtu_bytes: self.mtu_bytes,
        }
    }

    /// The route, if it is no default route and has to do with the network.
    fn into_specific(self, network: Ipv4Net) -> Option<TableRoute> {
        let IpAddr::V4(address) = self.destination? else { return None };
        let destination = Ipv4Net::new(address, self.prefix_length).ok()?;
        // Of two networks that share an address one holds the other.
        let concerns = destination.contains(&network) || network.contains(&destination);
        (concerns && self.prefix_length > 0 && !self.is_learned).then(|| TableRoute {
            destination,
            kind: self.kind,
            interface: self.interface(),
            gateway: self.gateway,
            table: self.table(),
        })
    }
}

/// The router in an attribute that names one. One of the other family is in an `rtvia`: its family, then its address.
fn next_router(kind: u16, value: &[u8]) -> Option<IpAddr> {
    match kind {
        libc::RTA_GATEWAY => address(value),
        RTA_VIA => address(value.get(2..)?),
        _ => None,
    }
}

/// The MTU among the metrics of a route.
fn mtu(metrics: &[u8]) -> Option<u32> {
    attributes(metrics).find(|(kind, _)| *kind == RTAX_MTU).and_then(|(_, value)| u32_at(value, 0))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const V6_ROUTER: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    /// A message about an IPv4 route.
    fn message(prefix: u8, kind: u8, flags: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![2, prefix, 0, 0, 254, 3, 0, kind];
        body.extend(flags.to_ne_bytes());
        body.extend(attributes.concat());
        body
    }

    #[test]
    fn the_loopback_address_is_local() {
        let route = route_to(Ipv4Addr::LOCALHOST.into(), &Egress::default()).unwrap();
        assert_eq!((route.kind, route.interface.as_deref()), (RouteKind::Local, Some("lo")));
        assert_eq!(route.gateway, None);
        assert!(matches!(route.table, Some(254 | 255)), "{route:?}");
        assert_eq!(route.source, Some(Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn the_loopback_network_has_its_routes() {
        let routes = specific_routes_v4(net("127.0.0.0/8")).unwrap();
        let own = routes.iter().find(|route| route.destination == net("127.0.0.0/8")).unwrap();
        assert_eq!((own.kind, own.interface.as_deref(), own.table), (RouteKind::Local, Some("lo"), Some(255)));
        assert!(routes.len() <= MOST_ROUTES);
    }

    #[test]
    fn the_errors_of_rejecting_routes_are_their_kinds() {
        assert_eq!(RouteKind::of_refusal(libc::EHOSTUNREACH), Some(RouteKind::Unreachable));
        assert_eq!(RouteKind::of_refusal(libc::EACCES), Some(RouteKind::Prohibit));
        assert_eq!(RouteKind::of_refusal(libc::EINVAL), Some(RouteKind::Blackhole));
        assert_eq!(RouteKind::of_refusal(libc::ENETUNREACH), None);
        assert!(!RouteKind::Unicast.rejects() && RouteKind::Blackhole.rejects());
        assert_eq!(RouteKind::of(libc::RTN_THROW).as_str(), "other");
    }

    #[test]
    fn a_route_is_read_with_its_table_and_mtu() {
        let entry = Entry::read(&message(
            16,
            libc::RTN_UNICAST,
            0,
            &[
                attribute(libc::RTA_DST, &[169, 254, 0, 0]),
                attribute(libc::RTA_TABLE, &1000_u32.to_ne_bytes()),
                attribute(libc::RTA_METRICS | 0x8000, &attribute(RTAX_MTU, &1400_u32.to_ne_bytes())),
                attribute(libc::RTA_OIF, &1_u32.to_ne_bytes()),
                attribute(RTA_VIA, &[&10_u16.to_ne_bytes(), V6_ROUTER.as_slice()].concat()),
            ],
        ))
        .unwrap();
        assert_eq!((entry.mtu_bytes, entry.gateway), (Some(1400), Some(V6_ROUTER.into())));
        let route = entry.clone().into_specific(net("169.254.0.23/32")).unwrap();
        assert_eq!((route.destination, route.table), (net("169.254.0.0/16"), Some(1000)));
        assert!(entry.clone().into_specific(net("169.254.0.0/15")).is_some());
        assert_eq!(entry.clone().into_specific(net("10.0.0.0/8")), None);
        assert_eq!(Entry { prefix_length: 0, ..entry.clone() }.into_specific(net("169.254.0.0/16")), None);
        assert_eq!(Entry { is_learned: true, ..entry }.into_specific(net("169.254.0.0/16")), None);
    }

    #[test]
    fn the_first_of_several_next_hops_is_told() {
        let hop = |index: u32, last: u8| {
            let attributes = attribute(libc::RTA_GATEWAY, &[192, 0, 2, last]);
            let header = [u16::to_ne_bytes(16).as_slice(), &[0, 0], &index.to_ne_bytes()].concat();
            [header, attributes].concat()
        };
        let hops = attribute(libc::RTA_MULTIPATH, &[hop(7, 1), hop(8, 2)].concat());
        let entry = Entry::read(&message(24, libc::RTN_UNICAST, libc::RTM_F_CLONED, &[hops])).unwrap();
        assert_eq!((entry.interface_index, entry.gateway), (Some(7), Some([192, 0, 2, 1].into())));
        assert!(entry.is_learned);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
            if let Some(mut entry) = Entry::read(&bytes) {
                entry.take_first_hop(&bytes);
                entry.interface_index = None;
                let _ = entry.clone().into_route();
                let _ = entry.into_specific(net("0.0.0.0/0"));
            }
        }
    }
}
