//! The kernel interfaces that have no safe wrapper: `TCP_INFO`, the socket error queue and the state of the clock; whose
//! machine this is; and, over rtnetlink, which way the kernel routes packets: [`route_to`] an address,
//! [`specific_routes_v4`], [`policy_rules`], and the [`interfaces`] they leave by.
//!
//! The only room with `unsafe`. It knows nothing of the others.

mod egress;
mod interface;
mod netlink;
mod path;
mod route;
mod rule;

use std::io;
use std::mem::offset_of;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

pub use egress::Egress;
pub use interface::{Interface, InterfaceKind, interface_index, interfaces};
pub use path::{
    Received, echo_trace_socket, keep_stamping, kernel_release, leave_nothing_behind, next_error, next_message,
    ping_group_range, set_minimum_ttl, set_ttl, tcp_socket_from, tcp_trace_socket, time_of_day, udp_trace_socket,
};
pub use route::{RouteKind, RouteTo, TableRoute, route_to, specific_routes_v4};
pub use rule::{PolicyRule, RuleAction, policy_rules};

/// TCP states (`include/net/tcp_states.h`): open; connecting; closed; and open, with the peer's FIN already here.
const TCP_ESTABLISHED: u8 = 1;
const TCP_CLOSE: u8 = 7;
const TCP_CLOSE_WAIT: u8 = 8;

/// What the kernel says about a TCP connection. A field that an older kernel does not fill is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpInfo {
    /// Whether the handshake is complete and the connection not reset. A peer that closes at once changes nothing in that.
    pub established: bool,
    /// Whether the connection is over, or never was.
    pub closed: bool,
    /// Whether the peer has closed its side.
    pub peer_closed: bool,
    /// SYN to SYN-ACK (or smoothed RTT later), in microseconds; `None` where it is not valid.
    pub rtt_us: Option<u32>,
    /// Segments sent again in the life of the connection; right after connecting these are SYNs.
    pub total_retransmits: Option<u32>,
    /// Maximum segment size towards the peer, in bytes.
    pub mss_bytes: Option<u32>,
    /// Maximum segment size that this machine announced, in bytes.
    pub announced_mss_bytes: Option<u32>,
    /// The MTU of the path as far as the kernel knows it: that of the interface or route, or what a router reported.
    pub path_mtu_bytes: Option<u32>,
    /// Segments that were sent and that nobody has acknowledged.
    pub unacknowledged_segments: u32,
    /// Bytes that the kernel still keeps back; `None` before Linux 4.6.
    pub unsent_bytes: Option<u32>,
    /// Bytes of the stream that the peer has acknowledged; `None` before Linux 4.1.
    pub acknowledged_bytes: Option<u64>,
    /// Segments that came while one before them was missing; `None` before Linux 5.4.
    pub out_of_order_segments: Option<u32>,
}

/// Reads `TCP_INFO`.
///
/// The RTT is valid only on an established connection whose SYN was not sent again: after a retransmission it comes from
/// the TCP timestamp option in milliseconds, counts the lost time in, or is zero (measured on Linux 6.18).
///
/// # Errors
/// What getsockopt says.
pub fn tcp_info(socket: &impl AsFd) -> io::Result<TcpInfo> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    #[expect(clippy::cast_possible_truncation, reason = "the structure has some 200 bytes")]
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed and open; the kernel writes at most `length` bytes into `info`, which has that
    // size, and stores how many it wrote.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the memory was zeroed, and every bit pattern is a valid `tcp_info` of integers.
    let info = unsafe { info.assume_init() };
    let written = |end: usize| length as usize >= end;
    let retransmits = written(offset_of!(libc::tcp_info, tcpi_total_retrans) + 4).then_some(info.tcpi_total_retrans);
    let established = matches!(info.tcpi_state, TCP_ESTABLISHED | TCP_CLOSE_WAIT);
    let rtt_is_valid = established && retransmits == Some(0) && info.tcpi_rtt != 0;
    Ok(TcpInfo {
        established,
        closed: info.tcpi_state == TCP_CLOSE,
        peer_closed: info.tcpi_state == TCP_CLOSE_WAIT,
        rtt_us: rtt_is_valid.then_some(info.tcpi_rtt),
        total_retransmits: retransmits,
        mss_bytes: (established && info.tcpi_snd_mss != 0).then_some(info.tcpi_snd_mss),
        announced_mss_bytes: (established && info.tcpi_advmss != 0).then_some(info.tcpi_advmss),
        path_mtu_bytes: (established && info.tcpi_pmtu != 0).then_some(info.tcpi_pmtu),
        unacknowledged_segments: info.tcpi_unacked,
        unsent_bytes: written(offset_of!(libc::tcp_info, tcpi_notsent_bytes) + 4).then_some(info.tcpi_notsent_bytes),
        acknowledged_bytes: written(offset_of!(libc::tcp_info, tcpi_bytes_acked) + 8).then_some(info.tcpi_bytes_acked),
        out_of_order_segments: written(offset_of!(libc::tcp_info, tcpi_rcv_ooopack) + 4)
            .then_some(info.tcpi_rcv_ooopack),
    })
}

/// An ICMP error that the kernel queued for a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// Whether it is `ICMPv6`.
    pub is_v6: bool,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub code: u8,
    /// Who sent it.
    pub from: Option<IpAddr>,
}

/// Takes the next ICMP error off a socket's error queue (ip(7), `IP_RECVERR`); `None` when there is none.
///
/// Reading the queue clears `SO_ERROR`. TCP sockets queue errors while connecting since Linux 5.8 (commit 45af29ca761c).
pub fn next_icmp_error(socket: &impl AsFd) -> Option<IcmpError> {
    path::next_error(socket)?.error
}

fn icmp_error(error: &libc::sock_extended_err, from: Option<IpAddr>) -> Option<IcmpError> {
    let is_v6 = match error.ee_origin {
        libc::SO_EE_ORIGIN_ICMP => false,
        libc::SO_EE_ORIGIN_ICMP6 => true,
        _ => return None,
    };
    let from = from.filter(|address| !address.is_unspecified());
    Some(IcmpError { is_v6, icmp_type: error.ee_type, code: error.ee_code, from })
}

/// Lets the process open as many files as its hard limit allows: every connect under way is one.
pub fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Where it is not allowed, connects beyond the limit fail as what they are, too many open files.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// How many files the process may have open; `None` where that is not told.
pub fn file_limit() -> Option<usize> {
    usize::try_from(getrlimit(Resource::RLIMIT_NOFILE).ok()?.0).ok()
}

/// Whether SIGHUP is ignored, as `nohup` has it.
pub fn ignores_hangup() -> bool {
    let mut current = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action nothing changes, and the kernel fills in the struct, which zeros are valid for.
    let current = unsafe {
        libc::sigaction(libc::SIGHUP, std::ptr::null(), current.as_mut_ptr());
        current.assume_init()
    };
    current.sa_sigaction == libc::SIG_IGN
}

/// Lets SIGINT, SIGTERM and SIGHUP end the process again, after handlers for them were installed.
pub fn restore_default_signals() {
    let hangup = (!ignores_hangup()).then_some(libc::SIGHUP);
    for signal in [libc::SIGINT, libc::SIGTERM].into_iter().chain(hangup) {
        // SAFETY: the default action is a valid disposition for these signals, and no handler of ours is needed any more.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// A non-blocking TCP socket for one address family that queues ICMP errors and sends small writes at once, and leaves as is chosen.
///
/// # Errors
/// What the kernel says, such as EMFILE or EAFNOSUPPORT.
pub fn tcp_socket(peer: SocketAddr, egress: &Egress) -> io::Result<Socket> {
    let socket = unbound_tcp_socket(peer)?;
    egress.apply(&socket, peer)?;
    Ok(socket)
}

fn unbound_tcp_socket(peer: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(peer), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    // Without the option a failed connect still has its errno; the reporting router is then unknown.
    let _ = match peer {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true),
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true),
    };
    Ok(socket)
}

/// What the kernel says of its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockState {
    /// Whether somebody, as a rule an NTP daemon, keeps the clock in step with a reference.
    pub synchronized: bool,
    /// The daemon's estimate of the clock's error, in microseconds.
    pub estimated_error_us: u64,
}

/// Reads the state of the kernel's clock (adjtimex(2)); reading needs no privilege.
///
/// # Errors
/// What adjtimex says; some sandboxes forbid the call.
pub fn clock_state() -> io::Result<ClockState> {
    // SAFETY: `timex` holds integers only, so zeroes are a valid value; `modes` is then 0, which asks to change nothing.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `timex` that the kernel may write to.
    let result = unsafe { libc::adjtimex(&raw mut state) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let synchronized = state.status & libc::STA_UNSYNC == 0 && result != libc::TIME_ERROR;
    Ok(ClockState { synchronized, estimated_error_us: u64::try_from(state.esterror).unwrap_or(0) })
}

/// The maker of this machine as DMI names it; `None` where the file cannot be read, as in many containers.
pub fn machine_vendor() -> Option<String> {
    std::fs::read_to_string("/sys/class/dmi/id/sys_vendor").ok()
}

/// Whether a maker is Tencent: its machines say `Tencent Cloud`.
pub fn is_tencent(vendor: &str) -> bool {
    vendor.to_ascii_lowercase().contains("tencent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_connection_has_an_rtt_and_a_mss() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let info = tcp_info(&stream).unwrap();
        assert!(info.established);
        assert!(info.rtt_us.is_some_and(|rtt| rtt < 5_000_000));
        assert_eq!(info.total_retransmits, Some(0));
        assert!(info.mss_bytes.is_some_and(|mss| mss >= 536));
        assert!(info.path_mtu_bytes > info.announced_mss_bytes && info.announced_mss_bytes >= info.mss_bytes);
        assert_eq!(next_icmp_error(&stream), None);
    }

    #[test]
    fn what_the_peer_has_is_acknowledged() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let before = tcp_info(&stream).unwrap().acknowledged_bytes;
        let (mut peer, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, &[0; 3000]).unwrap();
        std::io::Read::read_exact(&mut peer, &mut [0; 3000]).unwrap();
        // An answer acknowledges what it answers.
        std::io::Write::write_all(&mut peer, &[0]).unwrap();
        std::io::Read::read_exact(&mut stream, &mut [0]).unwrap();
        let info = tcp_info(&stream).unwrap();
        assert_eq!((info.unacknowledged_segments, info.unsent_bytes.unwrap_or(0)), (0, 0));
        assert_eq!(info.acknowledged_bytes, before.map(|before| before + 3000));
    }

    #[test]
    fn a_connection_that_the_peer_closes_at_once_was_established() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        drop(listener.accept().unwrap());
        // The end of the stream shows that the FIN is here.
        assert_eq!(std::io::Read::read(&mut stream, &mut [0]).unwrap(), 0);
        let info = tcp_info(&stream).unwrap();
        assert!(info.established && !info.closed);
        assert!(info.rtt_us.is_some());
    }

    #[test]
    fn the_clock_has_a_state_or_may_not_be_asked() {
        match clock_state() {
            // The kernel gives up an estimate that is larger than 16 seconds (NTP_PHASE_LIMIT in include/linux/timex.h).
            Ok(state) => assert!(!state.synchronized || state.estimated_error_us <= 16_000_000, "{state:?}"),
            Err(error) => assert!(matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)), "{error}"),
        }
    }

    #[test]
    fn an_unconnected_socket_has_no_rtt() {
        let socket = tcp_socket("127.0.0.1:1".parse().unwrap(), &Egress::default()).unwrap();
        let info = tcp_info(&socket).unwrap();
        assert!(!info.established && info.closed);
        assert_eq!((info.rtt_us, info.mss_bytes), (None, None));
    }
}
