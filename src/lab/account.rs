//! The account behind the bucket: checks the signature of a request as COS does.
//!
//! Source: COS documentation "Request Signature" and "Error Codes". The signature is computed anew over what the request
//! says was signed, so a client that signs something else than it sends is found out.

use hyper::HeaderMap;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::cos::Refusal;
use super::scenario::AccountBehaviour;
use crate::sign::{self, KeyTime};

// None of these is, or ever was, a key of a real account.
pub(super) const LAB_ID: &str = "AKIDcosprobeLabKeyOfNobody0000000001";
pub(super) const LAB_KEY: &str = "cosprobeLabSecretKeyOfNobody0001";
pub(super) const LAB_TOKEN: &str = "cosprobe-lab-token-of-nobody-1";
pub(super) const OTHER_ID: &str = "AKIDcosprobeLabKeyOfNobody0000000002";
pub(super) const OTHER_KEY: &str = "cosprobeLabSecretKeyOfNobody0002";

/// COS answers `RequestTimeTooSkewed` when a request is further off than this (documentation: 15 minutes).
const ALLOWED_SKEW_SECONDS: i64 = 15 * 60;

/// The seven fields of an Authorization header.
struct Authorization<'a> {
    algorithm: &'a str,
    secret_id: &'a str,
    sign_time: &'a str,
    key_time: &'a str,
    header_list: &'a str,
    url_param_list: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let field = |name: &str| {
            let of_name =
                |part: &'a str| part.split_once('=').filter(|(found, _)| *found == name).map(|(_, value)| value);
            text.split('&').find_map(of_name)
        };
        Some(Self {
            algorithm: field("q-sign-algorithm")?,
            secret_id: field("q-ak")?,
            sign_time: field("q-sign-time")?,
            key_time: field("q-key-time")?,
            header_list: field("q-header-list")?,
            url_param_list: field("q-url-param-list")?,
            signature: field("q-signature")?,
        })
    }
}

/// Whether the account lets a request pass whose server-side time is `now`.
pub(super) fn judge(account: AccountBehaviour, request: &Parts, now: i64) -> Result<(), Refusal> {
    if account == AccountBehaviour::NoBucket {
        return Err(Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist."));
    }
    let Some(authorization) = request.headers.get("authorization") else {
        return Err(Refusal::new(403, "AccessDenied", "Access Denied."));
    };
    let malformed = || Refusal::new(400, "InvalidArgument", "The Authorization header is malformed.");
    let authorization = authorization.to_str().ok().and_then(Authorization::parse).ok_or_else(malformed)?;
    let key_time: KeyTime = authorization.key_time.parse().map_err(|_| malformed())?;

    let token = request.headers.get("x-cos-security-token").map(hyper::header::HeaderValue::as_bytes);
    if authorization.secret_id != LAB_ID || token != account.client_token().map(str::as_bytes) {
        let message = "The Access Key Id you provided does not exist in our records.";
        return Err(Refusal::new(403, "InvalidAccessKeyId", message));
    }
    check_window(key_time, now)?;
    check_signature(&authorization, request, key_time)?;
    match account {
        AccountBehaviour::ExpiredToken => Err(Refusal::new(400, "ExpiredToken", "Token expired")),
        AccountBehaviour::Denied => Err(Refusal::new(403, "AccessDenied", "Access Denied.")),
        AccountBehaviour::Ok
        | AccountBehaviour::WrongKey
        | AccountBehaviour::UnknownKey
        | AccountBehaviour::NoBucket => Ok(()),
    }
}

fn check_window(key_time: KeyTime, now: i64) -> Result<(), Refusal> {
    let outside = key_time.start.saturating_sub(now).max(now.saturating_sub(key_time.end));
    if outside > ALLOWED_SKEW_SECONDS {
        let message = "The difference between the request time and the current time is too large.";
        Err(Refusal::new(403, "RequestTimeTooSkewed", message))
    } else if outside > 0 {
        Err(Refusal::new(403, "AccessDenied", "Request has expired").with_server_time())
    } else {
        Ok(())
    }
}

fn check_signature(authorization: &Authorization<'_>, request: &Parts, key_time: KeyTime) -> Result<(), Refusal> {
    let path = decoded(request.uri.path());
    let signed = sign::Request {
        method: request.method.as_str(),
        path: &path,
        params: &listed_params(authorization.url_param_list, request.uri.query().unwrap_or_default()),
        headers: &listed_headers(authorization.header_list, &request.headers),
    };
    let ours = sign::sign(signed, LAB_ID, LAB_KEY, key_time);
    let is_same = authorization.algorithm == "sha1"
        && authorization.sign_time == authorization.key_time
        && authorization.header_list == ours.header_list
        && authorization.url_param_list == ours.url_param_list
        && authorization.signature == ours.signature;
    if is_same {
        return Ok(());
    }
    let refusal = Refusal::new(403, "SignatureDoesNotMatch", "The Signature you specified is invalid.");
    Err(refusal.with("StringToSign", ours.string_to_sign).with("FormatString", ours.format_string))
}

/// The headers of a request that a `;`-separated list of encoded lower-case names mentions.
fn listed_headers(list: &str, headers: &HeaderMap) -> Vec<(String, String)> {
    let names = list.split(';').filter(|name| !name.is_empty()).map(decoded);
    let values = |name: String| {
        let found = headers.get_all(name.as_str()).iter();
        found.map(|value| (name.clone(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect::<Vec<_>>()
    };
    names.flat_map(values).collect()
}

/// The decoded query parameters that a `;`-separated list of encoded lower-case names mentions.
fn listed_params(list: &str, query: &str) -> Vec<(String, String)> {
    let is_listed = |name: &str| {
        let finished = sign::encode(name).to_ascii_lowercase();
        list.split(';').any(|listed| listed == finished)
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .filter(|(name, _)| is_listed(name))
        .collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
