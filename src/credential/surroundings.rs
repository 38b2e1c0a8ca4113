//! What the sources are read from. `cli` gives the real machine, tests give maps.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::SecretString;

/// The machine around: variables, files and the time.
pub trait Surroundings: Sync {
    /// The value of a variable; one that is set to nothing counts as not set.
    fn variable(&self, name: &str) -> Option<String>;

    /// A text file and its mode.
    ///
    /// # Errors
    /// What the system says; `NotFound` when there is no such file.
    fn file(&self, path: &Path) -> io::Result<FileText>;

    /// The names in a directory, sorted; none when it cannot be read.
    fn names_in(&self, directory: &Path) -> Vec<String>;

    /// The user's home directory.
    fn home(&self) -> Option<PathBuf>;

    /// The time, by which a temporary key is judged.
    fn now(&self) -> Timestamp;
}

/// What is in a file.
#[derive(Debug)]
pub struct FileText {
    /// The whole text, which holds a secret.
    pub text: SecretString,
    /// Permission bits, such as `0o600`.
    pub mode: u32,
}

impl FileText {
    /// A warning when others than the owner may read the file.
    pub(super) fn mode_warning(&self, path: &Path) -> Option<String> {
        let by = match self.mode & 0o044 {
            0 => return None,
            0o040 => "its group",
            _ => "everyone on this machine",
        };
        let path = path.display();
        Some(format!("{path} holds a key and can be read by {by} (mode {:04o}): chmod 600 {path}", self.mode & 0o7777))
    }
}
