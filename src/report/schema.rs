//! The JSON Schemas of the report and of the smaller documents, from the types that write them.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{Report, json_text};

/// The schema of the report.
pub fn schema() -> String {
    schema_of::<Report>()
}

/// The schema of a document as JSON text, ended by a line end.
///
/// Words and kinds of details are open: a reader with this schema must take those that a later version adds. So every closed
/// list gets one more alternative, for what is not in it.
pub fn schema_of<T: JsonSchema>() -> String {
    let schema = schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    open(&mut schema);
    json_text(&schema)
}

/// Opens every closed list in a schema.
fn open(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(open),
        Value::Object(members) => {
            members.values_mut().for_each(open);
            if let Some(Value::Array(alternatives)) = members.get_mut("oneOf") {
                alternatives.extend(other_words(alternatives).or_else(|| other_kinds(alternatives)));
            }
            if members.get("type") == Some(&json!("string"))
                && let Some(words) = members.remove("enum")
            {
                let other = json!({"type": "string", "not": {"enum": words}});
                members.insert("oneOf".to_owned(), json!([{"enum": words}, other]));
            }
        }
        _ => {}
    }
}

/// The alternative to a list of words; `None` when it is another kind of list.
fn other_words(alternatives: &[Value]) -> Option<Value> {
    let mut words = Vec::new();
    for alternative in alternatives {
        match (alternative.get("const"), alternative.get("enum")) {
            (Some(word), _) => words.push(word.clone()),
            (_, Some(Value::Array(more))) => words.extend(more.iter().cloned()),
            // A list of words that was opened one step before.
            _ => words.extend(alternative.pointer("/oneOf/0/enum")?.as_array()?.iter().cloned()),
        }
    }
    Some(json!({"type": "string", "not": {"enum": words}, "description": "A word of a later version of the report."}))
}

/// The alternative to a list of objects that a member tells apart.
fn other_kinds(alternatives: &[Value]) -> Option<Value> {
    let tag = ["type", "status"].into_iter().find(|tag| {
        alternatives.iter().all(|alternative| alternative.pointer(&format!("/properties/{tag}/const")).is_some())
    })?;
    let pointer = format!("/properties/{tag}/const");
    let kinds: Vec<&Value> = alternatives.iter().filter_map(|alternative| alternative.pointer(&pointer)).collect();
    Some(json!({
        "type": "object",
        "properties": {tag: {"type": "string", "not": {"enum": kinds}}},
        "required": [tag],
        "description": "A kind of a later version of the report.",
    }))
}
