//! What the kernel counts of TCP is read before the connects, and again where one of them was not answered.
//!
//! The two readings stand around all connects of a run, because the counters are those of all programs and not of one socket.

use super::{Action, Step, probed};
use crate::config::Config;
use crate::evidence::{Evidence, FailureKind, Observation, ObservationId, Stage};

/// The reading before the first of some connects, if there is one, and if this machine is looked at.
pub(super) fn before(config: &Config, connects: &[Step], evidence: &Evidence) -> Option<Step> {
    if !config.stages.contains(&Stage::Host) {
        return None;
    }
    let any = connects.iter().any(|step| matches!(step.action, Action::Connect { .. }));
    (any && last_reading(evidence).is_none()).then_some(reading())
}

/// The reading after connects that were not answered.
pub(super) fn after(config: &Config, evidence: &Evidence) -> Vec<Step> {
    let is_unanswered = |o: &&Observation| o.outcome.failure() == Some(FailureKind::ConnectTimeout);
    let connects = probed(config, evidence).flat_map(|target| evidence.of_endpoint(Stage::Connect, &target.host));
    let last_silence = { connects }.filter(is_unanswered).map(|o| o.id).max();
    // An evidence without the reading before has nothing to compare with.
    let is_due = last_silence.zip(last_reading(evidence)).is_some_and(|(silence, reading)| reading < silence);
    if is_due { vec![reading()] } else { Vec::new() }
}

const fn reading() -> Step {
    Step { parent: None, stage: Stage::Host, endpoint: None, peer: None, action: Action::ReadTcpCounters }
}

fn last_reading(evidence: &Evidence) -> Option<ObservationId> {
    evidence.of_stage(Stage::Host).filter(|o| o.detail.tcp_counters().is_some()).map(|o| o.id).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::evidence::Stage;
    use crate::plan::tests::{Case, only};
    use crate::plan::{Action, steps};

    #[test]
    fn without_connects_the_counters_are_not_read() {
        let case = Case::of(json!({"services": []}))
            .observed("resolve", &json!({"type": "system_lookup", "addresses": ["203.0.113.10"]}));
        assert_eq!(steps(Stage::Connect, &case.config, &case.evidence), vec![]);
        let case = Case::of(json!({"services": [{"port": 443, "protocol": "https"}]}));
        let step = only(steps(Stage::Connect, &case.config, &case.evidence));
        assert!(matches!(step.action, Action::Skip { .. }), "there is no address");
    }

    #[test]
    fn the_counters_are_read_around_connects_that_are_not_answered() {
        for (outcome, is_read_again) in [
            (json!({"status": "succeeded"}), false),
            (json!({"status": "failed", "kind": "connection_refused"}), false),
            (json!({"status": "failed", "kind": "connect_timeout"}), true),
        ] {
            let case = Case::of(json!({"services": [{"port": 443, "protocol": "https"}]}))
                .observed("resolve", &json!({"type": "system_lookup", "addresses": ["203.0.113.10"]}));
            let step = only(steps(Stage::Connect, &case.config, &case.evidence));
            assert_eq!((step.stage, step.action), (Stage::Host, Action::ReadTcpCounters));
            let case = case.observed("host", &json!({"type": "tcp_counters"})).but(json!({"endpoint": null}));
            let step = only(steps(Stage::Connect, &case.config, &case.evidence));
            assert!(matches!(step.action, Action::Connect { .. }));
            let case = case.observed("connect", &json!({"type": "tcp"})).but(json!({"outcome": outcome}));
            let again = steps(Stage::Connect, &case.config, &case.evidence);
            assert_eq!(again.iter().any(|step| step.action == Action::ReadTcpCounters), is_read_again, "{outcome}");
            let case = case.observed("host", &json!({"type": "tcp_counters"})).but(json!({"endpoint": null}));
            assert_eq!(steps(Stage::Connect, &case.config, &case.evidence), vec![]);
        }
    }
}
