//! Who may ask: HTTP Basic authentication (RFC 7617) with hashes of bcrypt.
//!
//! Such a hash is slow on purpose. So a password that was right is remembered, by a digest under a key that only this process has; few
//! are checked at a time, beside the thread that serves; and those that wait are counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use rustls::crypto::ring;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::serve::locked;

/// Passwords that are checked at the same time.
const CHECKED: usize = 2;
/// Passwords that wait to be checked, those that are being checked among them.
const WAITING: usize = 64;
/// Right passwords that are remembered.
const REMEMBERED: usize = 64;

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Admission {
    Granted,
    Denied,
    /// Too many others are waiting to be checked.
    Busy,
}

/// What is remembered about passwords; it outlives the file with the hashes.
pub(super) struct Passwords {
    key: Hmac<Sha256>,
    right: Mutex<VecDeque<[u8; 32]>>,
    checked: Arc<Semaphore>,
    waiting: Semaphore,
}

/// What a request says about who asks.
struct Claim {
    name: String,
    password: SecretSlice<u8>,
}

impl Passwords {
    pub(super) fn new() -> Result<Self, Error> {
        let failed = |problem: String| Error::Start { what: "the service", problem };
        let mut key = [0; 32];
        let filled = ring::default_provider().secure_random.fill(&mut key);
        filled.map_err(|_| failed("the system gives no random numbers".to_owned()))?;
        Ok(Self {
            key: Hmac::new_from_slice(&key).map_err(|error| failed(error.to_string()))?,
            right: Mutex::default(),
            checked: Arc::new(Semaphore::new(CHECKED)),
            waiting: Semaphore::new(WAITING),
        })
    }

    /// Whether who asks is one of the users; without users everybody may ask.
    pub(super) async fn admission(&self, users: &BTreeMap<String, SecretString>, headers: &HeaderMap) -> Admission {
        if users.is_empty() {
            return Admission::Granted;
        }
        let Some(claim) = claim(headers) else { return Admission::Denied };
        let known = users.get(&claim.name);
        // For a name that does not exist the hash of another is computed, so that the time does not tell which names there are.
        let Some(hash) = known.or_else(|| self.stand_in(users, &claim.name)) else { return Admission::Denied };
        let digest = self.digest(&claim, hash);
        let is_remembered = || known.is_some() && self.remembers(&digest);
        if is_remembered() {
            return Admission::Granted;
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return Admission::Busy };
        let Ok(permit) = Arc::clone(&self.checked).acquire_owned().await else { return Admission::Busy };
        // Another request may have been checked meanwhile.
        if is_remembered() {
            return Admission::Granted;
        }
        let (hash, password) = (hash.clone(), claim.password);
        let check = tokio::task::spawn_blocking(move || {
            // Who hangs up does not end the check, which holds its place.
            let _permit = permit;
            bcrypt::verify(password.expose_secret(), hash.expose_secret()).unwrap_or(false)
        });
        if check.await.unwrap_or(false) && known.is_some() {
            self.remember(&digest);
            return Admission::Granted;
        }
        Admission::Denied
    }

    /// The hash of a user that stands for a name that does not exist: always the same one.
    fn stand_in<'u>(&self, users: &'u BTreeMap<String, SecretString>, name: &str) -> Option<&'u SecretString> {
        let digest = self.key.clone().chain_update(name).finalize().into_bytes();
        let place = usize::from(u16::from_le_bytes([digest[0], digest[1]])) % users.len().max(1);
        users.values().nth(place)
    }

    /// Name, hash and password together, so that none of them can change unnoticed.
    fn digest(&self, claim: &Claim, hash: &SecretString) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        for part in [claim.name.as_bytes(), hash.expose_secret().as_bytes(), claim.password.expose_secret()] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }

    fn remembers(&self, digest: &Hmac<Sha256>) -> bool {
        // Each is compared in constant time.
        locked(&self.right).iter().any(|known| digest.clone().verify_slice(known).is_ok())
    }

    fn remember(&self, digest: &Hmac<Sha256>) {
        let mut right = locked(&self.right);
        while right.len() >= REMEMBERED {
            right.pop_front();
        }
        right.push_back(digest.clone().finalize().into_bytes().into());
    }
}

/// What the only header of its kind says.
fn claim(headers: &HeaderMap) -> Option<Claim> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = SecretSlice::from(STANDARD.decode(encoded.trim()).ok()?);
    let bytes = decoded.expose_secret();
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&bytes[..colon]).ok()?.to_owned();
    Some(Claim { name, password: SecretSlice::from(bytes[colon + 1..].to_vec()) })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode(text));
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
        headers
    }

    fn users(all: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
        let hash = |password: &str| SecretString::from(bcrypt::hash(password, 4).unwrap());
        all.iter().map(|(name, password)| ((*name).to_owned(), hash(password))).collect()
    }

    #[tokio::test]
    async fn only_a_right_password_passes_and_only_it_is_remembered() {
        let passwords = Passwords::new().unwrap();
        let users = users(&[("anna", "secret"), ("bert", "other:one")]);
        let rows = [
            ("anna:secret", Admission::Granted),
            ("anna:secret", Admission::Granted),
            ("bert:other:one", Admission::Granted),
            ("anna:wrong", Admission::Denied),
            ("anna:", Admission::Denied),
            ("anna", Admission::Denied),
            ("bert:secret", Admission::Denied),
            ("carl:secret", Admission::Denied),
            (":secret", Admission::Denied),
            ("", Admission::Denied),
            ("anna:\0secret", Admission::Denied),
        ];
        for (text, wanted) in rows {
            assert_eq!(passwords.admission(&users, &headers(text)).await, wanted, "{text:?}");
        }
        assert_eq!(locked(&passwords.right).len(), 2);
        let nobody = BTreeMap::new();
        assert_eq!(passwords.admission(&nobody, &HeaderMap::new()).await, Admission::Granted);
        assert_eq!(passwords.admission(&users, &HeaderMap::new()).await, Admission::Denied);
        let mut twice = headers("anna:secret");
        twice.append(AUTHORIZATION, HeaderValue::from_static("Basic eDp5"));
        assert_eq!(passwords.admission(&users, &twice).await, Admission::Denied);
    }

    #[tokio::test]
    async fn what_is_remembered_does_not_outlive_the_hash_or_the_user() {
        let passwords = Passwords::new().unwrap();
        let old = users(&[("anna", "secret"), ("bert", "x")]);
        assert_eq!(passwords.admission(&old, &headers("anna:secret")).await, Admission::Granted);
        for new in [users(&[("anna", "changed"), ("bert", "x")]), users(&[("bert", "x")])] {
            assert_eq!(passwords.admission(&new, &headers("anna:secret")).await, Admission::Denied);
        }
        // With the very hash of another user a name that does not exist does not pass either.
        let only = users(&[("bert", "x")]);
        assert_eq!(passwords.admission(&only, &headers("bert:x")).await, Admission::Granted);
        assert_eq!(passwords.admission(&only, &headers("anna:x")).await, Admission::Denied);
    }

    #[tokio::test]
    async fn who_comes_when_too_many_wait_is_sent_away_unless_it_is_remembered() {
        let passwords = Passwords::new().unwrap();
        let users = users(&[("anna", "secret")]);
        assert_eq!(passwords.admission(&users, &headers("anna:secret")).await, Admission::Granted);
        let _all = passwords.waiting.try_acquire_many(u32::try_from(WAITING).unwrap()).unwrap();
        assert_eq!(passwords.admission(&users, &headers("anna:wrong")).await, Admission::Busy);
        assert_eq!(passwords.admission(&users, &headers("anna:secret")).await, Admission::Granted);
    }
}
