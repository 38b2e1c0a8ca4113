//! What a target does for the objectives of its policy: how many probes counted, and how many of them were good.
//!
//! Recording rules make shares of it over any time, so nothing is divided here. What happens in a maintenance window does not count.

use super::probing::Probed;
use crate::exposition::{Family, Kind, Labels, count_value};
use crate::settings::Objectives;

/// Probes that counted, and those of them that were good.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    all: u64,
    good: u64,
}

impl Tally {
    const fn take(&mut self, is_good: bool) {
        self.all += 1;
        self.good += is_good as u64;
    }
}

/// The tallies of a target since the service began.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tallies {
    availability: Tally,
    latency: Tally,
}

impl Tallies {
    /// Takes a probe in, as the objectives have it.
    pub(super) fn take(&mut self, objectives: &Objectives, probed: &Probed) {
        if probed.maintenance.is_some() {
            return;
        }
        if objectives.availability.is_some() {
            self.availability.take(probed.success);
        }
        // Where nobody was connected to, it is not known how long that takes.
        if let (Some(latency), Some(us)) = (&objectives.latency, slowest_us(probed)) {
            self.latency.take(u128::from(us) <= latency.bound.as_micros());
        }
    }
}

/// The largest median round trip of the addresses and ports that were connected to: any of them may be the one that a program uses.
fn slowest_us(probed: &Probed) -> Option<u64> {
    let ports = probed.report.addresses.iter().flat_map(|view| &view.ports);
    ports.filter_map(|port| Some(port.kernel_rtt_us.as_ref()?.median)).max()
}

/// The families of all targets with objectives.
pub(super) struct Families([Family; 4]);

impl Families {
    pub(super) const fn new() -> Self {
        Self([
            Family::gauge("cosprobe_slo_objective_ratio", "Share of the probes that is promised to be good"),
            Family::gauge("cosprobe_slo_window_seconds", "The time that the objective is about"),
            Family::new("cosprobe_slo_probes", "Probes that count for the objective", Kind::Counter),
            Family::new("cosprobe_slo_good_probes", "Probes that were as the objective has it", Kind::Counter),
        ])
    }

    /// Adds a target. Counts are there from the beginning: what increases from nothing must be seen to increase.
    pub(super) fn add(&mut self, labels: &Labels, objectives: &Objectives, tallies: &Tallies) {
        let latency = objectives.latency.map(|latency| latency.ratio);
        for (word, ratio, tally) in
            [("availability", objectives.availability, tallies.availability), ("latency", latency, tallies.latency)]
        {
            let Some(ratio) = ratio else { continue };
            let values = [ratio, objectives.window.as_secs_f64(), count_value(tally.all), count_value(tally.good)];
            for (family, value) in self.0.iter_mut().zip(values) {
                let mut labels = labels.clone();
                labels.push(("slo".into(), word.to_owned()));
                family.add(labels, value);
            }
        }
    }

    pub(super) fn into_families(self) -> [Family; 4] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::probing::Question;
    use super::*;
    use crate::exposition::{Notation, render};
    use crate::report::Report;
    use crate::settings::LatencyObjective;

    fn probed(golden: &str, success: bool, maintenance: Option<&str>) -> Probed {
        let path = format!("{}/tests/golden/{golden}.json", env!("CARGO_MANIFEST_DIR"));
        let report = Report::read(&std::fs::read_to_string(path).unwrap()).unwrap();
        let question =
            Question { module: "cos_check".to_owned(), target: "asked".to_owned(), hostname: None, region: None };
        let (at, maintenance) = (report.started_at, maintenance.map(str::to_owned));
        Probed { question, at, report, success, timeout: Duration::from_secs(1), maintenance }
    }

    fn objectives(bound: Duration) -> Objectives {
        let latency = Some(LatencyObjective { ratio: 0.95, bound });
        Objectives { availability: Some(0.999), latency, window: Duration::from_hours(24 * 30) }
    }

    #[test]
    fn a_probe_counts_by_its_success_and_by_its_slowest_connect() {
        let good = probed("healthy-public", true, None);
        let slowest = Duration::from_micros(slowest_us(&good).unwrap());
        let mut tallies = Tallies::default();
        tallies.take(&objectives(slowest), &good);
        tallies.take(&objectives(slowest.checked_sub(Duration::from_micros(1)).unwrap()), &good);
        assert_eq!((tallies.availability, tallies.latency), (Tally { all: 2, good: 2 }, Tally { all: 2, good: 1 }));
        // Nobody was connected to: that is a failure, and nothing is known of the time.
        tallies.take(&objectives(slowest), &probed("name-not-found", false, None));
        assert_eq!((tallies.availability, tallies.latency), (Tally { all: 3, good: 2 }, Tally { all: 2, good: 1 }));
    }

    #[test]
    fn what_happens_in_a_maintenance_window_does_not_count() {
        let mut tallies = Tallies::default();
        for (golden, success) in [("name-not-found", false), ("healthy-public", true)] {
            tallies.take(&objectives(Duration::from_secs(1)), &probed(golden, success, Some("switch")));
        }
        assert_eq!(tallies, Tallies::default());
    }

    #[test]
    fn only_objectives_that_are_stated_have_samples() {
        let mut families = Families::new();
        let labels: Labels = vec![("target".into(), "a".to_owned())];
        let only = Objectives { latency: None, ..objectives(Duration::ZERO) };
        families.add(&labels, &only, &Tallies { availability: Tally { all: 3, good: 2 }, ..Tallies::default() });
        let text = render(&families.into_families(), Notation::Text);
        let samples: Vec<&str> = text
            .lines()
            .filter_map(|line| Some(line.strip_prefix(char::is_alphabetic)?.split_once("_slo_")?.1))
            .collect();
        let expected = [
            "objective_ratio{target=\"a\",slo=\"availability\"} 0.999",
            "window_seconds{target=\"a\",slo=\"availability\"} 2592000",
            "probes_total{target=\"a\",slo=\"availability\"} 3",
            "good_probes_total{target=\"a\",slo=\"availability\"} 2",
        ];
        assert_eq!(samples, expected);
    }
}
