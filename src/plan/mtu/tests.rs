use serde_json::json;

use super::*;
use crate::plan::tests::Case;

fn sizes(case: &Case) -> Vec<u32> {
    let size = |step: &Step| match step.action {
        Action::HandshakeClamped { mss_bytes, .. } => mss_bytes,
        _ => panic!("{step:?}"),
    };
    steps(&case.config, &case.evidence).iter().map(size).collect()
}

/// A handshake on an open connection that failed in some way.
fn handshake(kind: &str) -> Case {
    let case = Case::new().observed("connect", &json!({"type": "tcp"}));
    let case = case.observed("tls_handshake", &json!({"type": "tls"}));
    case.but(json!({"parent": 1, "outcome": {"status": "failed", "kind": kind}}))
}

/// The sizes of the first round, of which those up to one pass.
fn tried(largest: u32) -> Case {
    FIRST.iter().fold(handshake("handshake_timeout"), |case, mss| {
        let case = case.observed("path_mtu", &json!({"type": "clamped_handshake", "mss_bytes": mss}));
        let failed = json!({"outcome": {"status": "failed", "kind": "handshake_timeout"}});
        if *mss <= largest { case } else { case.but(failed) }
    })
}

#[test]
fn a_stalled_handshake_is_tried_with_smaller_segments() {
    assert_eq!(sizes(&handshake("handshake_timeout")), FIRST);
    let steps = steps(&handshake("handshake_timeout").config, &handshake("handshake_timeout").evidence);
    assert_eq!(steps[0].parent, Some(1), "they build on the connection, as the stalled handshake does");
    for other in ["handshake_reset", "handshake_alert", "not_tls"] {
        assert_eq!(sizes(&handshake(other)), Vec::<u32>::new(), "{other}");
    }
}

#[test]
fn the_size_is_narrowed_down_once() {
    assert_eq!(sizes(&tried(1240)), [1248, 1257, 1265, 1274, 1282, 1291]);
    let narrowed = tried(1240).observed("path_mtu", &json!({"type": "clamped_handshake", "mss_bytes": 1248}));
    assert_eq!(sizes(&narrowed), Vec::<u32>::new());
}

#[test]
fn where_no_size_or_every_size_passes_there_is_nothing_to_narrow_down() {
    assert_eq!(sizes(&tried(0)), Vec::<u32>::new());
    assert_eq!(sizes(&tried(9000)), Vec::<u32>::new());
}
