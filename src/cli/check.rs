//! `check`: flags and environment to a configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::endpoints::EndpointArgs;
use super::input::read_text;
use super::key::{Chosen, KeyArgs, signing};
use super::metadata::WhenAsked;
use super::network::NetworkArgs;
use super::output::OutputArgs;
use super::values;
use crate::config::{Config, Limits, Policy, Questions, Route, Signing, SystemFiles, Trust};
use crate::credential::{Credential, Place};
use crate::error::{Error, usage};
use crate::evidence::Stage;
use crate::target::{EndpointRole, Target, TargetDefaults};

/// Arguments of `check`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct CheckArgs {
    /// Buckets (examplebucket-1250000000), hosts, URLs, cos:// addresses, regions or IP addresses
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Read further targets from a file, one a line; # begins a comment, - is standard input
    #[arg(long, value_name = "FILE", env = "COSPROBE_TARGETS_FROM")]
    targets_from: Option<PathBuf>,
    /// How buckets become endpoints.
    #[command(flatten)]
    endpoints: EndpointArgs,
    /// Ports to test; 80 speaks HTTP, 443 HTTPS, others are connected to
    #[arg(short, long, value_name = "N", env = "COSPROBE_PORT", value_delimiter = ',', default_value = "80,443",
        value_parser = clap::value_parser!(u16).range(1..))]
    port: Vec<u16>,
    /// How the network is asked.
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    /// PEM file with CA certificates to trust beside the system's
    #[arg(long, value_name = "FILE", env = "COSPROBE_CACERT")]
    cacert: Option<PathBuf>,
    /// Report untrusted certificates as information only; no signature is sent to such a server all the same
    #[arg(long, env = "COSPROBE_INSECURE", value_parser = FalseyValueParser::new())]
    insecure: bool,
    /// When COS says that there is no such bucket, look for it in every region, with one anonymous HEAD each
    #[arg(long, env = "COSPROBE_SEARCH_REGIONS", value_parser = FalseyValueParser::new())]
    search_regions: bool,
    /// Probe other endpoints of COS too, to tell how far a fault reaches; auto: when something is wrong on the way
    #[arg(long, value_name = "WHEN", env = "COSPROBE_CONTROL", default_value = "auto")]
    control: WhenAsked,
    /// Trace the path to addresses that cannot be connected to, that are slow or reset, or where somebody else answers; always: to others too
    #[arg(long, value_name = "WHEN", env = "COSPROBE_TRACE", default_value = "auto")]
    trace: WhenAsked,
    /// The route that is to be used; another one is a finding
    #[arg(long, value_name = "ROUTE", env = "COSPROBE_EXPECT")]
    expect: Option<ExpectedRoute>,
    /// Put a label into the report (repeatable)
    #[arg(long, value_name = "KEY=VALUE", env = "COSPROBE_LABEL", value_parser = values::label)]
    label: Vec<(String, String)>,
    /// Tell on standard error what is observed while it is
    #[arg(short, long, env = "COSPROBE_VERBOSE", value_parser = FalseyValueParser::new())]
    pub verbose: bool,
    /// Which key to use.
    #[command(flatten)]
    pub(super) key: KeyArgs,
    /// Also send signatures to this host outside COS's domains (repeatable)
    #[arg(long, help_heading = "Keys", value_name = "HOST", env = "COSPROBE_SIGN_FOR_HOST", value_delimiter = ',')]
    sign_for_host: Vec<String>,
    /// Also send signatures over plain HTTP, where everyone on the path can read them
    #[arg(long, help_heading = "Keys", env = "COSPROBE_SIGN_OVER_HTTP", value_parser = FalseyValueParser::new())]
    sign_over_http: bool,
    /// How and where to report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What `--expect` takes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExpectedRoute {
    Private,
    Public,
}

impl From<ExpectedRoute> for Route {
    fn from(route: ExpectedRoute) -> Self {
        match route {
            ExpectedRoute::Private => Self::Private,
            ExpectedRoute::Public => Self::Public,
        }
    }
}

/// Everything that a check needs.
#[derive(Debug)]
pub struct Job {
    /// What to do.
    pub config: Config,
    /// What to sign with.
    pub credential: Option<Credential>,
    /// Where a key was looked for.
    pub searched: Vec<Place>,
    /// What the user should know about the key.
    pub notes: Vec<String>,
    /// What to attach to the report.
    pub labels: BTreeMap<String, String>,
}

impl CheckArgs {
    /// Reads targets, files and the key, which may have to be obtained; refuses what cannot work before anything is sent.
    ///
    /// # Errors
    /// What is wrong with the command line, the environment or a file, or that the key cannot be obtained.
    pub async fn job(&self) -> Result<Job, Error> {
        let mut key = self.key.choose(self.cacert.as_deref()).await?;
        let targets = self.parsed_targets(&mut key)?;
        self.key.exchange(&mut key, &targets, self.cacert.as_deref()).await?;
        let config = Config { targets, signing: self.signing(&key), ..self.template(&Policy::default())? };
        let Chosen { credential, searched, notes, .. } = key;
        Ok(Job { config, credential, searched, notes, labels: self.label.iter().cloned().collect() })
    }

    /// What is to be done with targets that are not known yet, without a key; judged by a policy, as far as no flag says otherwise.
    ///
    /// # Errors
    /// What is wrong with the flags.
    pub(super) fn template(&self, policy: &Policy) -> Result<Config, Error> {
        Ok(Config {
            targets: Vec::new(),
            limits: self.network.limits(&Limits::default()),
            family: self.network.egress.family(self.network.lookup.family())?,
            name_servers: self.network.lookup.name_servers()?,
            questions: Questions::default(),
            files: SystemFiles::default(),
            metadata: self.key.sources.metadata.service()?,
            control: self.control.into(),
            egress: self.network.egress.chosen()?,
            connect_to: self.network.connect_to.clone(),
            trust: Trust { ca_file: self.cacert.clone() },
            signing: self.signing(&Chosen::default()),
            search_regions: self.search_regions,
            canary: None,
            trace: None,
            trace_in_check: self.trace.into(),
            retry_ports: true,
            stages: &Stage::ALL,
            policy: Policy {
                expect: self.expect.map(Into::into).or(policy.expect),
                insecure: self.insecure,
                ..policy.clone()
            },
        })
    }

    /// Where signatures may go, with a key.
    pub(super) fn signing(&self, key: &Chosen) -> Signing {
        Signing {
            anonymous_only: self.key.anonymous,
            further_hosts: self.sign_for_host.clone(),
            over_clear_text: self.sign_over_http,
            ..signing(key.credential.as_ref(), &key.searched)
        }
    }

    /// What a target that does not say it is taken to be.
    pub(super) fn defaults(&self) -> TargetDefaults {
        self.endpoints.defaults(&self.port)
    }

    /// Reads a target, which has to be of the asked address family.
    pub(super) fn target(&self, text: &str, key: &mut Chosen, defaults: &TargetDefaults) -> Result<Target, Error> {
        let target = key.target(text, defaults)?;
        match target.address().filter(|address| !self.network.lookup.family().allows(*address)) {
            Some(address) => usage(format!("{address} is not of the address family that -4 or -6 asks for")),
            None => Ok(target),
        }
    }

    /// The targets, each host once.
    fn parsed_targets(&self, key: &mut Chosen) -> Result<Vec<Target>, Error> {
        let defaults = self.defaults();
        let from_file = self.targets_from.as_ref().map(read_targets).transpose()?.unwrap_or_default();
        let mut targets: Vec<Target> = Vec::new();
        for text in self.targets.iter().chain(&from_file) {
            let target = self.target(text, key, &defaults)?;
            match targets.iter_mut().find(|earlier| earlier.host == target.host) {
                None => targets.push(target),
                Some(earlier) if earlier.path == target.path => {
                    let new = target.services.into_iter().filter(|service| !earlier.services.contains(service));
                    let new: Vec<_> = new.collect();
                    if let Some(other) = new.iter().find(|s| earlier.services.iter().any(|e| e.port == s.port)) {
                        return usage(format!(
                            "{} is given twice with different protocols on port {}",
                            target.host, other.port
                        ));
                    }
                    earlier.services.extend(new);
                }
                Some(_) => {
                    return usage(format!("{} is given twice with different keys: check one at a time", target.host));
                }
            }
        }
        if targets.is_empty() {
            return usage(
                "there is nothing to check: give a bucket such as examplebucket-1250000000 --region ap-guangzhou",
            );
        }
        Ok(targets)
    }

    /// Notes about the key and the targets that are worth a look before the run.
    pub fn hints(job: &Job) -> Vec<String> {
        let unknown = |target: &&Target| target.region.as_deref().is_some_and(|id| crate::region::find(id).is_none());
        let hint = |target: &Target| {
            let id = target.region.as_deref().unwrap_or_default();
            let near = crate::region::near(id);
            let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
            format!("region '{id}' is not in cosprobe's table{hint}; DNS decides")
        };
        let of_role = |role: EndpointRole| role != EndpointRole::Legacy;
        let targets = job.config.targets.iter().filter(|target| of_role(target.role)).filter(unknown).map(hint);
        job.notes.iter().cloned().chain(targets).collect()
    }
}

pub(super) fn read_targets(path: &PathBuf) -> Result<Vec<String>, Error> {
    let text = read_text(path, "targets")?;
    Ok(text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect())
}

/// Reads a saved report and judges it again.
///
/// # Errors
/// When the file cannot be read or is not a report.
pub fn replay_file(path: &PathBuf) -> Result<crate::report::Report, Error> {
    let text = read_text(path, "the report")?;
    crate::replay(&text).map_err(|problem| Error::Malformed {
        expected: "a report that `cosprobe check --format json` wrote",
        path: path.clone(),
        problem,
    })
}
