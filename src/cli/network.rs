//! How the network is asked: the flags that all probing commands share.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::egress::EgressArgs;
use super::resolver::{self, ResolverArg};
use super::values;
use crate::config::{ConnectTo, Family, Limits, NameServer, NameServers};
use crate::error::Error;

/// The flags that all probing commands share.
#[derive(Debug, Args)]
pub(super) struct NetworkArgs {
    /// How names are looked up.
    #[command(flatten)]
    pub(super) lookup: LookupArgs,
    /// How connections leave.
    #[command(flatten)]
    pub(super) egress: EgressArgs,
    /// TCP connects per address and port; 5, and 1 for `head`
    #[arg(short, long, value_name = "N", env = "COSPROBE_COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) count: Option<u16>,
    /// Time between the starts of two connects to one address and port
    #[arg(short, long, value_name = "TIME", env = "COSPROBE_INTERVAL", default_value = "4ms", value_parser = values::duration)]
    interval: Duration,
    /// Connect to ADDR:PORT for HOST:PORT, as curl does; HOST may be a resolved address (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDR:PORT", env = "COSPROBE_CONNECT_TO", value_delimiter = ',', value_parser = values::connect_to)]
    pub(super) connect_to: Vec<ConnectTo>,
}

/// The flags of everything that looks names up.
#[derive(Debug, Args)]
pub(super) struct LookupArgs {
    /// Use IPv4 only
    #[arg(short = '4', long, env = "COSPROBE_IPV4", value_parser = FalseyValueParser::new(), conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long, env = "COSPROBE_IPV6", value_parser = FalseyValueParser::new())]
    ipv6: bool,
    /// Time for one look-up, connect, handshake or request
    #[arg(short, long, value_name = "TIME", env = "COSPROBE_TIMEOUT", default_value = "3", value_parser = values::positive_duration)]
    timeout: Duration,
    /// Time for the whole run
    #[arg(long, value_name = "TIME", env = "COSPROBE_DEADLINE", default_value = "20", value_parser = values::positive_duration)]
    deadline: Duration,
    /// Steps under way at the same time; 64, 8 for `regions`, and 10000 connects for `ping`
    #[arg(long, value_name = "N", env = "COSPROBE_CONCURRENCY", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
    /// Name server to ask: system, vpc, dnspod, IP[:PORT], udp://…, tcp://…, tls://… or https://… (repeatable); without it, the
    /// machine's own is asked, and Tencent's and DNSPod's to compare. For `dns` it is asked beside these; system leaves them out
    #[arg(long, env = "COSPROBE_RESOLVER", value_delimiter = ',', value_parser = resolver::resolver)]
    resolver: Vec<ResolverArg>,
    /// Name server behind `vpc`, instead of Tencent's pair (repeatable)
    #[arg(long, value_name = "IP", env = "COSPROBE_VPC_RESOLVER", value_delimiter = ',')]
    vpc_resolver: Vec<IpAddr>,
}

impl LookupArgs {
    /// The address families to use.
    pub(super) const fn family(&self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Both,
        }
    }

    /// The name servers to ask. Without a word of the user these are the machine's own, with Tencent's and `DNSPod`'s to compare.
    ///
    /// # Errors
    /// When the name of a server has no address.
    pub(super) fn name_servers(&self) -> Result<NameServers, Error> {
        let mut servers = NameServers { system: self.resolver.is_empty(), ..NameServers::default() };
        servers.system |= self.resolver.contains(&ResolverArg::System);
        servers.extra = self.given_servers()?;
        if self.resolver.is_empty() {
            servers.comparison = self.usual_comparison();
        }
        Ok(servers)
    }

    /// The servers that the user names.
    ///
    /// # Errors
    /// When the name of a server has no address.
    pub(super) fn given_servers(&self) -> Result<Vec<NameServer>, Error> {
        let of_each = self.resolver.iter().map(|resolver| resolver.servers(&self.vpc_resolver));
        Ok(of_each.collect::<Result<Vec<_>, Error>>()?.concat())
    }

    /// Tencent's servers inside a VPC, and `DNSPod`'s.
    fn usual_comparison(&self) -> Vec<NameServer> {
        let mut servers = resolver::vpc_servers(&self.vpc_resolver);
        servers.push(resolver::dnspod());
        servers
    }

    /// The name servers that `dns` asks: the machine's own and those of the user beside Tencent's and `DNSPod`'s, each with all its
    /// answers. With `--resolver system` none but those that the user names.
    ///
    /// # Errors
    /// When the name of a server has no address.
    pub(super) fn compared_servers(&self) -> Result<NameServers, Error> {
        let mut comparison = self.given_servers()?;
        if !self.resolver.contains(&ResolverArg::System) {
            comparison.extend(self.usual_comparison());
        }
        Ok(NameServers {
            system: true,
            comparison,
            vpc_everywhere: true,
            wait_for_comparison: true,
            ..NameServers::default()
        })
    }

    /// How many steps the user wants under way at the same time.
    pub(super) fn concurrency(&self) -> Option<usize> {
        self.concurrency.map(usize::from)
    }

    /// Bounds in time and number; `otherwise` has those that no flag gives.
    pub(super) fn limits(&self, otherwise: &Limits) -> Limits {
        Limits {
            attempt_timeout: self.timeout,
            deadline: self.deadline,
            concurrency: self.concurrency().unwrap_or(otherwise.concurrency),
            ..otherwise.clone()
        }
    }
}

impl NetworkArgs {
    /// Bounds in time and number; `otherwise` has those that no flag gives.
    pub(super) fn limits(&self, otherwise: &Limits) -> Limits {
        let count = self.count.unwrap_or(otherwise.count);
        Limits { count, interval: self.interval, ..self.lookup.limits(otherwise) }
    }
}
