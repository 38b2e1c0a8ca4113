//! By which interface, or from which address, connections leave this machine when the user chooses (`SO_BINDTODEVICE`, bind(2)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

/// The user's choice; empty: the kernel's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// The interface that packets leave by. An ordinary user may choose it since Linux 5.7.
    pub interface: Option<Arc<str>>,
    /// The source address.
    pub source: Option<IpAddr>,
}

impl Egress {
    /// Whether the kernel lets this process have it, tried on a socket that sends nothing.
    ///
    /// # Errors
    /// What the kernel says: ENODEV for an interface and EADDRNOTAVAIL for an address that is not there, EPERM for an interface
    /// on an older kernel.
    pub fn try_out(&self) -> io::Result<()> {
        let is_v6 = self.source.is_some_and(|source| source.is_ipv6());
        let domain = if is_v6 { Domain::IPV6 } else { Domain::IPV4 };
        let socket = Socket::new(domain, Type::DGRAM.cloexec(), Some(Protocol::UDP))?;
        self.bind_interface(&socket)?;
        self.source.map_or(Ok(()), |source| socket.bind(&SocketAddr::new(source, 0).into()))
    }

    /// The source address towards a peer. Connecting a UDP socket sends nothing.
    pub fn source_towards(&self, peer: SocketAddr) -> Option<IpAddr> {
        let socket = Socket::new(Domain::for_address(peer), Type::DGRAM.cloexec(), Some(Protocol::UDP)).ok()?;
        self.bind_interface(&socket).ok()?;
        socket.bind(&SocketAddr::new(self.local(peer), 0).into()).ok()?;
        socket.connect(&peer.into()).ok()?;
        Some(socket.local_addr().ok()?.as_socket()?.ip())
    }

    /// Applies the choice to a socket that has no source port of its own.
    pub(super) fn apply(&self, socket: &Socket, peer: SocketAddr) -> io::Result<()> {
        self.bind_interface(socket)?;
        let of_family = self.source.filter(|source| source.is_ipv4() == peer.is_ipv4());
        of_family.map_or(Ok(()), |source| socket.bind(&SocketAddr::new(source, 0).into()))
    }

    /// Applies the choice of the interface.
    pub(super) fn bind_interface(&self, socket: &Socket) -> io::Result<()> {
        self.interface.as_ref().map_or(Ok(()), |name| socket.bind_device(Some(name.as_bytes())))
    }

    /// The address to bind to where a source port is chosen too.
    pub(super) fn local(&self, peer: SocketAddr) -> IpAddr {
        self.source.filter(|source| source.is_ipv4() == peer.is_ipv4()).unwrap_or(match peer {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Egress {
        Egress { source: address.parse().ok(), ..Egress::default() }
    }

    #[test]
    fn what_is_not_there_is_refused() {
        assert!(from("127.0.0.2").try_out().is_ok() && Egress::default().try_out().is_ok());
        assert_eq!(from("192.0.2.1").try_out().unwrap_err().raw_os_error(), Some(libc::EADDRNOTAVAIL));
        let nobody = Egress { interface: Some("no-such-dev0".into()), ..Egress::default() };
        assert!(matches!(nobody.try_out().unwrap_err().raw_os_error(), Some(libc::ENODEV | libc::EPERM)));
    }

    #[test]
    fn the_chosen_source_is_used_for_its_family() {
        let (v4, v6) = ("127.0.0.1:9".parse().unwrap(), "[::1]:9".parse().unwrap());
        let egress = from("127.0.0.2");
        assert_eq!(egress.source_towards(v4), egress.source);
        assert_eq!(egress.local(v6), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        assert_eq!(Egress::default().local(v4), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
}
