//! `serve`: an exporter for Prometheus with the manners of `blackbox_exporter`, so that its scrape configurations work here. Modules
//! are checks of COS, prepared by `cli::module`; targets of the file are probed by themselves as well.
//!
//! `listener.rs` holds the connections, `handlers.rs` answers requests, `probing.rs` takes probes, `schedule.rs` takes them by
//! itself, `guard.rs` says which targets may be asked for, and `setup.rs` holds the configuration and replaces it.

mod guard;
mod handlers;
mod history;
mod listener;
mod own;
mod pages;
mod probing;
mod query;
mod schedule;
mod setup;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::error::Error;
use history::History;
use own::Counts;
use probing::Sharing;
use schedule::Board;
use setup::Setups;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// The file with modules and targets.
    pub config_file: Option<PathBuf>,
    /// What is taken off the time that Prometheus gives, for the way of the answer.
    pub timeout_offset: Duration,
    /// Probes that are kept to be looked at; as many failed ones are kept besides.
    pub history_limit: usize,
    /// Whether targets may be asked for that are neither hosts of COS nor in the file.
    pub allow_any_target: bool,
}

/// How often keys are looked after that end.
const KEYS: Duration = Duration::from_mins(1);
/// Time for requests under way once the service is to end.
const DRAIN: Duration = Duration::from_secs(4);

/// Everything that requests share.
struct State {
    options: Options,
    setups: Setups,
    sharing: Sharing,
    history: Mutex<History>,
    board: Mutex<Board>,
    counts: Counts,
}

/// What is locked is never left half changed, so a panic elsewhere does not make it unusable.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    let setups = Setups::load(options.config_file.as_deref()).await?;
    setups.current().loaded.notes.iter().for_each(|note| tell(note));
    let listeners = listener::bind(&options.listen).await?;
    for listener in &listeners {
        if let Ok(address) = listener.local_addr() {
            tell(&format!("listening on http://{address}"));
        }
    }
    let history = Mutex::new(History::new(options.history_limit));
    let state = Arc::new(State {
        options,
        setups,
        history,
        sharing: Sharing::default(),
        board: Mutex::default(),
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

/// Reads the file again when that is asked for, and looks after keys that end.
async fn keep_up(state: &Arc<State>, reloads: &mut mpsc::Receiver<()>, tell: impl Fn(&str)) {
    let mut ticks = tokio::time::interval(KEYS);
    ticks.tick().await;
    loop {
        tokio::select! {
            Some(()) = reloads.recv() => match setup::reload(state).await {
                Ok(()) => tell("the configuration was read again"),
                Err(error) => tell(&format!("error: the configuration stays as it was: {error}")),
            },
            _ = ticks.tick() => {
                let setup = state.setups.current();
                setup.loaded.renew_keys().await.iter().for_each(|note| tell(note));
            }
        }
    }
}
