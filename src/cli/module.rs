//! Modules: prepared command lines, from `cosprobe.toml` and built in, and the targets that are probed with them.
//!
//! `settings` reads the file; `module/flags.rs` has the flags of a module read by clap, so that file and command line mean the
//! same; `module/key.rs` has the keys. Here they become configurations that need no more than a target.

mod build;
mod flags;
mod key;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::check::Job;
use super::input::read_text;
use super::key::Chosen;
use crate::config::{Config, When};
use crate::diagnose::Severity;
use crate::error::{Error, usage};
use crate::settings::{Mistake, Objectives, ProbeKind, StatusCodes, Window, masked};
use crate::target::{Protocol, Target};
use build::built;
use flags::Arguments;
use key::{Keys, SharedKey};

pub(super) use schema::schema;

/// How targets are probed.
#[derive(Debug)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// What is done with a target.
    pub kind: ProbeKind,
    /// The longest time of one probe.
    pub timeout: Duration,
    /// The lowest severity of a root finding with which a probe has failed.
    pub fail_on: Severity,
    /// Which statuses are a success; `None`: every answer of COS.
    pub valid_status_codes: Option<StatusCodes>,
    /// When failures are expected.
    pub maintenance: Vec<Window>,
    /// Which share of the probes is promised to be good.
    pub slo: Option<Objectives>,
    /// Whether it is the signed answer that counts, so that a probe needs a key.
    pub signed: bool,
    arguments: Arguments,
    template: Config,
    /// `None`: it sends nothing that could be signed.
    key: Option<Arc<SharedKey>>,
}

/// A target that is probed on an interval of its own.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// The target, as `check` takes it.
    pub target: String,
    /// The module; it exists.
    pub module: String,
    /// From the start of one probe to that of the next.
    pub interval: Duration,
    /// What is put on its series, without those of [`Loaded::labels`].
    pub labels: BTreeMap<String, String>,
    /// The region of the bucket, instead of the module's.
    pub region: Option<String>,
}

/// A file that was read, and what is built in.
#[derive(Debug)]
pub struct Loaded {
    /// The modules by their names.
    pub modules: BTreeMap<String, Module>,
    /// The targets, in the order of the file.
    pub targets: Vec<Scheduled>,
    /// What is put on everything.
    pub labels: BTreeMap<String, String>,
    /// The file, without comments and with stars in the place of what could be a secret; empty without a file.
    pub text: String,
    /// What the user should know of the keys, such as that one could not be had.
    pub notes: Vec<String>,
    keys: Keys,
}

impl Module {
    /// The prepared configuration for one target; nothing is read, asked or sent. `timeout` caps the run beside the module's own.
    ///
    /// # Errors
    /// What is wrong with the target, or that the key is missing.
    pub fn job(&self, target: &str, timeout: Duration) -> Result<Job, Error> {
        self.job_in(target, None, timeout)
    }

    /// The same with a region for buckets, instead of the module's.
    ///
    /// # Errors
    /// What is wrong with the target, or that the key is missing.
    pub fn job_in(&self, target: &str, region: Option<&str>, timeout: Duration) -> Result<Job, Error> {
        let mut key = self.key().map_err(Error::Refused)?;
        let target = self.target(target, region, &mut key)?;
        if self.signed && key.credential.is_none() {
            return usage(format!(
                "module {} signs and there is no key: set {}, or give the module anonymous = true",
                self.name,
                crate::credential::WAYS_TO_SET_A_KEY
            ));
        }
        let is_address = target.address().is_some();
        let mut config = Config { targets: vec![target], ..self.template.clone() };
        if let Some(stages) = build::stages_for_address(self.kind).filter(|_| is_address) {
            config.stages = stages;
        }
        config.limits.deadline = self.timeout.min(timeout);
        if let Arguments::Check(arguments) = &self.arguments {
            config.signing = arguments.signing(&key);
        }
        let Chosen { credential, searched, notes, .. } = key;
        Ok(Job { config, credential, searched, notes, labels: BTreeMap::new() })
    }

    /// The same for an address of which the name is known. Nothing is asked for at name servers: neither for that name, nor for others
    /// to compare with.
    ///
    /// # Errors
    /// What is wrong with name or address, or that the key is missing.
    pub fn job_at(&self, named: &str, address: IpAddr, region: Option<&str>, timeout: Duration) -> Result<Job, Error> {
        if self.kind == ProbeKind::Dns {
            let name = &self.name;
            return usage(format!(
                "module {name} asks name servers and connects to no address: give the name as target"
            ));
        }
        if !self.template.family.allows(address) {
            let name = &self.name;
            return usage(format!(
                "module {name} does not use the family of {address}: give another address or module"
            ));
        }
        let mut job = self.job_in(named, region, timeout)?;
        let config = &mut job.config;
        config.questions.given_address = Some(address);
        config.control = When::Never;
        config.search_regions = false;
        config.stages = build::stages_for_address(self.kind).unwrap_or(config.stages);
        Ok(job)
    }

    /// The key, or why it cannot be had.
    fn key(&self) -> Result<Chosen, String> {
        self.key.as_ref().map_or_else(|| Ok(Chosen::default()), |key| key.get())
    }

    /// The region that the module gives to buckets.
    fn region(&self) -> Option<String> {
        self.defaults().region
    }

    fn defaults(&self) -> crate::target::TargetDefaults {
        match &self.arguments {
            Arguments::Check(arguments) => arguments.defaults(),
            Arguments::Dns(arguments) => arguments.defaults(),
        }
    }

    /// Reads a target as the command line does.
    fn target(&self, text: &str, region: Option<&str>, key: &mut Chosen) -> Result<Target, Error> {
        let mut defaults = self.defaults();
        defaults.region = region.map(str::to_owned).or(defaults.region);
        let mut target = match &self.arguments {
            Arguments::Check(arguments) => arguments.target(text, key, &defaults)?,
            Arguments::Dns(_) => super::dns::DnsArgs::target(text, &defaults)?,
        };
        if self.kind == ProbeKind::Connect {
            // Nothing is spoken on a port that is only connected to.
            target.services.iter_mut().for_each(|service| service.protocol = Protocol::Tcp);
        }
        Ok(target)
    }
}

impl Loaded {
    /// A module as the file has it, or as it is built in.
    pub fn module_text(&self, name: &str) -> String {
        let section = |text: &str| -> Option<String> {
            let head = format!("[modules.{name}]");
            let mut lines = text.lines().skip_while(|line| line.trim() != head);
            let first = lines.next()?;
            let rest = lines.take_while(|line| !line.starts_with('[') && !line.starts_with('#'));
            Some([first].into_iter().chain(rest).collect::<Vec<_>>().join("\n").trim_end().to_owned())
        };
        section(&self.text).or_else(|| section(build::BUILT_IN)).unwrap_or_default()
    }

    /// Looks again for keys that end soon or could not be had, and tells what went wrong. A key that is still good stays. To be called
    /// about once a minute.
    pub async fn renew_keys(&self) -> Vec<String> {
        self.keys.look(true).await
    }
}

/// Reads a file, checks everything in it, and looks for the keys of its modules. Without a path there are the built-in modules.
///
/// # Errors
/// When the file cannot be read, and everything that is wrong with it. That a key cannot be had is none: it is in
/// [`Loaded::notes`], and the jobs of its modules tell it.
pub async fn load(path: Option<&Path>) -> Result<Loaded, Error> {
    let text = path.map(|path| read_text(&path.to_owned(), "the configuration")).transpose()?.unwrap_or_default();
    let built = built(&text).map_err(|mistakes| refusal(path, &mistakes))?;
    let mut notes = built.keys.look(false).await;
    notes.extend(built.keys.notes());
    let loaded = Loaded {
        modules: built.modules,
        targets: Vec::new(),
        labels: built.settings.labels,
        text: masked(&text),
        notes,
        keys: built.keys,
    };
    let (targets, mistakes) = build::scheduled(&loaded.modules, &built.settings.targets, None);
    if mistakes.is_empty() { Ok(Loaded { targets, ..loaded }) } else { Err(refusal(path, &mistakes)) }
}

/// All mistakes, a line each.
fn refusal(path: Option<&Path>, mistakes: &[Mistake]) -> Error {
    let count = if mistakes.len() == 1 { "1 mistake".to_owned() } else { format!("{} mistakes", mistakes.len()) };
    let lines: Vec<String> = std::iter::once(count).chain(mistakes.iter().map(Mistake::to_string)).collect();
    Error::Malformed {
        expected: "a configuration that cosprobe can use",
        path: path.map_or_else(|| PathBuf::from("what is built in"), Path::to_owned),
        problem: lines.join("\n  "),
    }
}
