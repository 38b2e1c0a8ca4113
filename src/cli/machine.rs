//! The real machine, for the sources of keys.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::credential::{FileText, Surroundings};

/// Bytes of a file with a key that are read. Tokens are a few KiB.
const MAX_BYTES: u64 = 1024 * 1024;

/// This machine.
pub(super) struct ThisMachine;

impl Surroundings for ThisMachine {
    fn variable(&self, name: &str) -> Option<String> {
        // A value that is no text becomes one with a foreign character, and is refused for it.
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
    }

    fn file(&self, path: &Path) -> io::Result<FileText> {
        let other = |problem: &str| io::Error::other(problem.to_owned());
        let metadata = match fs::metadata(path) {
            // Users of services live in /dev/null, where there is no file.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(io::ErrorKind::NotFound.into()),
            metadata => metadata?,
        };
        // Opening a pipe without a writer would hold the run up.
        if !metadata.is_file() {
            return Err(other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(other("it is larger than 1 MiB"));
        }
        let text = String::from_utf8(bytes).map_err(|_| other("it is not UTF-8"))?;
        Ok(FileText { text: text.into(), mode: metadata.permissions().mode() })
    }

    fn names_in(&self, directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").map(PathBuf::from)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
