//! The account behind the bucket: who asks, by the signature of the request, and what that one may do.
//!
//! Source: COS documentation "Request Signature", "POST Object", "Strict signature mode" and "Error Codes". The signature is
//! computed anew over what the request says was signed, so a client that signs something else than it sends is found out.

mod claim;
mod policy;

use super::asked::Asked;
use super::keys::{self, Key};
use super::refusal::Refusal;
use super::scenario::{AccountBehaviour, BucketBehaviour, Scenario};
use crate::sign::KeyTime;

pub(super) use claim::{Carrier, carrier_of};

/// COS answers `RequestTimeTooSkewed` when a request is further off than this (documentation: 15 minutes).
const ALLOWED_SKEW_SECONDS: i64 = 15 * 60;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Anybody.
    Anonymous,
    /// The holder of a key.
    Known,
}

/// What is to be done. COS has a right for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    HeadBucket,
    Read,
    Write,
    Delete,
    ListBuckets,
}

/// Who asks, or why the signature is not taken. A wrong signature is worse than none: it is refused whatever is asked.
pub(super) fn identify(scenario: &Scenario, asked: &Asked, now: i64) -> Result<Caller, Refusal> {
    if carrier_of(asked).is_none() {
        return Ok(Caller::Anonymous);
    }
    match &asked.form {
        Some(form) => policy::check(form, now)?,
        None => claim::check(scenario, asked, now)?,
    }
    match scenario.account {
        AccountBehaviour::RequestsExpire => Err(Refusal::expired()),
        // The code is documented, the message is not.
        AccountBehaviour::ExpiredToken => Err(Refusal::new(400, "ExpiredToken", "Token expired")),
        _ => Ok(Caller::Known),
    }
}

/// Whether the caller has the right to an action.
pub(super) fn allow(scenario: &Scenario, caller: Caller, action: Action) -> Result<(), Refusal> {
    let may = match (caller, scenario.account) {
        (Caller::Anonymous, _) => {
            scenario.bucket == BucketBehaviour::PublicRead && matches!(action, Action::HeadBucket | Action::Read)
        }
        (_, AccountBehaviour::Denied) => false,
        (_, AccountBehaviour::HeadBucketDenied) => action != Action::HeadBucket,
        (_, AccountBehaviour::WriteDenied) => !matches!(action, Action::Write | Action::Delete),
        (_, AccountBehaviour::DeleteDenied) => action != Action::Delete,
        _ => true,
    };
    if may { Ok(()) } else { Err(Refusal::access_denied()) }
}

/// The key that a request names, with the token beside it.
fn known_key(secret_id: &str, token: Option<&str>) -> Result<Key, Refusal> {
    let message = "The Access Key Id you provided does not exist in our records.";
    let unknown = || Refusal::new(403, "InvalidAccessKeyId", message);
    let key = keys::find(secret_id).ok_or_else(unknown)?;
    if token == key.token {
        return Ok(key);
    }
    Err(match (key.token, token) {
        // No list of COS's codes has one for a token that does not fit; this is the one of S3.
        (Some(_), Some(_)) => Refusal::new(403, "InvalidToken", "The security token you provided is invalid."),
        // What COS says of a temporary key without its token, or of a lasting one with a token, is not established.
        _ => unknown(),
    })
}

/// Whether a signature's time has come and is not over.
fn check_window(key_time: KeyTime, now: i64) -> Result<(), Refusal> {
    let outside = key_time.start.saturating_sub(now).max(now.saturating_sub(key_time.end));
    if outside > ALLOWED_SKEW_SECONDS {
        let message = "The difference between the request time and the current time is too large.";
        Err(Refusal::new(403, "RequestTimeTooSkewed", message))
    } else if outside > 0 {
        Err(Refusal::expired())
    } else {
        Ok(())
    }
}

fn wrong_signature() -> Refusal {
    Refusal::new(403, "SignatureDoesNotMatch", "The Signature you specified is invalid.")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::lab::scenarios::find;

    fn judged(authorization: &str, query: &str) -> Result<Caller, Refusal> {
        let uri = format!("/?{}", query.replace(|c: char| !c.is_ascii_graphic() || "#<>\"`{}|\\^".contains(c), ""));
        let mut request = hyper::Request::builder().uri(uri);
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        identify(find("healthy-private").unwrap(), &Asked::new(parts, Some(Bytes::new())), 1_700_000_000)
    }

    #[test]
    fn the_window_has_bounds() {
        let at = |now| check_window(KeyTime { start: 1000, end: 2000 }, now).map_err(|refusal| refusal.code);
        for (now, wanted) in [
            (99, Err("RequestTimeTooSkewed")),
            (100, Err("AccessDenied")),
            (999, Err("AccessDenied")),
            (1000, Ok(())),
            (2000, Ok(())),
            (2001, Err("AccessDenied")),
            (2900, Err("AccessDenied")),
            (2901, Err("RequestTimeTooSkewed")),
        ] {
            assert_eq!(at(now), wanted, "{now}");
        }
        assert!(check_window(KeyTime { start: i64::MIN, end: i64::MIN }, i64::MAX).is_err());
        assert!(check_window(KeyTime { start: i64::MAX, end: i64::MAX }, i64::MIN).is_err());
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_a_signature_makes_a_caller_known(
            fields in proptest::collection::vec("(q-[a-z-]{2,14}|q-ak|q-key-time|sign|[a-z]{1,4})=[ -~]{0,20}", 0..9),
        ) {
            let text = fields.join("&");
            for (authorization, query) in [(text.as_str(), ""), ("", text.as_str()), (&text, &text)] {
                proptest::prop_assert!(judged(authorization, query) != Ok(Caller::Known));
            }
        }
    }
}
