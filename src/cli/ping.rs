//! `ping`: flags to what is connected to, again and again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::check::read_targets;
use super::egress::EgressArgs;
use super::endpoints::EndpointArgs;
use super::language::LanguageArgs;
use super::network::LookupArgs;
use super::values;
use crate::config::{
    Config, ConnectTo, Limits, MetadataService, NameServers, Policy, Questions, Signing, SystemFiles, Trust, When,
};
use crate::diagnose::{AddressView, addresses};
use crate::error::{Error, usage};
use crate::evidence::{Evidence, Stage};
use crate::plan::redirect;
use crate::report::PingFormat;
use crate::run::ping::{Method, Ping};
use crate::sys;
use crate::target::Target;

/// The shortest interval that needs no word of the user: a hundred connects a second to each peer.
const SHORTEST: Duration = Duration::from_millis(10);

/// Connects under way at the same time unless a flag tells otherwise, as far as the limit of open files goes.
const CONCURRENCY: usize = 10_000;
/// Open files that are no connects: the standard streams, the event loop, and those of the look-ups.
const OTHER_FILES: usize = 32;

/// Arguments of `ping`.
#[derive(Debug, Args)]
#[command(after_help = "ICMP echo needs a group in net.ipv4.ping_group_range, and no root. \
    Exit codes: 0 when a connect or an echo succeeded, 1 when none did, 3 when none could be tried. \
    While it runs on a terminal, Enter prints the figures so far.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct PingArgs {
    /// Buckets (examplebucket-1250000000), hosts, URLs, cos:// addresses, regions or IP addresses
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Read further targets from a file, one a line; # begins a comment, - is standard input
    #[arg(long, value_name = "FILE", env = "COSPROBE_TARGETS_FROM")]
    targets_from: Option<PathBuf>,
    /// How buckets become endpoints.
    #[command(flatten)]
    endpoints: EndpointArgs,
    /// Ports to connect to, where the target names none
    #[arg(short, long, value_name = "N", env = "COSPROBE_PORT", value_delimiter = ',', default_value = "80,443",
        value_parser = clap::value_parser!(u16).range(1..))]
    port: Vec<u16>,
    /// Send ICMP echo requests to each address instead of connecting
    #[arg(long, conflicts_with_all = ["port", "connect_to"])]
    icmp: bool,
    /// Connects to each address and port; without it, until an interrupt
    #[arg(short, long, value_name = "N", env = "COSPROBE_COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Time between the starts of two connects to one address and port
    #[arg(short, long, value_name = "TIME", env = "COSPROBE_INTERVAL", default_value = "1", value_parser = values::positive_duration)]
    interval: Duration,
    /// Allow an interval below 10 ms
    #[arg(long)]
    fast: bool,
    /// First connects to each address and port that are left out of the figures
    #[arg(short, long, value_name = "N", default_value = "0")]
    pub warm_up: u64,
    /// Look the names up again after so many rounds, and follow their addresses
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub resolve_every: Option<u64>,
    /// Begin each line with the time
    #[arg(short = 'D', long)]
    pub timestamps: bool,
    /// Show how the times are spread, at the end
    #[arg(long)]
    pub histogram: bool,
    /// Show the figures only
    #[arg(short, long)]
    pub quiet: bool,
    /// How to print
    #[arg(long, value_name = "NAME", default_value = "table")]
    format: Format,
    /// Which language people are spoken to in.
    #[command(flatten)]
    pub language: LanguageArgs,
    /// Connect to ADDR:PORT for HOST:PORT, as curl does; HOST may be a resolved address (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDR:PORT", env = "COSPROBE_CONNECT_TO", value_delimiter = ',', value_parser = values::connect_to)]
    connect_to: Vec<ConnectTo>,
    /// How connections leave.
    #[command(flatten)]
    egress: EgressArgs,
    /// How names are looked up.
    #[command(flatten)]
    lookup: LookupArgs,
}

/// What `--format` of `ping` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people, and the figures at the end
    Table,
    /// One document at the end
    Json,
    /// A document in each line
    Jsonl,
    /// A line for each connect
    Csv,
}

impl PingArgs {
    /// How to print.
    pub const fn format(&self) -> PingFormat {
        match self.format {
            Format::Table => PingFormat::Table,
            Format::Json => PingFormat::Json,
            Format::Jsonl => PingFormat::Jsonl,
            Format::Csv => PingFormat::Csv,
        }
    }

    /// What is to be looked up.
    ///
    /// # Errors
    /// What is wrong with the command line, the environment or a file.
    pub fn config(&self) -> Result<Config, Error> {
        if self.interval < SHORTEST && !self.fast {
            return usage(format!("{:?} is a short interval: --fast says that it is meant", self.interval));
        }
        Ok(Config {
            targets: self.parsed_targets()?,
            limits: self.lookup.limits(&Limits::default()),
            family: self.egress.family(self.lookup.family())?,
            name_servers: NameServers { comparison: Vec::new(), ..self.lookup.name_servers()? },
            questions: Questions::default(),
            files: SystemFiles::default(),
            metadata: MetadataService { when: When::Never, ..MetadataService::default() },
            control: When::Never,
            egress: self.egress.chosen()?,
            connect_to: self.connect_to.clone(),
            trust: Trust::default(),
            signing: Signing { anonymous_only: true, ..Signing::default() },
            search_regions: false,
            canary: None,
            trace: None,
            trace_in_check: When::Never,
            retry_ports: false,
            stages: &Stage::ALL,
            policy: Policy::default(),
        })
    }

    /// The targets, each host once, with all its ports.
    fn parsed_targets(&self) -> Result<Vec<Target>, Error> {
        let defaults = self.endpoints.defaults(&self.port);
        let from_file = self.targets_from.as_ref().map(read_targets).transpose()?.unwrap_or_default();
        let mut targets: Vec<Target> = Vec::new();
        let mut places = std::collections::BTreeMap::new();
        for text in self.targets.iter().chain(&from_file) {
            let target = Target::parse(text, &defaults)?;
            if let Some(address) = target.address().filter(|address| !self.lookup.family().allows(*address)) {
                return usage(format!("{address} is not of the address family that -4 or -6 asks for"));
            }
            match places.get(&target.host) {
                None => {
                    places.insert(target.host.clone(), targets.len());
                    targets.push(target);
                }
                Some(&at) => {
                    let earlier = &mut targets[at].services;
                    let new = target.services.into_iter().filter(|new| !earlier.iter().any(|old| old.port == new.port));
                    let new: Vec<_> = new.collect();
                    earlier.extend(new);
                }
            }
        }
        if targets.is_empty() {
            return usage(
                "there is nothing to connect to: give a bucket such as examplebucket-1250000000 --region ap-guangzhou",
            );
        }
        Ok(targets)
    }

    /// What to connect to, by the addresses that were found, and the endpoint of each peer. `rounds` are at most so many.
    pub fn ping(&self, config: &Config, resolved: &Evidence, rounds: Option<u64>) -> (Ping, Vec<String>) {
        let (mut peers, mut endpoints) = (Vec::new(), Vec::new());
        let views = addresses(resolved);
        let mut of_host: std::collections::BTreeMap<&str, Vec<&AddressView>> = std::collections::BTreeMap::new();
        for view in &views {
            of_host.entry(&view.endpoint).or_default().push(view);
        }
        for target in &config.targets {
            let ports: Vec<u16> =
                if self.icmp { vec![0] } else { target.services.iter().map(|service| service.port).collect() };
            for view in of_host.get(target.host.as_str()).into_iter().flatten() {
                for &port in &ports {
                    let peer = SocketAddr::new(view.ip, port);
                    peers.push((peer, redirect(config, &target.host, peer).unwrap_or(peer)));
                    endpoints.push(target.host.clone());
                }
            }
        }
        let limits = &config.limits;
        let ping = Ping {
            method: if self.icmp { Method::IcmpEcho } else { Method::Tcp },
            peers,
            egress: config.egress.clone(),
            rounds,
            interval: self.interval,
            attempt_timeout: limits.attempt_timeout,
            concurrency: self.lookup.concurrency().unwrap_or_else(|| most_at_once(sys::file_limit())),
        };
        (ping, endpoints)
    }
}

/// As many connects as are wanted, within a limit of open files.
fn most_at_once(file_limit: Option<usize>) -> usize {
    file_limit.map_or(CONCURRENCY, |limit| limit.saturating_sub(OTHER_FILES).clamp(1, CONCURRENCY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connects_leave_files_for_the_rest() {
        let most = [None, Some(1024), Some(1_000_000), Some(8)].map(most_at_once);
        assert_eq!(most, [10_000, 992, 10_000, 1]);
    }
}
