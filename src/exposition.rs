//! Metrics as text that Prometheus reads: the text format 0.0.4 and `OpenMetrics` 1.0; `otlp.rs` has them for `OpenTelemetry`. Pure; what is measured is for others to know.
//!
//! Sources: Prometheus documentation, "Exposition formats"; the `OpenMetrics` specification, version 1.0.

mod gathered;
mod otlp;

use std::borrow::Cow;
use std::fmt::{self, Write};

pub use otlp::otlp;

pub use gathered::Gathered;

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notation {
    /// The text format, version 0.0.4: what the textfile collector of `node_exporter` reads.
    #[default]
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Notation {
    /// The media type, for `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a family measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A count since the program began; its name ends in `_total`.
    Counter,
    /// Observations in buckets.
    Histogram,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Labels that cosprobe or Prometheus puts itself.
pub const OWN_LABELS: &[&str] = &[
    "target",
    "module",
    "bucket_region",
    "instance",
    "job",
    "code",
    "name",
    "severity",
    "root",
    "status",
    "ip",
    "port",
    "scope",
    "stage",
    "reason",
    "phase",
    "version",
    "cipher",
    "success",
    "slo",
    "le",
];

/// The labels of a sample, in the order in which they are written.
pub type Labels = Vec<(Cow<'static, str>, String)>;

/// One metric with all its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    suffix: &'static str,
    labels: Labels,
    value: f64,
}

impl Family {
    /// A family without samples. Names carry their unit, in base units: seconds, bytes.
    pub const fn new(name: &'static str, help: &'static str, kind: Kind) -> Self {
        Self { name, help, kind, samples: Vec::new() }
    }

    /// A gauge without samples.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Kind::Gauge)
    }

    /// Adds a value.
    pub fn add(&mut self, labels: Labels, value: f64) {
        self.samples.push(Sample { suffix: "", labels, value });
    }

    /// Adds a value, if there is one.
    pub fn add_known(&mut self, labels: &Labels, value: Option<f64>) {
        if let Some(value) = value {
            self.add(labels.clone(), value);
        }
    }

    /// Adds a histogram: how many observations were at most each bound, how many there were, and their sum.
    pub fn add_histogram(&mut self, labels: &Labels, buckets: &[(f64, u64)], count: u64, sum: f64) {
        let with_bound = |bound: String| {
            let mut labels = labels.clone();
            labels.push(("le".into(), bound));
            labels
        };
        for (bound, at_most) in buckets {
            self.push("_bucket", with_bound(Number(*bound).to_string()), count_value(*at_most));
        }
        self.push("_bucket", with_bound("+Inf".to_owned()), count_value(count));
        self.push("_count", labels.clone(), count_value(count));
        self.push("_sum", labels.clone(), sum);
    }

    /// Whether it has no samples.
    pub const fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Takes in the samples of the same family of another record.
    pub fn absorb(&mut self, other: Self) {
        self.samples.extend(other.samples);
    }

    /// Whether another one is the same metric.
    pub fn is_same_metric(&self, other: &Self) -> bool {
        self.name == other.name
    }

    const fn ending(&self) -> &'static str {
        if matches!(self.kind, Kind::Counter) { "_total" } else { "" }
    }

    fn push(&mut self, suffix: &'static str, labels: Labels, value: f64) {
        self.samples.push(Sample { suffix, labels, value });
    }
}

/// A count as the number that metrics are.
#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 are not reached")]
pub const fn count_value(count: u64) -> f64 {
    count as f64
}

/// The families as text; those without samples are left out.
pub fn render(families: &[Family], notation: Notation) -> String {
    let mut text = String::with_capacity(families.len() * 160);
    for family in families.iter().filter(|family| !family.is_empty()) {
        render_family(&mut text, family, notation);
    }
    if notation == Notation::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn render_family(text: &mut String, family: &Family, notation: Notation) {
    render_head(text, family, notation);
    render_samples(text, family);
}

fn render_head(text: &mut String, family: &Family, notation: Notation) {
    // `OpenMetrics` names a counter without the ending that its samples have.
    let named = match notation {
        Notation::Text => family.ending(),
        Notation::OpenMetrics => "",
    };
    let (name, word) = (family.name, family.kind.word());
    text.extend(["# HELP ", name, named, " ", family.help, "\n# TYPE ", name, named, " ", word, "\n"]);
}

fn render_samples(text: &mut String, family: &Family) {
    for sample in &family.samples {
        text.push_str(family.name);
        text.push_str(if sample.suffix.is_empty() { family.ending() } else { sample.suffix });
        render_labels(text, &sample.labels);
        text.push(' ');
        // Writing to a string does not fail.
        let _ = write!(text, "{}", Number(sample.value));
        text.push('\n');
    }
}

fn render_labels(text: &mut String, labels: &Labels) {
    for (place, (name, value)) in labels.iter().enumerate() {
        text.push(if place == 0 { '{' } else { ',' });
        text.push_str(name);
        text.push_str("=\"");
        for part in value.split_inclusive(['\\', '"', '\n']) {
            let (plain, escaped) = match part.as_bytes().last() {
                Some(b'\\') => (&part[..part.len() - 1], "\\\\"),
                Some(b'"') => (&part[..part.len() - 1], "\\\""),
                Some(b'\n') => (&part[..part.len() - 1], "\\n"),
                _ => (part, ""),
            };
            text.extend([plain, escaped]);
        }
        text.push('"');
    }
    if !labels.is_empty() {
        text.push('}');
    }
}

/// A value as both formats write it.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> Vec<Family> {
        let mut gauge = Family::gauge("probe_success", "Whether it worked");
        gauge.add(vec![("target".into(), "a\\b\"c\nd".to_owned()), ("port".into(), "80".to_owned())], 1.0);
        let mut counter = Family::new("cosprobe_probes", "Probes", Kind::Counter);
        counter.add(Vec::new(), 12.0);
        let mut histogram = Family::new("cosprobe_rtt_seconds", "Round trips", Kind::Histogram);
        histogram.add_histogram(&Vec::new(), &[(0.001, 1), (0.5, 3)], 4, 1.25);
        vec![gauge, Family::gauge("nothing", "Never shown"), counter, histogram]
    }

    #[test]
    fn the_text_format_is_that_of_prometheus() {
        let expected = r#"# HELP probe_success Whether it worked
# TYPE probe_success gauge
probe_success{target="a\\b\"c\nd",port="80"} 1
# HELP cosprobe_probes_total Probes
# TYPE cosprobe_probes_total counter
cosprobe_probes_total 12
# HELP cosprobe_rtt_seconds Round trips
# TYPE cosprobe_rtt_seconds histogram
cosprobe_rtt_seconds_bucket{le="0.001"} 1
cosprobe_rtt_seconds_bucket{le="0.5"} 3
cosprobe_rtt_seconds_bucket{le="+Inf"} 4
cosprobe_rtt_seconds_count 4
cosprobe_rtt_seconds_sum 1.25
"#;
        assert_eq!(render(&families(), Notation::Text), expected);
    }

    #[test]
    fn openmetrics_names_counters_otherwise_and_ends() {
        let text = render(&families(), Notation::OpenMetrics);
        assert!(text.contains("# TYPE cosprobe_probes counter\ncosprobe_probes_total 12\n"), "{text}");
        assert!(text.ends_with("cosprobe_rtt_seconds_sum 1.25\n# EOF\n"), "{text}");
    }

    #[test]
    fn what_is_no_number_has_a_word() {
        assert_eq!(
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.000_012].map(|value| Number(value).to_string()),
            ["NaN", "+Inf", "-Inf", "0.000012"]
        );
    }
}
