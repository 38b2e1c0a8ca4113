//! The signature of a request: in the Authorization header, or in the query of a pre-signed URL.

use crate::lab::asked::{Asked, decoded};
use crate::lab::refusal::Refusal;
use crate::lab::scenario::{AccountBehaviour, Scenario};
use crate::sign::{self, KeyTime};

use super::{check_window, known_key, wrong_signature};

/// Headers that strict signature mode demands in the list when they are there.
const STRICT_HEADERS: &[&str] = &["user-agent"];
/// Where the token of a temporary key travels, whatever carries the signature.
const TOKEN: &str = "x-cos-security-token";
const FIELDS: [&str; 7] =
    ["q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature"];

/// What carries a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lab) enum Carrier {
    /// The Authorization header.
    Header,
    /// The seven fields as parameters of the query.
    Query,
    /// All of them in the one parameter `sign`.
    MergedQuery,
    /// The form of POST Object.
    Form,
}

/// What carries the signature of a request; `None` when there is none. Which one COS takes where there are several is not
/// established.
pub(in crate::lab) fn carrier_of(asked: &Asked) -> Option<Carrier> {
    if let Some(form) = &asked.form {
        return form.field("q-signature").map(|_| Carrier::Form);
    }
    if asked.header("authorization").is_some() {
        Some(Carrier::Header)
    } else if asked.param("q-signature").is_some() {
        Some(Carrier::Query)
    } else {
        asked.param("sign").map(|_| Carrier::MergedQuery)
    }
}

/// The seven fields.
struct Claim {
    algorithm: String,
    secret_id: String,
    sign_time: String,
    key_time: String,
    header_list: String,
    url_param_list: String,
    signature: String,
}

impl Claim {
    fn of(asked: &Asked) -> Option<Self> {
        let whole = match carrier_of(asked)? {
            Carrier::Header => asked.header("authorization")?.to_owned(),
            Carrier::MergedQuery => asked.param("sign")?,
            Carrier::Query | Carrier::Form => String::new(),
        };
        let field = |name: &str| {
            if whole.is_empty() {
                return asked.param(name);
            }
            let pairs = whole.split('&').filter_map(|part| part.split_once('='));
            pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
        };
        let [algorithm, secret_id, sign_time, key_time, header_list, url_param_list, signature] = FIELDS.map(field);
        Some(Self {
            algorithm: algorithm?,
            secret_id: secret_id?,
            sign_time: sign_time?,
            key_time: key_time?,
            header_list: header_list?,
            url_param_list: url_param_list?,
            signature: signature?,
        })
    }
}

/// Whether a request is signed with a key of the account, at a time that fits.
pub(super) fn check(scenario: &Scenario, asked: &Asked, now: i64) -> Result<(), Refusal> {
    let malformed = || Refusal::new(400, "InvalidArgument", "The Authorization header is malformed.");
    let claim = Claim::of(asked).ok_or_else(malformed)?;
    let key_time: KeyTime = claim.key_time.parse().map_err(|_| malformed())?;
    let in_query = asked.param(TOKEN);
    let key = known_key(&claim.secret_id, asked.header(TOKEN).or(in_query.as_deref()))?;
    check_window(key_time, now)?;
    check_signature(scenario, asked, &claim, key_time, key.secret_key)?;
    if scenario.account == AccountBehaviour::StrictSignature {
        check_strictly(asked, &claim)?;
    }
    Ok(())
}

fn check_signature(
    scenario: &Scenario,
    asked: &Asked,
    claim: &Claim,
    key_time: KeyTime,
    secret_key: &str,
) -> Result<(), Refusal> {
    let signed = sign::Request {
        method: asked.method().as_str(),
        path: &asked.path(),
        params: &listed_params(&claim.url_param_list, asked),
        headers: &listed_headers(&claim.header_list, asked),
    };
    let ours = sign::sign(signed, &claim.secret_id, secret_key, key_time);
    let is_same = claim.algorithm == "sha1"
        && claim.sign_time == claim.key_time
        && claim.header_list == ours.header_list
        && claim.url_param_list == ours.url_param_list
        && claim.signature == ours.signature;
    if is_same {
        return Ok(());
    }
    let refusal = wrong_signature();
    Err(if scenario.explains_signature {
        refusal.with("StringToSign", ours.string_to_sign).with("FormatString", ours.format_string)
    } else {
        refusal
    })
}

/// The headers of a request that a `;`-separated list of encoded lower-case names mentions.
fn listed_headers(list: &str, asked: &Asked) -> Vec<(String, String)> {
    let names = list.split(';').filter(|name| !name.is_empty()).map(decoded);
    let values = |name: String| asked.header_values(&name).map(|value| (name.clone(), value)).collect::<Vec<_>>();
    names.flat_map(values).collect()
}

/// The decoded query parameters that a `;`-separated list of encoded lower-case names mentions. The signature itself is never
/// among them.
fn listed_params(list: &str, asked: &Asked) -> Vec<(String, String)> {
    let is_listed = |name: &str| {
        let finished = sign::encode(name).to_ascii_lowercase();
        list.split(';').any(|listed| listed == finished)
    };
    asked.params().filter(|(name, _)| is_listed(name) && name != "sign" && !FIELDS.contains(&name.as_str())).collect()
}

/// COS documentation, "Strict signature mode": the beginning of the message is documented.
fn check_strictly(asked: &Asked, claim: &Claim) -> Result<(), Refusal> {
    let is_missing =
        |name: &&&str| asked.header(name).is_some() && !claim.header_list.split(';').any(|listed| listed == **name);
    match STRICT_HEADERS.iter().find(is_missing) {
        Some(name) => {
            let message = format!("Strict signature missing header that must be signed: {name}");
            Err(Refusal::new(403, "AccessDenied", message))
        }
        None => Ok(()),
    }
}
