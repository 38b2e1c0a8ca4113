//! What each kind of observation holds. One variant per kind of probe.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Http, Outcome, Tls};

/// The facts of one observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a run holds some dozens, and a box would show in every rule")]
pub enum Detail {
    /// What this machine's clock says.
    Clock(Clock),
    /// What machine this is.
    Machine(Machine),
    /// Default routes and the source addresses the kernel would choose.
    Routes(Routes),
    /// The `*_proxy` variables.
    ProxyEnvironment(ProxyEnvironment),
    /// What the hosts file says about the endpoint's name.
    HostsFile(HostsFile),
    /// The machine's resolver configuration.
    ResolverConfiguration(ResolverConfiguration),
    /// One question to one name server.
    Dns(Dns),
    /// TCP connects to one address and port.
    Tcp(Tcp),
    /// One TLS handshake.
    Tls(Tls),
    /// One HTTP request and its answer.
    Http(Http),
    /// The key that requests are signed with, without its secrets.
    Key(Key),
    /// One look for the bucket in another region.
    BucketSearch(BucketSearch),
    /// A kind of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// What this machine's clock says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Clock {
    /// The time of day (RFC 3339, UTC), which signatures and certificates are judged by.
    #[schemars(with = "Option<String>")]
    pub local_time: Option<Timestamp>,
    /// How long the machine has been up.
    pub uptime_seconds: Option<u64>,
    /// Whether the kernel holds its clock to be kept in step with a reference, as NTP daemons tell it (adjtimex(2)).
    pub ntp_synchronized: Option<bool>,
    /// The kernel's estimate of the error of its clock, in microseconds; null where it is not synchronized.
    pub ntp_estimated_error_us: Option<u64>,
}

/// The key that requests are signed with, without its secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Key {
    /// Where the key came from; null when there is none.
    pub source: Option<String>,
    /// Whether it is a temporary key.
    pub has_token: bool,
    /// When a temporary key ends, where that is known.
    #[schemars(with = "Option<String>")]
    pub expires_at: Option<Timestamp>,
    /// Where a key was looked for, in order, up to the one that was used.
    pub searched: Vec<KeyPlace>,
}

/// A place where a key may be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct KeyPlace {
    /// The place, in words.
    pub place: String,
    /// What was there, in words.
    pub found: String,
}

/// One look for the bucket in another region: an anonymous HEAD to the host that it would have there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BucketSearch {
    /// The region.
    pub region: String,
    /// The host that the bucket would have there.
    pub host: String,
    /// Status of the answer: 404 when the bucket is not there, 200 or 403 when it is.
    pub status: Option<u16>,
    /// Request id of the answer; an answer without one is not of COS.
    pub request_id: Option<String>,
}

impl BucketSearch {
    /// Whether COS answered as it does for a bucket that exists.
    pub const fn is_found(&self) -> bool {
        matches!(self.status, Some(200..=299 | 403)) && self.request_id.is_some()
    }
}

/// What machine this is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Machine {
    /// Kernel name and release.
    pub kernel: Option<String>,
    /// Processor architecture.
    pub architecture: Option<String>,
    /// System vendor by DMI.
    pub vendor: Option<String>,
    /// Whether DMI says that this is a Tencent Cloud machine; null when DMI cannot be read.
    pub is_tencent_vm: Option<bool>,
}

/// Default routes and the source addresses the kernel would choose.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Routes {
    /// The default routes.
    pub default_routes: Vec<DefaultRoute>,
    /// Source address towards the IPv4 internet; null when there is no route.
    pub source_v4: Option<IpAddr>,
    /// Source address towards the IPv6 internet; null when there is no route.
    pub source_v6: Option<IpAddr>,
}

/// One default route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DefaultRoute {
    /// The interface's name.
    pub interface: String,
    /// The gateway; null for a route without one.
    #[serde(default)]
    pub gateway: Option<IpAddr>,
}

/// The `*_proxy` variables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProxyEnvironment {
    /// The variables that are set, in alphabetical order; user names and passwords are left out of the values.
    pub variables: Vec<Variable>,
}

/// An environment variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What the hosts file says about the endpoint's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostsFile {
    /// The file.
    pub path: String,
    /// The addresses it gives the name.
    pub addresses: Vec<IpAddr>,
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
}

/// How a name server was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DnsTransport {
    /// UDP datagrams.
    #[default]
    Udp,
    /// A TCP connection.
    Tcp,
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
    /// The response code in DNS's own spelling, such as `NXDOMAIN`.
    pub rcode: Option<String>,
    /// The aliases that were followed, in order.
    pub cname_chain: Vec<Cname>,
    /// The addresses, in the order of the answer.
    pub addresses: Vec<AddressRecord>,
    /// Whether the server cut the answer short (flag TC).
    pub truncated: bool,
    /// Size of the answer.
    pub answer_bytes: Option<u32>,
    /// How many times the question was sent.
    pub transmissions: u32,
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

/// TCP connects to one address and port. The observation succeeded if any connect did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tcp {
    /// Where the connects really went, when `--connect-to` sent them elsewhere.
    pub redirected_to: Option<SocketAddr>,
    /// Every connect, in the order in which they were begun.
    pub samples: Vec<Sample>,
}

/// One TCP connect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// How it ended.
    pub outcome: Outcome,
    /// From calling `connect()` to knowing the result, by the process's own clock.
    #[serde(default)]
    pub elapsed_us: Option<u64>,
    /// SYN to SYN-ACK as the kernel measured it (`tcpi_rtt`); null where it is not valid: after a retransmission, or when
    /// the connect failed.
    #[serde(default)]
    pub kernel_rtt_us: Option<u32>,
    /// How many times the kernel sent the SYN again; null where the kernel does not tell.
    #[serde(default)]
    pub syn_retransmits: Option<u32>,
    /// Maximum segment size towards the peer (`tcpi_snd_mss`).
    #[serde(default)]
    pub mss_bytes: Option<u32>,
    /// Source address and port.
    #[serde(default)]
    pub local: Option<SocketAddr>,
}

/// Reads the detail of one kind, `None` for the others.
macro_rules! accessors {
    ($($name:ident: $variant:ident),+ $(,)?) => {
        impl Detail {
            /// The word that stands as `type` in JSON.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => stringify!($name),)+
                    Self::Unknown => "unknown",
                }
            }

            $(
                #[doc = concat!("The facts, when this is a [`", stringify!($variant), "`].")]
                pub const fn $name(&self) -> Option<&$variant> {
                    match self {
                        Self::$variant(facts) => Some(facts),
                        _ => None,
                    }
                }
            )+
        }
    };
}

accessors! {
    clock: Clock,
    machine: Machine,
    routes: Routes,
    proxy_environment: ProxyEnvironment,
    hosts_file: HostsFile,
    resolver_configuration: ResolverConfiguration,
    dns: Dns,
    tcp: Tcp,
    tls: Tls,
    http: Http,
    key: Key,
    bucket_search: BucketSearch,
}
