//! What a server sends back of our secrets does not get into the record.
//!
//! COS's `FormatString` holds the token of a temporary key when that was signed; a hostile server can send back anything.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use secrecy::ExposeSecret;

use crate::credential::Credential;
use crate::evidence::{Http, Outcome};
use crate::sign::mask::{MASK, Mask};

/// What stands before the signature in an Authorization header.
const SIGNATURE: &str = "q-signature";

/// What has to be hidden in answers: the key, and the signatures that went to an endpoint, which may keep what it was sent and send
/// it back with a later answer.
#[derive(Default)]
pub(in crate::probe) struct Secrets {
    key: Mask,
    signatures: Mutex<BTreeMap<String, Mask>>,
}

impl Secrets {
    pub(in crate::probe) fn of(credential: Option<&Credential>) -> Self {
        let mut key = Mask::default();
        if let Some(credential) = credential {
            key.add(credential.secret_key.expose_secret());
            credential.token_text().into_iter().for_each(|token| key.add(token));
        }
        Self { key, ..Self::default() }
    }

    /// Notes a signature that goes to an endpoint.
    pub(super) fn note(&self, endpoint: &str, signature: &str) {
        self.lock().entry(endpoint.to_owned()).or_default().add(signature);
    }

    /// Replaces secrets in a text that an endpoint sent.
    pub(in crate::probe) fn hide(&self, endpoint: &str, text: &mut String) {
        self.key.hide(text);
        if let Some(signatures) = self.lock().get(endpoint) {
            signatures.hide(text);
        }
        if let Some(at) = text.find(SIGNATURE) {
            text.truncate(at + SIGNATURE.len());
            text.push_str(MASK);
        }
    }

    /// Replaces secrets in everything that came from an endpoint.
    pub(super) fn scrub(&self, endpoint: &str, http: &mut Http, outcome: &mut Outcome) {
        let mask = |text: &mut String| self.hide(endpoint, text);
        for header in &mut http.headers {
            mask(&mut header.value);
            // Names arrive in lower case, whatever they were.
            if self.key.is_in_lower_case(&header.name) {
                MASK.clone_into(&mut header.name);
            }
            mask(&mut header.name);
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
        self.scrub_outcome(endpoint, outcome);
    }

    /// Replaces secrets in the words of a failure.
    pub(in crate::probe) fn scrub_outcome(&self, endpoint: &str, outcome: &mut Outcome) {
        if let Outcome::Failed { message: Some(message), .. } = outcome {
            self.hide(endpoint, message);
        }
    }

    // A panic elsewhere cannot leave a map half changed.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Mask>> {
        self.signatures.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            headers: vec![Header {
                name: "x-cos-echo".into(),
                value: "a t0k+en== dDBrK2VuPT0= abcdef0123456789 q-signature=abc&x".into(),
            }],
            error: Some(CosError {
                message: "key fake/Key".into(),
                format_string: Some("get\n/\n\nhost=x&x-cos-security-token=t0k%2Ben%3D%3D\n".into()),
                ..CosError::default()
            }),
            ..Http::default()
        };
        let mut outcome = Outcome::failed_with(FailureKind::Other, "saw t0k+en==");
        let secrets = Secrets::of(Some(&credential));
        secrets.note("cos.example", "abcdef0123456789");
        secrets.scrub("cos.example", &mut http, &mut outcome);
        assert_eq!(http.headers[0].value, "a **** ****0= **** q-signature****");
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
}
