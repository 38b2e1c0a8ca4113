//! Scenarios: a key, its signature or its rights.

use super::{HEALTHY, PUBLIC};
use crate::lab::scenario::{AccountBehaviour, BucketBehaviour, ClientKey, Scenario};

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "bad-signature",
        summary: "the secret key is not the account's; COS tells what it computed",
        key: ClientKey::WrongSecret,
        roots: &["AUT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "bad-signature-unexplained",
        summary: "the secret key is not the account's; COS does not tell what it computed",
        key: ClientKey::WrongSecret,
        explains_signature: false,
        roots: &["AUT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "quoted-key",
        summary: "there are quotation marks around the secret key; COS does not tell what it computed",
        key: ClientKey::Quoted,
        explains_signature: false,
        roots: &["AUT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "rewritten-host",
        summary: "a gateway on the way rewrites the Host header; COS does not tell what it computed",
        gateway: Some("examplebucket-1250000000.cos-internal.ap-guangzhou.tencentcos.cn"),
        explains_signature: false,
        roots: &["AUT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "rewritten-host-explained",
        summary: "a gateway on the way rewrites the Host header; COS tells what it computed",
        gateway: Some("examplebucket-1250000000.cos-internal.ap-guangzhou.tencentcos.cn"),
        roots: &["AUT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "unknown-key",
        summary: "the account has no such key",
        key: ClientKey::Unknown,
        roots: &["AUT002"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "access-denied",
        summary: "the key is good and has no right to the bucket",
        account: AccountBehaviour::Denied,
        roots: &["AUT003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "list-denied",
        summary: "the key may list and read, but not ask for the bucket with HEAD",
        account: AccountBehaviour::HeadBucketDenied,
        roots: &["AUT003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "request-expired",
        summary: "COS takes every signature to be too late, though the clocks agree",
        account: AccountBehaviour::RequestsExpire,
        roots: &["AUT004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "expired-token",
        summary: "the key is a temporary one and has expired",
        key: ClientKey::Temporary,
        account: AccountBehaviour::ExpiredToken,
        roots: &["AUT005"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "invalid-token",
        summary: "the key is a temporary one, and the token is not its own",
        key: ClientKey::StrangeToken,
        roots: &["AUT006"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "strict-signature",
        summary: "the bucket demands that signatures cover the User-Agent header",
        account: AccountBehaviour::StrictSignature,
        roots: &["AUT007"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "referer-rule",
        summary: "a referer rule of the bucket refuses everybody",
        bucket: BucketBehaviour::RefererRule,
        roots: &["AUT009"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "unknown-key-of-object",
        summary: "an object is asked for with a key that the account does not have",
        target: "https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/exampleobject",
        key: ClientKey::Unknown,
        roots: &["AUT002"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "request-expired-temporary",
        summary: "COS takes every signature of a temporary key to be too late, though the clocks agree",
        key: ClientKey::Temporary,
        account: AccountBehaviour::RequestsExpire,
        roots: &["AUT004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "expired-token-of-object",
        summary: "an object is asked for with a temporary key that has expired",
        target: "https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/exampleobject",
        key: ClientKey::Temporary,
        account: AccountBehaviour::ExpiredToken,
        roots: &["AUT005"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "invalid-token-public",
        summary: "a temporary key with a token that is not its own, at two public addresses",
        addresses: &[PUBLIC[0], PUBLIC[1]],
        key: ClientKey::StrangeToken,
        roots: &["AUT006"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "strict-signature-of-object",
        summary: "an object is asked for, and signatures have to cover the User-Agent header",
        target: "https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/exampleobject",
        account: AccountBehaviour::StrictSignature,
        roots: &["AUT007"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "referer-rule-for-object",
        summary: "a referer rule of the bucket refuses everybody who asks for an object",
        target: "https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/exampleobject",
        bucket: BucketBehaviour::RefererRule,
        roots: &["AUT009"],
        status: "degraded",
        ..HEALTHY
    },
];
