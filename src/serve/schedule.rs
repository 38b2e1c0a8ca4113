//! The targets of the file are probed by themselves, each on its own interval. The first probes are spread over it, so that a fleet
//! that starts at one moment does not ask at one moment.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::handlers::of_probe;
use super::objectives::{Families, Tallies};
use super::probing::{Probed, Question, job, probed};
use super::setup::Setup;
use super::{State, locked};
use crate::cli::{Job, Scheduled};
use crate::exposition::{Family, Kind, Labels};
use crate::report::not_probed;
use crate::settings::Objectives;

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
    /// Why it cannot be probed now, such as that the key of its module cannot be had.
    pub(super) obstacle: Option<String>,
    /// The last round trips in microseconds; `None`: nobody answered.
    pub(super) round_trips: VecDeque<Option<u64>>,
    histogram: Histogram,
    tallies: Tallies,
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
        let (histogram, tallies) = (Histogram::default(), Tallies::default());
        Self { scheduled, last: None, obstacle: None, round_trips: VecDeque::new(), histogram, tallies }
    }

    fn is_of(&self, other: &Scheduled) -> bool {
        let own = &self.scheduled;
        (&own.target, &own.module, &own.region) == (&other.target, &other.module, &other.region)
    }

    fn take(&mut self, probed: &Arc<Probed>, slo: Option<&Objectives>) {
        if let Some(objectives) = slo {
            self.tallies.take(objectives, probed);
        }
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
    /// Takes why a target cannot be probed now; `None`: it can.
    fn take_obstacle(&mut self, at: usize, obstacle: Option<String>) {
        if let Some(series) = self.series.get_mut(at) {
            series.obstacle = obstacle;
        }
    }

    /// Takes what came of a target, also for what is promised of it.
    pub(super) fn take(&mut self, at: usize, probed: &Arc<Probed>, slo: Option<&Objectives>) {
        if let Some(series) = self.series.get_mut(at) {
            series.take(probed, slo);
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
        let series = kept.unwrap_or_else(|| Series::new(scheduled.clone()));
        board.series.push(Series { obstacle: job_of(&setup, scheduled).err(), ..series });
        board.tasks.spawn(keep_probing(Arc::clone(state), Arc::clone(&setup), scheduled.clone(), at));
    }
}

/// Ends probing.
pub(super) fn stop(state: &State) {
    locked(&state.board).tasks.abort_all();
}

async fn keep_probing(state: Arc<State>, setup: Arc<Setup>, scheduled: Scheduled, at: usize) {
    let begin = Instant::now() + scheduled.interval.mul_f64(place_in_interval(&scheduled));
    let mut ticks = tokio::time::interval_at(begin, scheduled.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let (question, job) = match job_of(&setup, &scheduled) {
            Ok(both) => both,
            Err(obstacle) => {
                // A key that cannot be had now may be there the next time.
                locked(&state.board).take_obstacle(at, Some(obstacle));
                continue;
            }
        };
        locked(&state.board).take_obstacle(at, None);
        if let Ok(probed) = probed(&state, &setup, question, job).await {
            locked(&state.board).take(at, &probed, objectives(&setup, &scheduled));
        }
    }
}

/// What is promised of a target.
fn objectives<'a>(setup: &'a Setup, scheduled: &Scheduled) -> Option<&'a Objectives> {
    setup.loaded.modules.get(&scheduled.module)?.slo.as_ref()
}

/// What is asked for a target and what is done for it, or why nothing can be.
fn job_of(setup: &Setup, scheduled: &Scheduled) -> Result<(Question, Job), String> {
    let Scheduled { target, module, region, interval, .. } = scheduled;
    let question = Question { module: module.clone(), target: target.clone(), hostname: None, region: region.clone() };
    let module = setup.loaded.modules.get(module).ok_or("there is no such module")?;
    let job = job(module, &question, *interval).map_err(|error| error.to_string())?;
    Ok((question, job))
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
    let mut ready =
        Family::gauge("cosprobe_target_ready", "Whether what a probe of the target needs is there, such as a key");
    let mut promised = Families::new();
    for series in &board.series {
        let mut labels: Labels =
            setup.loaded.labels.iter().map(|(name, value)| (name.clone().into(), value.clone())).collect();
        labels.extend(series.labels());
        if let Some(objectives) = objectives(&setup, &series.scheduled) {
            promised.add(&labels, objectives, &series.tallies);
        }
        ready.add(labels.clone(), f64::from(series.obstacle.is_none()));
        let families = match (&series.obstacle, &series.last) {
            // What was measured before says nothing about now.
            (Some(_), _) => vec![not_probed(labels.clone())],
            (None, Some(last)) => of_probe(&setup, last, series.labels()),
            (None, None) => continue,
        };
        for family in families {
            match all.iter_mut().find(|earlier| earlier.is_same_metric(&family)) {
                Some(earlier) => earlier.absorb(family),
                None => all.push(family),
            }
        }
        if series.last.is_some() {
            let Histogram { at_most, count, sum } = &series.histogram;
            let buckets: Vec<(f64, u64)> = BOUNDS.into_iter().zip(at_most.iter().copied()).collect();
            round_trips.add_histogram(&labels, &buckets, *count, *sum);
        }
    }
    all.push(ready);
    all.push(round_trips);
    all.extend(promised.into_families());
    all
}
