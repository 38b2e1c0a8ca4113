//! The key that signed requests are made with, and where it comes from.
//!
//! Secrets live in [`SecretString`], which cannot be printed or serialised. [`look`] reads the sources in the order of
//! `chain.rs`, one file per kind of source; files, variables and the time come through [`Surroundings`]. A source that is half
//! set, malformed or expired is an error and not a silent fall-through; messages name places and never show values. What only
//! the network can give is a [`Grant`], which `issuer` obtains. To add a source, write its file and add its row to `SOURCES`.

#[cfg(test)]
mod around;
mod chain;
mod coscli;
mod coscmd;
mod doubts;
mod environment;
mod ini;
mod json;
mod parts;
mod profile;
mod role;
mod surroundings;
mod tccli;
mod tencentcloud;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::sign::mask::masked_id;

pub use chain::{Entry, Metadata, Place, State, Wishes, look};
pub use doubts::Doubts;
pub use json::temporary_key;
pub use parts::to_the_second;
pub use role::web_identity;
pub use surroundings::{FileText, Surroundings};

/// A key with which requests are signed.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The key's public half.
    pub secret_id: String,
    /// The key's secret half.
    pub secret_key: SecretString,
    /// The token of a temporary key.
    pub token: Option<SecretString>,
    /// When a temporary key ends, where its source tells.
    pub expires_at: Option<Timestamp>,
    /// Where it was found, in words.
    pub source: String,
}

/// A key that has to be obtained over the network.
#[derive(Debug, Clone)]
pub enum Grant {
    /// The metadata service of a Tencent machine gives the keys of its role.
    Role {
        /// The role; `None`: the one that the service names.
        name: Option<String>,
    },
    /// STS gives keys for the token that a TKE cluster puts into its pods.
    WebIdentity(WebIdentity),
}

/// What a TKE cluster tells its pods.
#[derive(Debug, Clone)]
pub struct WebIdentity {
    /// The identity provider.
    pub provider_id: String,
    /// The role to take.
    pub role_arn: String,
    /// The token that proves who asks.
    pub token: SecretString,
    /// The region of the cluster.
    pub region: Option<String>,
}

/// Regions that a source names beside its key, as written there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Regions {
    /// The source's own region.
    pub default: Option<String>,
    /// Regions of single buckets, by name and by alias.
    pub buckets: Vec<(String, String)>,
}

impl Regions {
    /// The region for a bucket.
    pub fn of(&self, bucket: &str) -> Option<&str> {
        let own = self.buckets.iter().find(|(name, _)| name == bucket).map(|(_, region)| region);
        own.or(self.default.as_ref()).map(String::as_str)
    }

    fn only(default: Option<String>) -> Self {
        Self { default: default.filter(|region| !region.is_empty()), buckets: Vec::new() }
    }
}

/// How to set a key, for messages to people.
pub const WAYS_TO_SET_A_KEY: &str =
    "COS_SECRET_ID and COS_SECRET_KEY, or one of the other sources that `cosprobe credentials` lists";

impl Credential {
    /// The secret id with its middle left out, fit to be shown.
    pub fn masked_id(&self) -> String {
        masked_id(&self.secret_id)
    }

    /// The token as text, for the request that carries it.
    pub fn token_text(&self) -> Option<&str> {
        self.token.as_ref().map(ExposeSecret::expose_secret)
    }
}
