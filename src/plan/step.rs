//! One thing to do, as data: what plans are made of.

use std::net::SocketAddr;

use super::{RequestPlan, TracePlan};
use crate::config::NameServer;
use crate::evidence::{
    BucketSearch, ClampedHandshake, Clock, Detail, Dns, HostsFile, Key, LargeRequest, Machine, Metadata, NotRunReason,
    ObservationId, ProxyEnvironment, Purpose, RecordType, ReplyTo, ReplyTtl, ResolverConfiguration, RouteTo, Routes,
    ServerOrigin, SourcePorts, Stage, SystemLookup, Tcp, TcpCounters, Tls,
};
use crate::target::Service;

/// One thing to do, as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The observation that it builds on.
    pub parent: Option<ObservationId>,
    /// The stage it belongs to.
    pub stage: Stage,
    /// Host of the target it is about.
    pub endpoint: Option<String>,
    /// Address and port it talks to.
    pub peer: Option<SocketAddr>,
    /// What to do.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Read this machine's clock.
    ReadClock,
    /// Record where the key came from.
    RecordKey,
    /// Read what machine this is.
    InspectMachine,
    /// Read the default routes and source addresses.
    InspectRoutes,
    /// Read the proxy variables.
    InspectProxyEnvironment,
    /// Read the resolver configuration.
    ReadResolverConfiguration,
    /// Look a name up in the hosts file.
    ReadHostsFile {
        /// The name.
        name: String,
    },
    /// Ask the metadata service about this machine.
    AskMetadata,
    /// Look a name up as programs on this machine do.
    LookUp {
        /// The name.
        name: String,
    },
    /// Ask a name server.
    Query(Question),
    /// Ask the kernel for its route to the peer.
    LookUpRoute,
    /// Connect some times to the peer.
    Connect {
        /// How many of the connections later steps use.
        keep: usize,
    },
    /// Find out, hop by hop, which way packets to the peer go.
    Trace(TracePlan),
    /// Do a TLS handshake.
    Handshake {
        /// The name for SNI and certificate.
        server_name: String,
        /// Whether the connection will carry the signed request.
        for_signed_request: bool,
    },
    /// Do a TLS handshake with segments no larger than some size, on a connection of its own.
    HandshakeClamped {
        /// The name for SNI.
        server_name: String,
        /// The maximum segment size.
        mss_bytes: u32,
    },
    /// Send an anonymous request that fills several packets.
    LargeRequest {
        /// The request.
        request: RequestPlan,
        /// How large segments may be.
        segments: Segments,
    },
    /// Connect again and again from source ports that failed, from some that passed, and from new ones.
    TrySourcePorts {
        /// Ports that failed.
        failed: Vec<u16>,
        /// Ports that passed; those that are in use are left out.
        passed: Vec<u16>,
    },
    /// Send a request.
    Request(RequestPlan),
    /// Find out with which TTL an answer arrives.
    MeasureReply(ReplyTo),
    /// Read what the kernel counts of TCP.
    ReadTcpCounters,
    /// Look for a bucket in another region.
    SearchBucket {
        /// The region.
        region: &'static str,
        /// The host that the bucket would have there.
        host: String,
        /// The addresses that are asked for.
        record_type: RecordType,
        /// Who is asked for them.
        server: NameServer,
        /// What is spoken, and on which port.
        service: Service,
    },
    /// Do nothing, and record why.
    Skip {
        /// Why.
        because: NotRunReason,
        /// What would have been done.
        detail: Detail,
    },
}

/// How large the segments of a large request may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segments {
    /// As large as usual, over a connection that was kept if there is one more than others use, or over a new one.
    Usual {
        /// How many of the kept connections others use.
        used_by_others: usize,
    },
    /// No larger than a size, in both directions, over a new connection.
    Clamped(u32),
}

impl Segments {
    /// The size that they are bound to.
    pub const fn clamp(self) -> Option<u32> {
        match self {
            Self::Usual { .. } => None,
            Self::Clamped(mss_bytes) => Some(mss_bytes),
        }
    }
}

/// One question to one name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: String,
    /// The type of records.
    pub record_type: RecordType,
    /// Who is asked.
    pub server: NameServer,
    /// Whether the answer is only compared with.
    pub comparison: bool,
    /// Whether to listen for further answers for some time after the first.
    pub listen: bool,
}

impl Question {
    /// The record of the question before there is an answer.
    pub fn unanswered(&self) -> Dns {
        Dns {
            name: self.name.clone(),
            record_type: self.record_type,
            transport: self.server.transport,
            system: self.server.origin == ServerOrigin::System,
            origin: self.server.origin,
            comparison: self.comparison,
            server_name: self.server.server_name.clone(),
            ..Dns::default()
        }
    }
}

impl Step {
    /// Whether the step is taken even when the run is broken off: it finds out, or takes back, what an earlier one wrote.
    pub const fn must_be_taken(&self) -> bool {
        matches!(self.purpose(), Some(Purpose::CanaryRead | Purpose::CanaryDelete))
    }

    /// Whether the step, once begun, is not broken off, so that it is known what came of it.
    pub const fn must_end(&self) -> bool {
        self.must_be_taken() || matches!(self.purpose(), Some(Purpose::CanaryWrite))
    }

    const fn purpose(&self) -> Option<Purpose> {
        match &self.action {
            Action::Request(request) => Some(request.purpose),
            _ => None,
        }
    }
}

impl Action {
    /// The detail of a step that ended before it saw anything.
    pub fn blank_detail(&self) -> Detail {
        match self {
            Self::ReadClock => Detail::Clock(Clock::default()),
            Self::InspectMachine => Detail::Machine(Machine::default()),
            Self::InspectRoutes => Detail::Routes(Routes::default()),
            Self::InspectProxyEnvironment => Detail::ProxyEnvironment(ProxyEnvironment::default()),
            Self::ReadResolverConfiguration => Detail::ResolverConfiguration(ResolverConfiguration::default()),
            Self::ReadHostsFile { .. } => Detail::HostsFile(HostsFile::default()),
            Self::AskMetadata => Detail::Metadata(Metadata::default()),
            Self::LookUp { name } => {
                Detail::SystemLookup(SystemLookup { name: name.clone(), ..SystemLookup::default() })
            }
            Self::Query(question) => Detail::Dns(question.unanswered()),
            Self::LookUpRoute => Detail::RouteTo(RouteTo::default()),
            Self::Connect { .. } => Detail::Tcp(Tcp::default()),
            Self::Trace(trace) => Detail::Path(trace.untraced()),
            Self::Handshake { server_name, for_signed_request } => Detail::Tls(Tls {
                server_name: server_name.clone(),
                for_signed_request: *for_signed_request,
                ..Tls::default()
            }),
            Self::HandshakeClamped { mss_bytes, .. } => {
                Detail::ClampedHandshake(ClampedHandshake { mss_bytes: *mss_bytes, tcp: None })
            }
            Self::LargeRequest { request, segments } => Detail::LargeRequest(LargeRequest {
                protocol: request.protocol,
                request_bytes: request.head_bytes(),
                mss_bytes: segments.clamp(),
                ..LargeRequest::default()
            }),
            Self::TrySourcePorts { .. } => Detail::SourcePorts(SourcePorts::default()),
            Self::Request(request) => request.unsent(),
            Self::MeasureReply(to) => Detail::ReplyTtl(ReplyTtl { to: *to, ..ReplyTtl::default() }),
            Self::ReadTcpCounters => Detail::TcpCounters(TcpCounters::default()),
            Self::SearchBucket { region, host, .. } => Detail::BucketSearch(BucketSearch {
                region: (*region).to_owned(),
                host: host.clone(),
                ..BucketSearch::default()
            }),
            Self::RecordKey => Detail::Key(Key::default()),
            Self::Skip { detail, .. } => detail.clone(),
        }
    }
}
