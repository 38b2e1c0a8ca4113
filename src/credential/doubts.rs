//! What could be wrong with a key by its looks, and the key as it would be without that. For trying, when COS refuses a
//! signature; nothing is changed silently.

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use super::Credential;

/// What comes along at the ends of a key when it is cut out of a file: quotes, separators, and line ends that were written out.
const WRAPPING: &[&str] = &["\"", "'", ",", ";", "\\n", "\\r"];
/// What every secret id of a permanent key begins with (COS documentation, "Creating a Request").
const ID_PREFIX: &str = "AKID";

/// What could be wrong with a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Something that is not of a key stands at an end.
    pub is_wrapped: bool,
    /// It looks percent-encoded.
    pub is_encoded: bool,
}

impl Credential {
    /// What could be wrong with the key.
    pub fn doubts(&self) -> Doubts {
        let key = self.secret_key.expose_secret();
        let differs = |other: &Self| other.secret_id != self.secret_id || other.secret_key.expose_secret() != key;
        Doubts { is_wrapped: differs(&self.trimmed()), is_encoded: differs(&self.decoded()) }
    }

    /// The key without quotes, separators and written-out line ends at its ends.
    #[must_use]
    pub fn trimmed(&self) -> Self {
        self.with(unwrapped(&self.secret_id), unwrapped(self.secret_key.expose_secret()))
    }

    /// The key with its percent-encoding undone.
    #[must_use]
    pub fn decoded(&self) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        self.with(&decoded(&self.secret_id), &decoded(self.secret_key.expose_secret()))
    }

    fn with(&self, secret_id: &str, secret_key: &str) -> Self {
        Self { secret_id: secret_id.to_owned(), secret_key: SecretString::from(secret_key.to_owned()), ..self.clone() }
    }
}

/// Whether a half of a key begins as ids do, whatever stands around it and however it is encoded.
pub(super) fn looks_like_id(text: &str) -> bool {
    let decoded = percent_decode_str(unwrapped(text)).decode_utf8_lossy();
    unwrapped(&decoded).starts_with(ID_PREFIX)
}

fn unwrapped(text: &str) -> &str {
    let mut rest = text.trim();
    loop {
        let shorter = WRAPPING.iter().find_map(|part| rest.strip_suffix(part).or_else(|| rest.strip_prefix(part)));
        match shorter {
            Some(shorter) => rest = shorter.trim(),
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(secret_id: &str, secret_key: &str) -> Credential {
        Credential {
            secret_id: secret_id.to_owned(),
            secret_key: SecretString::from(secret_key.to_owned()),
            token: None,
            expires_at: None,
            source: "a test".to_owned(),
        }
    }

    #[test]
    fn a_good_key_raises_no_doubt() {
        assert_eq!(credential("AKIDfake", "fakeKey/with+signs==").doubts(), Doubts::default());
    }

    #[test]
    fn what_does_not_belong_to_a_key_is_seen_and_left_away() {
        for key in ["\"fakeKey\"", "'fakeKey',", "fakeKey;", "fakeKey\\n", "\"fakeKey\\r\\n\""] {
            let odd = credential("AKIDfake", key);
            assert!(odd.doubts().is_wrapped, "{key}");
            assert_eq!(odd.trimmed().secret_key.expose_secret(), "fakeKey", "{key}");
        }
        let encoded = credential("AKIDfake", "fake%2FKey");
        assert_eq!(encoded.doubts(), Doubts { is_encoded: true, ..Doubts::default() });
        assert_eq!(encoded.decoded().secret_key.expose_secret(), "fake/Key");
    }

    proptest::proptest! {
        #[test]
        fn a_trimmed_key_is_wrapped_no_more(id in "\\PC{0,20}", key in "\\PC{0,20}") {
            proptest::prop_assert!(!credential(&id, &key).trimmed().doubts().is_wrapped);
        }
    }
}
