//! The control group: all stages once more for endpoints that have something in common with the targets.
//!
//! Where a closer look takes its time, the group is probed beside it: neither waits for the other. It then has a record of its own,
//! which is numbered anew when it is taken in.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{Progress, stage};
use crate::evidence::{Evidence, Observation, ObservationId, Stage};
use crate::plan;
use crate::probe::Context;

/// Probes the group of the targets, into the same record.
pub(super) async fn probe(context: &Arc<Context>, evidence: &mut Evidence, progress: &mut impl FnMut(Progress<'_>)) {
    evidence.controls = plan::controls(context.config());
    let context = context.without_key(plan::control_config(context.config(), evidence));
    for further in Stage::ALL {
        stage(&context, further, evidence, progress).await;
    }
}

/// A control group under way.
pub(super) struct Group {
    /// How many observations were there when it began.
    base: usize,
    probing: JoinHandle<Evidence>,
}

impl Group {
    /// Begins to probe the group of the targets.
    pub(super) fn begin(context: &Arc<Context>, evidence: &Evidence) -> Self {
        let (base, context, mut own) = (evidence.observations.len(), Arc::clone(context), evidence.clone());
        let probing = tokio::spawn(async move {
            probe(&context, &mut own, &mut |_| {}).await;
            own
        });
        Self { base, probing }
    }

    /// Waits for its end and takes in what was seen. It ends by itself, and at once where the run is over.
    pub(super) async fn take_in(self, evidence: &mut Evidence, progress: &mut impl FnMut(Progress<'_>)) {
        let own = match self.probing.await {
            Ok(own) => own,
            // Steps that panic are recorded as such; what panics here is a plan, as it would beside no other.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let further = evidence.observations.len().saturating_sub(self.base);
        let of_group = own.observations.into_iter().skip(self.base).map(|o| renumbered(o, self.base, further));
        let from = evidence.observations.len();
        evidence.observations.extend(of_group);
        evidence.controls = own.controls;
        for observation in &evidence.observations[from..] {
            progress(Progress::Observed(observation));
        }
    }
}

/// An observation with the number that it has behind further ones; those before it keep theirs.
fn renumbered(observation: Observation, base: usize, further: usize) -> Observation {
    let number = |id: ObservationId| {
        if id as usize <= base {
            id
        } else {
            id.saturating_add(ObservationId::try_from(further).unwrap_or(ObservationId::MAX))
        }
    };
    Observation { id: number(observation.id), parent: observation.parent.map(number), ..observation }
}

#[cfg(test)]
mod tests {
    use crate::evidence::{Detail, Outcome};

    use super::*;

    #[test]
    fn what_was_there_before_keeps_its_number() {
        let observation = |id, parent| Observation {
            id,
            parent,
            stage: Stage::Connect,
            endpoint: None,
            peer: None,
            started_at: None,
            elapsed_us: None,
            outcome: Outcome::Succeeded,
            detail: Detail::Unknown,
        };
        let numbers = |o: Observation| (o.id, o.parent);
        assert_eq!(numbers(renumbered(observation(11, Some(4)), 10, 7)), (18, Some(4)));
        assert_eq!(numbers(renumbered(observation(12, Some(11)), 10, 7)), (19, Some(18)));
        assert_eq!(numbers(renumbered(observation(13, None), 10, 0)), (13, None));
    }
}
