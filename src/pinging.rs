//! `ping` while it runs: what is told of each connect, and when names are looked up again.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::mpsc;

use cosprobe::cli::PingArgs;
use cosprobe::config::Config;
use cosprobe::diagnose::{PeerSeries, addresses};
use cosprobe::error::{Error, exit};
use cosprobe::evidence::{Evidence, Outcome};
use cosprobe::report::{AddressChange, PingFormat, PingRun, Pinged, address_line, ping_end, ping_head, ping_line};
use cosprobe::run::ping::{Probed, is_own_failure, ping, refusal};
use cosprobe::text::Language;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Pings until the count is reached or the user ends it; the exit code.
pub(crate) async fn pinging(arguments: &PingArgs, interrupt: impl Future<Output = ()>) -> Result<u8, Error> {
    let config = arguments.config()?;
    let (end, ended) = watch::channel(false);
    let mut told = Told::new(arguments);
    told.write(ping_head(arguments.format()).unwrap_or_default());
    let interrupted = {
        let rounds = all_rounds(arguments, &config, &mut told, ended);
        tokio::pin!(rounds, interrupt);
        tokio::select! {
            biased;
            () = &mut interrupt => {
                // What is under way is broken off, and what was measured stays.
                end.send_replace(true);
                rounds.await?;
                true
            }
            finished = &mut rounds => {
                finished?;
                false
            }
        }
    };
    let text = ping_end(&told.run, Timestamp::now(), arguments.format(), arguments.histogram, told.language);
    told.write(&text);
    Ok(match (told.run.any_connected(), told.run.any_sent()) {
        // Without a count an interrupt is the way to end it.
        _ if interrupted && arguments.count.is_some() => exit::INTERRUPTED,
        (true, _) => exit::HEALTHY,
        (false, true) => exit::FINDINGS,
        (false, false) => exit::INCONCLUSIVE,
    })
}

/// Looks the names up, and goes on for as many rounds as are wanted, looking them up again in between.
async fn all_rounds(
    arguments: &PingArgs,
    config: &Config,
    told: &mut Told<'_>,
    ended: watch::Receiver<bool>,
) -> Result<(), Error> {
    let total = arguments.count.map(|count| count.saturating_add(arguments.warm_up));
    let mut done = 0;
    loop {
        let resolved = tokio::select! {
            biased;
            () = is_true(ended.clone()) => return Ok(()),
            observed = look_up(config) => observed?,
        };
        told.without_address(config, &resolved);
        let left = total.map(|total| total - done);
        let rounds = [left, arguments.resolve_every].into_iter().flatten().min();
        let (what, endpoints) = arguments.ping(config, &resolved, rounds);
        if let Some(problem) = refusal(&what) {
            return Err(Error::Start { what: "ICMP echo", problem });
        }
        told.follow(&what.peers.iter().map(|(peer, _)| *peer).zip(endpoints).collect::<Vec<_>>());
        let (places, closed, is_last) = (told.places.clone(), told.closed.subscribe(), rounds == left);
        let stop = async {
            tokio::select! {
                () = is_true(ended.clone()) => {}
                () = is_true(closed.clone()) => {}
            }
        };
        let begun = Instant::now();
        let complete = ping(&what, stop, |probed| told.take(&places, done, probed)).await;
        let made = rounds.unwrap_or(0);
        done += made;
        if !complete || is_last || *closed.borrow() {
            return Ok(());
        }
        // The next round is as far from the last one as that from the one before.
        let next = begun + what.interval.saturating_mul(u32::try_from(made).unwrap_or(u32::MAX));
        tokio::select! {
            () = is_true(ended.clone()) => return Ok(()),
            () = sleep_until(next) => {}
        }
    }
}

async fn look_up(config: &Config) -> Result<Evidence, Error> {
    let mut targets = config.clone();
    targets.targets.iter_mut().for_each(|target| target.services.clear());
    cosprobe::observe(targets, None, std::future::pending(), |_| {}).await.map(|(evidence, _)| evidence)
}

async fn is_true(mut receiver: watch::Receiver<bool>) {
    if receiver.wait_for(|is| *is).await.is_err() {
        // The sender is gone: it will never become true.
        std::future::pending::<()>().await;
    }
}

/// What was told so far.
struct Told<'a> {
    arguments: &'a PingArgs,
    language: Language,
    run: PingRun,
    /// Index among all series of each peer that is pinged now.
    places: Vec<usize>,
    /// Whether the reader of standard output is gone.
    closed: watch::Sender<bool>,
    enter: Option<mpsc::Receiver<()>>,
}

impl<'a> Told<'a> {
    fn new(arguments: &'a PingArgs) -> Self {
        let run = PingRun::new(Timestamp::now());
        Self {
            arguments,
            language: arguments.language.language(),
            run,
            places: Vec::new(),
            closed: watch::Sender::new(false),
            enter: listen_for_enter(),
        }
    }

    /// Follows these peers from now on, and tells what changed about the names.
    fn follow(&mut self, peers: &[(std::net::SocketAddr, String)]) {
        let before: Vec<_> =
            self.places.iter().map(|at| &self.run.series[*at]).map(|s| (s.peer, s.endpoint.clone())).collect();
        if !before.is_empty() {
            let mut names: Vec<&String> = peers.iter().chain(&before).map(|(_, endpoint)| endpoint).collect();
            names.dedup();
            for endpoint in names {
                let of = |all: &[(std::net::SocketAddr, String)], not: &[(std::net::SocketAddr, String)]| {
                    let own = all.iter().filter(|(_, e)| e == endpoint);
                    let mut ips: Vec<_> = own.map(|(peer, _)| peer.ip()).collect();
                    ips.dedup();
                    ips.retain(|ip| !not.iter().any(|(peer, e)| e == endpoint && peer.ip() == *ip));
                    ips
                };
                let (come, gone) = (of(peers, &before), of(&before, peers));
                if !come.is_empty() || !gone.is_empty() {
                    let change = AddressChange { at: Timestamp::now(), endpoint: endpoint.clone(), come, gone };
                    self.write(&address_line(&change, self.arguments.format(), self.language));
                    self.run.changes.push(change);
                }
            }
        }
        let known: std::collections::BTreeMap<(String, std::net::SocketAddr), usize> =
            self.run.series.iter().enumerate().map(|(at, s)| ((s.endpoint.clone(), s.peer), at)).collect();
        self.places.clear();
        for (peer, endpoint) in peers {
            let place = known.get(&(endpoint.clone(), *peer)).copied().unwrap_or(self.run.series.len());
            if place == self.run.series.len() {
                self.run.series.push(PeerSeries::new(endpoint.clone(), *peer));
            }
            self.places.push(place);
        }
    }

    /// Tells which names have no address, and why, once for each.
    fn without_address(&mut self, config: &Config, resolved: &Evidence) {
        let views = addresses(resolved);
        let found: BTreeSet<&str> = views.iter().map(|view| view.endpoint.as_str()).collect();
        for target in config.targets.iter().filter(|target| !found.contains(target.host.as_str())) {
            if self.run.unresolved.iter().all(|(endpoint, _)| *endpoint != target.host) {
                let reason = resolved.own_lookups(&target.host).find_map(|o| match &o.outcome {
                    Outcome::Failed { kind, .. } => Some(kind.as_str()),
                    Outcome::NotRun { because } => Some(because.as_str()),
                    Outcome::Succeeded | Outcome::Unknown => None,
                });
                self.run.unresolved.push((target.host.clone(), reason.unwrap_or("no_address").to_owned()));
            }
        }
    }

    fn take(&mut self, places: &[usize], rounds_before: u64, probed: Probed) {
        let number = rounds_before + probed.round + 1;
        let is_warm_up = number <= self.arguments.warm_up;
        let series = &mut self.run.series[places[probed.peer]];
        if !is_warm_up {
            series.take(&probed.sample, probed.at, !is_own_failure(&probed.sample));
        }
        let (endpoint, peer) = (series.endpoint.clone(), series.peer);
        let pinged = Pinged { at: probed.at, endpoint, peer, number, is_warm_up, sample: probed.sample };
        let format = self.arguments.format();
        if !self.arguments.quiet {
            let line = ping_line(&pinged, format, self.arguments.timestamps, self.language);
            self.write(&line);
        }
        if format == PingFormat::Json {
            self.run.keep(pinged);
        }
        if self.enter.as_ref().is_some_and(|enter| enter.try_recv().is_ok()) {
            let text = ping_end(&self.run, Timestamp::now(), format, self.arguments.histogram, self.language);
            self.write(&text);
        }
    }

    /// Writes to standard output. A reader that is gone ends it.
    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.closed.send_replace(true);
        }
    }
}

/// Tells of each line that the user enters, on a terminal, where lines for people are written.
fn listen_for_enter() -> Option<mpsc::Receiver<()>> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return None;
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(()).is_err() {
                break;
            }
        }
    });
    Some(receiver)
}
