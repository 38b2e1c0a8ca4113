//! Recomputes a signature that somebody else made, and says what is wrong with it.
//!
//! Knows the request as it is sent, the signature and the key. The time is passed in.

use super::canonical::{COS, Recipe};
use super::parse::Given;
use super::visible::short;
use super::{KeyTime, Request, SignKey, encode, mistakes};

/// Where an instant lies in a validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// It begins later.
    NotBegun {
        /// Seconds until it begins.
        seconds: i64,
    },
    /// It lasts.
    Valid {
        /// Seconds until it ends.
        seconds: i64,
    },
    /// It has ended.
    Over {
        /// Seconds since it ended.
        seconds: i64,
    },
}

impl Window {
    /// Judges an instant, in Unix seconds.
    pub const fn at(key_time: KeyTime, now: i64) -> Self {
        if now < key_time.start {
            Self::NotBegun { seconds: key_time.start.saturating_sub(now) }
        } else if now > key_time.end {
            Self::Over { seconds: now.saturating_sub(key_time.end) }
        } else {
            Self::Valid { seconds: key_time.end.saturating_sub(now) }
        }
    }

    /// The word for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotBegun { .. } => "not_begun",
            Self::Valid { .. } => "valid",
            Self::Over { .. } => "over",
        }
    }

    /// Seconds until it begins, until it ends, or since it ended.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::NotBegun { seconds } | Self::Valid { seconds } | Self::Over { seconds } => seconds,
        }
    }
}

/// What came of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Verification {
    /// Whether the signature is the one that this request and this key have.
    pub matches: bool,
    /// Whether it counts at the instant.
    pub window: Window,
    /// The mistake that yields the very signature, when one was found.
    pub cause: Option<String>,
    /// What keeps the signature from being accepted, and can be told without it.
    pub problems: Vec<String>,
    /// What works and may not be what is wanted.
    pub warnings: Vec<String>,
    /// The canonical request, as COS computes it. It may hold a token.
    pub format_string: String,
    /// What the signature should be made over.
    pub string_to_sign: String,
    /// The signature as it should be. As good as a signature of one's own.
    pub signature: String,
}

impl std::fmt::Debug for Verification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verification")
            .field("matches", &self.matches)
            .field("window", &self.window)
            .field("cause", &self.cause)
            .field("problems", &self.problems)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// A signature and what it says it is made over.
pub(super) struct Claim<'a> {
    /// The fields.
    pub(super) given: &'a Given,
    /// The part of the request that is signed.
    pub(super) signed: Request<'a>,
    /// The whole request.
    pub(super) sent: Request<'a>,
}

impl Claim<'_> {
    /// The signature, in lower case.
    pub(super) fn signature(&self) -> String {
        self.given.signature.to_ascii_lowercase()
    }

    /// Whether a recipe yields the very signature.
    pub(super) fn is_made_by(&self, recipe: &Recipe, request: Request<'_>, secret_key: &str) -> bool {
        let key = SignKey::new(secret_key, self.given.key_time);
        let text = recipe.string_to_sign(&recipe.canonical(request).format_string, self.given.sign_time);
        recipe.signature(&text, &key) == self.signature()
    }
}

/// Verifies a signature of a request, which is given as it is sent and not only in its signed part. `now` is in Unix seconds.
pub fn verify(given: &Given, sent: Request<'_>, secret_id: &str, secret_key: &str, now: i64) -> Verification {
    let (params, missing_params) = listed(&given.url_param_list, sent.params);
    let (headers, missing_headers) = listed(&given.header_list, sent.headers);
    let signed = Request { params: &params, headers: &headers, ..sent };
    let claim = Claim { given, signed, sent };
    let format_string = COS.canonical(signed).format_string;
    let string_to_sign = COS.string_to_sign(&format_string, given.sign_time);
    let signature = COS.signature(&string_to_sign, &SignKey::new(secret_key, given.key_time));

    let matches = signature == given.signature;
    let mut problems = Vec::new();
    if given.secret_id != secret_id {
        problems.push(format!("the signature is of another key: its q-ak is {}", given.masked_id()));
    }
    for (word, list, names) in
        [("header", "q-header-list", missing_headers), ("parameter", "q-url-param-list", missing_params)]
    {
        let name = |name: &String| format!("{list} names {}, and the request has no such {word}", short(name));
        problems.extend(names.iter().map(name));
    }
    if !matches && signature == claim.signature() {
        problems.push("q-signature has upper-case letters: COS writes it in lower case".to_owned());
    }
    let cause = if matches { None } else { mistakes::find(&claim, secret_key) };
    Verification {
        matches,
        window: Window::at(given.key_time, now),
        cause,
        problems,
        warnings: warnings(given, sent),
        format_string,
        string_to_sign,
        signature,
    }
}

/// The mistake that a signature was made for another host, in words, if it was made for one of `hosts`.
pub fn made_for_another(
    hosts: impl IntoIterator<Item = String>,
    given: &Given,
    sent: Request<'_>,
    secret_key: &str,
) -> Option<String> {
    let (params, _) = listed(&given.url_param_list, sent.params);
    let (headers, _) = listed(&given.header_list, sent.headers);
    let claim = Claim { given, signed: Request { params: &params, headers: &headers, ..sent }, sent };
    mistakes::among_hosts(&claim, secret_key, hosts).map(|cause| format!("the signature was made {cause}"))
}

/// The pairs that a list of encoded names mentions, in the order of the list, and the names that no pair has.
fn listed(list: &str, pairs: &[(String, String)]) -> (Vec<(String, String)>, Vec<String>) {
    let (mut found, mut missing, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for name in names(list) {
        // A name that stands twice means two pairs, and both are taken at the first.
        if seen.contains(&name) {
            continue;
        }
        let before = found.len();
        found.extend(pairs.iter().filter(|(of_pair, _)| is_named(of_pair, name)).cloned());
        if found.len() == before {
            missing.push(name.to_owned());
        }
        seen.push(name);
    }
    (found, missing)
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(';').filter(|name| !name.is_empty())
}

fn is_named(name: &str, listed: &str) -> bool {
    listed.eq_ignore_ascii_case(&encode(name)) || listed.eq_ignore_ascii_case(name)
}

fn warnings(given: &Given, sent: Request<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    for (list, text) in [("q-header-list", &given.header_list), ("q-url-param-list", &given.url_param_list)] {
        if text.chars().any(|character| character.is_ascii_uppercase()) {
            warnings.push(format!("{list} has upper-case letters: COS writes names in lower case"));
        }
        let found: Vec<&str> = names(text).collect();
        if !found.is_sorted() {
            warnings.push(format!("{list} is not sorted"));
        }
    }
    for (name, _) in sent.params {
        if !names(&given.url_param_list).any(|listed| is_named(name, listed)) {
            warnings.push(format!("parameter {} is not signed: strict signature mode refuses that", short(name)));
        }
    }
    if !names(&given.header_list).any(|name| name.eq_ignore_ascii_case("host")) {
        warnings.push(
            "the Host header is not signed: whoever gets hold of the signature can use it on another bucket".into(),
        );
    }
    if given.sign_time != given.key_time {
        warnings.push("q-sign-time is not q-key-time: Tencent's SDKs differ in which one they sign".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests;
