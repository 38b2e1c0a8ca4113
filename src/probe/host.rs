//! What this machine's own configuration says. Files and variables only; nothing is sent.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use hickory_resolver::Hosts;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf;
use jiff::Timestamp;

use crate::evidence::{
    Clock, DefaultRoute, Detail, FailureKind, HostsFile, Machine, Outcome, ProxyEnvironment, ResolverConfiguration,
    Routes, Variable, clean,
};
use crate::sys;

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Characters of a proxy variable that are recorded. The lists of clusters are long, and their last entry counts like the first.
const LONGEST_VARIABLE: usize = 4096;

/// The time of day, how long the machine has been up (proc(5)), and whether something keeps the clock in step.
pub(super) fn clock() -> (Outcome, Detail) {
    let uptime = fs::read_to_string("/proc/uptime").ok();
    let state = sys::clock_state().ok();
    let clock = Clock {
        local_time: Some(Timestamp::now()),
        uptime_seconds: uptime.and_then(|text| text.split(['.', ' ']).next()?.parse().ok()),
        ntp_synchronized: state.map(|state| state.synchronized),
        ntp_estimated_error_us: state.filter(|state| state.synchronized).map(|state| state.estimated_error_us),
    };
    (Outcome::Succeeded, Detail::Clock(clock))
}

/// Vendor and kernel. Tencent's machines say `Tencent Cloud` in DMI.
pub(super) fn machine() -> (Outcome, Detail) {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| clean(&text, 100)).filter(|text| !text.is_empty());
    let vendor = sys::machine_vendor().map(|text| clean(&text, 100)).filter(|text| !text.is_empty());
    let machine = Machine {
        kernel: read("/proc/sys/kernel/osrelease").map(|release| format!("Linux {release}")),
        architecture: Some(std::env::consts::ARCH.to_owned()),
        is_tencent_vm: vendor.as_deref().map(sys::is_tencent),
        vendor,
    };
    (Outcome::Succeeded, Detail::Machine(machine))
}

/// Default routes from /proc, and the source addresses that the kernel would choose. Connecting a UDP socket sends nothing.
pub(super) fn routes() -> (Outcome, Detail) {
    let mut default_routes = default_routes_v4(&fs::read_to_string("/proc/net/route").unwrap_or_default());
    default_routes.extend(default_routes_v6(&fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default()));
    let routes = Routes {
        default_routes,
        // Any address of the internet will do; these are the documentation ranges (RFC 5737, RFC 3849).
        source_v4: source_towards(Ipv4Addr::new(192, 0, 2, 1).into()),
        source_v6: source_towards(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    };
    (Outcome::Succeeded, Detail::Routes(routes))
}

fn source_towards(destination: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if destination.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(destination, 53)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The kernel's IPv4 table: interface, destination, gateway, flags … mask, in little-endian hex.
fn default_routes_v4(table: &str) -> Vec<DefaultRoute> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (destination, gateway, mask) = (*fields.get(1)?, *fields.get(2)?, *fields.get(7)?);
            let number = |text: &str| u32::from_str_radix(text, 16).ok();
            // RTF_REJECT (route.h): an unreachable or prohibiting route is no way out.
            let rejects = number(fields.get(3)?)? & 0x0200 != 0;
            if number(destination)? != 0 || number(mask)? != 0 || rejects {
                return None;
            }
            let gateway = Ipv4Addr::from(number(gateway)?.swap_bytes());
            let gateway = (!gateway.is_unspecified()).then_some(gateway.into());
            Some(DefaultRoute { interface: fields[0].to_owned(), gateway })
        })
        .collect()
}

/// The kernel's IPv6 table: destination, prefix length, source, prefix length, next hop, metric, use, flags, interface.
/// Reject routes (flag `RTF_REJECT`) stand on `lo` and are no way out.
fn default_routes_v6(table: &str) -> Vec<DefaultRoute> {
    table
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (destination, prefix, gateway) = (*fields.first()?, *fields.get(1)?, *fields.get(4)?);
            let interface = *fields.get(9)?;
            if !destination.trim_start_matches('0').is_empty() || prefix != "00" || interface == "lo" {
                return None;
            }
            let gateway = Ipv6Addr::from(u128::from_str_radix(gateway, 16).ok()?);
            let gateway = (!gateway.is_unspecified()).then_some(gateway.into());
            Some(DefaultRoute { interface: interface.to_owned(), gateway })
        })
        .collect()
}

/// The variables that HTTP libraries read. Passwords inside them are left out.
pub(super) fn proxy_environment() -> (Outcome, Detail) {
    let mut variables: Vec<Variable> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, value)| {
            let name = name.to_ascii_lowercase();
            matches!(name.as_str(), "http_proxy" | "https_proxy" | "all_proxy" | "no_proxy") && !value.is_empty()
        })
        .map(|(name, value)| Variable { name, value: clean(&without_user_info(&value), LONGEST_VARIABLE) })
        .collect();
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    (Outcome::Succeeded, Detail::ProxyEnvironment(ProxyEnvironment { variables }))
}

fn without_user_info(value: &str) -> String {
    let (scheme, rest) = value.split_once("://").map_or(("", value), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

/// The name servers of resolv.conf, as the resolver library reads it.
pub(super) fn resolver_configuration() -> (Outcome, Detail) {
    let empty = ResolverConfiguration { path: RESOLV_CONF.to_owned(), ..ResolverConfiguration::default() };
    let bytes = match fs::read(RESOLV_CONF) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(&error, Detail::ResolverConfiguration(empty)),
    };
    match system_conf::parse_resolv_conf(&bytes) {
        Ok((configuration, _)) => {
            let mut servers = Vec::new();
            for server in configuration.name_servers() {
                let port = server.connections.first().map_or(53, |connection| connection.port);
                let address = SocketAddr::new(server.ip, port);
                if !servers.contains(&address) {
                    servers.push(address);
                }
            }
            // glibc reads the first three (resolv.conf(5), MAXNS).
            servers.truncate(3);
            let search = configuration.search().iter().map(|name| clean(&name.to_string(), 253)).collect();
            (Outcome::Succeeded, Detail::ResolverConfiguration(ResolverConfiguration { servers, search, ..empty }))
        }
        // The resolver library refuses more than glibc does, such as odd search domains; the servers are what counts.
        Err(error) => match name_servers(&bytes) {
            servers if servers.is_empty() => unreadable(&error, Detail::ResolverConfiguration(empty)),
            servers => (Outcome::Succeeded, Detail::ResolverConfiguration(ResolverConfiguration { servers, ..empty })),
        },
    }
}

/// The addresses of `nameserver` lines (resolv.conf(5)), the first three.
fn name_servers(bytes: &[u8]) -> Vec<SocketAddr> {
    let text = String::from_utf8_lossy(bytes);
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = (words.next()? == "nameserver").then(|| words.next()?.parse().ok())??;
        Some(SocketAddr::new(address, 53))
    });
    servers.take(3).collect()
}

/// The addresses that the hosts file gives a name.
pub(super) fn hosts_file(name: &str) -> (Outcome, Detail) {
    let empty = HostsFile { path: HOSTS.to_owned(), addresses: Vec::new() };
    let mut hosts = Hosts::default();
    let file = match fs::File::open(HOSTS) {
        Ok(file) => file,
        // A machine without a hosts file has no override.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return (Outcome::Succeeded, Detail::HostsFile(empty));
        }
        Err(error) => return unreadable(&error, Detail::HostsFile(empty)),
    };
    if let Err(error) = hosts.read_hosts_conf(file) {
        return unreadable(&error, Detail::HostsFile(empty));
    }
    let Ok(full_name) = Name::from_ascii(format!("{name}.")) else {
        return (Outcome::Succeeded, Detail::HostsFile(empty));
    };
    let addresses = [RecordType::A, RecordType::AAAA]
        .into_iter()
        .filter_map(|record_type| hosts.lookup_static_host(&Query::query(full_name.clone(), record_type)))
        .flat_map(|lookup| lookup.answers().iter().filter_map(|record| address_of(&record.data)).collect::<Vec<_>>())
        .collect();
    (Outcome::Succeeded, Detail::HostsFile(HostsFile { addresses, ..empty }))
}

/// The address in a record, if it is an address record.
pub(super) fn address_of(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

fn unreadable(error: &dyn std::error::Error, detail: Detail) -> (Outcome, Detail) {
    (Outcome::failed_with(FailureKind::Unreadable, &error.to_string()), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_routes_of_both_families_are_read() {
        let v4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                  eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                  eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let gateway = Some(IpAddr::from([192, 168, 1, 1]));
        assert_eq!(default_routes_v4(v4), vec![DefaultRoute { interface: "eth0".into(), gateway }]);
        let zero = "00000000000000000000000000000000";
        let v6 = format!(
            "{zero} 00 {zero} 00 20010db8000100000000000000000001 00000400 00000001 00000000 00000003 eth0\n\
             {zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 lo\n"
        );
        let gateway = Some("2001:db8:1::1".parse().unwrap());
        assert_eq!(default_routes_v6(&v6), vec![DefaultRoute { interface: "eth0".into(), gateway }]);
        assert_eq!(default_routes_v4("garbage\nline"), vec![]);
    }

    #[test]
    fn passwords_in_proxy_variables_are_left_out() {
        assert_eq!(without_user_info("http://user:secret@proxy.example:3128"), "http://proxy.example:3128");
        assert_eq!(without_user_info("user:secret@proxy.example:3128"), "proxy.example:3128");
        assert_eq!(without_user_info("localhost,.example"), "localhost,.example");
    }
}
