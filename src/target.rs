//! What is probed: COS endpoints and how their hosts are named.
//!
//! [`Target::parse`] reads what a user types (`target/parse.rs`), [`HostForm`] reads and builds host names
//! (`target/host.rs`). To add an endpoint kind, add an [`EndpointRole`] and its row in [`ROLES`]; the compiler names the
//! rest.

mod host;
mod parse;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use host::{COS_SUFFIXES, HostForm, HostProblem, check_bucket};
pub use parse::TargetDefaults;

/// What kind of COS endpoint a host is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointRole {
    /// `<bucket>.cos.<region>`: smart DNS answers privately inside Tencent's network of the region.
    #[default]
    Default,
    /// `cos.<region>` with the bucket in the path; refused for buckets made since 2024.
    Path,
    /// `<bucket>.cos-internal.<region>`: private network only.
    Internal,
    /// `<bucket>.cos-website.<region>`: static website.
    Website,
    /// `<bucket>.cos-website-internal.<region>`: static website, private network only.
    WebsiteInternal,
    /// `<bucket>.cos.accelerate`: global acceleration, public.
    Accelerate,
    /// `<bucket>.cos-internal.accelerate`: private acceleration, private network only.
    AccelerateInternal,
    /// `<bucket>.cos-dualstack.<region>`: IPv4 and IPv6.
    Dualstack,
    /// `cos.<region>` or `service.cos`: the list of buckets.
    Service,
    /// `<bucket>.<cluster>.cos-cdc.<region>`: dedicated cluster.
    DedicatedCluster,
    /// `<bucket>.ci.<region>` or `.pic.`: data processing.
    DataProcessing,
    /// `<bucket>.file.myqcloud.com`: the old default CDN name.
    Cdn,
    /// Host forms of the time before XML API regions.
    Legacy,
    /// Any other name.
    Custom,
    /// An IP address given as the target.
    Address,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// Roles that `--endpoint` can build from a bucket, with their word and the label before the region.
pub const ROLES: &[(EndpointRole, &str)] = &[
    (EndpointRole::Default, "default"),
    (EndpointRole::Path, "path"),
    (EndpointRole::Internal, "internal"),
    (EndpointRole::Website, "website"),
    (EndpointRole::WebsiteInternal, "website-internal"),
    (EndpointRole::Accelerate, "accelerate"),
    (EndpointRole::AccelerateInternal, "accelerate-internal"),
    (EndpointRole::Dualstack, "dualstack"),
    (EndpointRole::Service, "service"),
];

impl EndpointRole {
    /// The role as a phrase for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Default => "default endpoint",
            Self::Path => "path-style endpoint",
            Self::Internal => "private-only endpoint",
            Self::Website => "website endpoint",
            Self::WebsiteInternal => "private-only website endpoint",
            Self::Accelerate => "global acceleration endpoint",
            Self::AccelerateInternal => "private acceleration endpoint",
            Self::Dualstack => "dual-stack endpoint",
            Self::Service => "service endpoint",
            Self::DedicatedCluster => "dedicated cluster endpoint",
            Self::DataProcessing => "data processing endpoint",
            Self::Cdn => "CDN domain",
            Self::Legacy => "legacy endpoint",
            Self::Custom => "custom domain",
            Self::Address => "address",
            Self::Unknown => "endpoint of an unknown kind",
        }
    }

    /// Whether COS itself answers on such a host, with its own headers. A CDN or a custom domain may answer for it.
    pub const fn is_cos_host(self) -> bool {
        !matches!(self, Self::Cdn | Self::Custom | Self::Address | Self::Unknown)
    }

    /// Whether such a host serves objects and refuses requests for the bucket.
    pub const fn serves_objects_only(self) -> bool {
        matches!(self, Self::Accelerate | Self::AccelerateInternal)
    }

    /// Whether objects can be written and deleted again on such a host. An acceleration endpoint takes writes and no deletes.
    pub const fn takes_back_writes(self) -> bool {
        self.root_is_bucket()
    }

    /// Whether HEAD on the root of such a host asks for the bucket (and not for an object or a list of buckets).
    pub const fn root_is_bucket(self) -> bool {
        matches!(
            self,
            Self::Default | Self::Path | Self::Internal | Self::Dualstack | Self::DedicatedCluster | Self::Legacy
        )
    }
}

/// The object that is asked for where an endpoint serves objects only and the target names none.
const STAND_IN_PATH: &str = "/cosprobe-need-not-exist";

/// The protocol spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP in clear text.
    Http,
    /// HTTP over TLS.
    Https,
    /// Only the TCP connection is tested.
    Tcp,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// A port and what is spoken there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// TCP port.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
}

impl Service {
    /// The service that is customary on a port: 80 is HTTP, 443 is HTTPS, any other is only connected to.
    pub const fn customary(port: u16) -> Self {
        let protocol = match port {
            80 => Protocol::Http,
            443 => Protocol::Https,
            _ => Protocol::Tcp,
        };
        Self { port, protocol }
    }
}

/// One endpoint to probe, as it stands in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// What the user typed, without query and fragment.
    #[serde(default)]
    pub input: String,
    /// The host name, in ASCII, or the address. It names the endpoint in observations.
    pub host: String,
    /// What kind of endpoint it is.
    #[serde(default)]
    pub role: EndpointRole,
    /// The bucket with its APPID, where the host or the user tells.
    #[serde(default)]
    pub bucket: Option<String>,
    /// The region, where the host or the user tells.
    #[serde(default)]
    pub region: Option<String>,
    /// The decoded path of the requests, beginning with `/`.
    #[serde(default = "root_path")]
    pub path: String,
    /// The ports to probe.
    #[serde(default = "default_services")]
    pub services: Vec<Service>,
}

fn root_path() -> String {
    "/".to_owned()
}

fn default_services() -> Vec<Service> {
    vec![Service::customary(80), Service::customary(443)]
}

impl Target {
    /// The address, when the target is one.
    pub fn address(&self) -> Option<std::net::IpAddr> {
        self.host.parse().ok()
    }

    /// Whether requests ask for an object and not for the bucket or the service.
    pub fn asks_for_object(&self) -> bool {
        let root = self.bucket_path();
        self.path != root && self.path != "/" && format!("{}/", self.path) != root
    }

    /// Whether requests ask for an object that need not exist, because the endpoint does not serve HEAD Bucket.
    ///
    /// Source: COS documentation, questions about "Global Acceleration": eleven operations on objects, none on buckets.
    pub fn asks_for_stand_in(&self) -> bool {
        self.role.serves_objects_only() && self.path == "/"
    }

    /// The decoded path of the requests.
    pub fn request_path(&self) -> &str {
        if self.asks_for_stand_in() { STAND_IN_PATH } else { &self.path }
    }

    /// The decoded path of the bucket itself, ended by `/`.
    pub fn bucket_path(&self) -> String {
        match (self.role, &self.bucket) {
            (EndpointRole::Path, Some(bucket)) => format!("/{bucket}/"),
            _ => "/".to_owned(),
        }
    }

    /// Whether the host belongs to COS, so that a signature may be sent there.
    pub fn may_be_signed(&self) -> bool {
        self.role.is_cos_host() && host::has_cos_suffix(&self.host)
    }

    /// The value of the Host header for a service of this target.
    pub fn host_header(&self, service: Service) -> String {
        let name = match self.address() {
            Some(std::net::IpAddr::V6(v6)) => format!("[{v6}]"),
            _ => self.host.clone(),
        };
        match (service.protocol, service.port) {
            (Protocol::Http, 80) | (Protocol::Https, 443) => name,
            (_, port) => format!("{name}:{port}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}
