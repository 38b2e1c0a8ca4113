//! The JSON Schema of the file, from the flags of the command line and the thresholds of a policy, which are not listed here again.

use std::collections::BTreeMap;

use clap::Arg;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::flags::{command, shape};
use crate::config::Policy;
use crate::exposition::OWN_LABELS;
use crate::report::json_text;
use crate::settings::{ProbeKind, Takes, WINDOW_DAYS, WINDOWS};

/// The schema, ended by a line end. A key that is not in it is a mistake.
pub(in crate::cli) fn schema() -> String {
    json_text(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cosprobe.toml",
        "description": "Modules, policies and targets of cosprobe serve",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "labels": described("Labels on everything", &json!({"$ref": "#/$defs/labels"})),
            "policies": named("How modules are judged, by a name", "policy"),
            "modules": named("How targets are probed, by a name", "module"),
            "targets": {
                "description": "What is probed on an interval of its own",
                "type": "array",
                "items": {"$ref": "#/$defs/target"},
            },
        },
        "$defs": {
            "labels": labels(),
            "policy": policy(),
            "window": window(),
            "slo": slo(),
            "module": module(),
            "target": target(),
        },
    }))
}

fn described(text: &str, schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(fields) = &mut schema {
        fields.insert("description".to_owned(), text.into());
    }
    schema
}

fn text(description: &str) -> Value {
    json!({"description": description, "type": "string"})
}

fn time(description: &str, otherwise: Option<&str>) -> Value {
    let mut schema = json!({"description": description, "type": ["string", "number"]});
    if let (Value::Object(fields), Some(otherwise)) = (&mut schema, otherwise) {
        fields.insert("default".to_owned(), otherwise.into());
    }
    schema
}

/// Tables with names of the user's choice.
fn named(description: &str, of: &str) -> Value {
    json!({
        "description": description,
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,60}$"},
        "additionalProperties": {"$ref": format!("#/$defs/{of}")},
    })
}

fn labels() -> Value {
    json!({
        "type": "object",
        "propertyNames": {"pattern": "^(?!__)[A-Za-z_][A-Za-z0-9_]*$", "not": {"enum": OWN_LABELS}},
        "additionalProperties": {"type": "string"},
    })
}

fn policy() -> Value {
    let mut properties = thresholds();
    properties.insert(
        "expect".to_owned(),
        json!({"description": "The route that is to be used, where the module does not say", "enum": ["private", "public"]}),
    );
    properties.insert(
        "fail_on".to_owned(),
        json!({
            "description": "The lowest severity of a root finding with which a probe has failed",
            "enum": ["warning", "error"],
            "default": "error",
        }),
    );
    properties.insert(
        "maintenance".to_owned(),
        json!({"description": "When failures are expected", "type": "array", "items": {"$ref": "#/$defs/window"}}),
    );
    let slo = described("Which share of the probes is promised to be good", &json!({"$ref": "#/$defs/slo"}));
    properties.insert("slo".to_owned(), slo);
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn slo() -> Value {
    let percent =
        |what: &str| json!({"description": what, "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100});
    let bound = "The longest round trip of a connect that is still good, in milliseconds";
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "availability_percent": percent("Share of the probes that succeed"),
            "latency_percent": percent("Share of the probes whose connects take at most latency_ms"),
            "latency_ms": {"description": bound, "type": "integer", "minimum": 1, "maximum": u32::MAX},
            "window_days": {
                "description": "The days that the objectives are about",
                "type": "integer",
                "minimum": WINDOWS.0,
                "maximum": WINDOWS.1,
                "default": WINDOW_DAYS,
            },
        },
        "anyOf": [{"required": ["availability_percent"]}, {"required": ["latency_percent"]}],
        "dependentRequired": {"latency_percent": ["latency_ms"], "latency_ms": ["latency_percent"]},
    })
}

/// The thresholds that are numbers, as the report has them.
fn thresholds() -> Map<String, Value> {
    let schema = Policy::json_schema(&mut schemars::SchemaGenerator::default()).to_value();
    let Some(Value::Object(fields)) = schema.get("properties").cloned() else { return Map::new() };
    fields.into_iter().filter(|(_, schema)| schema.get("type") == Some(&json!("integer"))).collect()
}

fn window() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["from", "to"],
        "properties": {
            "from": text("The begin, with its offset: 2026-12-01T00:00:00Z"),
            "to": text("The end, which is no part of the window"),
            "reason": text("Why, for people"),
        },
    })
}

fn target() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["target"],
        "properties": {
            "target": {
                "description": "The target, in any form that check takes, without a query",
                "type": "string",
                "pattern": "^[^?#]+$",
            },
            "module": {"description": "The module that it is probed with", "type": "string", "default": "cos_check"},
            "interval": time("From the start of one probe to that of the next; at least a second", Some("60s")),
            "region": text("Region of the bucket, instead of the module's"),
            "labels": described("Labels on what is told of this target", &json!({"$ref": "#/$defs/labels"})),
        },
    })
}

/// All keys of all kinds of modules, and which of them a kind does not have.
fn module() -> Value {
    let (check, dns) = (flags(ProbeKind::Check), flags(ProbeKind::Dns));
    let only = |these: &BTreeMap<String, Value>, those: &BTreeMap<String, Value>| -> Map<String, Value> {
        these.keys().filter(|key| !those.contains_key(*key)).map(|key| (key.clone(), false.into())).collect()
    };
    let (not_of_dns, not_of_check) = (only(&check, &dns), only(&dns, &check));
    let mut properties: Map<String, Value> = dns.into_iter().chain(check).collect();
    properties.extend(own_keys());
    let is = |word: &str| json!({"properties": {"probe": {"const": word}}, "required": ["probe"]});
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "allOf": [
            {"if": is("dns"), "then": {"properties": not_of_dns}, "else": {"properties": not_of_check}},
            {"if": is("head"), "else": {"properties": {"valid_status_codes": false}}},
        ],
    })
}

fn own_keys() -> Map<String, Value> {
    let words: Vec<&str> = ProbeKind::TABLE.iter().map(|(_, word)| *word).collect();
    let status = json!({"anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": "^([1-5]xx|[1-5][0-9]{2})$"},
    ]});
    let statuses = json!({
        "description": "Which statuses are a success, with probe = \"head\"; \"any\": every answer of COS",
        "anyOf": [{"const": "any"}, {"type": "array", "minItems": 1, "items": status}],
        "default": ["2xx"],
    });
    Map::from_iter([
        ("probe".to_owned(), json!({"description": "What is done with a target", "enum": words, "default": "check"})),
        ("timeout".to_owned(), time("Time for one probe", Some("10s"))),
        ("policy".to_owned(), text("The policy that it is judged by")),
        ("valid_status_codes".to_owned(), statuses),
    ])
}

/// The flags that modules of a kind have.
fn flags(kind: ProbeKind) -> BTreeMap<String, Value> {
    let command = command(kind);
    let usable = |argument: &Arg| {
        let shape = shape(argument).filter(|shape| shape.refusal.is_none())?;
        Some((shape.key, flag(argument, shape.takes)))
    };
    command.get_arguments().filter_map(usable).collect()
}

fn flag(argument: &Arg, takes: Takes) -> Value {
    let words: Vec<String> = argument.get_possible_values().iter().map(|word| word.get_name().to_owned()).collect();
    let item = match takes {
        Takes::Nothing => json!({"type": "boolean"}),
        _ if !words.is_empty() => json!({"enum": words}),
        _ => match argument.get_value_names().and_then(<[_]>::first).map(AsRef::as_ref) {
            Some("TIME") => json!({"type": ["string", "number"]}),
            Some("N") => json!({"type": ["string", "integer"]}),
            _ => json!({"type": "string"}),
        },
    };
    let schema = match takes {
        Takes::Many => json!({"anyOf": [item, {"type": "array", "items": item}]}),
        Takes::Nothing | Takes::One => item,
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let mut schema = described(&help, &schema);
    let usual: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if let (Value::Object(fields), false, false) = (&mut schema, usual.is_empty(), takes == Takes::Nothing) {
        fields.insert("default".to_owned(), usual.join(",").into());
    }
    schema
}
