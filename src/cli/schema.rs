//! `schema`: which document's JSON Schema is printed.

use clap::{Args, ValueEnum};

use super::regions::RegionsDocument;
use crate::report::{DiffDocument, ExplanationDocument, PingDocument, TraceDocument, schema, schema_of};

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The document
    #[arg(value_name = "DOCUMENT", default_value = "report")]
    document: Document,
}

/// The JSON documents that are written, and the file that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Document {
    /// The report of `check`, `dns`, `head` and `demo`
    Report,
    /// What `trace --format json` prints
    Trace,
    /// What `ping --format json` prints
    Ping,
    /// What `regions --format json` prints
    Regions,
    /// What `diff --format json` prints
    Diff,
    /// What `explain --format json` prints
    Explain,
    /// The file cosprobe.toml
    Config,
}

impl SchemaArgs {
    /// The schema, ended by a line end.
    pub fn text(&self) -> String {
        match self.document {
            Document::Report => schema(),
            Document::Trace => schema_of::<TraceDocument<'_>>(),
            Document::Ping => schema_of::<PingDocument<'_>>(),
            Document::Regions => schema_of::<RegionsDocument<'_>>(),
            Document::Diff => schema_of::<DiffDocument<'_>>(),
            Document::Explain => schema_of::<ExplanationDocument>(),
            Document::Config => super::module::schema(),
        }
    }
}
