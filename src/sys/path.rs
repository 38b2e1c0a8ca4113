//! Sockets that trace a path without privileges: a TTL, the error queue, and the kernel's time of what comes in.
//!
//! ip(7) and ipv6(7), `IP_RECVERR`; socket(7), `SO_TIMESTAMPNS`; icmp(7), `ping_group_range`.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{Egress, IcmpError, icmp_error, tcp_socket, unbound_tcp_socket};

/// What is kept of a message: enough for the headers that a router quotes, and our own few bytes.
const MOST_KEPT: usize = 64;

/// A message that came for a socket, or for what it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// The ICMP error that it is, when it was taken off the error queue.
    pub error: Option<IcmpError>,
    /// When the kernel received it, since the epoch; `None` where it does not tell.
    pub received_at: Option<Duration>,
    /// The sender of a message that is no error.
    pub from: Option<IpAddr>,
    bytes: [u8; MOST_KEPT],
    length: usize,
}

impl Received {
    /// How it begins: for an error, what it quotes of our own packet behind the IP header (TCP, ICMP) or behind the UDP header.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Takes the next ICMP error off a socket's error queue; `None` when there is none.
pub fn next_error(socket: &impl AsFd) -> Option<Received> {
    loop {
        let received = receive(socket, MsgFlags::MSG_ERRQUEUE).ok()?;
        // Transmit stamps and errors of this machine's own are in the same queue.
        if received.error.is_some() {
            return Some(received);
        }
    }
}

/// Takes the next message that came in.
///
/// # Errors
/// What recvmsg says; an ICMP error that is pending makes it fail once.
pub fn next_message(socket: &impl AsFd) -> io::Result<Received> {
    receive(socket, MsgFlags::empty())
}

fn receive(socket: &impl AsFd, flags: MsgFlags) -> io::Result<Received> {
    let mut payload = [0_u8; 512];
    let mut parts = [IoSliceMut::new(&mut payload)];
    // The macro has no arm for the error message; this is its size, that of an offender's address, and that of the time.
    let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6, TimeSpec, [u8; 64]);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_fd().as_raw_fd(),
        &mut parts,
        Some(&mut control),
        flags | MsgFlags::MSG_DONTWAIT,
    )?;
    let from = message.address.as_ref().and_then(|address| {
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    });
    let (mut error, mut received_at) = (None, None);
    for item in message.cmsgs()? {
        match item {
            ControlMessageOwned::Ipv4RecvErr(found, offender) => {
                let from = offender.map(|address| Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into());
                error = icmp_error(&found, from);
            }
            ControlMessageOwned::Ipv6RecvErr(found, offender) => {
                error = icmp_error(&found, offender.map(|address| IpAddr::from(address.sin6_addr.s6_addr)));
            }
            ControlMessageOwned::ScmTimestampns(time) => received_at = Some(Duration::from(time)),
            _ => {}
        }
    }
    let length = message.bytes.min(MOST_KEPT);
    let mut bytes = [0_u8; MOST_KEPT];
    bytes[..length].copy_from_slice(&payload[..length]);
    Ok(Received { error, received_at, from: from.filter(|_| !flags.contains(MsgFlags::MSG_ERRQUEUE)), bytes, length })
}

/// Has the kernel stamp what comes in from now on, for as long as the socket lives: it begins to only some milliseconds after the
/// first socket asked for it. `None` where it cannot.
pub fn keep_stamping() -> Option<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), Some(Protocol::UDP)).ok()?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).ok()?;
    Some(socket)
}

/// The time of day since the epoch, by the clock that the kernel stamps messages with.
pub fn time_of_day() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A TCP socket whose SYN lives for `ttl` hops. Closing it leaves nothing behind, so that its port can be used again at once.
///
/// # Errors
/// What the kernel says.
pub fn tcp_trace_socket(peer: SocketAddr, ttl: u8, source_port: Option<u16>, egress: &Egress) -> io::Result<Socket> {
    let socket = match source_port {
        Some(port) => tcp_socket_from(peer, port, egress)?,
        None => tcp_socket(peer, egress)?,
    };
    leave_nothing_behind(&socket)?;
    stamped_with_ttl(&socket, peer, ttl)?;
    Ok(socket)
}

/// A TCP socket with a source port, or with one that nobody uses where that is 0. Closing it leaves nothing behind, so that the port
/// can be used again at once.
///
/// # Errors
/// What the kernel says; EADDRINUSE where the port is taken.
pub fn tcp_socket_from(peer: SocketAddr, source_port: u16, egress: &Egress) -> io::Result<Socket> {
    let socket = unbound_tcp_socket(peer)?;
    leave_nothing_behind(&socket)?;
    egress.bind_interface(&socket)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(egress.local(peer), source_port).into())?;
    Ok(socket)
}

/// Has closing the socket end its connection at once, with RST: no `TIME_WAIT` keeps its port.
///
/// # Errors
/// What the kernel says.
pub fn leave_nothing_behind(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).set_linger(Some(Duration::ZERO))
}

/// A UDP socket with a source port of its own.
///
/// # Errors
/// What the kernel says.
pub fn udp_trace_socket(peer: SocketAddr, egress: &Egress) -> io::Result<Socket> {
    datagram_socket(peer, Protocol::UDP, egress)
}

/// A socket for ICMP echo.
///
/// # Errors
/// What the kernel says; EACCES where `ping_group_range` does not allow it.
pub fn echo_trace_socket(peer: SocketAddr, egress: &Egress) -> io::Result<Socket> {
    datagram_socket(peer, if peer.is_ipv4() { Protocol::ICMPV4 } else { Protocol::ICMPV6 }, egress)
}

fn datagram_socket(peer: SocketAddr, protocol: Protocol, egress: &Egress) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(peer), Type::DGRAM.nonblocking().cloexec(), Some(protocol))?;
    egress.bind_interface(&socket)?;
    socket.bind(&SocketAddr::new(egress.local(peer), 0).into())?;
    match peer {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    stamped_with_ttl(&socket, peer, 1)?;
    Ok(socket)
}

fn stamped_with_ttl(socket: &Socket, peer: SocketAddr, ttl: u8) -> io::Result<()> {
    // Without the kernel's stamps there is the process's own clock.
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
    set_ttl(socket, peer, ttl)
}

/// Sets how many hops what is sent from now on lives for.
///
/// # Errors
/// What the kernel says.
pub fn set_ttl(socket: &Socket, peer: SocketAddr, ttl: u8) -> io::Result<()> {
    match peer {
        SocketAddr::V4(_) => socket.set_ttl_v4(ttl.into()),
        SocketAddr::V6(_) => socket.set_unicast_hops_v6(ttl.into()),
    }
}

/// Has the kernel ignore what arrives on a TCP socket with a TTL below a minimum, also before it is connected (ip(7), `IP_MINTTL`;
/// `IPV6_MINHOPCOUNT`).
///
/// # Errors
/// What the kernel says.
pub fn set_minimum_ttl(socket: &impl AsFd, peer: SocketAddr, ttl: u8) -> io::Result<()> {
    let (level, option) = match peer {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MINTTL),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT),
    };
    let value = libc::c_int::from(ttl);
    #[expect(clippy::cast_possible_truncation, reason = "an integer has four bytes")]
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed and open, and the kernel reads `length` bytes of a live integer of that size.
    let result =
        unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The groups whose members may open sockets for ICMP echo, as the kernel writes them; `None` where they cannot be read.
pub fn ping_group_range() -> Option<String> {
    std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").ok()
}

/// The release of the kernel, such as `6.18.5`.
pub fn kernel_release() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_udp_port_of_loopback_is_told_by_an_icmp_error_with_what_was_sent() {
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = udp_trace_socket(free, &Egress::default()).unwrap();
        let before = time_of_day();
        socket.send_to(b"hello", &free.into()).unwrap();
        let received = (0..200).find_map(|_| {
            let found = next_error(&socket);
            if found.is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            found
        });
        let received = received.unwrap();
        let error = received.error.unwrap();
        assert_eq!((error.is_v6, error.icmp_type, error.code), (false, 3, 3));
        assert_eq!(error.from, Some("127.0.0.1".parse().unwrap()));
        assert_eq!(received.bytes(), b"hello");
        assert!(received.received_at.is_some_and(|at| at + Duration::from_millis(5) > before));
        assert_eq!(next_error(&socket), None);
    }

    #[test]
    fn a_port_can_be_used_again_at_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = listener.local_addr().unwrap();
        // No other test has sockets of this address, which could be given the port in between.
        let egress = Egress { source: Some([127, 0, 77, 1].into()), ..Egress::default() };
        let first = tcp_trace_socket(peer, 1, None, &egress).unwrap();
        first.set_nonblocking(false).unwrap();
        first.connect(&peer.into()).unwrap();
        let port = first.local_addr().unwrap().as_socket().unwrap().port();
        drop(first);
        let second = tcp_trace_socket(peer, 1, Some(port), &egress).unwrap();
        second.set_nonblocking(false).unwrap();
        second.connect(&peer.into()).unwrap();
    }
}
