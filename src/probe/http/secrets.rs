//! What a server sends back of our secrets does not get into the record.
//!
//! COS's `FormatString` holds the token of a temporary key when that was signed; a hostile server can send back anything.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;

use crate::credential::Credential;
use crate::evidence::{Http, Outcome};
use crate::sign::{self, lower_hex};

const MASK: &str = "****";
/// Fewer characters of a secret than these give nothing away.
const SHORTEST_PART: usize = 4;
/// What stands before the signature in an Authorization header.
const SIGNATURE: &str = "q-signature";

/// Replaces secrets in everything that came from the server.
pub(super) fn scrub(credential: &Credential, http: &mut Http, outcome: &mut Outcome) {
    let secrets = spellings(credential);
    let mask = |text: &mut String| {
        for secret in &secrets {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), MASK);
            }
            if text.contains('…') {
                *text = text.split('\n').map(|line| without_cut_secret(line, secret)).collect::<Vec<_>>().join("\n");
            }
        }
        if let Some(at) = text.find(SIGNATURE) {
            text.truncate(at + SIGNATURE.len());
            text.push_str(MASK);
        }
    };
    for header in &mut http.headers {
        mask(&mut header.value);
        // Names arrive in lower case, whatever they were.
        if secrets.iter().any(|secret| header.name.contains(&secret.to_ascii_lowercase())) {
            MASK.clone_into(&mut header.name);
        }
    }
    if let Some(error) = &mut http.error {
        mask(&mut error.code);
        mask(&mut error.message);
        let others = [
            &mut error.resource,
            &mut error.request_id,
            &mut error.trace_id,
            &mut error.server_time,
            &mut error.string_to_sign,
            &mut error.format_string,
        ];
        others.into_iter().flatten().for_each(mask);
    }
    if let Some(signed) = &mut http.signed {
        mask(&mut signed.format_string);
    }
    if let Outcome::Failed { message: Some(message), .. } = outcome {
        mask(message);
    }
}

/// A line that was cut short may end within a secret.
fn without_cut_secret(line: &str, secret: &str) -> String {
    let Some(kept) = line.strip_suffix('…') else { return line.to_owned() };
    let cuts = (SHORTEST_PART..secret.len()).rev().filter_map(|length| secret.get(..length));
    let cut = cuts.into_iter().find(|part| kept.ends_with(part));
    cut.map_or_else(|| line.to_owned(), |part| format!("{}{MASK}…", &kept[..kept.len() - part.len()]))
}

/// A URL without user name, password, query and fragment, which may hold secrets of others.
pub(super) fn bare_url(url: &str) -> std::borrow::Cow<'_, str> {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match bare.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}").into()
        }
        None => bare.into(),
    }
}

/// The secrets as they are, and as the ways of encoding spell them.
fn spellings(credential: &Credential) -> Vec<String> {
    let secrets = [Some(credential.secret_key.expose_secret()), credential.token_text()];
    secrets
        .into_iter()
        .flatten()
        .flat_map(|secret| {
            let strict = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
            let encoded = sign::encode(secret);
            [secret.to_owned(), lower_hex(&encoded), lower_hex(&strict), encoded, strict]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::evidence::{CosError, FailureKind, Header};

    #[test]
    fn what_comes_back_of_a_secret_is_masked() {
        let credential = Credential {
            secret_id: "AKIDfake".into(),
            secret_key: SecretString::from("fake/Key".to_owned()),
            token: Some(SecretString::from("t0k+en==".to_owned())),
            expires_at: None,
            source: String::new(),
        };
        let mut http = Http {
            headers: vec![Header { name: "x-cos-echo".into(), value: "a t0k+en== q-signature=abc&x".into() }],
            error: Some(CosError {
                message: "key fake/Key".into(),
                format_string: Some("get\n/\n\nhost=x&x-cos-security-token=t0k%2Ben%3D%3D\n".into()),
                ..CosError::default()
            }),
            ..Http::default()
        };
        let mut outcome = Outcome::failed_with(FailureKind::Other, "saw t0k+en==");
        scrub(&credential, &mut http, &mut outcome);
        assert_eq!(http.headers[0].value, "a **** q-signature****");
        let error = http.error.unwrap();
        assert_eq!(error.message, "key ****");
        assert_eq!(error.format_string.as_deref(), Some("get\n/\n\nhost=x&x-cos-security-token=****\n"));
        assert_eq!(outcome, Outcome::failed_with(FailureKind::Other, "saw ****"));
    }

    #[test]
    fn a_location_keeps_scheme_host_and_path() {
        assert_eq!(bare_url("https://u:p@h.example:8/a@b/c?q-signature=x#y"), "https://h.example:8/a@b/c");
        assert_eq!(bare_url("/login?token=x"), "/login");
    }

    #[test]
    fn a_secret_that_was_cut_short_is_masked_too() {
        assert_eq!(without_cut_secret("token=t0k+e…", "t0k+en=="), "token=****…");
        assert_eq!(without_cut_secret("token=t0k…", "t0k+en=="), "token=t0k…");
        assert_eq!(without_cut_secret("token=t0k+e", "t0k+en=="), "token=t0k+e");
    }
}
