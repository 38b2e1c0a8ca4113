//! `explain`: the page of a finding.

use clap::Args;

use super::language::LanguageArgs;
use crate::diagnose::{CODES, CodeRow, find_code};
use crate::error::{Error, usage};
use crate::text::{Language, Text};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Code or name of the finding, such as TCP009 or port-443-blocked
    #[arg(required_unless_present = "list")]
    code: Option<String>,
    /// List all findings
    #[arg(long, conflicts_with = "code")]
    list: bool,
    /// Which language people are spoken to in.
    #[command(flatten)]
    language: LanguageArgs,
}

impl ExplainArgs {
    /// The text to print.
    ///
    /// # Errors
    /// When there is no such finding.
    pub fn text(&self) -> Result<String, Error> {
        let language = self.language.language();
        let Some(code) = &self.code else { return Ok(list(language)) };
        match find_code(code) {
            Some(row) => Ok(language.page(row.code).unwrap_or(row.page).to_owned()),
            None => usage(format!(
                "there is no finding '{code}': it should be a code such as TCP009 or a name{}",
                near(code)
            )),
        }
    }
}

/// The widest word for a severity, in columns.
const WIDEST_SEVERITY: usize = 7;

fn list(language: Language) -> String {
    let widest = CODES.iter().map(|row| row.name.len()).max().unwrap_or_default();
    let line = |row: &CodeRow| {
        let severity = Text::word(row.severity.as_str()).say(language);
        let blanks = " ".repeat(WIDEST_SEVERITY.saturating_sub(textwrap::core::display_width(&severity)));
        let title = language.title(row.code).unwrap_or(row.title);
        format!("{}  {:widest$}  {severity}{blanks}  {title}\n", row.code, row.name)
    };
    CODES.iter().map(line).collect()
}

fn near(code: &str) -> String {
    let lower = code.to_ascii_lowercase();
    let distance = |row: &&CodeRow| {
        strsim::damerau_levenshtein(&lower, row.name)
            .min(strsim::damerau_levenshtein(&lower, &row.code.to_ascii_lowercase()))
    };
    match CODES.iter().min_by_key(distance).filter(|row| distance(row) <= 3) {
        Some(row) => format!("; did you mean {} ({})? `cosprobe explain --list` shows all", row.code, row.name),
        None => "; `cosprobe explain --list` shows all".to_owned(),
    }
}
