//! A planned request in hyper's words, signed where the plan says so.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::form;
use crate::credential::Credential;
use crate::evidence::{Authentication, Hypothesis, Signed};
use crate::plan::{Payload, RequestPlan};
use crate::sign::{self, KeyTime, Signature};
use crate::target::Protocol;

/// Validity of a signature that we make.
const SIGNATURE_SECONDS: i64 = 840;
const AGENT: &str = concat!("cosprobe/", env!("CARGO_PKG_VERSION"));

/// A request in hyper's words.
pub(super) struct Built {
    pub(super) request: Request<Full<Bytes>>,
    /// What was signed of it, where the signature is in a header.
    pub(super) signed: Option<Signed>,
    /// The signature that it carries.
    pub(super) signature: Option<String>,
}

/// The request of a plan. `None` when it cannot be put into words.
pub(super) fn build(credential: Option<&Credential>, plan: &RequestPlan, now: Timestamp) -> Option<Built> {
    let mut headers = vec![("host".to_owned(), plan.host_header.clone())];
    headers.extend(plan.headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    let (mut authorization, mut signed, mut sent_signature) = (None, None, None);
    let key_time = KeyTime::around(now.as_second() + plan.time_shift_seconds, SIGNATURE_SECONDS);
    let body = match (&plan.payload, plan.authentication) {
        (Payload::Form { bucket, key, content }, _) => {
            let form = form::build(credential?, bucket, key, content, key_time);
            headers.push((CONTENT_TYPE.as_str().to_owned(), form.content_type));
            sent_signature = Some(form.signature);
            form.body
        }
        (payload, Authentication::Signed) => {
            let credential = changed(credential?, plan.hypothesis);
            if let Some(token) = credential.token_text() {
                headers.push((plan.token_header.to_owned(), token.to_owned()));
            }
            let signature = signature(&credential, plan, &headers, key_time);
            signed = Some(Signed {
                key_time: key_time.to_string(),
                format_string: signature.format_string,
                string_to_sign: signature.string_to_sign,
            });
            sent_signature = Some(signature.signature);
            authorization = Some(signature.authorization);
            content(payload)
        }
        (payload, _) => content(payload),
    };
    headers.push((USER_AGENT.as_str().to_owned(), AGENT.to_owned()));
    let mut request = Request::builder().method(plan.method).uri(request_target(plan));
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(name == plan.token_header);
        request = if name == "host" { request.header(HOST, value) } else { request.header(name, value) };
    }
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::from_str(&authorization).ok()?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    Some(Built { request: request.body(Full::new(body)).ok()?, signed, signature: sent_signature })
}

/// An anonymous HEAD for the root of a host.
pub(super) fn head(host: &str) -> Option<Request<Full<Bytes>>> {
    let request = Request::builder().method("HEAD").uri("/").header(HOST, host).header(USER_AGENT, AGENT);
    request.body(Full::new(Bytes::new())).ok()
}

fn content(payload: &Payload) -> Bytes {
    match payload {
        Payload::Content(text) => Bytes::from_static(text.as_bytes()),
        Payload::Empty | Payload::Form { .. } => Bytes::new(),
    }
}

/// The key with the one thing changed that a hypothesis is about.
fn changed(credential: &Credential, hypothesis: Option<Hypothesis>) -> Credential {
    match hypothesis {
        Some(Hypothesis::KeyTrimmed) => credential.trimmed(),
        Some(Hypothesis::KeyDecoded) => credential.decoded(),
        Some(Hypothesis::WithoutToken) => Credential { token: None, ..credential.clone() },
        _ => credential.clone(),
    }
}

fn signature(
    credential: &Credential,
    plan: &RequestPlan,
    headers: &[(String, String)],
    key_time: KeyTime,
) -> Signature {
    let mut headers = headers.to_vec();
    match plan.hypothesis {
        Some(Hypothesis::HostUnsigned) => headers.retain(|(name, _)| name != "host"),
        Some(Hypothesis::HostWithPort) => {
            let port = if plan.protocol == Protocol::Http { 80 } else { 443 };
            for (_, value) in headers.iter_mut().filter(|(name, value)| name == "host" && !value.contains(':')) {
                *value = format!("{value}:{port}");
            }
        }
        Some(Hypothesis::EverythingSigned) => headers.push((USER_AGENT.as_str().to_owned(), AGENT.to_owned())),
        _ => {}
    }
    let path = match plan.hypothesis {
        Some(Hypothesis::PathEncoded) => sign::encode_path(&plan.path),
        _ => plan.path.clone(),
    };
    let request = sign::Request { method: plan.method, path: &path, params: &plan.params, headers: &headers };
    sign::sign(request, &credential.secret_id, credential.secret_key.expose_secret(), key_time)
}

fn request_target(plan: &RequestPlan) -> String {
    let path = sign::encode_path(&plan.path);
    let query: Vec<String> =
        plan.params.iter().map(|(name, value)| format!("{}={}", sign::encode(name), sign::encode(value))).collect();
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

#[cfg(test)]
pub(super) mod tests;
