//! The figures of a long series of connects, in bounded memory.

use std::net::SocketAddr;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::Sample;

/// Values that are kept one by one; beyond, a histogram holds them to three significant digits.
const FEW: usize = 512;
/// The longest time that a histogram tells apart: an hour, in microseconds.
const LONGEST_US: u64 = 3_600_000_000;

/// Times, kept one by one as long as they are few.
#[derive(Debug, Clone, Default)]
pub struct Times {
    few: Vec<u64>,
    many: Option<Box<Histogram<u32>>>,
    count: u64,
    mean: f64,
    /// Sum of the squared distances from the mean (Welford 1962).
    squares: f64,
    last: Option<u64>,
    /// Sum of the distances between one time and the next.
    steps: u64,
}

impl Times {
    /// Takes a time in, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "times and counts here are far below 2^52")]
    fn take(&mut self, us: u64) {
        self.count += 1;
        let distance = us as f64 - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (us as f64 - self.mean);
        self.steps += self.last.map_or(0, |last| last.abs_diff(us));
        self.last = Some(us);
        match &mut self.many {
            Some(many) => many.saturating_record(us.min(LONGEST_US)),
            None if self.few.len() < FEW => self.few.push(us),
            None => self.pour(us),
        }
    }

    /// Goes over to the histogram. Where none can be had, the oldest values stay the only ones.
    fn pour(&mut self, us: u64) {
        if let Ok(mut many) = Histogram::new_with_bounds(1, LONGEST_US, 3) {
            self.few.drain(..).chain([us]).for_each(|us| many.saturating_record(us.min(LONGEST_US)));
            self.many = Some(Box::new(many));
        }
    }

    /// The figures; `None` without any time.
    #[expect(clippy::cast_precision_loss, reason = "times and counts here are far below 2^52")]
    pub fn figures(&self) -> Option<Figures> {
        let mut sorted = self.few.clone();
        sorted.sort_unstable();
        // The nearest rank: the smallest value that this share of all values does not exceed.
        let at = |share: f64| {
            if let Some(many) = &self.many {
                return Some(many.value_at_quantile(share));
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank among a few values")]
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.max(1) - 1).copied()
        };
        let (min, max) = match &self.many {
            Some(many) => (many.min(), many.max()),
            None => (*sorted.first()?, *sorted.last()?),
        };
        let steps = self.count.saturating_sub(1);
        Some(Figures {
            count: self.count,
            min,
            mean: round(self.mean),
            median: at(0.5)?,
            p95: at(0.95)?,
            p99: at(0.99)?,
            max,
            standard_deviation: round((self.squares / self.count as f64).sqrt()),
            jitter: (steps > 0).then(|| self.steps / steps),
        })
    }

    /// The values in classes whose bounds grow by the factor of a histogram for people: bound in microseconds, and how many values
    /// are not above it and above the one before.
    pub fn classes(&self) -> Vec<(u64, u64)> {
        let Some(figures) = self.figures() else { return Vec::new() };
        let mut bounds: Vec<u64> = Vec::new();
        let width = ((figures.max - figures.min) / CLASSES).max(1);
        let mut bound = figures.min + width;
        while bound < figures.max && bounds.len() < usize::try_from(CLASSES).unwrap_or(1) - 1 {
            bounds.push(bound);
            bound += width;
        }
        bounds.push(figures.max);
        let mut below = 0;
        bounds
            .into_iter()
            .map(|bound| {
                let count = match &self.many {
                    Some(many) => many.count_between(0, bound),
                    None => self.few.iter().filter(|us| **us <= bound).count() as u64,
                };
                let of_class = count - below;
                below = count;
                (bound, of_class)
            })
            .collect()
    }
}

/// Classes of a histogram for people.
const CLASSES: u64 = 10;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time in microseconds, not negative")]
fn round(us: f64) -> u64 {
    us.round() as u64
}

/// The figures of many times, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// How many times.
    pub count: u64,
    /// The smallest.
    pub min: u64,
    /// The arithmetic mean.
    pub mean: u64,
    /// The middle one.
    pub median: u64,
    /// 95 of 100 are not larger.
    pub p95: u64,
    /// 99 of 100 are not larger.
    pub p99: u64,
    /// The largest.
    pub max: u64,
    /// The standard deviation of them all.
    pub standard_deviation: u64,
    /// The mean distance between one time and the next; null with less than two.
    pub jitter: Option<u64>,
}

/// Connects in a row that ended alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Streak {
    /// How many.
    pub count: u64,
    /// When the first was begun.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// When the last was begun.
    #[schemars(with = "String")]
    pub to: Timestamp,
}

/// A series of connects to one peer.
#[derive(Debug, Clone)]
pub struct PeerSeries {
    /// Host of the endpoint.
    pub endpoint: String,
    /// Address and port.
    pub peer: SocketAddr,
    /// Connects that ended.
    pub sent: u64,
    /// Those that succeeded.
    pub connected: u64,
    /// Those among all whose SYN had to be sent again.
    pub with_syn_retransmits: u64,
    /// Connects that this machine could not even begin, for want of ports or files; not in any other figure.
    pub not_tried: u64,
    /// SYN to SYN-ACK by the kernel, where it is valid.
    pub kernel_rtt: Times,
    /// By the process's own clock, of those that succeeded and lost no SYN.
    pub connect: Times,
    /// The longest row of successes.
    pub longest_up: Option<Streak>,
    /// The longest row of failures.
    pub longest_down: Option<Streak>,
    /// The failures by their word.
    pub failures: Vec<(String, u64)>,
    current: Option<(bool, Streak)>,
}

impl PeerSeries {
    /// A series without a connect yet.
    pub fn new(endpoint: String, peer: SocketAddr) -> Self {
        Self {
            endpoint,
            peer,
            sent: 0,
            connected: 0,
            with_syn_retransmits: 0,
            not_tried: 0,
            kernel_rtt: Times::default(),
            connect: Times::default(),
            longest_up: None,
            longest_down: None,
            failures: Vec::new(),
            current: None,
        }
    }

    /// Takes a connect in that began at some time.
    pub fn take(&mut self, sample: &Sample, at: Timestamp, was_tried: bool) {
        if !was_tried {
            self.not_tried += 1;
            self.count_failure(sample);
            return;
        }
        let is_up = sample.outcome.is_success();
        let lost_syn = sample.lost_syn();
        self.sent += 1;
        self.with_syn_retransmits += u64::from(lost_syn);
        if is_up {
            self.connected += 1;
            if let Some(us) = sample.kernel_rtt_us.filter(|_| !lost_syn) {
                self.kernel_rtt.take(us.into());
            }
            if let Some(us) = sample.elapsed_us.filter(|_| !lost_syn) {
                self.connect.take(us);
            }
        } else {
            self.count_failure(sample);
        }
        self.row(is_up, at);
    }

    fn count_failure(&mut self, sample: &Sample) {
        let Some(kind) = sample.outcome.failure() else { return };
        let word = kind.as_str();
        match self.failures.iter_mut().find(|(known, _)| known == word) {
            Some((_, count)) => *count += 1,
            None => self.failures.push((word.to_owned(), 1)),
        }
    }

    /// Lengthens the row, or begins another.
    fn row(&mut self, is_up: bool, at: Timestamp) {
        let streak = match self.current.take() {
            Some((same, streak)) if same == is_up => Streak { count: streak.count + 1, to: at, ..streak },
            _ => Streak { count: 1, from: at, to: at },
        };
        let longest = if is_up { &mut self.longest_up } else { &mut self.longest_down };
        if longest.as_ref().is_none_or(|longest| streak.count > longest.count) {
            *longest = Some(streak.clone());
        }
        self.current = Some((is_up, streak));
    }

    /// The share of connects that failed, in percent; `None` when none was made.
    #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
    pub fn loss_percent(&self) -> Option<f64> {
        (self.sent > 0).then(|| 100.0 * (self.sent - self.connected) as f64 / self.sent as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{FailureKind, Outcome};

    fn times(values: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::default();
        values.into_iter().for_each(|us| times.take(us));
        times
    }

    #[test]
    fn few_times_are_exact() {
        assert_eq!(Times::default().figures(), None);
        let figures = times([10, 30, 20, 40]).figures().unwrap();
        assert_eq!((figures.min, figures.mean, figures.median, figures.max), (10, 25, 20, 40));
        assert_eq!((figures.p95, figures.p99, figures.count), (40, 40, 4));
        assert_eq!((figures.standard_deviation, figures.jitter), (11, Some((20 + 10 + 20) / 3)));
        assert_eq!(times([7]).figures().unwrap().jitter, None);
    }

    #[test]
    fn many_times_are_within_a_thousandth() {
        let figures = times(1..=100_000).figures().unwrap();
        for (found, exact) in
            [(figures.median, 50_000), (figures.p95, 95_000), (figures.p99, 99_000), (figures.max, 100_000)]
        {
            assert!(found.abs_diff(exact) * 1000 <= exact, "{found} for {exact}");
        }
        assert_eq!((figures.count, figures.mean, figures.jitter), (100_000, 50_001, Some(1)));
        assert_eq!(figures.standard_deviation, 28_868);
        let longer = times((0..1000).map(|_| 7_200_000_000)).figures().unwrap();
        assert!(longer.max <= LONGEST_US + LONGEST_US / 1000);
    }

    #[test]
    fn classes_hold_every_value_once() {
        for times in [times([5, 5, 5]), times(1..=100), times((1..=2000).chain([1_000_000]))] {
            let classes = times.classes();
            assert!(classes.len() as u64 <= CLASSES, "{classes:?}");
            assert_eq!(classes.iter().map(|(_, count)| count).sum::<u64>(), times.count, "{classes:?}");
        }
        assert_eq!(Times::default().classes(), vec![]);
    }

    fn sample(outcome: Outcome, rtt: Option<u32>, retransmits: u32) -> Sample {
        let (elapsed_us, syn_retransmits) = (Some(u64::from(rtt.unwrap_or(0)) + 50), Some(retransmits));
        Sample { elapsed_us, kernel_rtt_us: rtt, syn_retransmits, ..Sample::ended(outcome) }
    }

    #[test]
    fn failures_and_lost_syns_are_in_no_time() {
        let mut series = PeerSeries::new("x.example".to_owned(), "192.0.2.1:443".parse().unwrap());
        let at = |second| Timestamp::from_second(second).unwrap();
        let failed = || sample(Outcome::failed(FailureKind::ConnectTimeout), None, 3);
        for (second, sample) in [
            (1, sample(Outcome::Succeeded, Some(100), 0)),
            (2, failed()),
            (3, failed()),
            // A kernel that counts the lost time in.
            (4, sample(Outcome::Succeeded, Some(1_000_100), 1)),
            (5, sample(Outcome::Succeeded, Some(200), 0)),
            (6, sample(Outcome::Succeeded, Some(300), 0)),
        ] {
            series.take(&sample, at(second), true);
        }
        series.take(&sample(Outcome::failed(FailureKind::TooManyFiles), None, 0), at(7), false);
        assert_eq!((series.sent, series.connected, series.with_syn_retransmits, series.not_tried), (6, 4, 3, 1));
        assert_eq!(series.kernel_rtt.figures().unwrap().count, 3);
        assert_eq!(series.connect.figures().unwrap().count, 3);
        assert_eq!(series.longest_up, Some(Streak { count: 3, from: at(4), to: at(6) }));
        assert_eq!(series.longest_down, Some(Streak { count: 2, from: at(2), to: at(3) }));
        assert_eq!(series.failures, [("connect_timeout".to_owned(), 2), ("too_many_files".to_owned(), 1)]);
        assert!(series.loss_percent().is_some_and(|loss| (loss - 33.3).abs() < 0.1));
    }
}
