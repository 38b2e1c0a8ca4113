//! How the service is reached: TLS, passwords and headers, from the file of `--web.config.file`.
//!
//! `web/yaml.rs` reads YAML, `web/file.rs` its keys, `web/tls.rs` certificates and keys, and `web/passwords.rs` says who may ask. The
//! files are looked at again all the time, so that a renewed certificate needs no restart. A bad one changes nothing.

mod file;
mod passwords;
#[cfg(test)]
mod tests;
mod tls;
mod yaml;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::locked;
use crate::error::Error;
use crate::settings::Mistake;
pub(super) use passwords::Admission;
use passwords::Passwords;

/// How the service is reached at a time.
#[derive(Default)]
pub(super) struct Web {
    /// `None`: over plain HTTP.
    pub(super) tls: Option<TlsAcceptor>,
    /// What is put on every answer.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    users: BTreeMap<String, SecretString>,
}

impl Web {
    /// Reads the file and those that it names, whose places are put into `files`.
    fn read(path: &Path, files: &mut Vec<PathBuf>) -> Result<Self, Error> {
        let bytes = tls::bounded(path);
        let bytes =
            bytes.map_err(|source| Error::Read { what: "the web configuration", path: path.to_owned(), source })?;
        let malformed = |problem| Error::Malformed {
            expected: "a web configuration that cosprobe can use",
            path: path.to_owned(),
            problem,
        };
        let text = String::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8".to_owned()))?;
        let refused = |mistakes: Vec<Mistake>| {
            let lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
            malformed(lines.join("\n  "))
        };
        let file = file::read(&text).map_err(refused)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let named =
            file.tls.iter().flat_map(|tls| [Some(&tls.cert_file), Some(&tls.key_file), tls.client_ca_file.as_ref()]);
        files.extend(named.flatten().map(|named| directory.join(&named.path)));
        let tls = file.tls.map(|settings| tls::acceptor(&settings, directory)).transpose().map_err(refused)?;
        Ok(Self { tls, headers: file.headers, users: file.users })
    }

    /// What is worth a warning where it is served at these addresses.
    pub(super) fn warning(&self, listen: &[SocketAddr]) -> Option<String> {
        let open = listen.iter().find(|address| !address.ip().is_loopback());
        let open = open.filter(|_| self.tls.is_none() && !self.users.is_empty())?;
        Some(format!(
            "warning: passwords reach {open} in plain text: give cert_file and key_file in tls_server_config, or listen on loopback"
        ))
    }
}

/// A file as it was: a renewed one differs. `None`: it was not there.
type Stamp = Option<(u64, i64, i64, u64)>;

fn stamp(path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    Some((data.ino(), data.mtime(), data.mtime_nsec(), data.len()))
}

/// The web configuration in use, and how it is replaced.
pub(super) struct Webs {
    path: Option<PathBuf>,
    current: watch::Sender<Arc<Web>>,
    /// The files of the last attempt, as they were just before it.
    seen: Mutex<BTreeMap<PathBuf, Stamp>>,
    was_successful: Mutex<bool>,
    passwords: Passwords,
}

impl Webs {
    pub(super) fn load(path: Option<&Path>) -> Result<Self, Error> {
        let webs = Self {
            path: path.map(Path::to_owned),
            current: watch::Sender::default(),
            seen: Mutex::default(),
            was_successful: Mutex::new(true),
            passwords: Passwords::new()?,
        };
        webs.reload()?;
        Ok(webs)
    }

    pub(super) fn current(&self) -> Arc<Web> {
        Arc::clone(&self.current.borrow())
    }

    /// Tells when the configuration in use is another one.
    pub(super) fn changes(&self) -> watch::Receiver<Arc<Web>> {
        self.current.subscribe()
    }

    /// Whether the last reading was successful; `None`: there is no file.
    pub(super) fn was_successful(&self) -> Option<bool> {
        self.path.as_ref().map(|_| *locked(&self.was_successful))
    }

    /// Reads the files again. The old configuration stays when something is wrong with the new one.
    pub(super) fn reload(&self) -> Result<(), Error> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut seen = locked(&self.seen);
        let mut files: Vec<PathBuf> = seen.keys().cloned().collect();
        // The stamps are older than what is read, so that no change gets lost. Files that are named for the first time have none yet, so
        // it is read twice then.
        let read = loop {
            let before: BTreeMap<PathBuf, Stamp> = files.iter().map(|path| (path.clone(), stamp(path))).collect();
            files = vec![path.clone()];
            let read = Web::read(path, &mut files);
            *seen = before;
            if files.iter().all(|path| seen.contains_key(path)) {
                break read;
            }
        };
        *locked(&self.was_successful) = read.is_ok();
        self.current.send_replace(Arc::new(read?));
        Ok(())
    }

    /// Reads the files again if one of them is another than it was; `None`: none is.
    pub(super) fn reload_changed(&self) -> Option<Result<(), Error>> {
        let is_another = |(path, known): (&PathBuf, &Stamp)| stamp(path) != *known;
        let is_due = locked(&self.seen).iter().any(is_another);
        is_due.then(|| self.reload())
    }

    /// Whether a request with these headers may pass.
    pub(super) async fn admission(&self, headers: &HeaderMap) -> Admission {
        let web = self.current();
        self.passwords.admission(&web.users, headers).await
    }
}

/// Checks a file and those that it names, and tells what is worth a warning.
///
/// # Errors
/// Everything that is wrong with them.
pub(super) fn check(path: &Path, listen: &[SocketAddr]) -> Result<Option<String>, Error> {
    Ok(Web::read(path, &mut Vec::new())?.warning(listen))
}
