//! `dashboard.json`: its form, the metrics that it names, and its queries.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::service::eventually;
use super::copied;
use super::prometheus::Monitored;
use crate::support::read;

fn dashboard() -> Value {
    serde_json::from_str(&copied("dashboard.json")).unwrap()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Every expression, with the place that it stands in.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let title = |value: &Value| value["title"].as_str().or(value["name"].as_str()).unwrap().to_owned();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let annotations = list(dashboard, "/annotations/list").iter().map(|one| (title(one), text(&one["expr"])));
    let panels = list(dashboard, "/panels").iter();
    let of_panel = |panel| list(panel, "/targets").iter().map(move |target| (title(panel), text(&target["expr"])));
    annotations.chain(panels.flat_map(of_panel)).collect()
}

/// The query of each variable, by its name: the label that it lists, and of which series.
fn variables(dashboard: &Value) -> Vec<(&str, &str, &str)> {
    let of_query = list(dashboard, "/templating/list").iter().filter(|variable| variable["type"] == "query");
    of_query
        .map(|variable| {
            let query = variable["query"]["query"].as_str().unwrap();
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (series, label) = inner.rsplit_once(", ").unwrap();
            (variable["name"].as_str().unwrap(), label, series)
        })
        .collect()
}

/// An expression as Grafana asks it when everything is chosen.
fn filled_in(dashboard: &Value, expression: &str) -> String {
    let mut filled = expression.replace("$__rate_interval", "10s");
    for (name, _, _) in variables(dashboard) {
        filled = filled.replace(&format!("${name}\""), ".*\"");
    }
    assert!(!filled.contains('$'), "no variable of the dashboard: {filled}");
    filled
}

/// The names of metrics in an expression, without the endings that counters and histograms get.
fn metrics(expression: &str) -> BTreeSet<&str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| ["probe_", "cosprobe_", "process_"].iter().any(|begin| word.starts_with(begin)));
    ours.map(|name| name.trim_end_matches("_bucket").trim_end_matches("_total")).collect()
}

pub(super) fn every_query_finds_something(monitored: &Monitored) {
    let dashboard = dashboard();
    for (place, expression) in expressions(&dashboard) {
        let filled = filled_in(&dashboard, &expression);
        let is_value = |value: &Value| value["value"][1].as_str().is_some_and(|number| number != "NaN");
        eventually(&format!("{place}: {filled}"), || {
            let found = monitored.listed("/api/v1/query?", "query", &filled)?;
            found.iter().any(is_value).then_some(())
        });
    }
    for (name, label, series) in variables(&dashboard) {
        let filled = filled_in(&dashboard, series);
        let path = format!("/api/v1/label/{label}/values?");
        let found = eventually(name, || monitored.listed(&path, "match[]", &filled));
        assert!(!found.is_empty(), "{name}: {series}");
    }
}

#[test]
fn every_metric_stands_in_the_reference() {
    let page = read("docs/reference/metrics.md");
    let dashboard = dashboard();
    let queries = expressions(&dashboard);
    let named: BTreeSet<&str> = queries.iter().flat_map(|(_, expression)| metrics(expression)).collect();
    let missing: Vec<_> = named.iter().filter(|name| !page.contains(&format!("| `{name}` |"))).collect();
    assert!(missing.is_empty() && named.len() > 20, "{missing:?} of {named:?}");
}

#[test]
fn panels_have_a_place_a_unit_and_a_source() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36), "Grafana 9 and later");
    // Grafana gives the number of its own when it imports.
    assert!(dashboard["id"].is_null());
    let mut cells = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in list(&dashboard, "/panels") {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is another's");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{title}: Grafana has 24 columns");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{title}: another panel is at {cell:?}");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}: no unit");
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title}: no description");
        let mut references = BTreeSet::new();
        assert!(!list(panel, "/targets").is_empty(), "{title}: no query");
        for target in list(panel, "/targets").iter().chain([panel]) {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
        assert!(list(panel, "/targets").iter().all(|target| references.insert(target["refId"].as_str())), "{title}");
    }
    let names: Vec<_> = list(&dashboard, "/templating/list").iter().map(|variable| &variable["name"]).collect();
    assert_eq!(names, ["datasource", "job", "instance", "target", "service"]);
}

/// Times in the base unit of metrics are shown as times, and nothing else is.
#[test]
fn seconds_are_shown_as_seconds() {
    let dashboard = dashboard();
    for panel in list(&dashboard, "/panels") {
        let (title, unit) = (&panel["title"], &panel["fieldConfig"]["defaults"]["unit"]);
        for expression in list(panel, "/targets").iter().filter_map(|target| target["expr"].as_str()) {
            let is_time = metrics(expression).iter().any(|name| name.contains("_seconds") || name.contains("_expiry"));
            assert_eq!(is_time, unit == "s", "{title}: {expression} in {unit}");
        }
    }
}
