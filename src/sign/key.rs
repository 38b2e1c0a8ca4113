//! The SignKey: a key that is as good as the secret key for as long as its validity lasts.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;

use super::KeyTime;

/// HMAC-SHA1 of the validity under the secret key, as 40 lower-case hex digits. It cannot be printed by accident, and is
/// wiped when it is dropped.
#[derive(Clone)]
pub struct SignKey(SecretString);

impl SignKey {
    /// The SignKey of a secret key for a validity.
    pub fn new(secret_key: &str, key_time: KeyTime) -> Self {
        let bytes = Zeroizing::new(hmac_sha1(secret_key.as_bytes(), &key_time.to_string()));
        Self(hex::encode(bytes.as_slice()).into())
    }

    /// The hex digits, for those who ask for them.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Signs a text, as lower-case hex. The key is the hex text, not its bytes.
    pub(super) fn sign(&self, text: &str) -> String {
        hex::encode(hmac_sha1(self.expose().as_bytes(), text))
    }

    /// Signs a text with the 20 bytes that the hex digits stand for: what COS does not do.
    pub(super) fn sign_with_bytes(&self, text: &str) -> String {
        let mut bytes = Zeroizing::new([0_u8; 20]);
        // The digits are those of `new`.
        let _ = hex::decode_to_slice(self.expose(), bytes.as_mut_slice());
        hex::encode(hmac_sha1(bytes.as_slice(), text))
    }
}

impl std::fmt::Debug for SignKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignKey(****)")
    }
}

fn hmac_sha1(key: &[u8], message: &str) -> [u8; 20] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(key).expect("any key length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_documentation() {
        // COS documentation, "POST Object": SignKey, StringToSign and Signature as they are printed there.
        let key = SignKey("39acc8c9f34ba5b19bce4e965b370cd3f62d2fba".into());
        let signature = key.sign("d5d903b8360468bc81c1311f134989bc8c8b5b89");
        assert_eq!(signature, "7758dc9a832e9d301dca704cacbf9d9f8172fdef");
        assert_ne!(key.sign_with_bytes("d5d903b8360468bc81c1311f134989bc8c8b5b89"), signature);
    }

    #[test]
    fn debug_shows_nothing() {
        let key = SignKey::new("fakeSecretKey", KeyTime { start: 1, end: 2 });
        assert_eq!((key.expose().len(), format!("{key:?}").as_str()), (40, "SignKey(****)"));
    }
}
