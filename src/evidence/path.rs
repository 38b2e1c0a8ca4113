//! What tracing a path sees: who answers a packet that lives for so many hops.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The path to one address and port, hop by hop. The observation succeeded if the address itself answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Path {
    /// What was sent.
    pub protocol: PathProtocol,
    /// The largest TTL that was allowed.
    pub max_ttl: u8,
    /// How many times the whole path was asked for, each hop once and all together.
    pub rounds: u16,
    /// How many times more it was asked for with one source port for all hops.
    pub flows: u16,
    /// Why no more was sent.
    pub stop: PathStop,
    /// The source address of what was sent.
    pub source: Option<IpAddr>,
    /// The hops, by TTL from 1, up to the last that something was sent for and that counts.
    pub hops: Vec<Hop>,
}

/// One TTL and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Hop {
    /// For how many hops the packets lived.
    pub ttl: u8,
    /// What was sent, in order.
    pub probes: Vec<HopProbe>,
}

/// One packet and its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HopProbe {
    /// The round that it belongs to, from 1; null in a flow.
    pub round: Option<u16>,
    /// The flow with one source port that it belongs to, from 1; null in a round.
    pub flow: Option<u16>,
    /// Source port; null for ICMP, and where it is not known.
    pub source_port: Option<u16>,
    /// What came back.
    pub answer: HopAnswer,
    /// Who answered.
    pub from: Option<IpAddr>,
    /// From sending to receiving, in microseconds.
    pub rtt_us: Option<u64>,
    /// Whether the kernel stamped what was received; else the process's own clock did, when it got to it.
    pub kernel_time: bool,
    /// Type of the ICMP message, where it was one.
    pub icmp_type: Option<u8>,
    /// Code of the ICMP message, where it was one.
    pub icmp_code: Option<u8>,
}

/// What packets of a trace are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathProtocol {
    /// TCP SYN to the service port.
    #[default]
    Tcp,
    /// UDP datagrams.
    Udp,
    /// ICMP echo requests.
    Icmp,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

impl PathProtocol {
    /// The protocol as people write it.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP echo",
            Self::Unknown => "an unknown protocol",
        }
    }
}

/// What came back for one packet of a trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HopAnswer {
    /// Nothing, while it was waited for.
    #[default]
    None,
    /// A router's word that the packet lived no longer (ICMP 11/0, ICMPv6 3/0).
    TimeExceeded,
    /// The peer accepts the connection.
    SynAck,
    /// The connection is refused with RST.
    Rst,
    /// An ICMP error that ends the way, of a router or of the address itself.
    Unreachable,
    /// The answer to an ICMP echo request.
    EchoReply,
    /// An error without a sender: this kernel (before Linux 5.8) does not tell who answers TCP.
    Unnamed,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// Why a trace ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathStop {
    /// The address answered.
    Reached,
    /// A router, or this machine, reported that the address cannot be reached.
    Unreachable,
    /// From some hop on nothing answers.
    Silent,
    /// Packets go in a circle: an address answers at TTLs that are not neighbours.
    Loop,
    /// Routers answered up to the largest TTL.
    TtlLimit,
    /// Nothing could be sent.
    NotSent,
    /// Not known, or a word of a later version of the report.
    #[default]
    #[serde(other)]
    Unknown,
}

impl HopAnswer {
    /// Whether the packet got no answer that says where it was.
    pub const fn is_silence(self) -> bool {
        matches!(self, Self::None | Self::Unnamed | Self::Unknown)
    }
}

impl HopProbe {
    /// Whether the address that is traced answered: its service, or itself with an ICMP error.
    pub fn is_of(&self, destination: IpAddr) -> bool {
        match self.answer {
            HopAnswer::SynAck | HopAnswer::Rst | HopAnswer::EchoReply => true,
            HopAnswer::Unreachable => self.from == Some(destination),
            _ => false,
        }
    }

    /// Whether packets that live longer come no further: it was reached, or the way ends.
    pub fn is_end(&self) -> bool {
        matches!(self.answer, HopAnswer::SynAck | HopAnswer::Rst | HopAnswer::EchoReply | HopAnswer::Unreachable)
    }
}

impl Path {
    /// The first TTL at which the address answers or, where it never does, the way ends; with the probe that shows it.
    pub fn end(&self, destination: IpAddr) -> Option<(u8, &HopProbe)> {
        let first = |is: &dyn Fn(&HopProbe) -> bool| {
            self.hops.iter().find_map(|hop| Some((hop.ttl, hop.probes.iter().find(|probe| is(probe))?)))
        };
        first(&|probe| probe.is_of(destination)).or_else(|| first(&HopProbe::is_end))
    }

    /// An address that answers at TTLs that are not neighbours, with another between, and the first two of these TTLs.
    pub fn repeated(&self) -> Option<(IpAddr, u8, u8)> {
        let routers: Vec<(u8, IpAddr)> = self
            .hops
            .iter()
            .filter_map(|hop| {
                let mut exceeded = hop.probes.iter().filter(|probe| probe.answer == HopAnswer::TimeExceeded);
                Some((hop.ttl, exceeded.find_map(|probe| probe.from)?))
            })
            .collect();
        routers.iter().enumerate().find_map(|(index, &(ttl, ip))| {
            let later =
                routers[index + 1..].iter().skip_while(|(_, other)| *other == ip).find(|(_, other)| *other == ip)?;
            Some((ip, ttl, later.0))
        })
    }
}

/// The name under which DNS has the names of an address (RFC 1035 section 3.5, RFC 3596 section 2.5).
pub fn reverse_name(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let digits = |byte: u8| format!("{:x}.{:x}.", byte & 0xf, byte >> 4);
            ip.octets().into_iter().rev().map(digits).collect::<String>() + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(hops: &[&str]) -> Path {
        let hop = |(index, from): (usize, &&str)| Hop {
            ttl: u8::try_from(index + 1).unwrap(),
            probes: vec![match from.parse() {
                Ok(ip) => HopProbe { answer: HopAnswer::TimeExceeded, from: Some(ip), ..HopProbe::default() },
                Err(_) => HopProbe::default(),
            }],
        };
        Path { hops: hops.iter().enumerate().map(hop).collect(), ..Path::default() }
    }

    #[test]
    fn a_circle_is_an_address_at_ttls_that_are_not_neighbours() {
        let [a, b] = ["192.0.2.1", "192.0.2.2"];
        assert_eq!(path(&[a, b, a, b]).repeated(), Some((a.parse().unwrap(), 1, 3)));
        assert_eq!(path(&[b, a, "*", b]).repeated(), Some((b.parse().unwrap(), 1, 4)));
        assert_eq!(path(&[a, a, b]).repeated(), None, "neighbours: a router that counts a hop twice");
        assert_eq!(path(&[a, "*", a, b]).repeated(), None, "nobody else is known to be between");
        assert_eq!(path(&["*", "*"]).repeated(), None);
    }

    #[test]
    fn names_of_addresses_are_asked_for_backwards() {
        assert_eq!(reverse_name("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa");
        let v6 = reverse_name("2001:db8::1".parse().unwrap());
        assert!(v6.starts_with("1.0.0.0.") && v6.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"), "{v6}");
        assert_eq!(v6.len(), 32 * 2 + "ip6.arpa".len());
    }

    #[test]
    fn the_address_itself_goes_before_an_error() {
        let destination = "203.0.113.10".parse().unwrap();
        let mut path = path(&["192.0.2.1", "*"]);
        assert_eq!(path.end(destination), None);
        let from = Some("192.0.2.2".parse().unwrap());
        path.hops[1].probes.push(HopProbe { answer: HopAnswer::Unreachable, from, ..HopProbe::default() });
        assert_eq!(path.end(destination).map(|(ttl, probe)| (ttl, probe.is_of(destination))), Some((2, false)));
        path.hops[1].probes.push(HopProbe { answer: HopAnswer::SynAck, ..HopProbe::default() });
        assert_eq!(path.end(destination).map(|(ttl, probe)| (ttl, probe.is_of(destination))), Some((2, true)));
    }
}
