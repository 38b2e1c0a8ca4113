//! The targets of the file are probed by themselves, each on its own interval. The first probes are spread over it, so that a fleet
//! that starts at one moment does not ask at one moment.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::handlers::of_probe;
use super::probing::{Probed, Question, job, probed};
use super::setup::Setup;
use super::{State, locked};
use crate::cli::Scheduled;
use crate::exposition::{Family, Kind, Labels};

/// Upper bounds of the buckets of round trips, in seconds: from a neighbour in the same building to the other side of the world.
const BOUNDS: [f64; 14] = [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// Round trips that are kept for the page.
const KEPT: usize = 60;

/// What became of the targets.
#[derive(Default)]
pub(super) struct Board {
    pub(super) series: Vec<Series>,
    tasks: JoinSet<()>,
}

/// What became of one target.
pub(super) struct Series {
    pub(super) scheduled: Scheduled,
    pub(super) last: Option<Arc<Probed>>,
    /// The last round trips in microseconds; `None`: nobody answered.
    pub(super) round_trips: VecDeque<Option<u64>>,
    histogram: Histogram,
}

#[derive(Debug, Default, Clone)]
struct Histogram {
    at_most: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    fn take(&mut self, seconds: f64) {
        for (bound, count) in BOUNDS.iter().zip(&mut self.at_most) {
            *count += u64::from(seconds <= *bound);
        }
        self.count += 1;
        self.sum += seconds;
    }
}

impl Series {
    fn new(scheduled: Scheduled) -> Self {
        Self { scheduled, last: None, round_trips: VecDeque::new(), histogram: Histogram::default() }
    }

    fn is_of(&self, other: &Scheduled) -> bool {
        let own = &self.scheduled;
        (&own.target, &own.module, &own.region) == (&other.target, &other.module, &other.region)
    }

    fn take(&mut self, probed: &Arc<Probed>) {
        let ports = probed.report.addresses.iter().flat_map(|view| &view.ports);
        let round_trips: Vec<u64> = ports.filter_map(|port| Some(port.kernel_rtt_us.as_ref()?.median)).collect();
        self.round_trips.push_back(round_trips.iter().copied().min());
        while self.round_trips.len() > KEPT {
            self.round_trips.pop_front();
        }
        for us in round_trips {
            self.histogram.take(Duration::from_micros(us).as_secs_f64());
        }
        self.last = Some(Arc::clone(probed));
    }

    /// The labels of its samples. The target is the text of the file, which tells ports and objects of one host apart.
    fn labels(&self) -> Labels {
        let Scheduled { target, module, region, labels, .. } = &self.scheduled;
        let own = labels.iter().map(|(name, value)| (name.clone().into(), value.clone()));
        let region = region.iter().map(|region| ("bucket_region".into(), region.clone()));
        own.chain([("module".into(), module.clone()), ("target".into(), target.clone())]).chain(region).collect()
    }
}

impl Board {
    /// Takes what came of a target.
    pub(super) fn take(&mut self, at: usize, probed: &Arc<Probed>) {
        if let Some(series) = self.series.get_mut(at) {
            series.take(probed);
        }
    }
}

/// Begins to probe the targets of the configuration in use, instead of those before. What is known of a target that stays is kept.
pub(super) fn start(state: &Arc<State>) {
    let setup = state.setups.current();
    let mut board = locked(&state.board);
    let mut before = std::mem::take(&mut board.series);
    board.tasks = JoinSet::new();
    for (at, scheduled) in setup.loaded.targets.iter().enumerate() {
        let known = before.iter().position(|series| series.is_of(scheduled)).map(|place| before.swap_remove(place));
        let kept = known.map(|series| Series { scheduled: scheduled.clone(), ..series });
        board.series.push(kept.unwrap_or_else(|| Series::new(scheduled.clone())));
        board.tasks.spawn(keep_probing(Arc::clone(state), Arc::clone(&setup), scheduled.clone(), at));
    }
}

/// Ends probing.
pub(super) fn stop(state: &State) {
    locked(&state.board).tasks.abort_all();
}

async fn keep_probing(state: Arc<State>, setup: Arc<Setup>, scheduled: Scheduled, at: usize) {
    let Some(module) = setup.loaded.modules.get(&scheduled.module) else { return };
    let begin = Instant::now() + scheduled.interval.mul_f64(place_in_interval(&scheduled));
    let mut ticks = tokio::time::interval_at(begin, scheduled.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let question = Question {
            module: scheduled.module.clone(),
            target: scheduled.target.clone(),
            hostname: None,
            region: scheduled.region.clone(),
        };
        // A key that cannot be had now may be there the next time.
        let Ok(job) = job(module, &question, scheduled.interval) else { continue };
        if let Ok(probed) = probed(&state, &setup, question, job).await {
            locked(&state.board).take(at, &probed);
        }
    }
}

/// Where in its interval a target is probed, from 0 to 1: another place in every process.
#[expect(clippy::cast_precision_loss, reason = "a place need not be exact")]
fn place_in_interval(scheduled: &Scheduled) -> f64 {
    let hash = RandomState::new().hash_one((&scheduled.target, &scheduled.module));
    hash as f64 / u64::MAX as f64
}

/// What is known of all targets, in numbers.
pub(super) fn families(state: &State) -> Vec<Family> {
    let setup = state.setups.current();
    let board = locked(&state.board);
    let mut all: Vec<Family> = Vec::new();
    let mut round_trips = Family::new(
        "cosprobe_kernel_rtt_seconds",
        "Time from SYN to SYN-ACK by the kernel, of all probes of a target since the service began",
        Kind::Histogram,
    );
    for series in &board.series {
        let Some(last) = &series.last else { continue };
        for family in of_probe(&setup, last, series.labels()) {
            match all.iter_mut().find(|earlier| earlier.is_same_metric(&family)) {
                Some(earlier) => earlier.absorb(family),
                None => all.push(family),
            }
        }
        let mut labels: Labels =
            setup.loaded.labels.iter().map(|(name, value)| (name.clone().into(), value.clone())).collect();
        labels.extend(series.labels());
        let Histogram { at_most, count, sum } = &series.histogram;
        let buckets: Vec<(f64, u64)> = BOUNDS.into_iter().zip(at_most.iter().copied()).collect();
        round_trips.add_histogram(&labels, &buckets, *count, *sum);
    }
    all.push(round_trips);
    all
}
