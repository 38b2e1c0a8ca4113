//! A machine made of maps, for the tests of the sources.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Credential, Entry, FileText, State, Surroundings, Wishes, look};

pub(super) const ID: &str = "AKIDfakeFAKEfakeFAKEfakeFAKEfake0001";
pub(super) const KEY: &str = "fakeSecretKeyForTestVectors00001";
pub(super) const TOKEN: &str = "fakeTokenOfATemporaryKey0001";
pub(super) const OTHER_ID: &str = "AKIDfakeFAKEfakeFAKEfakeFAKEfake0002";
/// 2026-11-24T00:00:00Z.
pub(super) const NOW: i64 = 1_795_478_400;

/// A machine made of maps, with its home in /home/user.
#[derive(Default)]
pub(super) struct Around {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) files: BTreeMap<PathBuf, (String, u32)>,
}

impl Around {
    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn write(self, path: &str, text: &str) -> Self {
        self.write_with_mode(path, text, 0o600)
    }

    pub(super) fn write_with_mode(mut self, path: &str, text: &str, mode: u32) -> Self {
        self.files.insert(Path::new("/home/user").join(path), (text.to_owned(), mode));
        self
    }

    /// What the first source that is not empty holds.
    pub(super) fn first_with(&self, wishes: &Wishes) -> Option<Entry> {
        look(self, wishes).find(|entry| !matches!(entry.state, State::Absent(_)))
    }

    pub(super) fn first(&self) -> Option<Entry> {
        self.first_with(&Wishes::default())
    }

    pub(super) fn key(&self) -> Credential {
        match self.first().map(|entry| entry.state) {
            Some(State::Ready(credential)) => credential,
            state => panic!("there is no key: {state:?}"),
        }
    }

    /// What is wrong, which must not show a value.
    pub(super) fn fault(&self) -> String {
        match self.first().map(|entry| entry.state) {
            Some(State::Faulty(error)) => {
                let text = format!("{error} {error:?}");
                for secret in [KEY, TOKEN, &KEY[..12]] {
                    assert!(!text.contains(secret), "{text}");
                }
                error.to_string()
            }
            state => panic!("there is no fault: {state:?}"),
        }
    }
}

impl Surroundings for Around {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn file(&self, path: &Path) -> io::Result<FileText> {
        match self.files.get(path) {
            Some((text, 0)) if text.is_empty() => Err(io::ErrorKind::PermissionDenied.into()),
            Some((text, mode)) => Ok(FileText { text: text.clone().into(), mode: *mode }),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn names_in(&self, directory: &Path) -> Vec<String> {
        let inside = self.files.keys().filter_map(|path| path.strip_prefix(directory).ok());
        inside.map(|path| path.display().to_string()).collect()
    }

    fn home(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/home/user"))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }
}
