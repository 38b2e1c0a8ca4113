//! `explain`: the page of a finding.

use clap::Args;

use crate::diagnose::{CODES, find_code};
use crate::error::{Error, usage};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Code or name of the finding, such as TCP009 or port-443-blocked
    #[arg(required_unless_present = "list")]
    code: Option<String>,
    /// List all findings
    #[arg(long, conflicts_with = "code")]
    list: bool,
}

impl ExplainArgs {
    /// The text to print.
    ///
    /// # Errors
    /// When there is no such finding.
    pub fn text(&self) -> Result<String, Error> {
        let Some(code) = &self.code else { return Ok(list()) };
        match find_code(code) {
            Some(row) => Ok(row.page.to_owned()),
            None => usage(format!(
                "there is no finding '{code}': it should be a code such as TCP009 or a name{}",
                near(code)
            )),
        }
    }
}

fn list() -> String {
    let widest = CODES.iter().map(|row| row.name.len()).max().unwrap_or_default();
    let line = |row: &crate::diagnose::CodeRow| {
        format!("{}  {:widest$}  {:7}  {}\n", row.code, row.name, row.severity.as_str(), row.title)
    };
    CODES.iter().map(line).collect()
}

fn near(code: &str) -> String {
    let lower = code.to_ascii_lowercase();
    let distance = |row: &&crate::diagnose::CodeRow| {
        strsim::damerau_levenshtein(&lower, row.name)
            .min(strsim::damerau_levenshtein(&lower, &row.code.to_ascii_lowercase()))
    };
    match CODES.iter().min_by_key(distance).filter(|row| distance(row) <= 3) {
        Some(row) => format!("; did you mean {} ({})? `cosprobe explain --list` shows all", row.code, row.name),
        None => "; `cosprobe explain --list` shows all".to_owned(),
    }
}
