//! The targets of the file are probed by themselves, each on its own interval. The first probes are spread over it, so that a fleet
//! that starts at one moment does not ask at one moment.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::handlers::of_probe;
use super::objectives::{Families, Tallies};
use super::probing::{Probed, Question, job, probed};
use super::setup::Setup;
use super::{State, locked};
use crate::cli::{Job, Scheduled};
use crate::exposition::{Family, Gathered, Kind, Labels};
use crate::report::not_probed;
use crate::settings::Objectives;

/// Upper bounds of the buckets of round trips, in seconds: from a neighbour in the same building to the other side of the world.
const BOUNDS: [f64; 14] = [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// Round trips that are kept for the page.
const KEPT: usize = 60;

/// What became of the targets.
#[derive(Default)]
pub(super) struct Board(Vec<Entry>);

/// A target that is being probed.
struct Entry {
    place: Place,
    _task: Task,
}

/// Where a target's series is, for its task and for those who look. It is replaced and never changed under who looks.
type Place = Arc<Mutex<Arc<Series>>>;

/// A task that ends with this.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What became of one target.
#[derive(Clone)]
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

    fn family(&self, labels: &Labels) -> Family {
        let mut family = Family::new(
            "cosprobe_kernel_rtt_seconds",
            "Time from SYN to SYN-ACK by the kernel, of all probes of a target since the service began",
            Kind::Histogram,
        );
        let buckets: Vec<(f64, u64)> = BOUNDS.into_iter().zip(self.at_most.iter().copied()).collect();
        family.add_histogram(labels, &buckets, self.count, self.sum);
        family
    }
}

impl Series {
    fn new(scheduled: Scheduled) -> Self {
        let (histogram, tallies) = (Histogram::default(), Tallies::default());
        Self { scheduled, last: None, obstacle: None, round_trips: VecDeque::new(), histogram, tallies }
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
    /// All series as they are now, in the order of the file.
    pub(super) fn series(&self) -> Vec<Arc<Series>> {
        self.0.iter().map(|entry| Arc::clone(&locked(&entry.place))).collect()
    }
}

/// Probes the targets of the configuration in use. What is known of a target that stays is kept, and with the same interval so is its
/// place in it: however often a file is read again, everything is probed in time.
pub(super) fn start(state: &Arc<State>) {
    let setup = state.setups.current();
    let mut board = locked(&state.board);
    let keyed = |entry: Entry| {
        let key = key(&locked(&entry.place).scheduled);
        (key, entry)
    };
    let mut before: BTreeMap<Key, Entry> = std::mem::take(&mut board.0).into_iter().map(keyed).collect();
    board.0 = setup.loaded.targets.iter().map(|scheduled| entry(state, &setup, scheduled, &mut before)).collect();
}

/// What makes a target the same one in another configuration.
type Key = (String, String, Option<String>);

fn key(scheduled: &Scheduled) -> Key {
    let Scheduled { target, module, region, .. } = scheduled;
    (target.clone(), module.clone(), region.clone())
}

/// The one from before, if it can go on; else a new one, with what was known before.
fn entry(state: &Arc<State>, setup: &Setup, scheduled: &Scheduled, before: &mut BTreeMap<Key, Entry>) -> Entry {
    let known = before.remove(&key(scheduled));
    let place = known.as_ref().map(|entry| Arc::clone(&entry.place));
    let place = place.unwrap_or_else(|| Arc::new(Mutex::new(Arc::new(Series::new(scheduled.clone())))));
    let interval = locked(&place).scheduled.interval;
    change(&place, |series| {
        series.scheduled = scheduled.clone();
        series.obstacle = job_of(setup, scheduled).err();
    });
    match known {
        Some(entry) if interval == scheduled.interval => entry,
        _ => {
            let task = tokio::spawn(keep_probing(Arc::clone(state), Arc::clone(&place)));
            Entry { place, _task: Task(task.abort_handle()) }
        }
    }
}

fn change(place: &Place, change: impl FnOnce(&mut Series)) {
    change(Arc::make_mut(&mut locked(place)));
}

/// Ends probing.
pub(super) fn stop(state: &State) {
    locked(&state.board).0.clear();
}

async fn keep_probing(state: Arc<State>, place: Place) {
    let mut ticks = ticks(&locked(&place).scheduled);
    loop {
        ticks.tick().await;
        let (setup, scheduled) = (state.setups.current(), locked(&place).scheduled.clone());
        let job = job_of(&setup, &scheduled);
        // A key that cannot be had now may be there the next time.
        let obstacle = job.as_ref().err().cloned();
        change(&place, |series| series.obstacle = obstacle);
        let Ok((question, job)) = job else { continue };
        if let Ok(probed) = probed(&state, &setup, question, job).await {
            change(&place, |series| series.take(&probed, objectives(&setup, &scheduled)));
        }
    }
}

/// What is promised of a target.
fn objectives<'a>(setup: &'a Setup, scheduled: &Scheduled) -> Option<&'a Objectives> {
    setup.loaded.modules.get(&scheduled.module)?.slo.as_ref()
}

/// When a target is probed: by the clock that nobody sets. A probe that takes longer than the interval has the next one wait for its
/// time.
fn ticks(scheduled: &Scheduled) -> Interval {
    let begin = Instant::now() + scheduled.interval.mul_f64(place_in_interval(scheduled));
    let mut ticks = tokio::time::interval_at(begin, scheduled.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
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
pub(super) fn gather(setup: &Setup, all: &[Arc<Series>], gathered: &mut Gathered) {
    for series in all {
        let mut labels: Labels =
            setup.loaded.labels.iter().map(|(name, value)| (name.clone().into(), value.clone())).collect();
        labels.extend(series.labels());
        if let Some(objectives) = objectives(setup, &series.scheduled) {
            let mut promised = Families::new();
            promised.add(&labels, objectives, &series.tallies);
            gathered.take(&promised.into_families());
        }
        let mut ready =
            Family::gauge("cosprobe_target_ready", "Whether what a probe of the target needs is there, such as a key");
        ready.add(labels.clone(), f64::from(series.obstacle.is_none()));
        gathered.take(&[ready]);
        match (&series.obstacle, &series.last) {
            // What was measured before says nothing about now.
            (Some(_), _) => gathered.take(&[not_probed(labels.clone())]),
            (None, Some(last)) => gathered.take(&of_probe(setup, last, series.labels())),
            (None, None) => continue,
        }
        if series.last.is_some() {
            gathered.take(&[series.histogram.family(&labels)]);
        }
    }
}
