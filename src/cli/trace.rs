//! `trace`: the path to an endpoint, hop by hop, without privileges.

use clap::{Args, ValueEnum};

use super::egress::EgressArgs;
use super::endpoints::EndpointArgs;
use super::language::LanguageArgs;
use super::network::LookupArgs;
use super::sign::Answer;
use crate::config::{
    Config, Limits, MetadataService, NameServers, Policy, Questions, Signing, SystemFiles, Trace, TraceProtocol, Trust,
    When,
};
use crate::diagnose::{PathView, paths};
use crate::error::{Error, exit, usage};
use crate::evidence::{Evidence, Stage};
use crate::report::{mtr_json, path_tables, trace_json};
use crate::run::Ending;
use crate::target::{Protocol, Service, Target};

/// Where UDP goes when no port is given: traceroute's first, on which nobody listens as a rule.
const UDP_PORT: u16 = 33434;
/// The port of the service when neither the target nor a flag tells.
const SERVICE_PORT: u16 = 443;

/// Arguments of `trace`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(
    after_help = "TCP needs Linux 5.8 or later, ICMP echo a group in net.ipv4.ping_group_range; neither needs root. \
    Exit codes: 0 reached, 1 not reached, 3 nothing could be traced."
)]
pub struct TraceArgs {
    /// Bucket (examplebucket-1250000000), host, URL, cos:// address, region or IP address
    #[arg(value_name = "TARGET")]
    target: String,
    /// How buckets become endpoints.
    #[command(flatten)]
    endpoints: EndpointArgs,
    /// Send UDP datagrams instead of TCP SYNs
    #[arg(long, conflicts_with = "icmp")]
    udp: bool,
    /// Send ICMP echo requests instead of TCP SYNs
    #[arg(long)]
    icmp: bool,
    /// Port to trace to; without it that of the URL, or 443, or for UDP 33434
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "icmp")]
    port: Option<u16>,
    /// Rounds over the whole path; more than 3 make routers limit their answers
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=20))]
    count: u16,
    /// Largest TTL
    #[arg(short, long, value_name = "N", default_value = "30", value_parser = clap::value_parser!(u8).range(1..=64))]
    max_ttl: u8,
    /// Then trace so many times more with one source port for all hops each, which shows over which ways traffic is balanced
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u16).range(..=16), conflicts_with = "icmp")]
    flows: u16,
    /// Trace to every address of the name, not to the first alone
    #[arg(long)]
    all: bool,
    /// Ask the first name server for the names of the addresses on the way
    #[arg(long)]
    names: bool,
    /// How to print
    #[arg(long, value_name = "NAME", default_value = "table")]
    format: TraceFormat,
    /// How packets leave.
    #[command(flatten)]
    egress: EgressArgs,
    /// Which language people are spoken to in.
    #[command(flatten)]
    language: LanguageArgs,
    /// How names are looked up.
    #[command(flatten)]
    lookup: LookupArgs,
}

/// What `--format` of `trace` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TraceFormat {
    /// For people
    Table,
    /// One JSON document: what was observed, and what it comes to
    Json,
    /// The JSON of mtr, one document for each address
    MtrJson,
}

impl TraceArgs {
    /// What is to be traced.
    ///
    /// # Errors
    /// What is wrong with the command line.
    pub fn config(&self) -> Result<Config, Error> {
        let protocol = match (self.udp, self.icmp) {
            (true, _) => TraceProtocol::Udp,
            (_, true) => TraceProtocol::Icmp,
            _ => TraceProtocol::Tcp,
        };
        // Elsewhere the scheme says nothing about the ports that are tested; one path has one port.
        let is_http = self.target.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let service_port = if is_http { 80 } else { SERVICE_PORT };
        let target = Target::parse(&self.target, &self.endpoints.defaults(&[service_port]))?;
        if let Some(address) = target.address().filter(|address| !self.lookup.family().allows(*address)) {
            return usage(format!("{address} is not of the address family that -4 or -6 asks for"));
        }
        let of_target = || target.services.first().map_or(service_port, |service| service.port);
        let port = self.port.unwrap_or_else(|| if self.udp { UDP_PORT } else { of_target() });
        let services = vec![Service { port, protocol: Protocol::Tcp }];
        Ok(Config {
            targets: vec![Target { services, ..target }],
            limits: self.lookup.limits(&Limits::default()),
            family: self.egress.family(self.lookup.family())?,
            name_servers: NameServers { comparison: Vec::new(), ..self.lookup.name_servers()? },
            questions: Questions::default(),
            files: SystemFiles::default(),
            metadata: MetadataService { when: When::Never, ..MetadataService::default() },
            control: When::Never,
            egress: self.egress.chosen()?,
            connect_to: Vec::new(),
            trust: Trust::default(),
            signing: Signing { anonymous_only: true, ..Signing::default() },
            search_regions: false,
            canary: None,
            trace_in_check: When::Never,
            retry_ports: false,
            stages: &Stage::ALL,
            trace: Some(Trace {
                protocol,
                max_ttl: self.max_ttl,
                rounds: self.count,
                flows: self.flows,
                every_address: self.all,
                names: self.names,
            }),
            policy: Policy::default(),
        })
    }

    /// The text to print and the exit code, from what was observed.
    pub fn answer(&self, evidence: &Evidence, ending: Ending) -> Answer {
        let paths = paths(evidence);
        let text = match self.format {
            TraceFormat::Table => path_tables(&paths, self.language.language()),
            TraceFormat::Json => trace_json(&paths, &evidence.observations),
            TraceFormat::MtrJson => mtr_json(&paths),
        };
        Answer { text, hints: Vec::new(), code: code(&paths, ending) }
    }
}

fn code(paths: &[PathView], ending: Ending) -> u8 {
    let mut traced = paths.iter().filter(|path| path.was_traced()).peekable();
    match ending {
        Ending::Interrupted => exit::INTERRUPTED,
        _ if traced.peek().is_none() => exit::INCONCLUSIVE,
        _ if traced.all(PathView::is_reached) => exit::HEALTHY,
        _ => exit::FINDINGS,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn config(arguments: &[&str]) -> Config {
        let Command::Trace(trace) = Cli::try_parse_from([&["cosprobe", "trace"], arguments].concat()).unwrap().command
        else {
            panic!("this is another command")
        };
        trace.config().unwrap()
    }

    #[test]
    fn the_port_is_that_of_the_service() {
        let port = |arguments: &[&str]| config(arguments).targets[0].services[0].port;
        assert_eq!(port(&["bucket.example"]), 443);
        assert_eq!(port(&["http://bucket.example/"]), 80);
        assert_eq!(port(&["http://bucket.example:8080/"]), 8080);
        assert_eq!(port(&["http://bucket.example/", "-p", "444"]), 444);
        assert_eq!(port(&["203.0.113.10", "--udp"]), 33434);
        assert_eq!(port(&["203.0.113.10", "--udp", "-p", "53"]), 53);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let is_refused = |arguments: &[&str]| {
            Cli::try_parse_from([&["cosprobe", "trace", "203.0.113.10"], arguments].concat()).is_err()
        };
        for arguments in [
            &["--udp", "--icmp"][..],
            &["--icmp", "-p", "443"],
            &["--icmp", "--flows", "2"],
            &["-m", "0"],
            &["-m", "65"],
            &["-c", "0"],
        ] {
            assert!(is_refused(arguments), "{arguments:?}");
        }
        assert!(!is_refused(&["--udp", "--flows", "4", "-c", "3"]));
    }
}
