//! The JSON Schema of the report, from the types that write it.

use super::Report;

/// The schema as JSON text, ended by a line end.
pub fn schema() -> String {
    let schema = schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Report>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
