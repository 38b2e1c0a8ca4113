//! How and where to report: the flags of every command that makes a report, and writing it.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::language::LanguageArgs;
use crate::diagnose::Severity;
use crate::error::Error;
use crate::report::{FORMATS, Format, Redaction, Report, redact};

/// How and where to report.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// How the report is written: a table for people, one JSON document (see `cosprobe schema`), Markdown for tickets and
    /// chats, or one HTML file for browsers
    #[arg(long, value_name = "NAME", env = "COSPROBE_FORMAT", default_value = "table", value_parser = format_parser())]
    pub format: Format,
    /// Write the report to a file instead of standard output; an existing file is replaced at the end
    #[arg(short, long, value_name = "FILE", env = "COSPROBE_OUTPUT")]
    pub output: Option<PathBuf>,
    /// Write nothing to standard output; the exit code tells
    #[arg(short, long, env = "COSPROBE_QUIET", value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Do not use colours; so does the variable `NO_COLOR`, or output that is no terminal
    #[arg(long, env = "COSPROBE_NO_COLOR", value_parser = FalseyValueParser::new())]
    pub no_color: bool,
    /// Lowest severity of a root finding that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", env = "COSPROBE_FAIL_ON", default_value = "error")]
    fail_on: FailOn,
    /// Put stand-ins for bucket, object keys, addresses and host names, so that the report can be passed on and still judged;
    /// strict: also for request ids, labels and what tells about the machine
    #[arg(long, value_name = "LEVEL", env = "COSPROBE_REDACT", num_args = 0..=1, require_equals = true,
        default_missing_value = "default")]
    redact: Option<RedactLevel>,
    /// Which language people are spoken to in.
    #[command(flatten)]
    pub language: LanguageArgs,
}

/// What `--redact` takes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RedactLevel {
    Default,
    Strict,
}

/// What `--fail-on` takes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    Warning,
    Error,
}

impl OutputArgs {
    /// Lowest severity that makes the exit code 1.
    pub const fn fail_on(&self) -> Severity {
        match self.fail_on {
            FailOn::Warning => Severity::Warning,
            FailOn::Error => Severity::Error,
        }
    }

    /// The report as it is to be shown: with stand-ins, other ones each time, where the user asks for them.
    ///
    /// # Errors
    /// When stand-ins cannot be put; then nothing is to be shown.
    pub fn redacted(&self, report: Report) -> Result<Report, Error> {
        let level = match self.redact {
            None => return Ok(report),
            Some(RedactLevel::Default) => Redaction::Default,
            Some(RedactLevel::Strict) => Redaction::Strict,
        };
        // The standard library's hash keys are random.
        let keys = RandomState::new();
        let seed = (u128::from(keys.hash_one(1)) << 64) | u128::from(keys.hash_one(2));
        redact(&report, level, seed).map_err(|problem| Error::Usage(format!("cannot redact the report: {problem}")))
    }
}

fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(FORMATS.iter().map(|(_, word, _)| *word))
        .map(|word| FORMATS.iter().find(|(_, known, _)| *known == word).map_or(Format::Table, |(format, _, _)| *format))
}

/// Writes a finished text to a file or to standard output.
///
/// A regular file is written beside its place and then renamed, so that a reader never sees half a report. A closed pipe is no
/// error: the reader has seen enough.
///
/// # Errors
/// When the text could not be written.
pub fn write_report(text: &str, output: Option<&Path>) -> Result<(), Error> {
    let Some(path) = output.filter(|path| !is_stdout(path)) else {
        return to_stdout(text).map_err(|source| Error::Write { path: "standard output".into(), source });
    };
    to_file(text, path, None).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Writes a part of what is told while it happens to standard output. False when nobody reads it any more.
///
/// # Errors
/// When the text could not be written for another reason.
pub fn write_part(text: &str) -> Result<bool, Error> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(source) => Err(Error::Write { path: "standard output".into(), source }),
    }
}

/// Writes a text that only the owner of the file may read, whatever an earlier file of that name allowed.
///
/// # Errors
/// When the text could not be written.
pub(super) fn write_secret(text: &str, path: &Path) -> Result<(), Error> {
    if is_stdout(path) {
        return write_report(text, None);
    }
    to_file(text, path, Some(0o600)).map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

fn to_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    ignoring_closed_pipe(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

fn ignoring_closed_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn to_file(text: &str, path: &Path, mode: Option<u32>) -> io::Result<()> {
    // An open descriptor belongs to somebody, and a device or pipe cannot be replaced: they are written to as they are.
    let is_descriptor =
        path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") || path == Path::new("/dev/stderr");
    // The link stays, its file is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&path).ok();
    if is_descriptor || old.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return ignoring_closed_pipe(fs::OpenOptions::new().append(true).open(&path)?.write_all(text.as_bytes()));
    }
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?.to_string_lossy().into_owned();
    // In a container the process id repeats, so it would not do; the standard library's hash keys are random.
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
    let part = path.with_file_name(format!(".{name}.{random:016x}.part"));
    // Without another wish, the new file has the old one's mode from the beginning.
    let mode = mode.unwrap_or_else(|| old.map_or(0o666, |metadata| metadata.permissions().mode() & 0o777));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    drop(file);
    let renamed = written.and_then(|()| fs::rename(&part, &path));
    if renamed.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&part);
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        fs::write(&path, "old and longer").unwrap();
        write_report("new\n", Some(&path)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let missing = Path::new("no/such/directory/report.json");
        assert!(matches!(write_report("x", Some(missing)), Err(Error::Write { .. })));
        assert!(matches!(write_report("x", Some(Path::new("/dev/full"))), Err(Error::Write { .. })));
    }
}
