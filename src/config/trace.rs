//! How paths are traced, where a run is to trace any.

/// How paths are traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// What is sent.
    pub protocol: TraceProtocol,
    /// The largest TTL.
    pub max_ttl: u8,
    /// How many times the whole path is asked for.
    pub rounds: u16,
    /// How many times more, with one source port for all hops each time.
    pub flows: u16,
    /// Whether the paths to all addresses are traced, and not that to the first alone.
    pub every_address: bool,
    /// Whether the names of the addresses on the way are asked for.
    pub names: bool,
}

/// What a trace sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceProtocol {
    /// TCP SYN to the service port.
    Tcp,
    /// UDP datagrams.
    Udp,
    /// ICMP echo requests.
    Icmp,
}
