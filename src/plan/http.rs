//! Planning of HTTP requests: an anonymous HEAD per address and port, a signed one where a signature may go, and a ranged
//! GET where a HEAD was refused, because only the answer to a GET has a body that tells why.

use std::collections::BTreeSet;

use super::{Action, Step, authentication_of, inherited, service_of};
use crate::config::Config;
use crate::evidence::{Authentication, Detail, Evidence, Http, NotRunReason, Observation, Stage, VerificationResult};
use crate::target::{EndpointRole, Protocol, Service, Target};

/// A request, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPlan {
    /// HTTP or HTTPS.
    pub protocol: Protocol,
    /// `HEAD` or `GET`.
    pub method: &'static str,
    /// Value of the Host header.
    pub host_header: String,
    /// Decoded path.
    pub path: String,
    /// Decoded query parameters.
    pub params: Vec<(String, String)>,
    /// Value of the Range header.
    pub range: Option<&'static str>,
    /// Whether to sign.
    pub authentication: Authentication,
    /// The header that carries the token of a temporary key.
    pub token_header: &'static str,
}

impl RequestPlan {
    fn head(target: &Target, service: Service, authentication: Authentication) -> Self {
        Self {
            protocol: service.protocol,
            method: "HEAD",
            host_header: target.host_header(service),
            path: target.path.clone(),
            params: Vec::new(),
            range: None,
            authentication,
            // COS documentation, "Creating a Request"; data processing has a header of its own.
            token_header: match target.role {
                EndpointRole::DataProcessing => "x-ci-security-token",
                _ => "x-cos-security-token",
            },
        }
    }

    /// The smallest GET of the same resource: one key of a bucket, one byte of an object.
    fn smallest_get(target: &Target, service: Service, authentication: Authentication) -> Self {
        let lists_bucket = target.role.root_is_bucket() && !target.asks_for_object();
        let params = if lists_bucket { vec![("max-keys".to_owned(), "1".to_owned())] } else { Vec::new() };
        let range = target.asks_for_object().then_some("bytes=0-0");
        Self { method: "GET", params, range, ..Self::head(target, service, authentication) }
    }

    /// The detail of a request that is not sent.
    pub(super) fn unsent(&self) -> Detail {
        Detail::Http(Http {
            protocol: self.protocol,
            method: self.method.to_owned(),
            path: self.path.clone(),
            authentication: self.authentication,
            ..Http::default()
        })
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

fn step(target: &Target, on: &Observation, action: Action) -> Step {
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

/// One GET per endpoint and kind of request, on the first HEAD that was refused in a way that only a body explains.
pub(super) fn follow_up_steps(evidence: &Evidence) -> Vec<Step> {
    let mut followed: BTreeSet<(String, bool)> = BTreeSet::new();
    for observation in evidence.of_stage(Stage::HttpRoundTrip) {
        if observation.detail.http().is_some_and(|http| http.method == "GET") {
            followed.extend(key_of(observation));
        }
    }
    let mut steps = Vec::new();
    for refused in evidence.of_stage(Stage::HttpRoundTrip) {
        let Some(key) = key_of(refused) else { continue };
        let Some(target) = evidence.target(&key.0).filter(|target| wants_body(refused, target)) else { continue };
        let Some(service) = service_of(target, refused) else { continue };
        if followed.insert(key) {
            let authentication = authentication_of(refused).unwrap_or_default();
            let request = RequestPlan::smallest_get(target, service, authentication);
            steps.push(step(target, refused, Action::Request(request)));
        }
    }
    steps
}

fn key_of(observation: &Observation) -> Option<(String, bool)> {
    Some((observation.endpoint.clone()?, authentication_of(observation)? == Authentication::Signed))
}

/// An anonymous 403 is what a private bucket answers, but in path style it may be the form that is refused. Everything else
/// from 400 up has a reason worth reading.
fn wants_body(observation: &Observation, target: &Target) -> bool {
    observation.detail.http().is_some_and(|http| {
        let refused = http.status.is_some_and(|status| status >= 400);
        let expected = http.authentication == Authentication::Anonymous
            && http.status == Some(403)
            && target.role != EndpointRole::Path;
        http.method == "HEAD" && refused && !expected && http.is_from_cos()
    })
}
