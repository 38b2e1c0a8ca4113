//! Scenarios: answers of others, bad answers, and clocks.

use super::{HEALTHY, PUBLIC};
use crate::lab::scenario::{AnswerBehaviour, CertificateBehaviour, ClientKey, Scenario};

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "captive-portal",
        summary: "a captive portal takes the connections of both ports",
        addresses: &[PUBLIC[0]],
        certificate: CertificateBehaviour::Portal,
        answer: AnswerBehaviour::Portal,
        roots: &["HTP001"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "not-cos",
        summary: "another web server answers in COS's place",
        addresses: &[PUBLIC[0]],
        answer: AnswerBehaviour::NotCos,
        roots: &["HTP001"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "server-error",
        summary: "COS answers every request with 500",
        answer: AnswerBehaviour::ServerError,
        roots: &["HTP003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "throttled",
        summary: "COS answers every request with 503 SlowDown",
        answer: AnswerBehaviour::SlowDown,
        roots: &["HTP004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "redirected",
        summary: "COS sends every request on to another region",
        answer: AnswerBehaviour::Redirect,
        roots: &["HTP002"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "refused-otherwise",
        summary: "COS refuses every request with 409 PathConflict",
        answer: AnswerBehaviour::Conflict,
        roots: &["HTP008"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "answer-stalls",
        summary: "requests are taken and never answered",
        answer: AnswerBehaviour::Silent,
        roots: &["HTP005"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "answer-reset",
        summary: "the connection is reset in the middle of every answer",
        answer: AnswerBehaviour::ResetMidAnswer,
        roots: &["HTP006"],
        status: "unreachable",
        ..HEALTHY
    },
    Scenario {
        name: "clock-skew",
        summary: "this machine's clock is 20 minutes ahead of COS's",
        clock_offset_seconds: -20 * 60,
        roots: &["HST004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "clock-behind",
        summary: "this machine's clock is 10 minutes behind COS's; signatures still pass",
        clock_offset_seconds: 10 * 60,
        roots: &["HST004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "clock-kills-signature",
        summary: "this machine's clock is 16 minutes ahead of COS's, just enough for signatures to fail",
        clock_offset_seconds: -16 * 60,
        roots: &["HST004"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "server-error-of-object",
        summary: "COS answers every request for an object with 500, and there is no key",
        target: "https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/exampleobject",
        key: ClientKey::None,
        answer: AnswerBehaviour::ServerError,
        roots: &["HTP003"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "redirected-object",
        summary: "COS sends every request for an object on to another region",
        target: "https://examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com/exampleobject",
        answer: AnswerBehaviour::Redirect,
        roots: &["HTP002"],
        status: "degraded",
        ..HEALTHY
    },
    Scenario {
        name: "refused-otherwise-without-key",
        summary: "COS refuses every request with 409 PathConflict, and there is no key",
        key: ClientKey::None,
        answer: AnswerBehaviour::Conflict,
        roots: &["HTP008"],
        status: "degraded",
        ..HEALTHY
    },
];
