//! Running: the loop of planning and probing, stage after stage, with bounds in time and number.
//!
//! Questions that are only compared with go beside the stages. What more is worth doing is for the caller to judge by what was seen
//! so far; this room knows no rules and no rendering.

mod beside;
mod group;
pub mod ping;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::{Config, When};
use crate::evidence::{Evidence, FailureKind, NotRunReason, Observation, ObservationId, Outcome, Stage};
use crate::plan::{self, Action, Step};
use crate::probe::{self, Context};

use beside::Beside;
use group::Group;

/// Rounds of planning within one stage. Plans end by themselves; this bounds a defect. The longest plan is that of HTTP: the first
/// requests, the reason of a refusal, up to eight ways of signing, beside the four requests of a write probe.
const MAX_ROUNDS: usize = 16;

/// Stages that look more closely, for seconds, at what does not work: the control group goes beside them.
const LOOK_CLOSER: [Stage; 2] = [Stage::PathMtu, Stage::SourcePorts];
/// Stages that wait for what does not answer: the control group goes beside them where a fault was found before.
const WAIT: [Stage; 3] = [Stage::Connect, Stage::Path, Stage::TlsHandshake];
/// An answer that took longer is as notable as a failure.
const NOTABLE: Duration = Duration::from_secs(1);

/// What a run tells while it goes on.
pub enum Progress<'a> {
    /// A stage begins.
    Stage(Stage),
    /// A step ended.
    Observed(&'a Observation),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All stages were run.
    Completed,
    /// The deadline came first.
    Deadline,
    /// The user interrupted it.
    Interrupted,
}

/// How the evidence so far looks, which decides what more is worth doing: waiting for the answers that are only compared with and
/// following up on them, and probing the control group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Judged {
    /// Nothing more is worth doing.
    #[default]
    Fine,
    /// Nothing was found, but the question is not answered either, as it never is before the last stage.
    Open,
    /// Something was found that others may tell more about.
    Fault,
}

/// Observes everything that the configuration asks for. `interrupt` resolves when the user wants the run to end; `judge` tells what
/// more is worth doing, once the targets are probed and again when the answers to compare with are there.
///
/// `stop` is the sender behind the context's cancellation.
pub async fn run(
    context: &Arc<Context>,
    stop: &watch::Sender<Option<NotRunReason>>,
    interrupt: impl Future<Output = ()>,
    judge: impl Fn(&Evidence) -> Judged,
    mut progress: impl FnMut(Progress<'_>),
) -> (Evidence, Ending) {
    let limits = &context.config().limits;
    let deadline = Instant::now() + limits.deadline;
    let mut evidence = Evidence::new(context.config().targets.clone());
    context.warm_up();
    let ending = {
        let all_stages = everything(context, &mut evidence, judge, &mut progress);
        tokio::pin!(all_stages, interrupt);
        let broken_off = tokio::select! {
            biased;
            () = &mut all_stages => None,
            () = &mut interrupt => Some((NotRunReason::Interrupted, Ending::Interrupted)),
            () = tokio::time::sleep_until(deadline) => Some((NotRunReason::Deadline, Ending::Deadline)),
        };
        match broken_off {
            None => Ending::Completed,
            Some((because, ending)) => {
                // Every step under way ends at once, and every further one is recorded as not run.
                stop.send_replace(Some(because));
                all_stages.await;
                ending
            }
        }
    };
    (evidence, ending)
}

/// The stages, the answers to compare with, and what more the evidence makes worth doing.
async fn everything(
    context: &Arc<Context>,
    evidence: &mut Evidence,
    judge: impl Fn(&Evidence) -> Judged,
    progress: &mut impl FnMut(Progress<'_>),
) {
    stage(context, Stage::Host, evidence, progress).await;
    let beside = Beside::begin(context, plan::comparison_steps(context.config(), evidence));
    let config = context.config();
    let is_all = beside.is_empty() && config.control == When::Never;
    // To judge takes a moment, which a run that is over does not have; and it is left out where nothing depends on it.
    let judge = |evidence: &Evidence| if is_all || context.is_over() { Judged::Fine } else { judge(evidence) };
    let wants_group = |judged: &dyn Fn() -> Judged| match config.control {
        When::Always => true,
        When::Auto => judged() != Judged::Fine,
        When::Never => false,
    };
    let beside_handshakes =
        config.trace.is_none() && [Stage::Path, Stage::TlsHandshake].iter().all(|stage| config.stages.contains(stage));
    let (mut paths, mut large, mut group) = (None, None, None);
    for further in Stage::ALL.into_iter().filter(|stage| *stage != Stage::Host) {
        if group.is_none() && config.control != When::Never && may_take_long(further, config, evidence) {
            let is_wanted = match further {
                // Which ports fail will only be known when it is over.
                Stage::SourcePorts if config.retry_ports => true,
                _ if LOOK_CLOSER.contains(&further) => wants_group(&|| judge(evidence)),
                _ => judge(evidence) == Judged::Fault,
            };
            group = is_wanted.then(|| Group::begin(context, evidence));
        }
        match further {
            // The ways to what cannot be connected to are followed beside the handshakes with what can.
            Stage::Path if beside_handshakes => {
                progress(Progress::Stage(Stage::Path));
                paths = Some(Beside::begin(context, plan::steps(Stage::Path, config, evidence)));
            }
            Stage::TlsHandshake if config.stages.contains(&Stage::PathMtu) => {
                large = Some(Beside::begin(context, plan::large_requests(config, evidence)));
                stage(context, further, evidence, progress).await;
            }
            _ => stage(context, further, evidence, progress).await,
        }
        if let Some(paths) = paths.take_if(|_| further == Stage::TlsHandshake) {
            take_in(paths, config.limits.deadline, evidence, progress).await;
        }
    }
    if let Some(large) = large {
        // They began with the handshakes, take as long as handshake and request together, and end by themselves.
        take_in(large, config.limits.attempt_timeout, evidence, progress).await;
        rounds(context, evidence, progress, plan::smaller_requests).await;
    }
    let judged = if config.name_servers.wait_for_comparison { Judged::Fine } else { judge(evidence) };
    let thorough = config.name_servers.wait_for_comparison || judged != Judged::Fine;
    // What answers of others are waited for and asked again takes its time too.
    if group.is_none() && judged != Judged::Fine && wants_group(&|| judged) {
        group = Some(Group::begin(context, evidence));
    }
    let patience = match (config.name_servers.wait_for_comparison, thorough) {
        // The deadline of the run ends this.
        (true, _) => config.limits.deadline,
        (_, true) => config.limits.attempt_timeout,
        _ => slowest_lookup(evidence),
    };
    take_in(beside, patience, evidence, progress).await;
    // The answers may have shown something that the stages could not.
    let any_choice = !thorough || config.control == When::Auto;
    let more = if any_choice { judge(evidence) } else { Judged::Fine };
    if thorough || more != Judged::Fine {
        rounds(context, evidence, progress, plan::comparison_steps).await;
    }
    match group {
        Some(group) => group.take_in(evidence, progress).await,
        None if wants_group(&|| more) => group::probe(context, evidence, progress).await,
        None => {}
    }
}

/// Whether a stage has something to do that may take seconds, and beside which a control group goes.
fn may_take_long(stage: Stage, config: &Config, evidence: &Evidence) -> bool {
    let begins = || LOOK_CLOSER.contains(&stage) || (config.control == When::Auto && is_notable(evidence));
    (LOOK_CLOSER.contains(&stage) || WAIT.contains(&stage))
        && config.stages.contains(&stage)
        && begins()
        && !plan::steps(stage, config, evidence).is_empty()
}

/// Whether anything failed or was slow so far: to judge when nothing was takes its time for nothing. That a name has no address of
/// one family is no failure.
fn is_notable(evidence: &Evidence) -> bool {
    evidence.observations.iter().filter(|observation| observation.stage != Stage::Host).any(|observation| {
        let failed = observation.outcome.failure().is_some_and(|kind| kind != FailureKind::NoRecords);
        failed || observation.elapsed_us.is_some_and(|elapsed| Duration::from_micros(elapsed) > NOTABLE)
    })
}

/// Takes in what went beside the stages.
async fn take_in(beside: Beside, patience: Duration, evidence: &mut Evidence, progress: &mut impl FnMut(Progress<'_>)) {
    let observations = beside.end(patience, evidence.observations.len()).await;
    for observation in &observations {
        progress(Progress::Observed(observation));
    }
    evidence.observations.extend(observations);
}

/// How long the slowest answer took that had to be waited for: who takes longer than that beside it holds nothing up.
fn slowest_lookup(evidence: &Evidence) -> Duration {
    let answered = evidence.of_stage(Stage::Resolve).filter(|observation| observation.outcome.is_success());
    Duration::from_micros(answered.filter_map(Observation::result_us).max().unwrap_or(0))
}

async fn stage(context: &Arc<Context>, stage: Stage, evidence: &mut Evidence, progress: &mut impl FnMut(Progress<'_>)) {
    if !context.config().stages.contains(&stage) {
        return;
    }
    progress(Progress::Stage(stage));
    rounds(context, evidence, progress, |config, evidence| plan::steps(stage, config, evidence)).await;
}

/// Plans and takes steps until there are none left.
async fn rounds(
    context: &Arc<Context>,
    evidence: &mut Evidence,
    progress: &mut impl FnMut(Progress<'_>),
    plan: impl Fn(&Config, &Evidence) -> Vec<Step>,
) {
    for _ in 0..MAX_ROUNDS {
        let steps = plan(context.config(), evidence);
        if steps.is_empty() {
            break;
        }
        let observations = take(context, steps, evidence.observations.len(), progress).await;
        evidence.observations.extend(observations);
    }
}

/// Takes steps concurrently and returns their observations in the order of the plan; behind them those of what followed at once.
async fn take(
    context: &Arc<Context>,
    steps: Vec<Step>,
    taken_before: usize,
    progress: &mut impl FnMut(Progress<'_>),
) -> Vec<Observation> {
    let at_once = context.config().limits.concurrency.max(1);
    let mut waiting = steps.iter().enumerate();
    let mut running = FuturesUnordered::new();
    let mut observations: Vec<Option<Observation>> = vec![None; steps.len()];
    let mut following: Option<Beside> = None;
    loop {
        for (number, step) in waiting.by_ref().take(at_once - running.len()) {
            let id = observation_id(taken_before + number);
            running.push(guarded(number, probe::execute(Arc::clone(context), id, step.clone())));
        }
        let Some((number, observation)) = running.next().await else { break };
        let Some(observation) = observation else { continue };
        progress(Progress::Observed(&observation));
        if let Some(step) = plan::follow_up(context.config(), &observation) {
            following.get_or_insert_with(|| Beside::begin(context, Vec::new())).add(context, step);
        }
        observations[number] = Some(observation);
    }
    let with_defects = observations.into_iter().zip(steps).enumerate();
    let mut taken: Vec<Observation> = with_defects
        .map(|(number, (observation, step))| {
            observation.unwrap_or_else(|| defect(observation_id(taken_before + number), step))
        })
        .collect();
    if let Some(following) = following {
        taken.extend(followed(context, following, taken_before + taken.len(), progress).await);
    }
    taken
}

/// A step that panics leaves nothing, and takes no other with it. No `async` block: one would have room for the step twice.
fn guarded(
    number: usize,
    step: impl Future<Output = Observation>,
) -> impl Future<Output = (usize, Option<Observation>)> {
    AssertUnwindSafe(step).catch_unwind().map(move |ended| (number, ended.ok()))
}

/// What followed at once from some steps, in the order of these.
async fn followed(
    context: &Arc<Context>,
    following: Beside,
    taken_before: usize,
    progress: &mut impl FnMut(Progress<'_>),
) -> Vec<Observation> {
    // They end by themselves, and at once where the run is over.
    let mut observations = following.end(context.config().limits.deadline, taken_before).await;
    observations.sort_by_key(|observation| observation.parent);
    for (number, observation) in observations.iter_mut().enumerate() {
        observation.id = observation_id(taken_before + number);
        progress(Progress::Observed(observation));
    }
    observations
}

fn observation_id(taken_before: usize) -> ObservationId {
    ObservationId::try_from(taken_before + 1).unwrap_or(ObservationId::MAX)
}

/// The record of a step whose probe panicked.
fn defect(id: ObservationId, step: Step) -> Observation {
    let outcome =
        Outcome::failed_with(FailureKind::Internal, "the probe ended unexpectedly, which is a defect in cosprobe");
    let detail = match &step.action {
        Action::Skip { detail, .. } => detail.clone(),
        action => action.blank_detail(),
    };
    probe::observation(id, step, None, None, outcome, detail)
}
