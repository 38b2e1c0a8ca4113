//! The keys of the lab. None of these is, or ever was, a key of a real account.

/// A key, as the client or the account has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its public half.
    pub secret_id: &'static str,
    /// Its secret half.
    pub secret_key: &'static str,
    /// The token, when it is a temporary one.
    pub token: Option<&'static str>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("secret_id", &self.secret_id).finish_non_exhaustive()
    }
}

/// A lasting key of the account.
pub(super) const LASTING: Key = Key {
    secret_id: "AKIDcosprobeLabKeyOfNobody0000000001",
    secret_key: "cosprobeLabSecretKeyOfNobody0001",
    token: None,
};

/// A temporary key of the account.
pub(super) const TEMPORARY: Key = Key {
    secret_id: "AKIDcosprobe-Lab_TemporaryKeyOfNobody0000000000000000000000003",
    secret_key: "cosprobeLabTemporaryKeyOfNobody3=",
    token: Some("cosprobe-lab-token-of-nobody-1"),
};

/// A key that the account does not have.
pub(super) const STRANGE: Key = Key {
    secret_id: "AKIDcosprobeLabKeyOfNobody0000000002",
    secret_key: "cosprobeLabSecretKeyOfNobody0002",
    token: None,
};

/// The account's key with a public half.
pub(super) fn find(secret_id: &str) -> Option<Key> {
    [LASTING, TEMPORARY].into_iter().find(|key| key.secret_id == secret_id)
}
