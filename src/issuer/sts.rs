//! STS: temporary keys for a permanent one, for a role, or for the token of a TKE pod.
//!
//! Source: Tencent Cloud API documentation, STS, version 2018-08-13; field names from tencentcloud-sdk-python
//! `sts/v20180813/models.py`.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::http::{Client, Question, Url};
use crate::credential::{Credential, WebIdentity, temporary_key};
use crate::error::{Error, usage};
use crate::evidence::clean;
use crate::sign::mask::Mask;
use crate::sign::{self, tc3};

const VERSION: &str = "2018-08-13";
const CONTENT_TYPE: &str = "application/json";
const WITHIN: Duration = Duration::from_secs(10);
/// STS answers alike in every region; the header has to name one.
const REGION: &str = "ap-guangzhou";
/// What to do when there is no way to STS.
const WAY: &str =
    "open the way to it; inside Tencent Cloud, it is also at --sts-url https://sts.internal.tencentcloudapi.com/";
const SESSION: &str = "cosprobe";

/// What to ask STS for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The way to the key.
    pub kind: RequestKind,
    /// What the key may do, as JSON; web identity takes none.
    pub policy: Option<String>,
    /// How long the key is to be valid; `None`: as long as STS likes.
    pub duration: Option<Duration>,
    /// The region to name.
    pub region: Option<String>,
    /// How the session is called in the records of the account.
    pub session: Option<String>,
}

/// The way to a temporary key.
#[derive(Debug, Clone)]
pub enum RequestKind {
    /// `GetFederationToken`: a part of what the signing key may do.
    FederationToken,
    /// `AssumeRole`: what a role may do, which the signing key may take.
    AssumeRole {
        /// Such as `qcs::cam::uin/100000000001:roleName/probe`.
        role_arn: String,
    },
    /// `AssumeRoleWithWebIdentity`: what a role may do, for the token of a pod. It is not signed.
    WebIdentity(WebIdentity),
}

impl Request {
    /// A request with nothing but its kind.
    pub const fn of(kind: RequestKind) -> Self {
        Self { kind, policy: None, duration: None, region: None, session: None }
    }

    const fn action(&self) -> &'static str {
        match self.kind {
            RequestKind::FederationToken => "GetFederationToken",
            RequestKind::AssumeRole { .. } => "AssumeRole",
            RequestKind::WebIdentity(_) => "AssumeRoleWithWebIdentity",
        }
    }

    fn body(&self) -> String {
        let session = self.session.as_deref().unwrap_or(SESSION);
        let mut body = match &self.kind {
            RequestKind::FederationToken => json!({ "Name": session }),
            RequestKind::AssumeRole { role_arn } => json!({ "RoleArn": role_arn, "RoleSessionName": session }),
            RequestKind::WebIdentity(identity) => json!({
                "ProviderId": identity.provider_id,
                "WebIdentityToken": identity.token.expose_secret(),
                "RoleArn": identity.role_arn,
                "RoleSessionName": session,
            }),
        };
        if let Some(policy) = &self.policy {
            body["Policy"] = json!(sign::encode(policy));
        }
        if let Some(duration) = self.duration {
            body["DurationSeconds"] = json!(duration.as_secs());
        }
        body.to_string()
    }

    fn region(&self) -> &str {
        let of_cluster = match &self.kind {
            RequestKind::WebIdentity(identity) => identity.region.as_deref(),
            _ => None,
        };
        self.region.as_deref().or(of_cluster).unwrap_or(REGION)
    }
}

/// Asks and reads the answer.
pub(super) async fn ask(
    client: &Client,
    url: &Url,
    request: &Request,
    with: Option<&Credential>,
) -> Result<Credential, Error> {
    let now = Timestamp::now();
    let (action, host, body) = (request.action(), url.host_header(), request.body());
    let mut headers = vec![
        ("x-tc-action", action.to_owned()),
        ("x-tc-version", VERSION.to_owned()),
        ("x-tc-timestamp", now.as_second().to_string()),
        ("x-tc-region", request.region().to_owned()),
        ("x-tc-language", "en-US".to_owned()),
    ];
    let (proof, secrets) = proof(request, &host, &body, now, with)?;
    headers.extend(proof);
    let question = Question { method: "POST", headers, content_type: Some(CONTENT_TYPE), body, within: WITHIN };
    let unreachable = |problem: String| Error::Unreachable { what: format!("STS at {url} for {action}"), problem };
    let answer = client.ask(url, question).await.map_err(|problem| unreachable(format!("{problem}; {WAY}")))?;
    let document: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| unreachable(format!("status {} with a body that is no JSON, or is cut", answer.status)))?;
    let Some(response) = document.get("Response") else {
        return Err(unreachable(format!("status {} with JSON that is no answer of STS", answer.status)));
    };
    if response.get("Error").is_some() {
        return Err(Error::Refused(refusal(action, url, response, &secrets)));
    }
    let source = format!("STS ({action})");
    temporary_key(response, &source, Timestamp::now())
        .map_err(|problem| unreachable(format!("the answer cannot be used: {problem}")))
}

/// Headers of a request.
type Headers = Vec<(&'static str, String)>;

/// The headers that prove who asks, and the secrets that an answer must not give back to be shown.
fn proof(
    request: &Request,
    host: &str,
    body: &str,
    now: Timestamp,
    with: Option<&Credential>,
) -> Result<(Headers, Mask), Error> {
    let mut secrets = Mask::default();
    if let RequestKind::WebIdentity(identity) = &request.kind {
        secrets.add(identity.token.expose_secret());
        return Ok((vec![("authorization", "SKIP".to_owned())], secrets));
    }
    let Some(key) = with else {
        let action = request.action();
        return usage(format!("there is no key to sign {action} with: `cosprobe credentials` tells what is missing"));
    };
    let to_sign = tc3::Request {
        service: "sts",
        host,
        method: "POST",
        query: "",
        content_type: CONTENT_TYPE,
        body: body.as_ref(),
        timestamp: now,
    };
    let secret_key = key.secret_key.expose_secret();
    let signed = tc3::sign(&to_sign, &key.secret_id, secret_key);
    let sent = [Some(secret_key), key.token_text(), Some(&signed.signature)];
    sent.into_iter().flatten().for_each(|secret| secrets.add(secret));
    let mut headers = vec![("authorization", signed.authorization)];
    headers.extend(key.token_text().map(|token| ("x-tc-token", token.to_owned())));
    Ok((headers, secrets))
}

/// Codes of STS and of the gateway before it, and who can do what. The first that the code begins with counts.
///
/// Source: Tencent Cloud API documentation, "Common Error Codes" and STS "Error Codes".
const ADVICE: &[(&str, &str)] = &[
    ("AuthFailure.SecretIdNotFound", "the secret id is unknown or disabled: look it up in the console under API keys"),
    ("AuthFailure.SignatureFailure", "the secret key does not belong to the secret id: copy both again"),
    ("AuthFailure.SignatureExpire", "this machine's clock is off by more than five minutes: set it"),
    ("AuthFailure.TokenFailure", "the token does not belong to the key or has expired: get a new temporary key"),
    ("AuthFailure.UnauthorizedOperation", "the key may not do this: allow the STS action to its user in CAM"),
    ("AuthFailure", "STS does not accept the key: `cosprobe credentials` tells which one is used"),
    ("UnauthorizedOperation", "the key may not do this: allow the STS action to its user in CAM"),
    ("InvalidParameter.StrategyFormatError", "the policy is not well-formed: correct the file of --policy"),
    ("InvalidParameter.StrategyInvalid", "the policy is not valid: correct the file of --policy"),
    ("InvalidParameter.AccountNotAvaliable", "the account is not available: ask its owner"),
    ("InvalidParameter.OverTimeError", "the time is longer than allowed: give a shorter --duration"),
    ("InvalidParameter.OverLimit", "a value is longer than allowed: shorten the policy or the session's name"),
    (
        "InvalidParameter.WebIdentityTokenError",
        "the token of the pod is not accepted: look at the provider and its audience in CAM",
    ),
    ("InvalidParameter", "correct the value that the message names"),
    ("ResourceNotFound.RoleNotFound", "there is no such role: correct --role-arn"),
    ("ResourceNotFound", "correct the name of the role or of the provider"),
    ("RequestLimitExceeded", "too many requests were sent: wait a moment"),
    ("InternalError", "STS has a problem of its own: try again, then give the request id to Tencent support"),
];

fn refusal(action: &str, url: &Url, response: &Value, secrets: &Mask) -> String {
    let word = |pointer: &str| {
        let mut text = response.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        secrets.hide(&mut text);
        clean(&text, 300)
    };
    let code = word("/Error/Code");
    let advice = ADVICE.iter().find(|(known, _)| code.starts_with(known)).map(|(_, advice)| *advice);
    let advice = advice.unwrap_or("look the code up in the documentation of STS");
    let (message, id) = (word("/Error/Message"), word("/RequestId"));
    format!("STS at {url} refuses {action}: {code} ({}), request id {id}; {advice}", message.trim_end_matches('.'))
}
