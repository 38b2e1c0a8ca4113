//! Scenarios of peers that mean harm. Lists leave them out.

use super::HEALTHY;
use crate::lab::scenario::{AnswerBehaviour, DnsBehaviour, Scenario};

const fn hostile(name: &'static str, summary: &'static str, roots: &'static [&'static str]) -> Scenario {
    Scenario { name, summary, hidden: true, roots, status: "unreachable", ..HEALTHY }
}

/// The rows.
pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        dns: DnsBehaviour::WrongQuestion,
        ..hostile("hostile-dns-wrong-question", "DNS: another question is answered", &["DNS003"])
    },
    Scenario {
        dns: DnsBehaviour::Garbage,
        ..hostile("hostile-dns-garbage", "DNS: the answer is not DNS", &["DNS003"])
    },
    Scenario {
        dns: DnsBehaviour::CnameLoop,
        ..hostile("hostile-dns-cname-loop", "DNS: aliases that lead to each other", &["DNS003"])
    },
    Scenario {
        dns: DnsBehaviour::Many(100),
        status: "healthy",
        ..hostile("hostile-dns-many", "DNS: a hundred addresses", &[])
    },
    Scenario {
        dns: DnsBehaviour::Truncate,
        status: "healthy",
        ..hostile("hostile-dns-truncated", "DNS: every UDP answer is cut short", &[])
    },
    Scenario {
        answer: AnswerBehaviour::EndlessHeaders,
        ..hostile("hostile-endless-headers", "HTTP: header lines without end", &["HTP006"])
    },
    Scenario {
        answer: AnswerBehaviour::HugeHeaderLine(1 << 20),
        ..hostile("hostile-huge-header", "HTTP: a header line of 1 MiB", &["HTP006"])
    },
    Scenario {
        answer: AnswerBehaviour::EndlessBody,
        status: "degraded",
        ..hostile("hostile-endless-body", "HTTP: a body without end", &["AUT003"])
    },
    Scenario {
        answer: AnswerBehaviour::Garbage,
        ..hostile("hostile-garbage", "HTTP: bytes that are not HTTP", &["HTP006"])
    },
    Scenario {
        answer: AnswerBehaviour::SlowDrip,
        ..hostile("hostile-slow-drip", "HTTP: one byte every 200 ms", &["HTP005"])
    },
    Scenario {
        answer: AnswerBehaviour::ControlCharacters,
        status: "degraded",
        ..hostile("hostile-control-characters", "HTTP: control characters in headers and body", &["AUT003"])
    },
];
