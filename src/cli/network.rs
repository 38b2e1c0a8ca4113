//! How the network is asked: the flags that all probing commands share.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::values::{self, ResolverArg};
use crate::config::{ConnectTo, Family, Limits, NameServers};

/// The flags that all probing commands share.
#[derive(Debug, Args)]
pub(super) struct NetworkArgs {
    /// Use IPv4 only
    #[arg(short = '4', long, env = "COSPROBE_IPV4", value_parser = FalseyValueParser::new(), conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long, env = "COSPROBE_IPV6", value_parser = FalseyValueParser::new())]
    ipv6: bool,
    /// TCP connects per address and port; 5, and 1 for `head`
    #[arg(short, long, value_name = "N", env = "COSPROBE_COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) count: Option<u16>,
    /// Time between the starts of two connects to one address and port
    #[arg(short, long, value_name = "TIME", env = "COSPROBE_INTERVAL", default_value = "4ms", value_parser = values::duration)]
    interval: Duration,
    /// Time for one look-up, connect, handshake or request
    #[arg(short, long, value_name = "TIME", env = "COSPROBE_TIMEOUT", default_value = "3", value_parser = values::positive_duration)]
    timeout: Duration,
    /// Time for the whole run
    #[arg(long, value_name = "TIME", env = "COSPROBE_DEADLINE", default_value = "20", value_parser = values::positive_duration)]
    deadline: Duration,
    /// Steps under way at the same time; 64, and 8 for `regions`
    #[arg(long, value_name = "N", env = "COSPROBE_CONCURRENCY", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
    /// Name server to ask instead of the machine's own: system, vpc, dnspod, IP[:PORT], udp://…, tcp://… (repeatable)
    #[arg(long, env = "COSPROBE_RESOLVER", value_delimiter = ',', value_parser = values::resolver)]
    resolver: Vec<ResolverArg>,
    /// Name server behind `vpc`, instead of Tencent's pair (repeatable)
    #[arg(long, value_name = "IP", env = "COSPROBE_VPC_RESOLVER", value_delimiter = ',')]
    vpc_resolver: Vec<IpAddr>,
    /// Connect to ADDR:PORT for HOST:PORT, as curl does; HOST may be a resolved address (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDR:PORT", env = "COSPROBE_CONNECT_TO", value_delimiter = ',', value_parser = values::connect_to)]
    pub(super) connect_to: Vec<ConnectTo>,
}

impl NetworkArgs {
    /// The address families to use.
    pub(super) const fn family(&self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Both,
        }
    }

    /// The name servers to ask.
    pub(super) fn name_servers(&self) -> NameServers {
        let mut servers = NameServers { system: self.resolver.is_empty(), extra: Vec::new() };
        for resolver in &self.resolver {
            match resolver {
                ResolverArg::System => servers.system = true,
                ResolverArg::Vpc => servers.extra.extend(values::vpc_servers(&self.vpc_resolver)),
                ResolverArg::Server(server) => servers.extra.push(*server),
            }
        }
        servers
    }

    /// Bounds in time and number; `otherwise` has those that no flag gives.
    pub(super) fn limits(&self, otherwise: &Limits) -> Limits {
        Limits {
            attempt_timeout: self.timeout,
            deadline: self.deadline,
            count: self.count.unwrap_or(otherwise.count),
            interval: self.interval,
            concurrency: self.concurrency.map_or(otherwise.concurrency, usize::from),
            addresses: otherwise.addresses,
        }
    }
}
