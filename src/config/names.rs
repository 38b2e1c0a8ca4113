//! How names are looked up, and what tells about this machine.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::evidence::{DnsTransport, ServerOrigin};

/// The name servers to ask.
#[derive(Debug, Clone, Default)]
pub struct NameServers {
    /// Whether to ask the servers that the machine's own configuration names, and to look names up as programs on it do.
    pub system: bool,
    /// Further servers, in order.
    pub extra: Vec<NameServer>,
    /// Servers that are asked only to compare.
    pub comparison: Vec<NameServer>,
    /// Whether Tencent's servers inside a VPC are asked on machines that are not Tencent's too.
    pub vpc_everywhere: bool,
    /// Whether every comparison is waited for, also when all is well.
    pub wait_for_comparison: bool,
}

/// One name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServer {
    /// Address and port.
    pub address: SocketAddr,
    /// How it is asked.
    pub transport: DnsTransport,
    /// Why it is asked.
    pub origin: ServerOrigin,
    /// Over TLS and HTTPS, the name that its certificate has to be for; `None`: its address.
    pub server_name: Option<String>,
    /// Over HTTPS, the path that questions are sent to.
    pub path: String,
}

impl NameServer {
    /// A server that is asked over UDP or TCP.
    pub const fn plain(address: SocketAddr, transport: DnsTransport, origin: ServerOrigin) -> Self {
        Self { address, transport, origin, server_name: None, path: String::new() }
    }
}

/// How names are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Questions {
    /// How often each server is asked; 0 counts as 1.
    pub tries: u16,
    /// The network of a client that answers are wanted for (RFC 7871).
    pub client_subnet: Option<IpNet>,
    /// The address of the targets, whose names are then not asked for.
    pub given_address: Option<IpAddr>,
}

/// The files that say how this machine looks names up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemFiles {
    /// hosts(5).
    pub hosts: PathBuf,
    /// resolv.conf(5).
    pub resolv_conf: PathBuf,
    /// nsswitch.conf(5).
    pub nsswitch_conf: PathBuf,
}

impl Default for SystemFiles {
    fn default() -> Self {
        let file = |path: &str| PathBuf::from(path);
        Self {
            hosts: file("/etc/hosts"),
            resolv_conf: file("/etc/resolv.conf"),
            nsswitch_conf: file("/etc/nsswitch.conf"),
        }
    }
}

/// Whether something is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum When {
    /// Where it makes sense.
    #[default]
    Auto,
    /// In every case.
    Always,
    /// Never.
    Never,
}

/// The metadata service of Tencent's machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataService {
    /// Whether it is asked; by itself only where something shows that this is a Tencent machine.
    pub when: When,
    /// Where it answers in clear text.
    pub address: SocketAddr,
    /// The value of the Host header.
    pub host: String,
    /// The path that its answers stand below, ended by `/`.
    pub path: String,
}

impl Default for MetadataService {
    /// Tencent's own, by its address: a resolver that does not know its name must not hide what machine this is
    /// (Tencent CVM documentation, "Querying Instance Metadata").
    fn default() -> Self {
        Self {
            when: When::Auto,
            address: SocketAddr::from(([169, 254, 0, 23], 80)),
            host: "metadata.tencentyun.com".to_owned(),
            path: "/latest/meta-data/".to_owned(),
        }
    }
}
