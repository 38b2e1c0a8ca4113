//! The mistakes that programs make when they sign, each one as the recipe that it amounts to.
//!
//! To add one: a row in [`RECIPES`], or in [`find`] when it is about the request and not about its writing.

use secrecy::{ExposeSecret, SecretString};

use super::canonical::{COS, Ended, Recipe};
use super::verify::Claim;
use super::visible::short;
use super::{Request, SignKey, encode, encode_path, lower_hex};

/// A mistake, and the recipe that makes it. The sentence goes on from "the signature was made".
type Mistake = (&'static str, Recipe);

/// In the order in which they are tried. Sources: differences between Tencent's SDKs and other clients, and what their users
/// report.
const RECIPES: &[Mistake] = &[
    ("over the percent-encoded path instead of the decoded one", Recipe { path: encode_path, ..COS }),
    ("over the path with another slash at its end", Recipe { path: |path| format!("{path}/"), ..COS }),
    ("over the path without the slash at its end", Recipe { path: |path| without_slash(path).to_owned(), ..COS }),
    (
        "over the path without the slash at its beginning",
        Recipe { path: |path| path.strip_prefix('/').unwrap_or(path).to_owned(), ..COS },
    ),
    ("over the path with + read as a blank", Recipe { path: |path| path.replace('+', " "), ..COS }),
    (
        "with + for blanks in the values instead of %20",
        Recipe { value: |value| encode(value).replace("%20", "+"), ..COS },
    ),
    (
        "with + in the query taken as itself instead of a blank",
        Recipe { value: |v| encode(v).replace("%20", "%2B"), ..COS },
    ),
    ("with lower-case hex digits in the encoded values", Recipe { value: |v| lower_hex(&encode(v)), ..COS }),
    ("with names lower-cased before they were encoded", Recipe { name: |name| encode(&name.to_lowercase()), ..COS }),
    ("with names that were not lower-cased", Recipe { name: encode, ..COS }),
    ("over values without the blanks around them", Recipe { value: |value| encode(value.trim()), ..COS }),
    ("over values that were not encoded", Recipe { value: str::to_owned, ..COS }),
    ("over values that were encoded twice", Recipe { value: |value| encode(&encode(value)), ..COS }),
    ("over parameters and headers in the order of their lists instead of sorted", Recipe { is_sorted: false, ..COS }),
    ("with the SignKey as 20 bytes instead of its 40 hex digits", Recipe { uses_key_bytes: true, ..COS }),
    ("over a StringToSign without the line end after its last line", Recipe { ended: Ended::FormatString, ..COS }),
    ("over a FormatString without the line end after its last line", Recipe { ended: Ended::StringToSign, ..COS }),
    ("over the path without its first part, which is the bucket in path style", Recipe { path: without_bucket, ..COS }),
];

/// Methods that a signature may have been made for by mistake.
const METHODS: [&str; 5] = ["GET", "HEAD", "PUT", "POST", "DELETE"];

/// What a secret key may have caught when it was copied or read from a file.
const KEY_ENDS: [(&str, &str); 3] = [("\n", "a line end"), ("\r\n", "a line end of Windows"), (" ", "a blank")];

fn without_bucket(path: &str) -> String {
    path.strip_prefix('/').and_then(|path| path.find('/').map(|at| path[at..].to_owned())).unwrap_or_default()
}

fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// The first mistake that yields the very signature, as a sentence.
pub(super) fn find(claim: &Claim<'_>, secret_key: &str) -> Option<String> {
    let by_recipe = RECIPES.iter().find(|(_, recipe)| claim.is_made_by(recipe, claim.signed, secret_key));
    let cause = by_recipe.map(|(sentence, _)| (*sentence).to_owned());
    cause
        .or_else(|| other_times(claim, secret_key).map(str::to_owned))
        .or_else(|| other_method(claim, secret_key))
        .or_else(|| other_host(claim, secret_key))
        .or_else(|| other_lists(claim, secret_key).map(str::to_owned))
        .or_else(|| other_key(claim, secret_key))
        .map(|cause| format!("the signature was made {cause}"))
}

/// The lists name something else than what was signed.
fn other_lists(claim: &Claim<'_>, secret_key: &str) -> Option<&'static str> {
    let (signed, sent) = (claim.signed, claim.sent);
    let candidates = [
        ("over all parameters, and q-url-param-list does not name them all", Request { params: sent.params, ..signed }),
        ("over all headers, and q-header-list does not name them all", Request { headers: sent.headers, ..signed }),
        ("over all parameters and headers, and the lists do not name them all", sent),
        ("over no parameters, and q-url-param-list names some", Request { params: &[], ..signed }),
        ("over no headers, and q-header-list names some", Request { headers: &[], ..signed }),
        ("over no parameters and no headers, and the lists name some", Request { params: &[], headers: &[], ..signed }),
    ];
    candidates.into_iter().find(|(_, request)| claim.is_made_by(&COS, *request, secret_key)).map(|(cause, _)| cause)
}

fn other_key(claim: &Claim<'_>, secret_key: &str) -> Option<String> {
    let is_made = |(end, _): &&(&str, &str)| {
        let key = SecretString::from(format!("{secret_key}{end}"));
        claim.is_made_by(&COS, claim.signed, key.expose_secret())
    };
    KEY_ENDS.iter().find(is_made).map(|(_, what)| format!("with {what} after the secret key"))
}

/// The validity is given twice, and Tencent's SDKs differ in which of the two they put into the `StringToSign`.
fn other_times(claim: &Claim<'_>, secret_key: &str) -> Option<&'static str> {
    let text = COS.canonical(claim.signed).format_string;
    let (sign_time, key_time) = (claim.given.sign_time, claim.given.key_time);
    let is_made = |key, in_text| {
        let signature = COS.signature(&COS.string_to_sign(&text, in_text), &SignKey::new(secret_key, key));
        signature == claim.signature()
    };
    if is_made(key_time, key_time) {
        Some("with q-key-time in the StringToSign, and q-sign-time is another")
    } else if is_made(sign_time, sign_time) {
        Some("with a SignKey of q-sign-time, and q-key-time is another")
    } else if is_made(sign_time, key_time) {
        Some("with q-sign-time and q-key-time the other way round")
    } else {
        None
    }
}

fn other_method(claim: &Claim<'_>, secret_key: &str) -> Option<String> {
    let is_made = |method: &&&str| claim.is_made_by(&COS, Request { method, ..claim.signed }, secret_key);
    METHODS.iter().find(is_made).map(|method| format!("for {method} instead of {}", claim.signed.method.to_uppercase()))
}

/// The port of the scheme is part of the Host header in some clients and left out in others.
fn other_host(claim: &Claim<'_>, secret_key: &str) -> Option<String> {
    let (_, host) = claim.signed.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"))?;
    let bare = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    among_hosts(claim, secret_key, [bare.to_owned(), format!("{bare}:443"), format!("{bare}:80"), host.to_lowercase()])
}

/// The first of some hosts that the signature was made for, in words.
pub(super) fn among_hosts(
    claim: &Claim<'_>,
    secret_key: &str,
    hosts: impl IntoIterator<Item = String>,
) -> Option<String> {
    let is_made = |candidate: &String| {
        let mut headers = claim.signed.headers.to_vec();
        for (name, value) in &mut headers {
            if name.eq_ignore_ascii_case("host") {
                value.clone_from(candidate);
            }
        }
        claim.is_made_by(&COS, Request { headers: &headers, ..claim.signed }, secret_key)
    };
    hosts.into_iter().find(is_made).map(|host| format!("for the host {}", short(&host)))
}
