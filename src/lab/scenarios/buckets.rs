//! Scenarios: what a bucket does not have or not allow.

use super::{HEALTHY, PUBLIC};
use crate::lab::hosts::CUSTOM_HOST;
use crate::lab::scenario::{AccountBehaviour, BucketBehaviour, ClientKey, Scenario};

/// Nothing in the lab has this key.
const CANARY: &str = "cosprobe/canary";

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "bucket-not-found",
        summary: "there is no such bucket in the region",
        bucket: BucketBehaviour::Missing,
        roots: &["BKT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "bucket-elsewhere",
        summary: "the bucket is in another region",
        bucket: BucketBehaviour::Elsewhere,
        roots: &["BKT001"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "arrears",
        summary: "the account is in arrears",
        bucket: BucketBehaviour::Arrears,
        roots: &["BKT002"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "path-style-forbidden",
        summary: "the bucket may not be addressed in path style",
        target: "https://cos.ap-guangzhou.myqcloud.com/examplebucket-1250000000",
        bucket: BucketBehaviour::WithoutPathStyle,
        roots: &["BKT003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "acceleration-off",
        summary: "global acceleration is not enabled for the bucket",
        target: "examplebucket-1250000000.cos.accelerate.myqcloud.com",
        addresses: &[PUBLIC[0]],
        bucket: BucketBehaviour::WithoutAcceleration,
        roots: &["BKT004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "website-off",
        summary: "the bucket has no website",
        target: "examplebucket-1250000000.cos-website.ap-guangzhou.myqcloud.com",
        addresses: &[PUBLIC[0]],
        bucket: BucketBehaviour::WithoutWebsite,
        roots: &["BKT005"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "custom-domain-unbound",
        summary: "the custom domain leads to COS and is not bound to a bucket",
        target: CUSTOM_HOST,
        addresses: &[PUBLIC[0]],
        bucket: BucketBehaviour::WithoutCustomDomain,
        roots: &["BKT006"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "object-not-found",
        summary: "there is no such object in the bucket",
        target: "https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/missingobject",
        roots: &["BKT007"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "canary-write-denied",
        summary: "a write probe with a key that may read and not write",
        account: AccountBehaviour::WriteDenied,
        canary: Some(CANARY),
        roots: &["AUT003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "canary-undeletable",
        summary: "a write probe with a key that may write and not delete",
        account: AccountBehaviour::DeleteDenied,
        canary: Some(CANARY),
        roots: &["BKT008"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "canary-object-exists",
        summary: "a write probe with the key of an object that is there",
        canary: Some("exampleobject"),
        roots: &["BKT009"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "canary-altered",
        summary: "a write probe, and what is read back is not what was written",
        bucket: BucketBehaviour::Altering,
        canary: Some(CANARY),
        roots: &["BKT010"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "arrears-without-key",
        summary: "the account is in arrears, and there is no key",
        key: ClientKey::None,
        bucket: BucketBehaviour::Arrears,
        roots: &["BKT002"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "path-style-forbidden-public",
        summary: "an object is addressed in path style at a public address, which the bucket does not allow",
        target: "https://cos.ap-guangzhou.myqcloud.com/examplebucket-1250000000/exampleobject",
        addresses: &[PUBLIC[0]],
        bucket: BucketBehaviour::WithoutPathStyle,
        roots: &["BKT003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "acceleration-off-for-object",
        summary: "an object is asked for over acceleration, which is not enabled",
        target: "https://examplebucket-1250000000.cos.accelerate.myqcloud.com/exampleobject",
        addresses: &[PUBLIC[0]],
        bucket: BucketBehaviour::WithoutAcceleration,
        roots: &["BKT004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "website-off-without-key",
        summary: "the bucket has no website, and there is no key",
        target: "examplebucket-1250000000.cos-website.ap-guangzhou.myqcloud.com",
        addresses: &[PUBLIC[0], PUBLIC[1]],
        key: ClientKey::None,
        bucket: BucketBehaviour::WithoutWebsite,
        roots: &["BKT005"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "custom-domain-unbound-for-object",
        summary: "an object is asked for at a custom domain that is not bound to a bucket",
        target: "https://files.example.com/exampleobject",
        addresses: &[PUBLIC[0]],
        bucket: BucketBehaviour::WithoutCustomDomain,
        roots: &["BKT006"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "object-not-found-for-everybody",
        summary: "there is no such object in a bucket that everybody may read, and there is no key",
        target: "https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/missingobject",
        key: ClientKey::None,
        bucket: BucketBehaviour::PublicRead,
        roots: &["BKT007"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "canary-undeletable-temporary",
        summary: "a write probe with a temporary key that may write and not delete",
        key: ClientKey::Temporary,
        account: AccountBehaviour::DeleteDenied,
        canary: Some(CANARY),
        roots: &["BKT008"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "canary-object-exists-public",
        summary: "a write probe with the key of an object that is there, in a bucket that everybody may read",
        bucket: BucketBehaviour::PublicRead,
        canary: Some("exampleobject"),
        roots: &["BKT009"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "canary-altered-public",
        summary: "a write probe at two public addresses, and what is read back is not what was written",
        addresses: &[PUBLIC[0], PUBLIC[1]],
        bucket: BucketBehaviour::Altering,
        canary: Some(CANARY),
        roots: &["BKT010"],
        status: "degraded",
        ..HEALTHY
    },
];
