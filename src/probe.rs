//! Probing: one step in, one observation out. The impure middle: sockets, files and clocks live here and in `run`.
//!
//! [`execute`] is the registry: one exhaustive match on the action. A probe records what it saw and never judges it.

mod connection;
mod dns;
mod host;
mod http;
mod mtu;
mod path;
mod reply;
mod search;
mod source_ports;
mod tcp;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::config::Config;
use crate::credential::Credential;
use crate::error::Error;
use crate::evidence::{Detail, NotRunReason, Observation, ObservationId, Outcome, Sample};
use crate::plan::{Action, Step};
use crate::sys::{self, Egress, Interface};
use crate::target::Protocol;

use connection::Connections;

pub use tls::Roots;
pub(crate) use tls::read_ca_file;

/// What every probe of a run shares.
pub struct Context {
    config: Config,
    credential: Option<Credential>,
    secrets: http::Secrets,
    connections: Connections,
    roots: Arc<Roots>,
    interfaces: Arc<OnceLock<Vec<Interface>>>,
    cancelled: watch::Receiver<Option<NotRunReason>>,
    /// Where paths are traced: what makes the kernel stamp messages before the first of them is here.
    _stamping: Option<socket2::Socket>,
}

impl Context {
    /// Prepares a run. `cancelled` becomes `Some` when the run is to end at once.
    ///
    /// # Errors
    /// When the file with CA certificates cannot be read or holds none.
    pub fn new(
        config: Config,
        credential: Option<Credential>,
        cancelled: watch::Receiver<Option<NotRunReason>>,
    ) -> Result<Arc<Self>, Error> {
        let roots = Arc::new(Roots::new(config.trust.ca_file.as_deref())?);
        Ok(Self::trusting(roots, config, credential, cancelled))
    }

    /// The context of one of many runs that trust the same certificates, which are read once.
    pub fn trusting(
        roots: Arc<Roots>,
        config: Config,
        credential: Option<Credential>,
        cancelled: watch::Receiver<Option<NotRunReason>>,
    ) -> Arc<Self> {
        let secrets = http::Secrets::of(credential.as_ref());
        let stamping = config.trace.and_then(|_| sys::keep_stamping());
        let (connections, interfaces) = (Connections::default(), Arc::default());
        Arc::new(Self { config, credential, secrets, connections, roots, interfaces, cancelled, _stamping: stamping })
    }

    /// The same run with another configuration and without a key.
    pub fn without_key(&self, config: Config) -> Arc<Self> {
        let (secrets, connections) = (http::Secrets::of(None), Connections::default());
        let (roots, interfaces) = (Arc::clone(&self.roots), Arc::clone(&self.interfaces));
        let cancelled = self.cancelled.clone();
        Arc::new(Self { config, credential: None, secrets, connections, roots, interfaces, cancelled, _stamping: None })
    }

    /// The configuration of the run.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Loads the trusted roots in the background, so that the first handshake need not wait for them.
    pub fn warm_up(self: &Arc<Self>) {
        let any_https =
            self.config.targets.iter().flat_map(|target| &target.services).any(|s| s.protocol == Protocol::Https);
        if !any_https {
            return;
        }
        let context = Arc::clone(self);
        tokio::spawn(async move {
            context.roots.load().await;
        });
    }

    /// This machine's interfaces, read once in a run: where containers are, there are thousands.
    fn interfaces(&self) -> &[Interface] {
        self.interfaces.get_or_init(|| sys::interfaces().unwrap_or_default())
    }

    /// Whether the run is to end.
    pub fn is_over(&self) -> bool {
        self.cancelled.borrow().is_some()
    }

    /// Waits until the run is to end, and tells why.
    async fn cancelled(&self) -> NotRunReason {
        let mut receiver = self.cancelled.clone();
        let reason = receiver.wait_for(Option::is_some).await.ok().and_then(|reason| *reason);
        match reason {
            Some(reason) => reason,
            // The sender is gone: nobody can cancel any more.
            None => std::future::pending().await,
        }
    }
}

/// Takes one step and records what was seen. A step that is cancelled is recorded as not run.
pub async fn execute(context: Arc<Context>, id: ObservationId, step: Step) -> Observation {
    if let Action::Skip { because, detail } = &step.action {
        let outcome = Outcome::NotRun { because: *because };
        let detail = detail.clone();
        return observation(id, step, None, None, outcome, detail);
    }
    let cancelled = *context.cancelled.borrow();
    if let Some(because) = cancelled.filter(|_| !step.must_be_taken()) {
        let detail = step.action.blank_detail();
        return observation(id, step, None, None, Outcome::NotRun { because }, detail);
    }
    let (started_at, begun) = (Timestamp::now(), Instant::now());
    // TCP connects watch for the end themselves and keep the samples they have.
    let (outcome, detail) = tokio::select! {
        biased;
        done = act(&context, id, &step) => done,
        because = context.cancelled(), if !step.must_end() => {
            (Outcome::NotRun { because }, step.action.blank_detail())
        }
    };
    let elapsed_us = micros(begun.elapsed());
    observation(id, step, Some(started_at), Some(elapsed_us), outcome, detail)
}

/// Takes the step. All but the plainest are kept apart from it in memory: else every step, of which there are thousands, would be as
/// large as the largest.
async fn act(context: &Context, id: ObservationId, step: &Step) -> (Outcome, Detail) {
    match &step.action {
        Action::ReadClock => host::clock(),
        Action::InspectMachine => host::machine(),
        Action::InspectRoutes => host::routes(),
        Action::InspectProxyEnvironment => host::proxy_environment(),
        Action::ReadResolverConfiguration => host::resolver_configuration(&context.config.files),
        Action::ReadHostsFile { name } => host::hosts_file(name, &context.config.files.hosts),
        Action::AskMetadata => Box::pin(host::metadata(&context.config.metadata)).await,
        Action::LookUp { name } => Box::pin(host::look_up(name, &context.config.limits, context.config.family)).await,
        Action::Query(question) => Box::pin(dns::query(context, step, question)).await,
        Action::LookUpRoute => host::route_to(context, step.peer),
        Action::Connect { keep } => tcp::connect(context, id, step, *keep).await,
        Action::Trace(plan) => Box::pin(path::trace(context, step, plan)).await,
        Action::Handshake { server_name, for_signed_request } => {
            Box::pin(tls::handshake(context, id, step, server_name, *for_signed_request)).await
        }
        Action::HandshakeClamped { server_name, mss_bytes } => {
            Box::pin(mtu::handshake(context, step, server_name, *mss_bytes)).await
        }
        Action::TrySourcePorts { failed, passed } => {
            Box::pin(source_ports::try_ports(context, step, failed, passed)).await
        }
        Action::LargeRequest { request, segments } => Box::pin(mtu::request(context, step, request, *segments)).await,
        Action::Request(request) => Box::pin(http::round_trip(context, id, step, request)).await,
        Action::MeasureReply(to) => Box::pin(reply::measure(context, step, *to)).await,
        Action::ReadTcpCounters => host::tcp_counters(),
        Action::SearchBucket { .. } => Box::pin(search::search(context, step)).await,
        Action::RecordKey => (Outcome::Succeeded, Detail::Key(context.config.signing.key.clone())),
        Action::Skip { because, detail } => (Outcome::NotRun { because: *because }, detail.clone()),
    }
}

/// Connects once and closes the connection at once.
pub async fn connect_once(to: SocketAddr, attempt_timeout: Duration, egress: Egress) -> Sample {
    let settings = tcp::Settings { egress, ..tcp::Settings::default() };
    let attempt = tcp::dial_with(to, attempt_timeout, settings).await;
    attempt.sample
}

/// Sends one ICMP echo request; the port says nothing.
pub async fn echo_once(to: SocketAddr, attempt_timeout: Duration, egress: &Egress) -> Sample {
    path::echo::echo(to, attempt_timeout, egress).await
}

/// Why this user may not send ICMP echo to an address; `None` where it may.
pub fn echo_refusal(to: SocketAddr, egress: &Egress) -> Option<String> {
    path::echo::refusal(to, egress)
}

/// The record of a step.
pub(crate) fn observation(
    id: ObservationId,
    step: Step,
    started_at: Option<Timestamp>,
    elapsed_us: Option<u64>,
    outcome: Outcome,
    detail: Detail,
) -> Observation {
    Observation {
        id,
        parent: step.parent,
        stage: step.stage,
        endpoint: step.endpoint,
        peer: step.peer,
        started_at,
        elapsed_us,
        outcome,
        detail,
    }
}

/// Whole microseconds.
fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
