//! Scenarios in which everything is as it should be. The first is the default.

use super::{HEALTHY, PUBLIC};
use crate::lab::hosts::CUSTOM_HOST;
use crate::lab::scenario::{AnswerBehaviour, BucketBehaviour, ClientKey, Scenario};

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
    HEALTHY,
    Scenario {
        name: "healthy-public",
        summary: "a machine on the internet: two public addresses, everything works",
        addresses: &[PUBLIC[0], PUBLIC[1]],
        ..HEALTHY
    },
    Scenario {
        name: "no-key",
        summary: "everything works, and there is no key to sign with",
        key: ClientKey::None,
        ..HEALTHY
    },
    Scenario {
        name: "temporary-key",
        summary: "the key is a temporary one, and everything works",
        key: ClientKey::Temporary,
        ..HEALTHY
    },
    Scenario {
        name: "public-read",
        summary: "everybody may read the bucket",
        bucket: BucketBehaviour::PublicRead,
        ..HEALTHY
    },
    Scenario {
        name: "object",
        summary: "an object that is there",
        target: "https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/exampleobject",
        ..HEALTHY
    },
    Scenario {
        name: "path-style",
        summary: "the bucket is in the path, as older buckets allow",
        target: "https://cos.ap-guangzhou.myqcloud.com/examplebucket-1250000000",
        ..HEALTHY
    },
    Scenario {
        name: "dual-stack",
        summary: "the endpoint for IPv4 and IPv6, which has an IPv4 address here",
        target: "examplebucket-1250000000.cos-dualstack.ap-guangzhou.myqcloud.com",
        addresses: &[PUBLIC[0]],
        ..HEALTHY
    },
    Scenario {
        name: "internal",
        summary: "the private-only endpoint",
        target: "examplebucket-1250000000.cos-internal.ap-guangzhou.tencentcos.cn",
        ..HEALTHY
    },
    Scenario {
        name: "acceleration",
        summary: "global acceleration, which refuses to be asked for the bucket as such",
        target: "examplebucket-1250000000.cos.accelerate.myqcloud.com",
        addresses: &[PUBLIC[0]],
        ..HEALTHY
    },
    Scenario {
        name: "website",
        summary: "the website of a bucket that everybody may read",
        target: "examplebucket-1250000000.cos-website.ap-guangzhou.myqcloud.com",
        addresses: &[PUBLIC[0]],
        bucket: BucketBehaviour::PublicRead,
        ..HEALTHY
    },
    Scenario {
        name: "custom-domain",
        summary: "a name of one's own that is bound to the bucket",
        target: CUSTOM_HOST,
        addresses: &[PUBLIC[0]],
        ..HEALTHY
    },
    Scenario {
        name: "service",
        summary: "the list of buckets",
        target: "service.cos.myqcloud.com",
        addresses: &[PUBLIC[0]],
        ..HEALTHY
    },
    Scenario {
        name: "cached-answer",
        summary: "a cache on the way gives answers that are an hour old",
        answer: AnswerBehaviour::Cached,
        ..HEALTHY
    },
];
