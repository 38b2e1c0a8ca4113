//! What can go wrong with cosprobe itself, and the exit codes.
//!
//! A network that fails is never an [`Error`]: it is an observation. This room knows nothing of the others.

use std::path::PathBuf;

/// Exit codes, documented in `docs/reference/exit-codes.md`.
pub mod exit {
    /// No finding at or above `--fail-on`.
    pub const HEALTHY: u8 = 0;
    /// A root finding at or above `--fail-on`.
    pub const FINDINGS: u8 = 1;
    /// The command line, the environment or an input file is wrong; nothing was measured.
    pub const USAGE: u8 = 2;
    /// cosprobe could not measure.
    pub const INCONCLUSIVE: u8 = 3;
    /// `--expect` was missed and nothing else is wrong.
    pub const EXPECTATION_MISSED: u8 = 4;
    /// The report could not be written.
    pub const OUTPUT: u8 = 5;
    /// Interrupted; what was measured is still reported.
    pub const INTERRUPTED: u8 = 130;

    /// Every code with its meaning, in the order of the reference page.
    pub const TABLE: &[(u8, &str)] = &[
        (HEALTHY, "healthy: no finding at or above --fail-on"),
        (FINDINGS, "findings: at least one root finding at or above --fail-on"),
        (USAGE, "usage: the command line, the environment or an input file is wrong"),
        (INCONCLUSIVE, "inconclusive: cosprobe could not measure"),
        (EXPECTATION_MISSED, "expectation missed: --expect was not met and nothing else is wrong"),
        (OUTPUT, "output: the report could not be written"),
        (INTERRUPTED, "interrupted: what was measured until then is reported"),
    ];
}

/// Why cosprobe could not do its work. Messages are lower-case fragments without a full stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A word of the command line or of an environment variable is not usable.
    #[error("{0}")]
    Usage(String),
    /// A file named by the user could not be read.
    #[error("cannot read {what} {}: {source}", path.display())]
    Read {
        /// What the file is to us, such as `CA certificates`.
        what: &'static str,
        /// The file as the user named it.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file was read and its content is not what it should be.
    #[error("{} is not {expected}: {problem}", path.display())]
    Malformed {
        /// What the file should have been.
        expected: &'static str,
        /// The file as the user named it.
        path: PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The report could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file, or `standard output`.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A service that gives keys says no.
    #[error("{0}")]
    Refused(String),
    /// A service that gives keys could not be reached, or what answers there is not the service.
    #[error("cannot get a key from {what}: {problem}")]
    Unreachable {
        /// The service and its address.
        what: String,
        /// What happened.
        problem: String,
    },
    /// A part of cosprobe could not start.
    #[error("cannot start {what}: {problem}")]
    Start {
        /// The part.
        what: &'static str,
        /// What it said.
        problem: String,
    },
}

impl Error {
    /// The exit code of the process when this error ends it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Read { .. } | Self::Malformed { .. } | Self::Refused(_) => exit::USAGE,
            Self::Write { .. } => exit::OUTPUT,
            Self::Start { .. } | Self::Unreachable { .. } => exit::INCONCLUSIVE,
        }
    }
}

/// Shorthand for a refusal of what the user typed.
pub(crate) fn usage<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::Usage(text.into()))
}
