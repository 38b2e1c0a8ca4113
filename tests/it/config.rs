//! The file `cosprobe.toml`: its schema and its reference page, against the program. What the file may get wrong stands in
//! `tests/config` and is tested beside the code that reads it.

use serde_json::{Map, Value};

use crate::support::{is_updating, read, repository, run};

const SCHEMA: &str = "docs/reference/cosprobe.toml.schema.json";
const PAGE: &str = "docs/reference/config.md";
/// What stands above the rows of a table of keys.
const HEAD: &str = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n";

fn schema() -> String {
    run(["schema", "config"]).stdout
}

#[test]
fn the_schema_of_the_file_in_the_docs_is_the_schema() {
    if is_updating() {
        std::fs::write(repository(SCHEMA), schema()).unwrap();
    }
    assert!(read(SCHEMA) == schema(), "{SCHEMA} is not the schema any more: UPDATE=1 writes it anew");
}

#[test]
fn every_key_stands_in_the_reference() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let tables = ["/properties", "/$defs/policy/properties", "/$defs/window/properties", "/$defs/slo/properties"];
    let tables = tables.into_iter().chain(["/$defs/module/properties", "/$defs/target/properties"]);
    let wanted: Vec<String> = tables.map(|path| rows(schema.pointer(path).unwrap().as_object().unwrap())).collect();
    if is_updating() {
        std::fs::write(repository(PAGE), with_rows(&read(PAGE), &wanted)).unwrap();
    }
    let page = read(PAGE);
    assert_eq!(page.matches(HEAD).count(), wanted.len());
    assert!(wanted.iter().map(|rows| rows.lines().count()).sum::<usize>() > 50);
    assert_eq!(page, with_rows(&page, &wanted), "{PAGE}: UPDATE=1 writes its tables anew");
}

/// The page with the rows of its tables of keys in their order.
fn with_rows(page: &str, wanted: &[String]) -> String {
    let mut parts = page.split(HEAD);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (part, rows) in parts.zip(wanted) {
        let old: usize = part.split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len).sum();
        text = [&text, HEAD, rows, &part[old..]].concat();
    }
    text
}

fn rows(properties: &Map<String, Value>) -> String {
    let row = |(key, schema): (&String, &Value)| {
        let usual = match schema.get("default") {
            None => String::new(),
            Some(Value::String(text)) => format!("`\"{text}\"`"),
            Some(other) => format!("`{other}`"),
        };
        let meaning = schema["description"].as_str().unwrap();
        assert!(!meaning.contains('|'), "{key}: {meaning}");
        format!("| `{key}` | {} | {usual} | {} |\n", type_of(schema), meaning.trim_end_matches('.'))
    };
    properties.iter().map(row).collect::<Vec<_>>().concat()
}

/// The type of a key in words.
fn type_of(schema: &Value) -> String {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    if let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) {
        let first = alternatives[0].get("const").map_or_else(|| type_of(&alternatives[0]), |word| format!("`{word}`"));
        return format!("{first}, or a list");
    }
    if let Some(reference) = schema.get("$ref") {
        return if reference == "#/$defs/labels" { "table of text" } else { "table" }.to_owned();
    }
    match &schema["type"] {
        Value::Array(types) if types[1] == "integer" => "number",
        Value::Array(_) => "time",
        other => match other.as_str().unwrap() {
            "boolean" => "true or false",
            "integer" => "whole number",
            "number" => "number",
            "array" => "list of tables",
            "object" => "tables",
            _ => "text",
        },
    }
    .to_owned()
}
