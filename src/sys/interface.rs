//! The network interfaces of this machine, and what they are: cards, tunnels of VPNs, bridges of containers.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use super::netlink::{address, attributes, dump, header, text, u16_at, u32_at};

/// Bytes of `ifinfomsg` (`linux/rtnetlink.h`) and of `ifaddrmsg` (`linux/if_addr.h`).
const LINK_BYTES: usize = 16;
const ADDRESS_BYTES: usize = 8;
/// `linux/if_arp.h`; not in the `libc` crate.
const ARPHRD_IP6GRE: u16 = 823;
/// Interfaces that are returned, and addresses of each.
const MOST_INTERFACES: usize = 64;
const MOST_ADDRESSES: usize = 16;
/// Interfaces and addresses that are read: a machine with many containers has thousands.
const MOST_READ: usize = 16_384;

/// What an interface is, by its driver or else by the hardware it pretends to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceKind {
    /// A card, cable or wireless, or what is made of some: VLAN, bond, team, macvlan, ipvlan.
    Ethernet,
    /// The way to the machine itself.
    Loopback,
    /// A tunnel through a process (TUN, TAP), or the kernel's own: IP in IP, GRE, `IPsec`, `OpenVPN`.
    Tunnel,
    /// `WireGuard` in the kernel.
    Wireguard,
    /// The Point-to-Point Protocol: L2TP, PPTP and some other VPNs, but also DSL and modems.
    Ppp,
    /// A bridge between others, as container engines have it.
    Bridge,
    /// One end of a pair whose other end is as a rule in a container.
    Veth,
    /// Anything else, such as overlays of containers (VXLAN), dummies, VRFs, and modems without Ethernet.
    Other,
}

impl InterfaceKind {
    /// One word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Loopback => "loopback",
            Self::Tunnel => "tunnel",
            Self::Wireguard => "wireguard",
            Self::Ppp => "ppp",
            Self::Bridge => "bridge",
            Self::Veth => "veth",
            Self::Other => "other",
        }
    }

    /// Whether a VPN's interface would be of this kind. Not everything of the kind is one: virtual machines have TAP devices.
    pub const fn is_tunnel_like(self) -> bool {
        matches!(self, Self::Tunnel | Self::Wireguard | Self::Ppp)
    }

    /// By the driver's name for it (`IFLA_INFO_KIND`, the types of ip-link(8)), which hardware does not have.
    fn of_driver(name: &str) -> Self {
        match name {
            "wireguard" | "amneziawg" => Self::Wireguard,
            "ppp" => Self::Ppp,
            "bridge" => Self::Bridge,
            "veth" | "netkit" => Self::Veth,
            "tun" | "ovpn" | "ovpn-dco" | "ipip" | "sit" | "gre" | "gretap" | "erspan" | "ip6tnl" | "ip6gre"
            | "ip6gretap" | "ip6erspan" | "vti" | "vti6" | "xfrm" => Self::Tunnel,
            "vlan" | "bond" | "team" | "macvlan" | "ipvlan" => Self::Ethernet,
            _ => Self::Other,
        }
    }

    /// By the type of the hardware (`ARPHRD_*`).
    fn of_hardware(hardware: u16) -> Self {
        match hardware {
            libc::ARPHRD_ETHER => Self::Ethernet,
            libc::ARPHRD_LOOPBACK => Self::Loopback,
            libc::ARPHRD_PPP => Self::Ppp,
            libc::ARPHRD_NONE
            | libc::ARPHRD_TUNNEL
            | libc::ARPHRD_TUNNEL6
            | libc::ARPHRD_SIT
            | libc::ARPHRD_IPGRE
            | ARPHRD_IP6GRE => Self::Tunnel,
            _ => Self::Other,
        }
    }
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    pub is_up: bool,
    /// Whether it works besides: a cable is in, a process holds the tunnel (`IFF_RUNNING`).
    pub is_running: bool,
    /// What it is.
    pub kind: InterfaceKind,
    /// Its own addresses of both families, link-local ones too; at most 16.
    pub addresses: Vec<IpAddr>,
}

/// The number of an interface, by its name or as it stands: what is behind `%` in a link-local address (RFC 4007, section 11).
pub fn interface_index(name: &str) -> Option<u32> {
    name.parse().ok().or_else(|| nix::net::if_::if_nametoindex(name).ok())
}

/// Reads the interfaces of this machine, or of the container (`RTM_GETLINK`, `RTM_GETADDR`): at most 64, oldest first. Where
/// there are more, the pairs of containers come last.
///
/// The kernel may let this wait while somebody changes an interface (its lock is RTNL), and no timeout ends that.
///
/// # Errors
/// What the kernel says.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let links = dump(libc::RTM_GETLINK, &header::<LINK_BYTES>(libc::AF_UNSPEC), MOST_READ, link)?;
    let body = header::<ADDRESS_BYTES>(libc::AF_UNSPEC);
    let mut addresses: BTreeMap<u32, Vec<IpAddr>> = BTreeMap::new();
    for (index, address) in dump(libc::RTM_GETADDR, &body, MOST_READ, own_address)? {
        let known = addresses.entry(index).or_default();
        if known.len() < MOST_ADDRESSES {
            known.push(address);
        }
    }
    let with_addresses = |(index, interface)| {
        let addresses = addresses.remove(&index).unwrap_or_default();
        Interface { addresses, ..interface }
    };
    Ok(foremost(links.into_iter().map(with_addresses).collect()))
}

fn foremost(mut interfaces: Vec<Interface>) -> Vec<Interface> {
    if interfaces.len() > MOST_INTERFACES {
        interfaces.sort_by_key(|interface| interface.kind == InterfaceKind::Veth);
        interfaces.truncate(MOST_INTERFACES);
    }
    interfaces
}

/// Reads an `ifinfomsg` and its attributes: the index of the interface, and the interface without its addresses.
fn link(body: &[u8]) -> Option<(u32, Interface)> {
    let (header, rest) = body.split_first_chunk::<LINK_BYTES>()?;
    let (mut name, mut driver, mut is_device) = (None, None, false);
    for (kind, value) in attributes(rest) {
        match kind {
            libc::IFLA_IFNAME => name = text(value),
            libc::IFLA_LINKINFO => driver = driver_of(value),
            libc::IFLA_PARENT_DEV_NAME => is_device = true,
            _ => {}
        }
    }
    let kind = match driver {
        Some(driver) => InterfaceKind::of_driver(&driver),
        None => InterfaceKind::of_hardware(u16_at(header, 2)?),
    };
    // A modem without Ethernet has the same type of hardware as a tunnel, but hangs on a bus.
    let kind = if is_device && kind == InterfaceKind::Tunnel { InterfaceKind::Other } else { kind };
    let has = |flag: i32| u32_at(header, 8).is_some_and(|flags| flags & flag.cast_unsigned() != 0);
    let (is_up, is_running) = (has(libc::IFF_UP), has(libc::IFF_RUNNING));
    Some((u32_at(header, 4)?, Interface { name: name?, is_up, is_running, kind, addresses: Vec::new() }))
}

fn driver_of(information: &[u8]) -> Option<String> {
    attributes(information).find(|(kind, _)| *kind == libc::IFLA_INFO_KIND).and_then(|(_, value)| text(value))
}

/// Reads an `ifaddrmsg` and its attributes: the index of the interface, and its address.
fn own_address(body: &[u8]) -> Option<(u32, IpAddr)> {
    let (header, rest) = body.split_first_chunk::<ADDRESS_BYTES>()?;
    let value = |wanted: u16| attributes(rest).find(|(kind, _)| *kind == wanted).and_then(|(_, value)| address(value));
    // On a point-to-point link IFA_ADDRESS is the other end (linux/if_addr.h); IPv6 without one has no IFA_LOCAL.
    Some((u32_at(header, 4)?, value(libc::IFA_LOCAL).or_else(|| value(libc::IFA_ADDRESS))?))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::netlink::attribute;
    use super::*;

    /// A message about interface 5.
    fn message(hardware: u16, flags: i32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![0, 0];
        body.extend(hardware.to_ne_bytes());
        body.extend(5_u32.to_ne_bytes());
        body.extend(flags.to_ne_bytes());
        body.extend([0; 4]);
        body.extend(attributes.concat());
        body
    }

    fn named(name: &[u8]) -> Vec<u8> {
        attribute(libc::IFLA_IFNAME, name)
    }

    fn driver(name: &[u8]) -> Vec<u8> {
        attribute(libc::IFLA_LINKINFO | 0x8000, &attribute(libc::IFLA_INFO_KIND, name))
    }

    #[test]
    fn the_loopback_interface_is_there() {
        let interfaces = interfaces().unwrap();
        let lo = interfaces.iter().find(|interface| interface.name == "lo").unwrap();
        assert_eq!((lo.kind, lo.is_running), (InterfaceKind::Loopback, lo.is_up));
        assert!(lo.addresses.is_empty() || lo.addresses.contains(&Ipv4Addr::LOCALHOST.into()), "{lo:?}");
        assert!(interfaces.len() <= MOST_INTERFACES);
    }

    #[test]
    fn a_driver_counts_before_the_hardware_it_pretends() {
        let (up, ether, none) = (libc::IFF_UP, libc::ARPHRD_ETHER, libc::ARPHRD_NONE);
        for (hardware, attributes, kind) in [
            (none, vec![named(b"wg0\0"), driver(b"wireguard\0")], "wireguard"),
            (ether, vec![driver(b"tun"), named(b"tap0\0")], "tunnel"),
            (ether, vec![named(b"docker0\0"), driver(b"bridge\0")], "bridge"),
            (ether, vec![named(b"vethab\0"), driver(b"veth\0")], "veth"),
            (ether, vec![named(b"dummy0\0"), driver(b"dummy\0")], "other"),
            (ether, vec![named(b"eth0\0"), attribute(libc::IFLA_PARENT_DEV_NAME, b"virtio0\0")], "ethernet"),
            (none, vec![named(b"utun\0")], "tunnel"),
            (none, vec![named(b"wwan0\0"), attribute(libc::IFLA_PARENT_DEV_NAME, b"1-2:1.0\0")], "other"),
            (libc::ARPHRD_PPP, vec![named(b"ppp0\0")], "ppp"),
        ] {
            let (index, interface) = link(&message(hardware, up, &attributes)).unwrap();
            assert_eq!((index, interface.kind.as_str()), (5, kind), "{interface:?}");
            assert_eq!((interface.is_up, interface.is_running), (true, false));
            assert_eq!(interface.kind.is_tunnel_like(), ["wireguard", "tunnel", "ppp"].contains(&kind));
        }
        assert_eq!(link(&message(ether, up, &[])), None);
    }

    #[test]
    fn the_own_address_of_a_point_to_point_link_is_told() {
        let header = [[2, 32, 0, 0], 5_u32.to_ne_bytes()].concat();
        let peer = attribute(libc::IFA_ADDRESS, &[10, 8, 0, 1]);
        let own = attribute(libc::IFA_LOCAL, &[10, 8, 0, 2]);
        let both = [header.clone(), peer.clone(), own].concat();
        assert_eq!(own_address(&both), Some((5, [10, 8, 0, 2].into())));
        assert_eq!(own_address(&[header, peer].concat()), Some((5, [10, 8, 0, 1].into())));
    }

    #[test]
    fn pairs_of_containers_make_room_for_a_tunnel() {
        let pair = link(&message(libc::ARPHRD_ETHER, 0, &[named(b"veth\0"), driver(b"veth\0")])).unwrap().1;
        let tunnel = link(&message(libc::ARPHRD_NONE, 0, &[named(b"tun0\0"), driver(b"tun\0")])).unwrap().1;
        let mut interfaces = vec![pair; MOST_INTERFACES];
        assert_eq!(foremost(interfaces.clone()).len(), MOST_INTERFACES);
        interfaces.push(tunnel.clone());
        let kept = foremost(interfaces);
        assert_eq!((kept.len(), kept.first()), (MOST_INTERFACES, Some(&tunnel)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
            let _ = (link(&bytes), own_address(&bytes));
        }
    }
}
