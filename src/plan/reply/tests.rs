use serde_json::{Value, json};

use super::*;
use crate::plan::tests::Case;

fn connected(case: Case, peer: &str, kind: &str) -> Case {
    let outcome = match kind {
        "" => json!({"status": "succeeded"}),
        kind => json!({"status": "failed", "kind": kind}),
    };
    case.observed("connect", &json!({"type": "tcp"})).but(json!({"peer": peer, "outcome": outcome}))
}

/// What is measured and what is traced, as `peer reply` and `peer`.
fn planned(case: &Case) -> Vec<String> {
    let word = |step: &Step| match step.action {
        Action::MeasureReply(to) => format!("{} {to:?}", step.peer.unwrap()),
        Action::Trace(_) => format!("{} traced", step.peer.unwrap()),
        ref other => panic!("{other:?} is neither"),
    };
    steps(&case.config, &case.evidence).iter().map(word).collect()
}

const A80: &str = "203.0.113.10:80";
const A443: &str = "203.0.113.10:443";

#[test]
fn a_refusal_is_measured_beside_a_port_that_accepts() {
    let both = connected(connected(Case::new(), A80, ""), A443, "connection_refused");
    assert_eq!(planned(&both), [format!("{A80} Syn"), format!("{A443} Syn")]);
    let alone = connected(connected(Case::new(), "203.0.113.9:443", "connection_refused"), A443, "connection_refused");
    assert_eq!(planned(&alone), ["203.0.113.9:443 Syn"]);
    let comparable = connected(connected(alone, "203.0.113.11:80", ""), "203.0.113.11:443", "connection_refused");
    assert_eq!(planned(&comparable), ["203.0.113.11:80 Syn", "203.0.113.11:443 Syn"]);
}

#[test]
fn a_healthy_path_and_silence_are_not_measured() {
    assert_eq!(planned(&connected(connected(Case::new(), A80, ""), A443, "")), Vec::<String>::new());
    assert_eq!(planned(&connected(Case::new(), A443, "connect_timeout")), Vec::<String>::new());
}

#[test]
fn a_reset_is_measured_beside_its_own_port_and_the_path_to_it_traced() {
    let case = |detail: Value, stage: &str, kind: &str, peer: &str| {
        connected(connected(Case::new(), A80, ""), A443, "")
            .observed(stage, &detail)
            .but(json!({"peer": peer, "outcome": {"status": "failed", "kind": kind}}))
    };
    let handshake = case(json!({"type": "tls"}), "tls_handshake", "handshake_reset", A443);
    assert_eq!(planned(&handshake), [format!("{A443} Syn"), format!("{A443} ClientHello"), format!("{A443} traced")]);
    let traced = handshake.observed("path", &json!({"type": "path"}));
    assert_eq!(planned(&traced), [format!("{A443} Syn"), format!("{A443} ClientHello")]);
    let plain = case(json!({"type": "http", "protocol": "http"}), "http_round_trip", "response_reset", A80);
    assert_eq!(planned(&plain), [format!("{A80} Syn"), format!("{A80} Request"), format!("{A80} traced")]);
    // What is inside TLS cannot be said again without it.
    let inside = case(json!({"type": "http", "protocol": "https"}), "http_round_trip", "response_reset", A443);
    assert_eq!(planned(&inside), Vec::<String>::new());
    let closed = case(json!({"type": "tls"}), "tls_handshake", "handshake_closed", A443);
    assert_eq!(planned(&closed), Vec::<String>::new());
}

#[test]
fn both_ports_are_measured_where_somebody_else_answers() {
    let case = connected(connected(Case::new(), A80, ""), A443, "");
    let answered = json!({"type": "http", "status": 302, "headers": []});
    let case = case.observed("http_round_trip", &answered).but(json!({"peer": A80}));
    assert_eq!(planned(&case), [format!("{A80} Syn"), format!("{A443} Syn")]);
    let one = connected(Case::new(), A80, "").observed("http_round_trip", &answered).but(json!({"peer": A80}));
    assert_eq!(planned(&one), Vec::<String>::new());
}

#[test]
fn without_traces_nothing_is_measured_and_neither_is_what_is_sent_elsewhere() {
    let mut case = connected(connected(Case::new(), A80, ""), A443, "connection_refused");
    let to = "127.0.0.1".parse().unwrap();
    case.config.connect_to = vec![crate::config::ConnectTo { host: String::new(), port: None, to, to_port: None }];
    assert_eq!(planned(&case), Vec::<String>::new());
    case.config.connect_to.clear();
    case.config.trace_in_check = When::Never;
    assert_eq!(planned(&case), Vec::<String>::new());
}
