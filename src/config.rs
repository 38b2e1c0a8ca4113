//! What one run is to do: targets, limits and the policy of judging. Plain data, made by `cli`.
//!
//! This room knows targets; it knows no sockets and no clap.

mod trace;

mod names;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use trace::{Trace, TraceProtocol};

use crate::evidence::{Hypothesis, Key, Stage};
use crate::sys::Egress;
use crate::target::Target;

pub use names::{MetadataService, NameServer, NameServers, Questions, SystemFiles, When};

/// What one run is to do.
#[derive(Debug, Clone)]
pub struct Config {
    /// The endpoints.
    pub targets: Vec<Target>,
    /// Bounds in time and number.
    pub limits: Limits,
    /// Address families to use.
    pub family: Family,
    /// The name servers to ask.
    pub name_servers: NameServers,
    /// How names are asked for.
    pub questions: Questions,
    /// The files that say how this machine looks names up.
    pub files: SystemFiles,
    /// The metadata service of Tencent's machines.
    pub metadata: MetadataService,
    /// Whether other endpoints of COS are probed too, to tell how far a fault reaches.
    pub control: When,
    /// How connections to the endpoints leave this machine.
    pub egress: Egress,
    /// Connections to send elsewhere than the name says.
    pub connect_to: Vec<ConnectTo>,
    /// Which certificates are trusted.
    pub trust: Trust,
    /// Where signatures may go.
    pub signing: Signing,
    /// Look in every region for a bucket that is not where it should be.
    pub search_regions: bool,
    /// The object that a write probe writes, reads back and deletes.
    pub canary: Option<Canary>,
    /// The paths to trace, instead of connecting.
    pub trace: Option<Trace>,
    /// Whether paths are traced and the TTLs of answers measured in a check: by itself where a connect fails or is slow, where something is
    /// reset, or where somebody else answers than COS.
    pub trace_in_check: When,
    /// Whether the same source ports are tried again where some connects to a peer got no answer and others did.
    pub retry_ports: bool,
    /// The stages that are run. What is left out is not observed, and nothing is concluded from it.
    pub stages: &'static [Stage],
    /// How the evidence is judged.
    pub policy: Policy,
}

/// Bounds in time and number.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For one look-up, connect, handshake or request.
    pub attempt_timeout: Duration,
    /// For the whole run.
    pub deadline: Duration,
    /// TCP connects per address and port.
    pub count: u16,
    /// Between the starts of two connects to one address and port.
    pub interval: Duration,
    /// Steps under way at the same time.
    pub concurrency: usize,
    /// Addresses of one name that are probed; further ones are recorded as not run.
    pub addresses: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(3),
            deadline: Duration::from_secs(20),
            count: 5,
            interval: Duration::from_millis(4),
            concurrency: 64,
            addresses: 16,
        }
    }
}

/// Which address families are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// IPv4 and IPv6.
    #[default]
    Both,
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

impl Family {
    /// Whether an address may be used.
    pub const fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Both => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Sends connections for a host and port to another address, as curl's `--connect-to` does. Name, SNI, Host header and
/// classification stay those of the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    /// Host name or resolved address of the original; empty: any.
    pub host: String,
    /// Port of the original; `None`: any.
    pub port: Option<u16>,
    /// Where to connect instead.
    pub to: IpAddr,
    /// The port there; `None`: the same.
    pub to_port: Option<u16>,
}

impl ConnectTo {
    /// Whether it sends connections away from an address of the endpoint `host`, on whatever port.
    pub fn concerns(&self, host: &str, ip: IpAddr) -> bool {
        self.host.is_empty() || self.host.eq_ignore_ascii_case(host) || self.host.parse() == Ok(ip)
    }

    /// Where a connection to `peer` of the endpoint `host` goes.
    pub fn redirect(&self, host: &str, peer: SocketAddr) -> Option<SocketAddr> {
        let port_fits = self.port.is_none_or(|port| port == peer.port());
        (self.concerns(host, peer.ip()) && port_fits)
            .then(|| SocketAddr::new(self.to, self.to_port.unwrap_or(peer.port())))
    }
}

/// How certificates are checked.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// PEM file with the roots to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Where signatures may go.
#[derive(Debug, Clone, Default)]
pub struct Signing {
    /// Whether there is a key to sign with.
    pub has_credential: bool,
    /// What is known of the key, for the record.
    pub key: Key,
    /// What could be wrong with the key by its looks.
    pub key_hypotheses: Vec<Hypothesis>,
    /// Send anonymous requests only.
    pub anonymous_only: bool,
    /// Hosts outside COS's domains that may be sent a signature.
    pub further_hosts: Vec<String>,
    /// Send signatures over plain HTTP too.
    pub over_clear_text: bool,
}

impl Signing {
    /// Whether a signature may be sent to an endpoint at all.
    pub fn allows(&self, target: &Target) -> bool {
        target.may_be_signed() || self.further_hosts.iter().any(|host| host.eq_ignore_ascii_case(&target.host))
    }
}

/// A write probe: a tiny object that is written, read back and deleted. An object that exists is never overwritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The object's key, decoded, without a leading `/`.
    pub key: String,
    /// How it is written.
    pub by: CanaryMethod,
}

/// How a write probe writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryMethod {
    /// PUT Object.
    Put,
    /// POST Object, a form as browsers send it.
    Post,
}

/// Which network a COS endpoint is reached over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Tencent's private network.
    Private,
    /// The internet.
    Public,
    /// Some addresses are private, some public.
    Mixed,
    /// No address is known, or its range does not tell.
    #[serde(other)]
    Unknown,
}

impl Route {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
        }
    }
}

/// The thresholds of judging. Only `diagnose` reads them; they stand in the report so that it can be judged again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Policy {
    /// `--expect`: the route that is to be used.
    pub expect: Option<Route>,
    /// A look-up that takes longer is slow.
    pub slow_resolution_ms: u32,
    /// A median kernel RTT above this is slow on a public route.
    pub slow_public_rtt_ms: u32,
    /// A median kernel RTT above this is slow on a private route.
    pub slow_private_rtt_ms: u32,
    /// A larger share of connects whose SYN had to be sent again is loss.
    pub syn_loss_percent: u32,
    /// A clock that is off by this much is about to break signatures.
    pub clock_warning_seconds: u32,
    /// A clock that is off by this much breaks signatures (COS documentation: 15 minutes).
    pub clock_error_seconds: u32,
    /// A certificate that ends sooner is reported.
    pub certificate_days: u32,
    /// `--insecure`: a certificate that is not trusted is worth knowing and no more. No signature is sent there all the same.
    pub insecure: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            expect: None,
            slow_resolution_ms: 1000,
            slow_public_rtt_ms: 300,
            slow_private_rtt_ms: 20,
            syn_loss_percent: 10,
            clock_warning_seconds: 300,
            clock_error_seconds: 900,
            certificate_days: 14,
            insecure: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_to_matches_name_address_and_port() {
        let rule = ConnectTo {
            host: "169.254.0.47".into(),
            port: Some(443),
            to: "127.0.0.1".parse().unwrap(),
            to_port: Some(9),
        };
        let to = |peer: &str| rule.redirect("x.example", peer.parse().unwrap());
        assert_eq!(to("169.254.0.47:443"), Some("127.0.0.1:9".parse().unwrap()));
        assert_eq!(to("169.254.0.47:80"), None);
        assert_eq!(to("169.254.0.48:443"), None);
        let any = ConnectTo { host: String::new(), port: None, to_port: None, ..rule };
        assert_eq!(any.redirect("x", "192.0.2.1:80".parse().unwrap()), Some("127.0.0.1:80".parse().unwrap()));
    }
}
