//! What each kind of observation holds. One variant per kind of probe.

use std::net::SocketAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ClampedHandshake, Clock, Dns, FailureKind, HostsFile, Http, LargeRequest, Machine, Metadata, Outcome, Path,
    ProxyEnvironment, ReplyTtl, ResolverConfiguration, RouteTo, Routes, SourcePorts, SystemLookup, TcpCounters, Tls,
};

/// The facts of one observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Detail {
    /// What this machine's clock says.
    Clock(Clock),
    /// What machine this is.
    Machine(Machine),
    /// Default routes and the source addresses the kernel would choose.
    Routes(Routes),
    /// What the metadata service tells about this machine.
    Metadata(Metadata),
    /// The way that the kernel would send packets to one address.
    RouteTo(RouteTo),
    /// The `*_proxy` variables.
    ProxyEnvironment(ProxyEnvironment),
    /// What the hosts file says about the endpoint's name.
    HostsFile(HostsFile),
    /// The machine's resolver configuration.
    ResolverConfiguration(ResolverConfiguration),
    /// The name looked up as programs on this machine do.
    SystemLookup(SystemLookup),
    /// One question to one name server.
    Dns(Dns),
    /// TCP connects to one address and port.
    Tcp(Tcp),
    /// The path to one address, hop by hop.
    Path(Path),
    /// One TLS handshake.
    Tls(Tls),
    /// One TLS handshake with segments no larger than some size.
    ClampedHandshake(ClampedHandshake),
    /// One request that fills several packets.
    LargeRequest(LargeRequest),
    /// TCP connects from chosen source ports, again and again.
    SourcePorts(SourcePorts),
    /// One HTTP request and its answer.
    Http(Http),
    /// Which segments that answer are still taken when those with small TTLs are ignored.
    ReplyTtl(ReplyTtl),
    /// What the kernel counts of TCP, for all programs of this machine together.
    TcpCounters(TcpCounters),
    /// The key that requests are signed with, without its secrets.
    Key(Key),
    /// One look for the bucket in another region.
    BucketSearch(BucketSearch),
    /// A kind of a later version of the report.
    #[serde(other)]
    Unknown,
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
    /// Maximum segment size towards the peer, without TCP options (`tcpi_snd_mss`).
    #[serde(default)]
    pub mss_bytes: Option<u32>,
    /// Maximum segment size that this machine announced, without TCP options (`tcpi_advmss`).
    #[serde(default)]
    pub announced_mss_bytes: Option<u32>,
    /// The MTU of the path as far as the kernel knew it then (`tcpi_pmtu`).
    #[serde(default)]
    pub path_mtu_bytes: Option<u32>,
    /// Source address and port.
    #[serde(default)]
    pub local: Option<SocketAddr>,
}

impl Sample {
    /// A connect of which no more than its end is known.
    pub const fn ended(outcome: Outcome) -> Self {
        Self {
            outcome,
            elapsed_us: None,
            kernel_rtt_us: None,
            syn_retransmits: None,
            mss_bytes: None,
            announced_mss_bytes: None,
            path_mtu_bytes: None,
            local: None,
        }
    }

    /// Whether a SYN had to be sent again. The times of such a connect are those of the kernel's patience and not of the way.
    pub fn lost_syn(&self) -> bool {
        self.syn_retransmits.is_some_and(|count| count > 0)
    }

    /// Whether the connect was begun and ended in the network, for good or bad: this machine did not refuse it.
    pub fn was_tried(&self) -> bool {
        match &self.outcome {
            Outcome::Succeeded => true,
            Outcome::Failed { kind, .. } => !kind.is_local() && *kind != FailureKind::Internal,
            Outcome::NotRun { .. } | Outcome::Unknown => false,
        }
    }
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
    metadata: Metadata,
    route_to: RouteTo,
    system_lookup: SystemLookup,
    dns: Dns,
    tcp: Tcp,
    path: Path,
    tls: Tls,
    clamped_handshake: ClampedHandshake,
    large_request: LargeRequest,
    source_ports: SourcePorts,
    http: Http,
    reply_ttl: ReplyTtl,
    tcp_counters: TcpCounters,
    key: Key,
    bucket_search: BucketSearch,
}
