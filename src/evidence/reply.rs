//! With which TTL answers arrive: what was tried, and what still came.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tries with connections of their own, each of which ignores what arrives with a TTL below some minimum (`IP_MINTTL`, and
/// `IPV6_MINHOPCOUNT` for IPv6). The largest minimum that still lets the answer in is the answer's TTL. The observation succeeded if
/// any answer came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ReplyTtl {
    /// What is answered.
    pub to: ReplyTo,
    /// The tries, in the order in which they were begun.
    pub tries: Vec<ReplyTry>,
}

/// One try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ReplyTry {
    /// What arrives with a smaller TTL is ignored; 1 ignores nothing.
    pub minimum_ttl: u8,
    /// What came.
    pub answer: ReplyAnswer,
}

/// What an answer is an answer to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyTo {
    /// The SYN of a connect.
    #[default]
    Syn,
    /// The first message of a TLS handshake, with the name of the endpoint.
    ClientHello,
    /// A request over plain HTTP, with the name of the endpoint.
    Request,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}

/// What came in a try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyAnswer {
    /// Nothing, while it was waited for.
    #[default]
    None,
    /// The connection was accepted.
    SynAck,
    /// A RST.
    Rst,
    /// Something else than a RST to what was sent over an open connection: data, or its end.
    Other,
    /// The try could not be made.
    NotMade,
    /// A word of a later version of the report.
    #[serde(other)]
    Unknown,
}
