//! The configuration in use, and how it is replaced: by one that is good, or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;

use super::{State, locked, schedule};
use crate::cli::{Loaded, Scheduled, load};
use crate::error::Error;
use crate::probe::Roots;

/// A configuration with the certificates that its modules trust.
pub(super) struct Setup {
    pub(super) loaded: Loaded,
    /// The hosts of the file's targets, with the ports that are probed there.
    pub(super) hosts: Vec<(String, Vec<u16>)>,
    roots: Mutex<BTreeMap<Option<PathBuf>, Arc<Roots>>>,
}

impl Setup {
    fn new(loaded: Loaded) -> Arc<Self> {
        let host = |scheduled: &Scheduled| {
            let module = loaded.modules.get(&scheduled.module)?;
            let job = module.job_in(&scheduled.target, scheduled.region.as_deref(), module.timeout).ok()?;
            let target = job.config.targets.into_iter().next()?;
            Some((target.host, target.services.iter().map(|service| service.port).collect()))
        };
        let hosts = loaded.targets.iter().filter_map(host).collect();
        Arc::new(Self { loaded, hosts, roots: Mutex::default() })
    }

    /// The trusted certificates with those of a file, read once.
    pub(super) fn roots(&self, ca_file: Option<&Path>) -> Result<Arc<Roots>, Error> {
        let mut all = locked(&self.roots);
        let key = ca_file.map(Path::to_owned);
        if let Some(known) = all.get(&key) {
            return Ok(Arc::clone(known));
        }
        let roots = Arc::new(Roots::new(ca_file)?);
        all.insert(key, Arc::clone(&roots));
        Ok(roots)
    }
}

/// The configuration in use, and what came of the last attempt to read it again.
pub(super) struct Setups {
    current: RwLock<Arc<Setup>>,
    last: Mutex<Reload>,
}

/// What came of reading the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reload {
    pub(super) was_successful: bool,
    pub(super) succeeded_at: Timestamp,
}

impl Setups {
    pub(super) async fn load(path: Option<&Path>) -> Result<Self, Error> {
        let setup = Setup::new(load(path).await?);
        let last = Reload { was_successful: true, succeeded_at: Timestamp::now() };
        Ok(Self { current: RwLock::new(setup), last: Mutex::new(last) })
    }

    pub(super) fn current(&self) -> Arc<Setup> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn last_reload(&self) -> Reload {
        *locked(&self.last)
    }
}

/// Reads the file again. The old configuration stays when the new one is bad.
pub(super) async fn reload(state: &Arc<State>) -> Result<(), Error> {
    let loaded = load(state.options.config_file.as_deref()).await;
    let setups = &state.setups;
    match loaded {
        Ok(loaded) => {
            *setups.current.write().unwrap_or_else(PoisonError::into_inner) = Setup::new(loaded);
            *locked(&setups.last) = Reload { was_successful: true, succeeded_at: Timestamp::now() };
            schedule::start(state);
            Ok(())
        }
        Err(error) => {
            locked(&setups.last).was_successful = false;
            Err(error)
        }
    }
}
