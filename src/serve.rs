//! `serve`: an exporter for Prometheus with the manners of `blackbox_exporter`, so that its scrape configurations work here. Modules
//! are checks of COS, prepared by `cli::module`; targets of the file are probed by themselves as well.
//!
//! `listener.rs` holds the connections, `handlers.rs` answers requests, `probing.rs` takes probes, `schedule.rs` takes them by
//! itself, `objectives.rs` counts what is promised of them, `rendering.rs` renders what is long, `guard.rs` says which targets may be
//! asked for, `setup.rs` holds the configuration and replaces it, and `web.rs` says over what and to whom it is served.

mod guard;
mod handlers;
mod history;
mod language;
mod listener;
mod objectives;
mod own;
mod pages;
mod probing;
mod query;
mod rendering;
mod schedule;
mod setup;
#[cfg(test)]
mod tests;
mod web;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::error::Error;
use history::History;
use own::Counts;
use probing::Sharing;
use rendering::Renderings;
use schedule::Board;
use setup::Setups;
use web::Webs;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// The file with modules and targets.
    pub config_file: Option<PathBuf>,
    /// The file with TLS, passwords and headers; without it everybody may ask over plain HTTP.
    pub web_config_file: Option<PathBuf>,
    /// Where its paths begin, such as `/cos`; empty: at the root.
    pub route_prefix: String,
    /// Where its links begin, which is what a proxy in front makes of that.
    pub link_prefix: String,
    /// What is taken off the time that Prometheus gives, for the way of the answer.
    pub timeout_offset: Duration,
    /// Probes that are kept to be looked at; as many failed ones are kept besides.
    pub history_limit: usize,
    /// Whether targets may be asked for that are neither hosts of COS nor in the file.
    pub allow_any_target: bool,
}

/// How often keys are looked after that end.
const KEYS: Duration = Duration::from_mins(1);
/// How often the files of the web configuration are looked at, which may be new ones.
const WEB: Duration = Duration::from_secs(5);
/// Time for requests under way once the service is to end.
const DRAIN: Duration = Duration::from_secs(4);

/// Everything that requests share.
struct State {
    options: Options,
    setups: Setups,
    webs: Webs,
    sharing: Sharing,
    history: Mutex<History>,
    board: Mutex<Board>,
    renderings: Renderings,
    counts: Counts,
}

/// What is locked is never left half changed, so a panic elsewhere does not make it unusable.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks a web configuration with the files that it names, and tells what is worth a warning for a service at these addresses.
///
/// # Errors
/// Everything that is wrong with them.
pub fn check_web(path: &Path, listen: &[SocketAddr]) -> Result<Option<String>, Error> {
    web::check(path, listen)
}

/// Serves until `ended` resolves, and lets requests under way come to their end. What comes from `reloads` has the file read again; `tell` is told where it listens and what becomes of the file.
///
/// # Errors
/// When the file cannot be used, or an address cannot be listened at.
pub async fn serve(
    options: Options,
    ended: impl Future<Output = ()>,
    mut reloads: mpsc::Receiver<()>,
    tell: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(), Error> {
    let webs = Webs::load(options.web_config_file.as_deref())?;
    let setups = Setups::load(options.config_file.as_deref()).await?;
    setups.current().loaded.notes.iter().for_each(|note| tell(note));
    webs.current().warning(&options.listen).iter().for_each(|warning| tell(warning));
    let listeners = listener::bind(&options.listen).await?;
    let scheme = if webs.current().tls.is_some() { "https" } else { "http" };
    for listener in &listeners {
        if let Ok(address) = listener.local_addr() {
            tell(&format!("listening on {scheme}://{address}"));
        }
    }
    let history = Mutex::new(History::new(options.history_limit));
    let state = Arc::new(State {
        options,
        setups,
        webs,
        history,
        sharing: Sharing::default(),
        board: Mutex::default(),
        renderings: Renderings::default(),
        counts: Counts::default(),
    });
    schedule::start(&state);
    let upkeep = {
        let state = Arc::clone(&state);
        tokio::spawn(async move { keep_up(&state, &mut reloads, tell).await })
    };
    let (stop, stopped) = watch::channel(false);
    let mut accepting = listener::accept_all(listeners, &state, &stopped);
    ended.await;
    stop.send_replace(true);
    upkeep.abort();
    schedule::stop(&state);
    // What is not done by then is broken off: who stops a service waits no longer.
    let _ = tokio::time::timeout(DRAIN, async { while accepting.join_next().await.is_some() {} }).await;
    Ok(())
}

/// Reads both files again. Each of the two stays as it was when something is wrong with the new one.
///
/// # Errors
/// What is wrong, and what stays.
async fn reload(state: &Arc<State>) -> Result<(), String> {
    let web = state.webs.reload().map_err(|error| stays("web configuration", &error));
    let file = setup::reload(state).await.map_err(|error| stays("configuration", &error));
    match (web, file) {
        (Err(web), Err(file)) => Err(format!("{web}\n{file}")),
        (web, file) => web.and(file),
    }
}

fn stays(what: &str, error: &Error) -> String {
    format!("the {what} stays as it was: {error}")
}

/// Reads the files again when that is asked for, and looks after keys that end and certificates that are renewed.
async fn keep_up(state: &Arc<State>, reloads: &mut mpsc::Receiver<()>, tell: impl Fn(&str)) {
    let mut ticks = tokio::time::interval(KEYS);
    ticks.tick().await;
    let mut looks = tokio::time::interval(WEB);
    loop {
        tokio::select! {
            Some(()) = reloads.recv() => match reload(state).await {
                Ok(()) => tell("the configuration was read again"),
                Err(problem) => tell(&format!("error: {problem}")),
            },
            _ = ticks.tick() => {
                let setup = state.setups.current();
                setup.loaded.renew_keys().await.iter().for_each(|note| tell(note));
            }
            _ = looks.tick() => match state.webs.reload_changed() {
                Some(Ok(())) => tell("the web configuration was read again"),
                Some(Err(error)) => tell(&format!("error: {}", stays("web configuration", &error))),
                None => {}
            },
        }
    }
}
