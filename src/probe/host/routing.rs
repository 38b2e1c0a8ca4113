//! The kernel's routing: default routes, routes to the link-local network, rules, interfaces, and the way to one address.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ipnet::{IpNet, Ipv4Net};

use crate::evidence::{
    DefaultRoute, Detail, FailureKind, Interface, Outcome, PolicyRule, RouteKind, RouteTo, Routes, TableRoute, clean,
};
use crate::probe::{Context, tcp};
use crate::sys;

/// The network of Tencent's services inside a VPC, as far as a route may lead there by itself.
const LINK_LOCAL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16);
/// Bits of a prefix from which on it is about one network.
const NARROW: u8 = 8;
/// Characters of an interface's name (`IFNAMSIZ`).
const LONGEST_NAME: usize = 16;
/// Rules that are recorded.
const MOST_RULES: usize = 32;

/// Default routes from /proc, and the source addresses that the kernel would choose. Connecting a UDP socket sends nothing.
pub(in crate::probe) fn routes() -> (Outcome, Detail) {
    let mut default_routes = default_routes_v4(&fs::read_to_string("/proc/net/route").unwrap_or_default());
    default_routes.extend(default_routes_v6(&fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default()));
    let routes = Routes {
        default_routes,
        // Any address of the internet will do; these are the documentation ranges (RFC 5737, RFC 3849).
        source_v4: source_towards(Ipv4Addr::new(192, 0, 2, 1).into()),
        source_v6: source_towards(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
        link_local: link_local_routes(),
        rules: rules(),
        interfaces: interfaces(),
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

/// The routes that lead there by themselves. What covers most of the internet, as some VPNs have it, tells nothing about the place.
fn link_local_routes() -> Vec<TableRoute> {
    let routes = sys::specific_routes_v4(LINK_LOCAL).unwrap_or_default();
    let is_narrow = |route: &sys::TableRoute| route.destination.prefix_len() >= NARROW;
    let known = |route: sys::TableRoute| TableRoute {
        destination: route.destination.into(),
        kind: kind_of(route.kind),
        interface: route.interface.map(|name| clean(&name, LONGEST_NAME)),
        gateway: route.gateway,
    };
    routes.into_iter().filter(is_narrow).map(known).collect()
}

/// The rules of both families. A kernel without policy routing has none.
fn rules() -> Vec<PolicyRule> {
    let of_family = |v6| sys::policy_rules(v6).unwrap_or_default();
    let told = |rule: sys::PolicyRule| PolicyRule { priority: rule.priority, text: clean(&words_of(&rule), 200) };
    of_family(false).into_iter().chain(of_family(true)).take(MOST_RULES).map(told).collect()
}

/// A rule in the words of ip-rule(8).
fn words_of(rule: &sys::PolicyRule) -> String {
    let network = |net: Option<IpNet>| net.map_or_else(|| "all".to_owned(), |net| net.to_string());
    let mut words = if rule.is_inverted { "not ".to_owned() } else { String::new() };
    words.extend(["from ", &network(rule.source)]);
    let mut add = |word: &str, value: Option<String>| words.extend(value.iter().flat_map(|value| [word, value]));
    add(" to ", rule.destination.map(|net| net.to_string()));
    add(" fwmark ", rule.mark.map(|(mark, mask)| format!("{mark:#x}/{mask:#x}")));
    add(" iif ", rule.input_interface.clone());
    add(" oif ", rule.output_interface.clone());
    add(" lookup ", rule.table.map(|table| table.to_string()));
    add(" suppress_prefixlength ", rule.suppressed_prefix_length.map(|length| length.to_string()));
    if rule.has_further_conditions {
        words.push_str(" (and further conditions)");
    }
    match rule.action {
        sys::RuleAction::Lookup => words,
        action => format!("{words} {}", action.as_str()),
    }
}

fn interfaces() -> Vec<Interface> {
    let known = |interface: sys::Interface| Interface {
        name: clean(&interface.name, LONGEST_NAME),
        is_up: interface.is_up,
        has_carrier: interface.is_running,
        kind: interface.kind.as_str().to_owned(),
        is_tunnel: interface.kind.is_tunnel_like(),
        addresses: interface.addresses,
    };
    sys::interfaces().unwrap_or_default().into_iter().map(known).collect()
}

const fn kind_of(kind: sys::RouteKind) -> RouteKind {
    match kind {
        sys::RouteKind::Unicast => RouteKind::Unicast,
        sys::RouteKind::Local => RouteKind::Local,
        sys::RouteKind::Unreachable => RouteKind::Unreachable,
        sys::RouteKind::Prohibit => RouteKind::Prohibit,
        sys::RouteKind::Blackhole => RouteKind::Blackhole,
        sys::RouteKind::Other => RouteKind::Other,
    }
}

/// The way that the kernel would send packets to one address.
pub(in crate::probe) fn route_to(context: &Context, peer: Option<SocketAddr>) -> (Outcome, Detail) {
    let Some(peer) = peer else { return (Outcome::failed(FailureKind::Internal), Detail::RouteTo(RouteTo::default())) };
    match sys::route_to(peer.ip(), &context.config.egress) {
        Ok(way) => {
            let all = context.interfaces();
            let found = all.iter().find(|interface| Some(&interface.name) == way.interface.as_ref());
            let route = RouteTo {
                kind: kind_of(way.kind),
                is_tunnel: found.map(|interface| interface.kind.is_tunnel_like()),
                interface: way.interface.map(|name| clean(&name, LONGEST_NAME)),
                gateway: way.gateway,
                source: way.source,
                table: way.table,
            };
            (Outcome::Succeeded, Detail::RouteTo(route))
        }
        Err(error) => (tcp::local_failure(&error, peer), Detail::RouteTo(RouteTo::default())),
    }
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
}
