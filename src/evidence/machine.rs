//! What the host stage sees of this machine: clock, maker, metadata, routes and variables.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// What the kernel counts of TCP, for all programs of this network namespace together (`TcpExt` of /proc/net/netstat).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TcpCounters {
    /// SYNs that were sent again (`TCPSynRetrans`); null where the kernel does not tell.
    pub syn_retransmits: Option<u64>,
    /// Segments that were to be sent again and that this machine itself did not let out (`TCPRetransFail`).
    pub retransmit_failures: Option<u64>,
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
    /// What shows that this process runs in a container, in words; null when nothing does.
    pub container: Option<String>,
    /// Whether the container is a pod of Kubernetes.
    pub is_pod: bool,
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
    /// IPv4 routes for Tencent's link-local service network, 169.254.0.0/16, for a part of it, or for a network around it of at
    /// least eight bits; empty also where an older version did not look.
    pub link_local: Vec<TableRoute>,
    /// Rules of policy routing beside the kernel's own three, of both families.
    pub rules: Vec<PolicyRule>,
    /// The network interfaces.
    pub interfaces: Vec<Interface>,
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

/// One route of the kernel's tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableRoute {
    /// Where it leads.
    #[schemars(with = "String")]
    pub destination: IpNet,
    /// What it does with packets.
    #[serde(default)]
    pub kind: RouteKind,
    /// The interface's name.
    #[serde(default)]
    pub interface: Option<String>,
    /// The gateway; null for a route without one.
    #[serde(default)]
    pub gateway: Option<IpAddr>,
}

/// What a route does with packets (rtnetlink(7), `rtm_type`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// Sends them on.
    Unicast,
    /// Keeps them: the address is one of this machine.
    Local,
    /// Refuses them as unreachable.
    Unreachable,
    /// Refuses them as prohibited.
    Prohibit,
    /// Drops them.
    Blackhole,
    /// None of these, or a word of a later version of the report.
    #[default]
    #[serde(other)]
    Other,
}

impl RouteKind {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Blackhole => "blackhole",
            Self::Other => "other",
        }
    }
}

/// One rule of policy routing (ip-rule(8)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyRule {
    /// Smaller ones are looked at first.
    pub priority: u32,
    /// The rule in the words of `ip rule`.
    pub text: String,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    #[serde(default)]
    pub is_up: bool,
    /// Whether it has a carrier.
    #[serde(default)]
    pub has_carrier: bool,
    /// What it is, as the kernel calls it: `ethernet`, `tunnel`, `wireguard` and the like.
    #[serde(default)]
    pub kind: String,
    /// Whether it leads into a tunnel, as those of VPNs do.
    #[serde(default)]
    pub is_tunnel: bool,
    /// Its addresses.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
}

/// The way that the kernel would send packets to one address, which is that of the observation's peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RouteTo {
    /// What it would do with them.
    pub kind: RouteKind,
    /// The interface's name.
    pub interface: Option<String>,
    /// The gateway; null for a neighbour.
    pub gateway: Option<IpAddr>,
    /// The source address that it would choose.
    pub source: Option<IpAddr>,
    /// The number of the routing table that decides; 254 is the main one.
    pub table: Option<u32>,
    /// Whether the interface leads into a tunnel, as those of VPNs do; null when it is not known.
    pub is_tunnel: Option<bool>,
}

/// What the metadata service tells about this machine. Null: it was not told.
///
/// Source: Tencent CVM documentation, "Querying Instance Metadata".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Metadata {
    /// Address of the service.
    pub url: String,
    /// The region, such as `ap-guangzhou`.
    pub region: Option<String>,
    /// The availability zone.
    pub zone: Option<String>,
    /// The instance.
    pub instance_id: Option<String>,
    /// The address inside the VPC.
    pub local_ipv4: Option<IpAddr>,
    /// The public address.
    pub public_ipv4: Option<IpAddr>,
    /// Whether the service says that there is no public address.
    pub has_no_public_ipv4: bool,
    /// The VPC.
    pub vpc_id: Option<String>,
    /// The subnet.
    pub subnet_id: Option<String>,
}
