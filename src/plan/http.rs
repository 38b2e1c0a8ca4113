//! Planning of HTTP requests: an anonymous HEAD per address and port, and a signed one where a signature may go. What follows
//! from their answers is planned in `reason`, `doctor`, `search` and `canary`.

use super::{Action, Step, inherited, service_of};
use crate::config::Config;
use crate::evidence::{
    Authentication, Detail, Evidence, Http, Hypothesis, NotRunReason, Observation, Purpose, Stage, VerificationResult,
};
use crate::target::{EndpointRole, Protocol, Service, Target};

/// A request, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPlan {
    /// HTTP or HTTPS.
    pub protocol: Protocol,
    /// Request method.
    pub method: &'static str,
    /// Value of the Host header.
    pub host_header: String,
    /// Decoded path.
    pub path: String,
    /// Decoded query parameters.
    pub params: Vec<(String, String)>,
    /// Further headers, with lower-case names. They are signed.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Whether to sign.
    pub authentication: Authentication,
    /// The header that carries the token of a temporary key.
    pub token_header: &'static str,
    /// What it is sent for.
    pub purpose: Purpose,
    /// What to do otherwise than usual when signing.
    pub hypothesis: Option<Hypothesis>,
    /// Seconds to add to this machine's clock when signing.
    pub time_shift_seconds: i64,
    /// What is sent with it.
    pub payload: Payload,
    /// What the body of the answer should be.
    pub expected_body: Option<&'static str>,
}

/// What is sent with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Nothing.
    Empty,
    /// An object's content.
    Content(&'static str),
    /// A form that writes an object (POST Object). The signature is in the form.
    Form {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// The object's content.
        content: &'static str,
    },
}

impl RequestPlan {
    /// A HEAD of what the target names.
    pub(super) fn head(target: &Target, service: Service, authentication: Authentication) -> Self {
        Self {
            protocol: service.protocol,
            method: "HEAD",
            host_header: target.host_header(service),
            path: target.request_path().to_owned(),
            params: Vec::new(),
            headers: Vec::new(),
            authentication,
            // COS documentation, "Creating a Request"; data processing has a header of its own.
            token_header: match target.role {
                EndpointRole::DataProcessing => "x-ci-security-token",
                _ => "x-cos-security-token",
            },
            purpose: Purpose::Probe,
            hypothesis: None,
            time_shift_seconds: 0,
            payload: Payload::Empty,
            expected_body: None,
        }
    }

    /// Bytes of the headers that are set here: a lower bound of the request's size, and nearly all of a large one.
    pub fn head_bytes(&self) -> u32 {
        let bytes: usize = self.headers.iter().map(|(name, value)| name.len() + ": ".len() + value.len() + 2).sum();
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// The detail of a request that is not sent.
    pub(super) fn unsent(&self) -> Detail {
        Detail::Http(self.blank())
    }

    /// The record of a request before it is sent.
    pub fn blank(&self) -> Http {
        Http {
            protocol: self.protocol,
            method: self.method.to_owned(),
            path: self.path.clone(),
            authentication: self.authentication,
            purpose: self.purpose,
            hypothesis: self.hypothesis,
            ..Http::default()
        }
    }
}

/// Whether requests to a service are signed, or why not.
pub(super) fn signs(target: &Target, protocol: Protocol, config: &Config) -> Result<(), NotRunReason> {
    if config.signing.anonymous_only {
        Err(NotRunReason::AnonymousOnly)
    } else if !config.signing.allows(target) {
        Err(NotRunReason::NotCosHost)
    } else if !config.signing.has_credential {
        Err(NotRunReason::NoCredential)
    } else if protocol == Protocol::Http && !config.signing.over_clear_text {
        Err(NotRunReason::ClearText)
    } else {
        Ok(())
    }
}

/// The HEAD requests.
pub(super) fn first_steps(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let mut steps = Vec::new();
    for target in &config.targets {
        for connected in evidence.of_endpoint(Stage::Connect, &target.host) {
            match service_of(target, connected) {
                Some(service) if service.protocol == Protocol::Http => {
                    steps.extend(clear_text_steps(target, service, connected, config));
                }
                Some(service) if service.protocol == Protocol::Https => {
                    steps.extend(tls_request_steps(target, service, connected, evidence));
                }
                _ => {}
            }
        }
        steps.extend(unsigned_step(target, config));
    }
    steps
}

/// A step of this stage that builds on an observation.
pub(super) fn step(target: &Target, on: &Observation, action: Action) -> Step {
    Step {
        parent: Some(on.id),
        stage: Stage::HttpRoundTrip,
        endpoint: Some(target.host.clone()),
        peer: on.peer,
        action,
    }
}

fn clear_text_steps(target: &Target, service: Service, connected: &Observation, config: &Config) -> Vec<Step> {
    let anonymous = RequestPlan::head(target, service, Authentication::Anonymous);
    if !connected.outcome.is_success() {
        let because = inherited(connected, NotRunReason::ConnectFailed);
        let action = Action::Skip { because, detail: anonymous.unsent() };
        return vec![step(target, connected, action)];
    }
    let mut steps = vec![step(target, connected, Action::Request(anonymous))];
    if signs(target, service.protocol, config).is_ok() {
        let signed = RequestPlan::head(target, service, Authentication::Signed);
        steps.push(step(target, connected, Action::Request(signed)));
    }
    steps
}

fn tls_request_steps(target: &Target, service: Service, connected: &Observation, evidence: &Evidence) -> Vec<Step> {
    let of_this_connect = |observation: &&Observation| observation.parent == Some(connected.id);
    let mut steps = Vec::new();
    for secured in evidence.of_endpoint(Stage::TlsHandshake, &target.host).filter(of_this_connect) {
        let Some(tls) = secured.detail.tls() else { continue };
        let authentication = if tls.for_signed_request { Authentication::Signed } else { Authentication::Anonymous };
        let request = RequestPlan::head(target, service, authentication);
        let trusted = tls.verification.result == VerificationResult::Trusted;
        let action = if !secured.outcome.is_success() {
            Action::Skip { because: inherited(secured, NotRunReason::HandshakeFailed), detail: request.unsent() }
        } else if tls.for_signed_request && !trusted {
            Action::Skip { because: NotRunReason::NotTrusted, detail: request.unsent() }
        } else {
            Action::Request(request)
        };
        steps.push(step(target, secured, action));
    }
    steps
}

/// One record per endpoint of why nothing is signed there.
fn unsigned_step(target: &Target, config: &Config) -> Option<Step> {
    let speaking = |protocol| target.services.iter().copied().find(|service| service.protocol == protocol);
    let service = speaking(Protocol::Https).or_else(|| speaking(Protocol::Http))?;
    let because = signs(target, service.protocol, config).err()?;
    let detail = RequestPlan::head(target, service, Authentication::Signed).unsent();
    let action = Action::Skip { because, detail };
    Some(Step { parent: None, stage: Stage::HttpRoundTrip, endpoint: Some(target.host.clone()), peer: None, action })
}
