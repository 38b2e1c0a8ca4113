//! Metrics as OTLP in JSON: one `ExportMetricsServiceRequest`, as collectors of `OpenTelemetry` read it from HTTP and from files.
//!
//! Sources: `OpenTelemetry` Protocol 1.x, "JSON Protobuf Encoding": names in lower camel case, enumerations as numbers, integers of 64
//! bits as text; `metrics.proto` for the fields; Protocol Buffers, "`ProtoJSON` Format", for what is no number.

use serde_json::{Map, Value, json};

use super::{Family, Kind, Labels, Sample};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`: what is counted since the program began.
const CUMULATIVE: u8 = 2;
/// What a name ends in, and the unit that it tells (UCUM).
const UNITS: [(&str, &str); 3] = [("_seconds", "s"), ("_bytes", "By"), ("_ratio", "1")];

/// The families as one request, all of one moment, in nanoseconds since the epoch; those without samples are left out.
pub fn otlp(families: &[Family], resource: &Labels, nanoseconds: i128) -> Value {
    let moment = nanoseconds.to_string();
    let metrics: Vec<Value> =
        families.iter().filter(|family| !family.is_empty()).map(|family| metric(family, &moment)).collect();
    let scope = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
    json!({"resourceMetrics": [{
        "resource": {"attributes": attributes(resource)},
        "scopeMetrics": [{"scope": scope, "metrics": metrics}],
    }]})
}

fn metric(family: &Family, moment: &str) -> Value {
    let points = || family.samples.iter().map(|sample| point(sample, moment)).collect::<Vec<_>>();
    let (kind, data) = match family.kind {
        Kind::Gauge => ("gauge", json!({"dataPoints": points()})),
        Kind::Counter => {
            ("sum", json!({"dataPoints": points(), "aggregationTemporality": CUMULATIVE, "isMonotonic": true}))
        }
        Kind::Histogram => {
            let each = family.samples.split_inclusive(|sample| sample.suffix == "_sum");
            let points: Vec<Value> = each.map(|samples| histogram(samples, moment)).collect();
            ("histogram", json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE}))
        }
    };
    let mut metric = Map::new();
    metric.insert("name".to_owned(), family.name.into());
    metric.insert("description".to_owned(), family.help.into());
    if let Some((_, unit)) = UNITS.iter().find(|(ending, _)| family.name.ends_with(ending)) {
        metric.insert("unit".to_owned(), (*unit).into());
    }
    metric.insert(kind.to_owned(), data);
    metric.into()
}

fn point(sample: &Sample, moment: &str) -> Value {
    json!({"attributes": attributes(&sample.labels), "timeUnixNano": moment, "asDouble": double(sample.value)})
}

/// The samples of one histogram as they were added: buckets, of which each holds those before it, then count and sum.
fn histogram(samples: &[Sample], moment: &str) -> Value {
    let bound = |sample: &Sample| sample.labels.iter().find(|(name, _)| name == "le").map(|(_, bound)| bound.clone());
    let (mut bounds, mut counts, mut before) = (Vec::new(), Vec::new(), 0.0);
    for sample in samples.iter().filter(|sample| sample.suffix == "_bucket") {
        // The last bucket has no bound.
        bounds.extend(bound(sample).and_then(|bound| bound.parse::<f64>().ok()).filter(|bound| bound.is_finite()));
        counts.push((sample.value - before).to_string());
        before = sample.value;
    }
    let value = |suffix| samples.iter().find(|sample| sample.suffix == suffix);
    let labels = value("_count").map(|sample| attributes(&sample.labels));
    json!({
        "attributes": labels.unwrap_or_default(),
        "timeUnixNano": moment,
        "count": value("_count").map_or(0.0, |sample| sample.value).to_string(),
        "sum": value("_sum").map(|sample| double(sample.value)),
        "bucketCounts": counts,
        "explicitBounds": bounds,
    })
}

fn attributes(labels: &Labels) -> Vec<Value> {
    labels.iter().map(|(name, value)| json!({"key": name, "value": {"stringValue": value}})).collect()
}

fn double(value: f64) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_form() {
        let labels: Labels = vec![("target".into(), "a".to_owned())];
        let mut gauge = Family::gauge("probe_duration_seconds", "How long");
        gauge.add(labels.clone(), f64::NAN);
        let mut counter = Family::new("cosprobe_probes", "Probes", Kind::Counter);
        counter.add(Vec::new(), 12.0);
        let mut histogram = Family::new("cosprobe_rtt_seconds", "Round trips", Kind::Histogram);
        histogram.add_histogram(&labels, &[(0.001, 1), (0.5, 3)], 4, 1.25);
        histogram.add_histogram(&Vec::new(), &[(0.001, 0), (0.5, 0)], 1, 7.0);
        let all = [gauge, Family::gauge("nothing", "Never shown"), counter, histogram];
        let document = otlp(&all, &vec![("service.name".into(), "cosprobe".to_owned())], 1_700_000_000_000_000_001);
        let named = |key: &str, value: &str| json!([{"key": key, "value": {"stringValue": value}}]);
        assert_eq!(
            document.pointer("/resourceMetrics/0/resource/attributes"),
            Some(&named("service.name", "cosprobe"))
        );
        let target = named("target", "a");
        let moment = "1700000000000000001";
        let expected = json!([
            {"name": "probe_duration_seconds", "description": "How long", "unit": "s", "gauge": {"dataPoints": [
                {"attributes": target, "timeUnixNano": moment, "asDouble": "NaN"},
            ]}},
            {"name": "cosprobe_probes", "description": "Probes", "sum": {
                "dataPoints": [{"attributes": [], "timeUnixNano": moment, "asDouble": 12.0}],
                "aggregationTemporality": 2,
                "isMonotonic": true,
            }},
            {"name": "cosprobe_rtt_seconds", "description": "Round trips", "unit": "s", "histogram": {
                "dataPoints": [
                    {"attributes": target, "timeUnixNano": moment, "count": "4", "sum": 1.25,
                     "bucketCounts": ["1", "2", "1"], "explicitBounds": [0.001, 0.5]},
                    {"attributes": [], "timeUnixNano": moment, "count": "1", "sum": 7.0,
                     "bucketCounts": ["0", "0", "1"], "explicitBounds": [0.001, 0.5]},
                ],
                "aggregationTemporality": 2,
            }},
        ]);
        assert_eq!(document.pointer("/resourceMetrics/0/scopeMetrics/0/metrics"), Some(&expected));
    }
}
