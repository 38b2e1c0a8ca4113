//! The metadata service of a Tencent machine: the name of its role, and the role's key.
//!
//! Source: Tencent CVM documentation, "Querying Instance Metadata" and "Managing Roles". It is only to be reached from inside.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::http::{Client, Question, Url};
use crate::credential::{Credential, temporary_key};
use crate::error::Error;
use crate::evidence::clean;
use crate::sign;

const ROLES: &str = "cam/security-credentials/";
/// The service answers within milliseconds; where it does not exist, nobody wants to wait.
const WITHIN: Duration = Duration::from_secs(1);
/// Characters of a role's name (CAM documentation).
const MAX_ROLE: usize = 128;

/// The key of this machine's role; `None` when it has none.
pub(super) async fn role_key(client: &Client, base: &Url, name: Option<&str>) -> Result<Option<Credential>, Error> {
    let roles = base.join(ROLES);
    let role = match name {
        Some(name) => name.to_owned(),
        None => match get(client, &roles).await? {
            None => return Ok(None),
            Some(listing) => match role_name(&listing) {
                Some(role) => role,
                None if listing.trim().is_empty() => return Ok(None),
                None => return Err(unusable(&roles, "it should be the name of a role")),
            },
        },
    };
    let url = roles.join(&sign::encode(&role));
    let Some(text) = get(client, &url).await? else {
        let problem = "there is no such role: bind it to the instance in the console, or correct the name";
        return Err(Error::Refused(format!("{url} answers 404, {problem}")));
    };
    let Ok(answer) = serde_json::from_str::<Value>(&text) else {
        return Err(unusable(&url, "it should be the key in JSON, and it is not JSON or is cut"));
    };
    match answer.get("Code").and_then(Value::as_str) {
        Some("Success") | None => {}
        Some(code) => {
            let problem = format!("{url} refuses the key of the role with code {}", clean(code, 60));
            return Err(Error::Refused(format!("{problem}: look at the role in the console of CAM")));
        }
    }
    let source = format!("the metadata service (role {})", clean(&role, MAX_ROLE));
    temporary_key(&answer, &source, Timestamp::now()).map(Some).map_err(|problem| unusable(&url, &problem))
}

/// A text of the service; `None` for 404, which says that there is no such thing.
async fn get(client: &Client, url: &Url) -> Result<Option<String>, Error> {
    let question =
        Question { method: "GET", headers: Vec::new(), content_type: None, body: String::new(), within: WITHIN };
    let unreachable = |problem: String| Error::Unreachable {
        what: format!("the metadata service at {url}"),
        problem: format!("{problem}; --metadata never leaves it out"),
    };
    let answer = client.ask(url, question).await.map_err(unreachable)?;
    match answer.status {
        200 => String::from_utf8(answer.body).map(Some).map_err(|_| unusable(url, "it is not text")),
        404 => Ok(None),
        status => Err(unusable(url, &format!("its status is {status}"))),
    }
}

/// The first line of the listing, when it can be a role.
fn role_name(listing: &str) -> Option<String> {
    let line = listing.lines().next()?.trim();
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    (!line.is_empty() && line.len() <= MAX_ROLE && line.chars().all(is_of_name)).then(|| line.to_owned())
}

fn unusable(url: &Url, problem: &str) -> Error {
    let what = format!("the metadata service at {url}");
    let problem = format!("something answers there that is not the service as it should be ({problem})");
    Error::Unreachable { what, problem: format!("{problem}; --metadata never leaves it out") }
}
