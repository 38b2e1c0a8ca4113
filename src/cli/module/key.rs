//! The keys of modules: looked for once for all modules that ask for the same, and again when they end.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::super::key::{Chosen, KeyArgs};

/// So long before a temporary key ends it is looked for again: the services give a new one earlier.
const AHEAD: Duration = Duration::from_mins(5);

/// The key of modules that look for one in the same way.
#[derive(Debug)]
pub(super) struct SharedKey {
    arguments: KeyArgs,
    ca_file: Option<PathBuf>,
    /// What was found last, or why it could not be had.
    found: Mutex<Result<Chosen, String>>,
}

impl SharedKey {
    /// A key that was not looked for yet.
    fn new(arguments: KeyArgs, ca_file: Option<&Path>) -> Self {
        let found = Mutex::new(Ok(Chosen::default()));
        Self { arguments, ca_file: ca_file.map(Path::to_owned), found }
    }

    /// The key, or why there is none that could be used.
    pub(super) fn get(&self) -> Result<Chosen, String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks for the key.
    async fn look(&self) -> Result<(), String> {
        self.take(self.arguments.choose(self.ca_file.as_deref()).await.map_err(|error| error.to_string()))
    }

    /// Takes what was found. A key that is still good stays when no other can be had.
    pub(super) fn take(&self, found: Result<Chosen, String>) -> Result<(), String> {
        let problem = found.as_ref().err().cloned();
        let mut last = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.as_ref().is_ok_and(|chosen| chosen.credential.is_some()) || !is_good_for(&last, Duration::ZERO) {
            *last = found;
        }
        problem.map_or(Ok(()), Err)
    }

    /// Whether it is to be looked for again: it ends soon, could not be had, or was not there.
    pub(super) fn is_due(&self) -> bool {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        !self.arguments.anonymous && !is_good_for(&found, AHEAD)
    }
}

/// Whether there is a key that is good for some time yet.
fn is_good_for(found: &Result<Chosen, String>, time: Duration) -> bool {
    let credential = found.as_ref().ok().and_then(|chosen| chosen.credential.as_ref());
    credential.is_some_and(|credential| credential.expires_at.is_none_or(|end| Timestamp::now() + time < end))
}

/// The keys of all modules.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Arc<SharedKey>>);

impl Keys {
    /// The key that some flags ask for.
    pub(super) fn of(&mut self, arguments: &KeyArgs, ca_file: Option<&Path>) -> Arc<SharedKey> {
        let is_same = |key: &&Arc<SharedKey>| key.arguments == *arguments && key.ca_file.as_deref() == ca_file;
        if let Some(key) = self.0.iter().find(is_same) {
            return Arc::clone(key);
        }
        let key = Arc::new(SharedKey::new(arguments.clone(), ca_file));
        self.0.push(Arc::clone(&key));
        key
    }

    /// Looks for keys, all or those that are due, and tells what went wrong.
    pub(super) async fn look(&self, only_due: bool) -> Vec<String> {
        let mut problems = Vec::new();
        for key in self.0.iter().filter(|key| !only_due || key.is_due()) {
            problems.extend(key.look().await.err());
        }
        problems
    }

    /// What the user should know of the keys that were found.
    pub(super) fn notes(&self) -> Vec<String> {
        self.0.iter().filter_map(|key| key.get().ok()).flat_map(|chosen| chosen.notes).collect()
    }
}
