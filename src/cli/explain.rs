//! `explain`: the page of a finding.

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::language::LanguageArgs;
use crate::diagnose::{CODES, CodeRow, find_code};
use crate::error::{Error, usage};
use crate::report::{ExplanationDocument, Style, explained, page_of};
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
    /// How it is written: as text for people, or as one JSON document (see `cosprobe schema explain`)
    #[arg(long, value_name = "NAME", default_value = "text")]
    format: ExplainFormat,
    /// Do not use colours; so does the variable `NO_COLOR`, or output that is no terminal
    #[arg(long, env = "COSPROBE_NO_COLOR", value_parser = FalseyValueParser::new())]
    no_color: bool,
    /// Which language people are spoken to in.
    #[command(flatten)]
    language: LanguageArgs,
}

/// What `--format` takes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExplainFormat {
    /// For people
    Text,
    /// One document
    Json,
}

impl ExplainArgs {
    /// The text to print. With a terminal the page is laid out for its width, in colours where it may have them; else it is the Markdown that it
    /// is written in.
    ///
    /// # Errors
    /// When there is no such finding.
    pub fn text(&self, terminal: Option<(usize, bool)>) -> Result<String, Error> {
        let language = self.language.language();
        let row = self.code.as_deref().map(row_of).transpose()?;
        Ok(match (self.format, row) {
            (ExplainFormat::Json, None) => ExplanationDocument::of(&CODES.iter().collect::<Vec<_>>(), language).json(),
            (ExplainFormat::Json, Some(row)) => ExplanationDocument::of(&[row], language).json(),
            (ExplainFormat::Text, None) => list(language),
            (ExplainFormat::Text, Some(row)) => match terminal {
                Some((width, color)) => {
                    let color = color && !self.no_color;
                    explained(row, Style { width, color, language, ..Style::default() })
                }
                None => page_of(row, language).to_owned(),
            },
        })
    }
}

fn row_of(code: &str) -> Result<&'static CodeRow, Error> {
    match find_code(code) {
        Some(row) => Ok(row),
        None => {
            usage(format!("there is no finding '{code}': it should be a code such as TCP009 or a name{}", near(code)))
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: ExplainArgs,
    }

    #[test]
    fn without_colours_the_page_is_laid_out_and_plain() {
        let text = |words: &[&str]| {
            let line = Line::try_parse_from([&["explain", "TCP009", "--lang", "en"], words].concat()).unwrap();
            line.arguments.text(Some((60, true))).unwrap()
        };
        let (colored, plain) = (text(&[]), text(&["--no-color"]));
        assert!(colored.contains('\u{1b}') && !plain.contains('\u{1b}'), "{plain}");
        assert_eq!(without_escapes(&colored), plain);
    }

    /// A text without its escape sequences for bold type and colours.
    fn without_escapes(text: &str) -> String {
        let mut pieces = text.split('\u{1b}');
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |shown, piece| shown + piece.split_once('m').map_or("", |(_, rest)| rest))
    }
}
