use serde_json::{Value, json};

use super::*;
use crate::plan::tests::{Case, HOST};

/// Protocol and clamp of each step.
fn planned(steps: &[Step]) -> Vec<(Protocol, Option<u32>)> {
    let of = |step: &Step| match &step.action {
        Action::LargeRequest { request, segments } => (request.protocol, segments.clamp()),
        _ => panic!("{step:?}"),
    };
    steps.iter().map(of).collect()
}

fn first(case: &Case) -> Vec<(Protocol, Option<u32>)> {
    planned(&large_requests(&case.config, &case.evidence))
}

fn next(case: &Case) -> Vec<(Protocol, Option<u32>)> {
    planned(&smaller_requests(&case.config, &case.evidence))
}

fn both_ports() -> Case {
    let services = json!([{"port": 80, "protocol": "http"}, {"port": 443, "protocol": "https"}]);
    Case::of(json!({"services": services}))
}

/// Connects to both ports of one address.
fn connected() -> Case {
    let case = both_ports().observed("connect", &json!({"type": "tcp"})).but(json!({"peer": "203.0.113.10:80"}));
    case.observed("connect", &json!({"type": "tcp"}))
}

/// A large request over TLS that ended in some way.
fn large(case: Case, mss: Option<u32>, outcome: &Value, tcp: &Value) -> Case {
    let detail = json!({"type": "large_request", "protocol": "https", "mss_bytes": mss, "tcp": tcp});
    case.observed("path_mtu", &detail).but(json!({"parent": 2, "outcome": outcome}))
}

fn lost(case: Case, mss: Option<u32>) -> Case {
    let tcp = json!({"unacknowledged_segments": 3, "retransmitted_segments": 4, "mss_bytes": 1448});
    large(case, mss, &json!({"status": "failed", "kind": "response_timeout"}), &tcp)
}

fn tried(largest: u32) -> Case {
    FIRST.iter().fold(lost(connected(), None), |case, mss| {
        if *mss <= largest {
            large(case, Some(*mss), &json!({"status": "succeeded"}), &Value::Null)
        } else {
            lost(case, Some(*mss))
        }
    })
}

#[test]
fn one_request_for_each_address_that_was_reached_over_tls_where_that_is_open() {
    assert_eq!(first(&connected()), [(Protocol::Https, None)]);
    let refused = json!({"outcome": {"status": "failed", "kind": "connection_refused"}});
    assert_eq!(first(&connected().but(refused.clone())), [(Protocol::Http, None)]);
    let nothing = both_ports().observed("connect", &json!({"type": "tcp"})).but(refused);
    assert_eq!(first(&nothing), []);
    let steps = large_requests(&connected().config, &connected().evidence);
    assert_eq!((steps[0].parent, steps[0].endpoint.as_deref()), (Some(2), Some(HOST)));
    let Action::LargeRequest { request, segments } = &steps[0].action else { panic!() };
    assert_eq!(
        *segments,
        Segments::Usual { used_by_others: 2 },
        "an anonymous and a signed request go over the others"
    );
    assert_eq!(request.authentication, Authentication::Anonymous);
    assert!(
        (2 * 1460..4000).contains(&request.head_bytes()),
        "more than two full segments, and no more than servers take"
    );
}

#[test]
fn only_a_request_that_got_lost_is_tried_with_smaller_segments() {
    assert_eq!(next(&lost(connected(), None)), FIRST.map(|size| (Protocol::Https, Some(size))));
    let unanswered = json!({"status": "failed", "kind": "response_timeout"});
    for (outcome, tcp) in [
        (json!({"status": "succeeded"}), json!({"unacknowledged_segments": 1, "retransmitted_segments": 1})),
        (unanswered.clone(), json!({"unacknowledged_segments": 0, "retransmitted_segments": 1})),
        (unanswered.clone(), json!({"unacknowledged_segments": 1, "retransmitted_segments": 0})),
        (unanswered, Value::Null),
        (
            json!({"status": "failed", "kind": "response_reset"}),
            json!({"unacknowledged_segments": 1, "retransmitted_segments": 1}),
        ),
    ] {
        assert_eq!(next(&large(connected(), None, &outcome, &tcp)), [], "{outcome}");
    }
}

#[test]
fn the_size_is_narrowed_down_and_the_whole_is_tried_again() {
    let sizes = |case: &Case| next(case).into_iter().map(|(_, size)| size).collect::<Vec<_>>();
    assert_eq!(sizes(&tried(1240)), [Some(1248), Some(1257), Some(1265), Some(1274), Some(1282), Some(1291), None]);
    assert_eq!(sizes(&tried(1440)), [Some(1442), Some(1445), Some(1448), Some(1451), Some(1454), Some(1457), None]);
    assert_eq!(sizes(&tried(0)), [], "no size helps: it is not the size");
    assert_eq!(sizes(&lost(tried(1240), None)), [], "and that is all");
}

#[test]
fn a_handshake_that_stalls_hides_the_other_direction_and_plain_http_shows_it() {
    let case = connected().observed("tls_handshake", &json!({"type": "tls"}));
    let case = case.but(json!({"parent": 2, "outcome": {"status": "failed", "kind": "handshake_timeout"}}));
    let at_once: Vec<(Protocol, Option<u32>)> = next(&case);
    assert_eq!(at_once[0], (Protocol::Http, None));
    assert_eq!(at_once[1..], FIRST.map(|size| (Protocol::Http, Some(size))));
    let in_clear = case.observed("path_mtu", &json!({"type": "large_request", "protocol": "http"}));
    assert_eq!(next(&in_clear.but(json!({"peer": "203.0.113.10:80"}))), []);
}

#[test]
fn the_control_group_is_left_alone() {
    let mut case = lost(connected(), None);
    assert_eq!(next(&case).len(), FIRST.len());
    case.evidence.targets.clear();
    assert_eq!(next(&case), []);
}
