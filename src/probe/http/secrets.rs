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
    use crate::evidence::{CosError, FailureKind, Header, Signed};

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

    fn credential(token: Option<&str>) -> Credential {
        Credential {
            secret_id: "AKIDfake".into(),
            secret_key: SecretString::from("fake/Key".to_owned()),
            token: token.map(|token| SecretString::from(token.to_owned())),
            expires_at: None,
            source: String::new(),
        }
    }

    /// Scrubs what came from an endpoint that was sent a key, with or without a token.
    fn scrub(credential: &Credential, http: &mut Http, outcome: &mut Outcome) {
        Secrets::of(Some(credential)).scrub("cos.example", http, outcome);
    }

    /// Everything of a record that can hold text of a server, filled with one text.
    fn filled(text: &str) -> Http {
        let some = || Some(text.to_owned());
        Http {
            headers: vec![Header { name: "etag".into(), value: text.into() }],
            signed: Some(Signed { format_string: text.into(), ..Signed::default() }),
            error: Some(CosError {
                code: text.into(),
                message: text.into(),
                resource: some(),
                request_id: some(),
                trace_id: some(),
                server_time: some(),
                string_to_sign: some(),
                format_string: some(),
            }),
            ..Http::default()
        }
    }

    #[test]
    fn no_field_keeps_a_secret_in_any_spelling() {
        let texts = [
            "x fake/Key",
            "x fake%2FKey",
            "x fake%2fKey",
            "x t0k+.en==",
            "x t0k%2B.en%3D%3D",
            "x t0k%2b.en%3d%3d",
            "x t0k%2B%2Een%3D%3D",
            "x t0k%2b%2een%3d%3d",
        ];
        for text in texts {
            let mut http = filled(text);
            let mut outcome = Outcome::failed_with(FailureKind::Other, text);
            scrub(&credential(Some("t0k+.en==")), &mut http, &mut outcome);
            assert_eq!(http, filled("x ****"), "{text}");
            assert_eq!(outcome, Outcome::failed_with(FailureKind::Other, "x ****"), "{text}");
        }
    }

    #[test]
    fn no_field_keeps_a_signature() {
        let mut http = filled("q-ak=AKIDfake&q-signature=0123&x=1");
        scrub(&credential(None), &mut http, &mut Outcome::Succeeded);
        assert_eq!(http, filled("q-ak=AKIDfake&q-signature****"));
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is() {
        let text = "get\n/k\n\nhost=examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com…";
        let mut http = filled(text);
        scrub(&credential(Some("t0k+.en==")), &mut http, &mut Outcome::Succeeded);
        assert_eq!(http, filled(text));
    }

    #[test]
    fn a_secret_as_the_name_of_a_header_is_masked() {
        let mut http = Http {
            headers: vec![
                Header { name: "x-cos-fake/key".into(), value: String::new() },
                Header { name: "x-cos-other".into(), value: String::new() },
            ],
            ..Http::default()
        };
        scrub(&credential(None), &mut http, &mut Outcome::Succeeded);
        let names: Vec<_> = http.headers.iter().map(|header| header.name.as_str()).collect();
        assert_eq!(names, ["****", "x-cos-other"]);
    }

    #[test]
    fn a_secret_that_was_cut_short_is_masked_in_each_line() {
        let mut http = filled("a t0k+…\nb fake/…\nc t0k+");
        scrub(&credential(Some("t0k+.en==")), &mut http, &mut Outcome::Succeeded);
        assert_eq!(http, filled("a ****…\nb ****…\nc t0k+"));
    }

    #[test]
    fn a_location_keeps_scheme_host_and_path() {
        assert_eq!(bare_url("https://u:p@h.example:8/a@b/c?q-signature=x#y"), "https://h.example:8/a@b/c");
        assert_eq!(bare_url("/login?token=x"), "/login");
    }
}
