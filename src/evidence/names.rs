//! What is seen of name resolution: this machine's files, its own look-ups, and the answers of name servers.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the hosts file says about the endpoint's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostsFile {
    /// The file.
    pub path: String,
    /// The addresses it gives the name.
    pub addresses: Vec<IpAddr>,
    /// Lines that cannot be read and are skipped.
    pub skipped: Vec<SkippedLine>,
}

/// The machine's resolver configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ResolverConfiguration {
    /// The file.
    pub path: String,
    /// The name servers, in order.
    pub servers: Vec<SocketAddr>,
    /// The search list.
    pub search: Vec<String>,
    /// A name with fewer dots is first tried with the search list (resolv.conf(5), `ndots`); null where the file does not say: 1.
    pub ndots: Option<u8>,
    /// Lines that cannot be read and are skipped.
    pub skipped: Vec<SkippedLine>,
    /// Where names are looked up, in order: the sources of `hosts` in nsswitch.conf(5); empty when it does not say.
    pub sources: Vec<String>,
    /// What answers at the first server, where it is known as a stub on this machine or in its container network.
    pub stub: Option<Stub>,
    /// The name servers that the stub asks, where its configuration tells.
    pub behind_stub: Vec<SocketAddr>,
    /// Whether the name service cache daemon runs here.
    pub has_nscd: bool,
}

/// A line of a configuration file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkippedLine {
    /// Its number in the file, from 1.
    pub line: u32,
    /// What is wrong with it.
    pub problem: String,
}

/// Something that stands between programs and name servers, and answers at an address of this machine or of its container network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stub {
    /// systemd-resolved, at 127.0.0.53 or .54.
    SystemdResolved,
    /// Docker's own, at 127.0.0.11.
    Docker,
    /// `NodeLocal` `DNSCache` of Kubernetes, at 169.254.20.10 or .25.10.
    NodeLocalDns,
    /// The cluster's DNS, as a rule `CoreDNS`.
    ClusterDns,
    /// Another one on loopback, such as dnsmasq, unbound, or a proxy for DNS over HTTPS.
    Loopback,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// The name looked up as programs on this machine do, by getaddrinfo(3): hosts file, caches, stubs, search list and name servers, in
/// the order of nsswitch.conf(5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SystemLookup {
    /// The name.
    pub name: String,
    /// The addresses, in the order of the answer.
    pub addresses: Vec<IpAddr>,
}

/// Why a name server is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerOrigin {
    /// The machine's own configuration names it.
    System,
    /// The user named it.
    #[default]
    Given,
    /// It is one of Tencent's pair inside a VPC.
    TencentVpc,
    /// It is `DNSPod`'s public resolver.
    Dnspod,
    /// Nothing at this address should answer questions; who does so answers for others.
    Decoy,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// How a name server was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DnsTransport {
    /// UDP datagrams.
    #[default]
    Udp,
    /// A TCP connection.
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS (RFC 8484).
    Https,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// The type of the records asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecordType {
    /// IPv4 addresses.
    #[default]
    A,
    /// IPv6 addresses.
    #[serde(rename = "AAAA")]
    Aaaa,
    /// The names of an address.
    #[serde(rename = "PTR")]
    Ptr,
    /// A type of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// One question to one name server. The server is the observation's peer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Dns {
    /// The name asked for.
    pub name: String,
    /// The type asked for.
    pub record_type: RecordType,
    /// How the server was asked.
    pub transport: DnsTransport,
    /// Whether the machine's own configuration names this server (and not only `--resolver`).
    pub system: bool,
    /// Why the server is asked.
    pub origin: ServerOrigin,
    /// Whether the server is asked only to compare: programs on this machine do not go by it, and its addresses are not probed.
    pub comparison: bool,
    /// The name that the certificate of a server over TLS or HTTPS has to be for.
    pub server_name: Option<String>,
    /// The network of a client that the question was asked for (RFC 7871).
    pub client_subnet: Option<String>,
    /// How many bits of that network the answer depends on; null when the server does not say.
    pub client_subnet_scope: Option<u8>,
    /// The response code in DNS's own spelling, such as `NXDOMAIN`.
    pub rcode: Option<String>,
    /// The aliases that were followed, in order.
    pub cname_chain: Vec<Cname>,
    /// The addresses, in the order of the answer.
    pub addresses: Vec<AddressRecord>,
    /// The names of an address, when it is asked for them; whoever owns the address may write what they like.
    pub names: Vec<String>,
    /// Whether the server cut the answer short (flag TC).
    pub truncated: bool,
    /// Size of the answer.
    pub answer_bytes: Option<u32>,
    /// How many times the question was sent.
    pub transmissions: u32,
    /// How long the first answer took, in microseconds, where further ones were listened for.
    pub answered_us: Option<u64>,
    /// Further answers to the same question, as where somebody on the path answers too.
    pub further_answers: Vec<FurtherAnswer>,
}

/// Another answer to a question that was answered already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FurtherAnswer {
    /// How long after the question, in microseconds.
    pub after_us: u64,
    /// The response code.
    pub rcode: Option<String>,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
}

/// An alias record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cname {
    /// The name that the alias leads to.
    pub target: String,
    /// How long the record may be kept.
    pub ttl_seconds: u32,
}

/// An address record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressRecord {
    /// The address.
    pub ip: IpAddr,
    /// How long the record may be kept.
    #[serde(default)]
    pub ttl_seconds: u32,
}
