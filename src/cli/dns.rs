//! `dns`: flags to a configuration that looks names up and does nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;
use ipnet::IpNet;

use super::check::{Job, read_targets};
use super::endpoints::EndpointArgs;
use super::metadata::MetadataArgs;
use super::network::LookupArgs;
use super::output::OutputArgs;
use super::values;
use crate::config::{
    Config, Limits, MetadataService, NameServers, Policy, Questions, Signing, SystemFiles, Trust, When,
};
use crate::error::{Error, usage};
use crate::evidence::Stage;
use crate::report::Format;
use crate::sys::Egress;
use crate::target::{Target, TargetDefaults};

/// Arguments of `dns`.
#[derive(Debug, Args)]
#[command(
    after_help = "Asked are the machine's own name servers, Tencent's pair inside a VPC, DNSPod's public one, and those of \
    --resolver; with --resolver system only the machine's own and those named besides."
)]
pub struct DnsArgs {
    /// Buckets (examplebucket-1250000000), hosts, URLs, cos:// addresses or regions
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Read further targets from a file, one a line; # begins a comment, - is standard input
    #[arg(long, value_name = "FILE", env = "COSPROBE_TARGETS_FROM")]
    targets_from: Option<PathBuf>,
    /// How buckets become endpoints.
    #[command(flatten)]
    endpoints: EndpointArgs,
    /// How names are looked up.
    #[command(flatten)]
    lookup: LookupArgs,
    /// Ask each server so many times
    #[arg(long, value_name = "N", env = "COSPROBE_TRIES", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=20))]
    tries: u16,
    /// Ask for the answers that clients in this network get (EDNS client subnet), such as 203.0.113.0/24
    #[arg(long, value_name = "NETWORK", env = "COSPROBE_ECS", value_parser = subnet)]
    ecs: Option<IpNet>,
    /// Look the name up again and again, at this interval, and tell what changes
    #[arg(long, value_name = "TIME", env = "COSPROBE_WATCH_RESOLUTION", value_parser = interval,
        conflicts_with = "redact")]
    pub watch_resolution: Option<Duration>,
    /// End watching after this time; without it, watching ends with an interrupt
    #[arg(long = "for", value_name = "TIME", requires = "watch_resolution", value_parser = values::positive_duration)]
    pub watch_for: Option<Duration>,
    /// PEM file with CA certificates to trust beside the system's
    #[arg(long, value_name = "FILE", env = "COSPROBE_CACERT")]
    cacert: Option<PathBuf>,
    /// Put a label into the report (repeatable)
    #[arg(long, value_name = "KEY=VALUE", env = "COSPROBE_LABEL", value_parser = values::label)]
    label: Vec<(String, String)>,
    /// Tell on standard error what is observed while it is
    #[arg(short, long, env = "COSPROBE_VERBOSE", value_parser = FalseyValueParser::new())]
    pub verbose: bool,
    /// The metadata service.
    #[command(flatten)]
    metadata: MetadataArgs,
    /// How and where to report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A network, or one address, which stands for the network that resolvers tell of it (RFC 7871, section 11.1).
fn subnet(text: &str) -> Result<IpNet, String> {
    let of_address = |ip: std::net::IpAddr| IpNet::new(ip, if ip.is_ipv4() { 24 } else { 56 }).ok();
    let net = text.parse().ok().or_else(|| text.parse().ok().and_then(of_address));
    net.map(|net: IpNet| net.trunc()).ok_or_else(|| "it should look like 203.0.113.0/24 or 2001:db8::/56".to_owned())
}

/// At least a second: name servers keep their answers that long.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = values::duration(text)?;
    if interval < Duration::from_secs(1) {
        return Err("it should be at least a second, so that no server is flooded".to_owned());
    }
    Ok(interval)
}

impl DnsArgs {
    /// What is to be looked up, and with whom. While watching, nobody is asked but those that programs here go by and those of
    /// `--resolver`.
    ///
    /// # Errors
    /// What is wrong with the command line, the environment or a file.
    pub fn job(&self) -> Result<Job, Error> {
        if self.watch_resolution.is_some() && !matches!(self.output.format, Format::Table | Format::Json) {
            return usage(
                "--watch-resolution tells what changes, as a table or as one JSON document: give --format table or json",
            );
        }
        let config = Config { targets: self.parsed_targets()?, ..self.template(&Policy::default())? };
        let labels: BTreeMap<String, String> = self.label.iter().cloned().collect();
        Ok(Job { config, credential: None, searched: Vec::new(), notes: Vec::new(), labels })
    }

    /// What is to be done with targets that are not known yet, judged by a policy.
    ///
    /// # Errors
    /// What is wrong with the flags.
    pub(super) fn template(&self, policy: &Policy) -> Result<Config, Error> {
        let compared = self.lookup.compared_servers()?;
        let watched = || NameServers { comparison: Vec::new(), wait_for_comparison: false, ..compared.clone() };
        Ok(Config {
            targets: Vec::new(),
            limits: self.lookup.limits(&Limits::default()),
            family: self.lookup.family(),
            name_servers: match self.watch_resolution {
                Some(_) => NameServers { extra: self.lookup.given_servers()?, ..watched() },
                None => compared,
            },
            questions: Questions { tries: self.tries, client_subnet: self.ecs, given_address: None },
            files: SystemFiles::default(),
            metadata: match self.watch_resolution {
                Some(_) => MetadataService { when: When::Never, ..MetadataService::default() },
                None => self.metadata.service()?,
            },
            control: When::Never,
            egress: Egress::default(),
            connect_to: Vec::new(),
            trust: Trust { ca_file: self.cacert.clone() },
            signing: Signing { anonymous_only: true, ..Signing::default() },
            search_regions: false,
            canary: None,
            trace: None,
            trace_in_check: When::Never,
            retry_ports: false,
            stages: &Stage::ALL,
            policy: policy.clone(),
        })
    }

    /// What a target that does not say it is taken to be.
    pub(super) fn defaults(&self) -> TargetDefaults {
        self.endpoints.defaults(&[443])
    }

    /// Reads a target, which gets no ports: nothing is connected to.
    pub(super) fn target(text: &str, defaults: &TargetDefaults) -> Result<Target, Error> {
        let target = Target { services: Vec::new(), ..Target::parse(text, defaults)? };
        if target.address().is_some() {
            return usage(format!("{target} is an address: there is nothing to look up"));
        }
        Ok(target)
    }

    /// The targets, each name once.
    fn parsed_targets(&self) -> Result<Vec<Target>, Error> {
        let defaults = self.defaults();
        let from_file = self.targets_from.as_ref().map(read_targets).transpose()?.unwrap_or_default();
        let mut targets: Vec<Target> = Vec::new();
        for text in self.targets.iter().chain(&from_file) {
            let target = Self::target(text, &defaults)?;
            if !targets.iter().any(|earlier| earlier.host == target.host) {
                targets.push(target);
            }
        }
        if targets.is_empty() {
            return usage(
                "there is nothing to look up: give a bucket such as examplebucket-1250000000 --region ap-guangzhou",
            );
        }
        Ok(targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_clients() {
        for (text, expected) in [
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("203.0.113.7", "203.0.113.0/24"),
            ("2001:db8:1:2:3::4", "2001:db8:1::/56"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(subnet(text).map(|net| net.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in ["", "here", "203.0.113.0/33", "203.0.113"] {
            assert!(subnet(text).is_err(), "{text}");
        }
        assert!(interval("0.5").is_err() && interval("1").is_ok());
    }
}
