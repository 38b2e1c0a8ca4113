//! `credentials`: every source of keys in its order, what it holds, and which one would be used.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;

use super::key::{Settled, SourceArgs};
use super::machine::ThisMachine;
use super::temporary::StsArgs;
use crate::credential::{Credential, Entry, Grant, State, Surroundings, look, to_the_second};
use crate::error::{Error, exit};
use crate::report::json_text;

/// Columns of the table.
const WIDTH: u16 = 80;

/// Arguments of `credentials`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 a key would be used, 1 there is none, 2 the source that comes first is faulty, 3 it cannot be reached."
)]
pub struct CredentialsArgs {
    /// What to do instead of listing the sources.
    #[command(subcommand)]
    command: Option<CredentialsCommand>,
    /// How to print
    #[arg(long, value_name = "NAME", default_value = "table")]
    format: ListFormat,
    /// PEM file with CA certificates to trust beside the system's
    #[arg(long, value_name = "FILE", env = "COSPROBE_CACERT")]
    cacert: Option<PathBuf>,
    /// Where keys are looked for.
    #[command(flatten)]
    sources: SourceArgs,
}

/// The commands below `credentials`.
#[derive(Debug, Subcommand)]
enum CredentialsCommand {
    /// Get a temporary key from STS and print it. What it prints is a secret: this is the one command that shows one
    Sts(Box<StsArgs>),
}

/// What `--format` of `credentials` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// For people
    Table,
    /// One JSON document
    Json,
}

/// The JSON document.
#[derive(Debug, Serialize)]
struct Listing {
    sources: Vec<Row>,
    /// The word of the source that would be used.
    used: Option<&'static str>,
}

/// What a source holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Holds {
    /// The key that is used.
    Used,
    /// A key that an earlier source goes before.
    Complete,
    /// Nothing.
    Absent,
    /// Something that is wrong.
    Faulty,
}

/// One source.
#[derive(Debug, Serialize)]
struct Row {
    source: &'static str,
    place: String,
    state: Holds,
    /// Why there is no key, or what is wrong with it.
    reason: Option<String>,
    /// The id with its middle left out.
    secret_id: Option<String>,
    has_token: Option<bool>,
    expires_at: Option<jiff::Timestamp>,
    regions: Vec<String>,
    warnings: Vec<String>,
    #[serde(skip)]
    error_code: Option<u8>,
}

impl CredentialsArgs {
    /// The text to print and the exit code.
    ///
    /// # Errors
    /// When a flag is not usable; a source that is not is in the text.
    pub async fn text(&self) -> Result<(String, u8), Error> {
        if let Some(CredentialsCommand::Sts(arguments)) = &self.command {
            return Ok((arguments.text().await?, exit::HEALTHY));
        }
        let listing = self.listing().await?;
        let code = match listing.deciding() {
            None => exit::FINDINGS,
            Some(row) => row.error_code.unwrap_or(exit::HEALTHY),
        };
        let text = match self.format {
            ListFormat::Table => listing.table(),
            ListFormat::Json => json_text(&listing),
        };
        Ok((text, code))
    }

    async fn listing(&self) -> Result<Listing, Error> {
        let issuer = self.sources.issuer(self.cacert.as_deref())?;
        let wishes = self.sources.wishes();
        let mut sources: Vec<Row> = Vec::new();
        for entry in look(&ThisMachine, &wishes) {
            let mut row = Row::of(&entry);
            match entry.state {
                // Listing sources is no reason to make a key.
                State::Obtainable(Grant::WebIdentity(_)) => row.reason = Some("a key of STS for the role".to_owned()),
                state => match self.sources.settle(state, &issuer).await {
                    Ok(Settled::Nothing(reason)) => (row.state, row.reason) = (Holds::Absent, Some(reason)),
                    Ok(Settled::Key(credential)) => row.holds(&credential),
                    Err(error) => {
                        (row.state, row.error_code) = (Holds::Faulty, Some(error.exit_code()));
                        row.reason = Some(error.to_string());
                    }
                },
            }
            if row.state == Holds::Complete && sources.iter().all(|earlier| earlier.state == Holds::Absent) {
                row.state = Holds::Used;
            }
            sources.push(row);
        }
        let used = sources.iter().find(|row| row.state == Holds::Used).map(|row| row.source);
        Ok(Listing { sources, used })
    }
}

impl Row {
    fn of(entry: &Entry) -> Self {
        let mut regions: Vec<String> = entry.regions.default.iter().cloned().collect();
        regions.extend(entry.regions.buckets.iter().map(|(_, region)| region.clone()));
        regions.sort();
        regions.dedup();
        Self {
            source: entry.source,
            place: entry.place.clone(),
            state: Holds::Complete,
            reason: None,
            secret_id: None,
            has_token: None,
            expires_at: None,
            regions,
            warnings: entry.warnings.clone(),
            error_code: None,
        }
    }

    fn holds(&mut self, credential: &Credential) {
        self.secret_id = Some(credential.masked_id());
        self.has_token = Some(credential.token.is_some());
        self.expires_at = credential.expires_at;
    }

    /// What the source holds, in words.
    fn words(&self) -> String {
        if self.state == Holds::Faulty {
            return "a fault, see below".to_owned();
        }
        let token = match (self.has_token, self.expires_at) {
            (Some(true), Some(end)) => format!(", temporary until {}", to_the_second(end)),
            (Some(true), None) => ", with a token".to_owned(),
            (_, Some(end)) => format!(", until {}", to_the_second(end)),
            (_, None) => String::new(),
        };
        let key = self.secret_id.as_deref().or(self.reason.as_deref()).unwrap_or_default();
        match self.state {
            Holds::Used => format!("{key}{token}: used"),
            Holds::Complete => format!("{key}{token}: not used, an earlier one goes first"),
            Holds::Absent | Holds::Faulty => key.to_owned(),
        }
    }
}

impl Listing {
    /// The first source that is not empty: it is used, or its fault stops the run.
    fn deciding(&self) -> Option<&Row> {
        self.sources.iter().find(|row| row.state != Holds::Absent)
    }

    fn table(&self) -> String {
        let mut text = self.columns();
        for row in &self.sources {
            if let Some(reason) = row.reason.as_deref().filter(|_| row.state == Holds::Faulty) {
                text.push_str(&paragraph("fault", reason));
            }
            for warning in &row.warnings {
                text.push_str(&paragraph("warning", warning));
            }
        }
        let verdict = match self.deciding() {
            None => "there is no key: requests are anonymous".to_owned(),
            Some(row) if row.state == Holds::Faulty => {
                format!("{} comes first and is faulty: nothing is sent", from_home(&row.place))
            }
            Some(row) => format!("{} is used", from_home(&row.place)),
        };
        text + &format!("\n{verdict}\n")
    }

    fn columns(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
        table.set_width(WIDTH).set_header(["source", "where", "holds"]);
        for row in &self.sources {
            table.add_row([row.source.replace('_', " "), from_home(&row.place), row.words()]);
        }
        // Room for the longest source, and for `~/.tencentcloud/credentials` in one line; and the blanks behind.
        for (index, (least, behind)) in [(18, 2), (29, 2), (18, 0)].into_iter().enumerate() {
            if let Some(column) = table.column_mut(index) {
                let least = ColumnConstraint::LowerBoundary(Width::Fixed(least));
                column.set_padding((0, behind)).set_constraint(least);
            }
        }
        table.to_string().lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
    }
}

/// A path with the home directory as `~`.
fn from_home(path: &str) -> String {
    let home = ThisMachine.home().map(|home| home.display().to_string()).filter(|home| home.len() > 1);
    match home.and_then(|home| path.strip_prefix(&home)) {
        Some(rest) if rest.starts_with('/') => format!("~{rest}"),
        _ => path.to_owned(),
    }
}

fn paragraph(word: &str, text: &str) -> String {
    // Paths are copied from here, so a line ends neither within a word nor at a hyphen.
    let options = textwrap::Options::new(usize::from(WIDTH))
        .subsequent_indent("  ")
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    format!("\n{}\n", textwrap::fill(&format!("{word}: {text}"), options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_one_piece() {
        let path = "/home/a-user-whose-name-has-hyphens/.tencentcloud-of-a-long-name/credentials";
        let text = paragraph("fault", &format!("secret_key in line 3 of {path} begins with AKID"));
        assert!(text.contains(path) && text.lines().count() > 2, "{text}");
    }
}
