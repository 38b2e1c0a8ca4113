//! What a pass sends on, and what comes back: one TCP socket for each packet, or one datagram socket for all.

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::Socket;
use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::packet::{datagram, echo_request, of_datagram, of_echo};
use crate::evidence::{HopAnswer, HopProbe, PathProtocol};
use crate::probe::micros;
use crate::sys::{self, Egress, IcmpError, Received};

/// After a wake-up that decided nothing.
const PAUSE_AFTER_WAKE: Duration = Duration::from_millis(2);
/// An ICMP error that is pending makes a send or a receive fail once (udp(7)); several can be.
const MOST_RETRIES: usize = 8;

/// When a packet was sent, by two clocks.
#[derive(Debug, Clone, Copy)]
struct Sending {
    at: Instant,
    time_of_day: Duration,
}

/// One packet that is to be answered.
pub(super) struct Heard {
    pub(super) ttl: u8,
    pub(super) probe: HopProbe,
}

/// What is sent on.
pub(super) enum Line {
    /// A connection for each packet; with a port, all from that one.
    Tcp {
        /// Where to.
        peer: SocketAddr,
        /// From where.
        source_port: Option<u16>,
        /// How it leaves this machine.
        egress: Egress,
        /// What was sent and is not answered.
        waiting: JoinSet<Heard>,
    },
    /// One socket for all packets.
    Datagram(Datagrams),
}

/// A datagram socket and what was sent on it.
pub(super) struct Datagrams {
    peer: SocketAddr,
    is_echo: bool,
    /// The same socket twice: tokio waits on one, options are set on the other.
    options: Socket,
    socket: UdpSocket,
    source_port: Option<u16>,
    /// Tells the packets of this pass from late answers to an earlier one.
    pass: u8,
    sendings: Vec<Option<Sending>>,
}

impl Line {
    /// A line for a protocol.
    ///
    /// # Errors
    /// What the kernel says; EACCES where this user may not send ICMP echo.
    pub(super) fn open(protocol: PathProtocol, peer: SocketAddr, egress: &Egress) -> io::Result<Self> {
        let is_echo = match protocol {
            PathProtocol::Tcp | PathProtocol::Unknown => {
                return Ok(Self::Tcp { peer, source_port: None, egress: egress.clone(), waiting: JoinSet::new() });
            }
            PathProtocol::Udp => false,
            PathProtocol::Icmp => true,
        };
        let socket = if is_echo { sys::echo_trace_socket(peer, egress)? } else { sys::udp_trace_socket(peer, egress)? };
        let options = socket.try_clone()?;
        let local = socket.local_addr().ok().and_then(|address| address.as_socket());
        let source_port = local.map(|address| address.port()).filter(|_| !is_echo);
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self::Datagram(Datagrams { peer, is_echo, options, socket, source_port, pass: 0, sendings: Vec::new() }))
    }

    /// A line for SYNs that all leave from one port.
    pub(super) fn from_port(peer: SocketAddr, port: u16, egress: &Egress) -> Self {
        Self::Tcp { peer, source_port: Some(port), egress: egress.clone(), waiting: JoinSet::new() }
    }

    /// Begins the next pass: what is still under way no longer counts.
    pub(super) fn begin_pass(&mut self) {
        match self {
            // Closing the sockets keeps the kernel from sending their SYNs again.
            Self::Tcp { waiting, .. } => *waiting = JoinSet::new(),
            Self::Datagram(datagrams) => {
                datagrams.pass = datagrams.pass.wrapping_add(1);
                datagrams.sendings.clear();
            }
        }
    }

    /// Sends one packet and returns its source port. A packet that this machine answers at once is heard like any other.
    ///
    /// # Errors
    /// When the kernel refuses to send it.
    pub(super) fn send(&mut self, ttl: u8) -> io::Result<Option<u16>> {
        match self {
            Self::Tcp { peer, source_port, egress, waiting } => {
                let syn = Syn::send(*peer, ttl, *source_port, egress)?;
                let port = syn.local.map(|local| local.port());
                waiting.spawn(syn.heard(ttl));
                Ok(port)
            }
            Self::Datagram(datagrams) => datagrams.send(ttl),
        }
    }

    /// Waits for the next answer.
    pub(super) async fn next(&mut self) -> Heard {
        match self {
            Self::Tcp { waiting, .. } => loop {
                match waiting.join_next().await {
                    Some(Ok(heard)) => return heard,
                    // A task that panicked leaves its packet without an answer.
                    Some(Err(_)) => {}
                    None => pending().await,
                }
            },
            Self::Datagram(datagrams) => datagrams.next().await,
        }
    }
}

/// A SYN that is under way, or was answered at once.
struct Syn {
    peer: SocketAddr,
    sending: Sending,
    local: Option<SocketAddr>,
    waits: Waits,
}

enum Waits {
    /// For an answer.
    On(TcpStream),
    /// For nothing: this machine answered in the call.
    Answered(HopProbe),
}

impl Syn {
    fn send(peer: SocketAddr, ttl: u8, source_port: Option<u16>, egress: &Egress) -> io::Result<Self> {
        let socket = sys::tcp_trace_socket(peer, ttl, source_port, egress)?;
        let sending = Sending::now();
        let connected = socket.connect(&peer.into());
        let local = socket.local_addr().ok().and_then(|address| address.as_socket());
        let answered = match connected {
            Ok(()) => None,
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => None,
            Err(error) => {
                let queued = sys::next_error(&socket).and_then(|received| sending.icmp(&received));
                let refused = || {
                    let is_refusal = error.raw_os_error() == Some(libc::ECONNREFUSED);
                    is_refusal.then(|| sending.elapsed(HopAnswer::Rst, Some(peer.ip())))
                };
                Some(queued.or_else(refused).ok_or(error)?)
            }
        };
        let waits = match answered {
            Some(probe) => Waits::Answered(probe),
            None => Waits::On(TcpStream::from_std(socket.into())?),
        };
        Ok(Self { peer, sending, local, waits })
    }

    async fn heard(self, ttl: u8) -> Heard {
        let stream = match self.waits {
            Waits::Answered(probe) => return Heard { ttl, probe },
            Waits::On(stream) => stream,
        };
        loop {
            // An error of the event loop itself leaves the packet without an answer.
            if stream.ready(Interest::WRITABLE | Interest::ERROR).await.is_err() {
                return Heard { ttl, probe: HopProbe::default() };
            }
            if let Some(probe) = look(&stream, self.sending, self.peer) {
                return Heard { ttl, probe };
            }
            for interest in [Interest::WRITABLE, Interest::ERROR] {
                let _: io::Result<()> = stream.try_io(interest, || Err(io::ErrorKind::WouldBlock.into()));
            }
            sleep(PAUSE_AFTER_WAKE).await;
        }
    }
}

/// What a woken socket knows: the error queue first, because reading it clears `SO_ERROR`.
fn look(stream: &TcpStream, sending: Sending, peer: SocketAddr) -> Option<HopProbe> {
    if let Some(probe) = sys::next_error(stream).and_then(|received| sending.icmp(&received)) {
        return Some(probe);
    }
    let peer = Some(peer.ip());
    let info = sys::tcp_info(stream).ok();
    if let Some(info) = info.filter(|info| info.established) {
        let probe = sending.elapsed(HopAnswer::SynAck, peer);
        let by_kernel = info.rtt_us.map(u64::from);
        return Some(HopProbe { rtt_us: by_kernel.or(probe.rtt_us), kernel_time: by_kernel.is_some(), ..probe });
    }
    match stream.take_error() {
        Ok(Some(error)) => match error.raw_os_error() {
            Some(libc::ECONNREFUSED) => Some(sending.elapsed(HopAnswer::Rst, peer)),
            // This RST came after the handshake.
            Some(libc::ECONNRESET | libc::EPIPE) => Some(sending.elapsed(HopAnswer::SynAck, peer)),
            Some(libc::ETIMEDOUT) => Some(HopProbe::default()),
            _ => Some(sending.elapsed(HopAnswer::Unnamed, None)),
        },
        _ if info.is_some_and(|info| info.closed) => Some(sending.elapsed(HopAnswer::Unnamed, None)),
        _ => None,
    }
}

impl Sending {
    fn now() -> Self {
        Self { at: Instant::now(), time_of_day: sys::time_of_day() }
    }

    /// An answer that the process noticed only now.
    fn elapsed(self, answer: HopAnswer, from: Option<IpAddr>) -> HopProbe {
        HopProbe { answer, from, rtt_us: Some(micros(self.at.elapsed())), ..HopProbe::default() }
    }

    /// An answer with the kernel's time, unless the clock was set meanwhile.
    fn stamped(self, answer: HopAnswer, received: &Received) -> HopProbe {
        let probe = self.elapsed(answer, received.from);
        let by_kernel = received.received_at.and_then(|at| at.checked_sub(self.time_of_day)).map(micros);
        let by_kernel = by_kernel.filter(|us| Some(*us) <= probe.rtt_us);
        HopProbe { rtt_us: by_kernel.or(probe.rtt_us), kernel_time: by_kernel.is_some(), ..probe }
    }

    /// The answer that an ICMP error is; `None` for one that ends nothing, such as fragmentation needed.
    fn icmp(self, received: &Received) -> Option<HopProbe> {
        let error = received.error?;
        let probe = self.stamped(answer_of(&error)?, received);
        Some(HopProbe { from: error.from, icmp_type: Some(error.icmp_type), icmp_code: Some(error.code), ..probe })
    }
}

/// RFC 792 and RFC 4443.
const fn answer_of(error: &IcmpError) -> Option<HopAnswer> {
    match (error.is_v6, error.icmp_type, error.code) {
        (false, 11, _) | (true, 3, _) => Some(HopAnswer::TimeExceeded),
        (false, 3, 4) => None,
        (false, 3, _) | (true, 1, _) => Some(HopAnswer::Unreachable),
        _ => None,
    }
}

impl Datagrams {
    fn send(&mut self, ttl: u8) -> io::Result<Option<u16>> {
        sys::set_ttl(&self.options, self.peer, ttl)?;
        let packet =
            if self.is_echo { echo_request(self.peer.is_ipv6(), self.pass, ttl) } else { datagram(self.pass, ttl) };
        let mut retries = 0;
        let sending = loop {
            let sending = Sending::now();
            match self.options.send_to(&packet, &self.peer.into()) {
                Ok(_) => break sending,
                // The errors of earlier packets, each told once, before anything is sent.
                Err(_) if retries < MOST_RETRIES => retries += 1,
                Err(error) => return Err(error),
            }
        };
        let index = usize::from(ttl);
        if self.sendings.len() <= index {
            self.sendings.resize(index + 1, None);
        }
        self.sendings[index] = Some(sending);
        Ok(self.source_port)
    }

    async fn next(&self) -> Heard {
        loop {
            let received = self
                .socket
                .async_io(Interest::READABLE | Interest::ERROR, || {
                    if let Some(received) = sys::next_error(&self.socket) {
                        return Ok(received);
                    }
                    // The error of a packet makes it fail once, and is in the queue as well.
                    (0..MOST_RETRIES)
                        .map(|_| sys::next_message(&self.socket))
                        .find(|result| !result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock))
                        .unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
                })
                .await;
            match received {
                Ok(received) => {
                    if let Some(heard) = self.heard(&received) {
                        return heard;
                    }
                }
                Err(_) => sleep(PAUSE_AFTER_WAKE).await,
            }
        }
    }

    /// The packet of this pass that a message is about, and what it says.
    fn heard(&self, received: &Received) -> Option<Heard> {
        let is_v6 = self.peer.is_ipv6();
        let (pass, ttl) = match (self.is_echo, received.error) {
            (false, Some(_)) => of_datagram(received.bytes())?,
            // What a UDP service answers does not tell which packet it answers.
            (false, None) => return None,
            (true, error) => of_echo(is_v6, error.is_some(), received.bytes())?,
        };
        let sending = self.sendings.get(usize::from(ttl)).copied().flatten().filter(|_| pass == self.pass)?;
        let probe = match received.error {
            Some(_) => sending.icmp(received)?,
            None => sending.stamped(HopAnswer::EchoReply, received),
        };
        Some(Heard { ttl, probe })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icmp_errors_that_end_nothing_are_no_answers() {
        let error = |is_v6, icmp_type, code| answer_of(&IcmpError { is_v6, icmp_type, code, from: None });
        assert_eq!(error(false, 11, 0), Some(HopAnswer::TimeExceeded));
        assert_eq!(error(true, 3, 0), Some(HopAnswer::TimeExceeded));
        assert_eq!(error(false, 3, 13), Some(HopAnswer::Unreachable));
        assert_eq!(error(true, 1, 4), Some(HopAnswer::Unreachable));
        assert_eq!(error(false, 3, 4), None);
        assert_eq!(error(true, 2, 0), None);
    }
}
