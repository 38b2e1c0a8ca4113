//! `diff`: two saved reports compared.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::check::replay_file;
use super::language::LanguageArgs;
use crate::error::{Error, usage};
use crate::report::{DiffDocument, Style};

/// Arguments of `diff`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing differs that matters, 1 something does, 2 one of them is no report.")]
pub struct DiffArgs {
    /// The first report, as written by `--format json`; - is standard input
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The report to compare with it; - is standard input
    #[arg(value_name = "B")]
    b: PathBuf,
    /// How the differences are written: a table for people, or one JSON document (see `cosprobe schema diff`)
    #[arg(long, value_name = "NAME", default_value = "table")]
    format: DiffFormat,
    /// Write to a file instead of standard output; an existing file is replaced at the end
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write nothing to standard output; the exit code tells
    #[arg(short, long)]
    pub quiet: bool,
    /// Which language people are spoken to in.
    #[command(flatten)]
    language: LanguageArgs,
}

/// What `--format` of `diff` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// For people
    Table,
    /// One JSON document
    Json,
}

impl DiffArgs {
    /// The differences as text, and whether there are any that matter.
    ///
    /// # Errors
    /// When a file cannot be read or is not a report.
    pub fn compared(&self, width: usize) -> Result<(String, bool), Error> {
        if self.a.as_os_str() == "-" && self.b.as_os_str() == "-" {
            return usage("both reports are standard input: name a file for one of them");
        }
        let (a, b) = (replay_file(&self.a)?, replay_file(&self.b)?);
        let document = DiffDocument::of(&a, &b);
        let text = match self.format {
            DiffFormat::Table => {
                document.table(Style { width, language: self.language.language(), ..Style::default() })
            }
            DiffFormat::Json => document.json(),
        };
        Ok((text, document.differs()))
    }
}
