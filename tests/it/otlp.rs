//! `--format otlp-json` against the fields of OTLP's protocol buffers, and against the metrics for Prometheus.

use std::collections::BTreeMap;

use cosprobe::report::{Format, Report, Style, render};
use serde_json::{Value, json};

use crate::support::{Cosprobe, files, repository};

/// The messages of `metrics.proto`, `resource.proto` and `common.proto` (`OpenTelemetry` Protocol 1.x) with the fields that cosprobe
/// uses, in their JSON form. What is in no message is refused.
fn schema() -> Value {
    let message = |required: &[&str], fields: Value| json!({"type": "object", "additionalProperties": false, "required": required, "properties": fields});
    let all = |message: &str| json!({"type": "array", "items": {"$ref": format!("#/$defs/{message}")}});
    let text = json!({"type": "string", "minLength": 1});
    let uint64 = json!({"type": "string", "pattern": "^[0-9]+$"});
    let double = json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]});
    let temporality = json!({"enum": [1, 2]});
    let point = json!({"attributes": all("attribute"), "timeUnixNano": uint64, "asDouble": double});
    let buckets = json!({
        "attributes": all("attribute"),
        "timeUnixNano": uint64,
        "count": uint64,
        "sum": double,
        "bucketCounts": {"type": "array", "items": uint64},
        "explicitBounds": {"type": "array", "items": {"type": "number"}},
    });
    let metric = json!({
        "name": text,
        "description": text,
        "unit": text,
        "gauge": message(&["dataPoints"], json!({"dataPoints": all("point")})),
        "sum": message(
            &["dataPoints", "aggregationTemporality", "isMonotonic"],
            json!({"dataPoints": all("point"), "aggregationTemporality": temporality, "isMonotonic": {"type": "boolean"}}),
        ),
        "histogram": message(
            &["dataPoints", "aggregationTemporality"],
            json!({"dataPoints": all("buckets"), "aggregationTemporality": temporality}),
        ),
    });
    let mut metric = message(&["name", "description"], metric);
    // One of them: the field `data` is a `oneof`.
    metric["oneOf"] = ["gauge", "sum", "histogram"].map(|kind| json!({"required": [kind]})).to_vec().into();
    let mut request = message(&["resourceMetrics"], json!({"resourceMetrics": all("resource")}));
    request["$defs"] = json!({
        "resource": message(
            &["resource", "scopeMetrics"],
            json!({"resource": message(&["attributes"], json!({"attributes": all("attribute")})), "scopeMetrics": all("scope")}),
        ),
        "scope": message(
            &["scope", "metrics"],
            json!({"scope": message(&["name", "version"], json!({"name": text, "version": text})), "metrics": all("metric")}),
        ),
        "metric": metric,
        "point": message(&["timeUnixNano", "asDouble"], point),
        "buckets": message(&["timeUnixNano", "count", "bucketCounts"], buckets),
        "attribute": message(
            &["key", "value"],
            json!({"key": text, "value": message(&["stringValue"], json!({"stringValue": {"type": "string"}}))}),
        ),
    });
    request
}

/// The reports that others may have given labels.
fn reports() -> Vec<(String, Report)> {
    let all: Vec<_> = files("tests/golden", &[".json"])
        .into_iter()
        .map(|(path, text)| (path, Report::read(&text).unwrap()))
        .collect();
    assert!(all.len() >= 5, "{}", all.len());
    all
}

fn otlp(report: &Report) -> Value {
    let line = render(report, Format::OtlpJson, Style::default());
    assert_eq!((line.matches('\n').count(), line.ends_with('\n')), (1, true), "a message is a line");
    serde_json::from_str(&line).unwrap()
}

fn list<'a>(value: &'a Value, place: &str) -> &'a [Value] {
    value.pointer(place).and_then(Value::as_array).unwrap()
}

#[test]
fn a_request_has_the_fields_of_the_protocol_and_no_others() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (path, report) in reports() {
        let request = otlp(&report);
        let problems: Vec<String> = validator.iter_errors(&request).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{path}: {problems:?}");
        for place in ["/resourceMetrics/0/scopeMetrics/0/metrics/0", "/resourceMetrics/0/resource/attributes/0"] {
            let mut other = request.clone();
            other.pointer_mut(place).unwrap()["time_unix_nano"] = 1.into();
            assert!(!validator.is_valid(&other), "{place}");
        }
        let mut other = request;
        *other.pointer_mut("/resourceMetrics/0/scopeMetrics/0/metrics/0/gauge/dataPoints/0/timeUnixNano").unwrap() =
            1.into();
        assert!(!validator.is_valid(&other), "an integer of 64 bits is text");
    }
}

#[test]
fn the_numbers_are_those_for_prometheus() {
    for (path, mut report) in reports() {
        report.labels.insert("team".to_owned(), "a \"b\"".to_owned());
        let request = otlp(&report);
        let mut samples = BTreeMap::new();
        for metric in list(&request, "/resourceMetrics/0/scopeMetrics/0/metrics") {
            for point in list(metric, "/gauge/dataPoints") {
                let label = |one: &Value| {
                    let value =
                        one["value"]["stringValue"].as_str().unwrap().replace('\\', "\\\\").replace('"', "\\\"");
                    format!("{}=\"{value}\"", one["key"].as_str().unwrap())
                };
                let labels: Vec<String> = list(point, "/attributes").iter().map(label).collect();
                let series = format!("{}{{{}}}", metric["name"].as_str().unwrap(), labels.join(","));
                let moment: i128 = point["timeUnixNano"].as_str().unwrap().parse().unwrap();
                assert_eq!(moment, report.ended_at.as_nanosecond(), "{path}: {series}");
                let value = point["asDouble"].as_f64().unwrap();
                assert!(samples.insert(series.clone(), value).is_none(), "{path}: {series} is there twice");
            }
        }
        let text = render(&report, Format::Prometheus, Style::default());
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let wanted: BTreeMap<String, f64> = lines
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
            .collect();
        assert!(wanted.len() > 5, "{path}: {text}");
        assert_eq!(samples, wanted, "{path}");
    }
}

#[test]
fn a_file_is_replaced_by_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cosprobe.jsonl");
    for _ in 0..2 {
        let report = repository("tests/golden/healthy-public.json");
        let line = ["diagnose", "--format", "otlp-json", "--output", file.to_str().unwrap(), "--from"];
        let ran = Cosprobe::new(line).arguments([&report]).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(serde_json::from_str::<Value>(&text).unwrap()["resourceMetrics"].is_array(), "{text}");
    }
}
