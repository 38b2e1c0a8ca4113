//! Steps beside the stages, such as questions to servers that are only compared with: no stage waits for them but the end of the run,
//! and that not for long.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{defect, observation_id};
use crate::evidence::{NotRunReason, Observation, Outcome};
use crate::plan::Step;
use crate::probe::{self, Context};

/// Questions under way.
pub(super) struct Beside {
    permits: Arc<Semaphore>,
    steps: Vec<Step>,
    tasks: JoinSet<(usize, Observation)>,
}

impl Beside {
    /// Asks the questions concurrently, as many at a time as there may be steps of a stage. They do not share those permits: a silent
    /// server would hold the stages up.
    pub(super) fn begin(context: &Arc<Context>, steps: Vec<Step>) -> Self {
        let permits = Arc::new(Semaphore::new(context.config().limits.concurrency.max(1)));
        let mut beside = Self { permits, steps: Vec::new(), tasks: JoinSet::new() };
        for step in steps {
            beside.add(context, step);
        }
        beside
    }

    /// Asks one more.
    pub(super) fn add(&mut self, context: &Arc<Context>, step: Step) {
        let number = self.steps.len();
        self.steps.push(step.clone());
        let (context, permits) = (Arc::clone(context), Arc::clone(&self.permits));
        self.tasks.spawn(async move {
            // The semaphore is never closed, so waiting for it cannot fail.
            let _permit = permits.acquire_owned().await;
            // The number within the report is given when the answers are taken in.
            (number, probe::execute(context, 0, step).await)
        });
    }

    /// Whether nothing was asked.
    pub(super) const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The answers, in the order of the questions. Those that are not here when the patience ends are not waited for.
    pub(super) async fn end(mut self, patience: Duration, taken_before: usize) -> Vec<Observation> {
        let end = Instant::now() + patience;
        let mut answers: Vec<Option<Observation>> = vec![None; self.steps.len()];
        let mut in_time = true;
        while in_time {
            match timeout_at(end, self.tasks.join_next()).await {
                Ok(Some(Ok((number, observation)))) => answers[number] = Some(observation),
                // A question whose probe panicked leaves its place empty.
                Ok(Some(Err(_))) => {}
                Ok(None) => break,
                Err(_) => in_time = false,
            }
        }
        let record = |(number, (answer, step)): (usize, (Option<Observation>, Step))| {
            let id = observation_id(taken_before + number);
            match answer {
                Some(answer) => Observation { id, ..answer },
                None if in_time => defect(id, step),
                None => {
                    let (outcome, detail) =
                        (Outcome::NotRun { because: NotRunReason::NotWaitedFor }, step.action.blank_detail());
                    probe::observation(id, step, None, None, outcome, detail)
                }
            }
        };
        answers.into_iter().zip(self.steps).enumerate().map(record).collect()
    }
}
