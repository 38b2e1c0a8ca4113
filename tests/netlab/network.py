"""Links, addresses and routes of the lab, as commands for `ip -batch`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from addresses import (
    CLIENT_MAC,
    CLUSTER_DNS,
    COS_CLASSIC,
    COS_OTHER,
    COS_VPC,
    DNS1,
    DNS1_V6,
    DNS2,
    DNS2_V6,
    HIJACKER,
    METADATA,
    PUBLIC_RESOLVER,
    SERVER_ADDRESSES,
    VPC_RESOLVERS,
)
from scenario import Scenario

HOSTS = ("client", "r1", "r2", "r3", "server", "dns1", "dns2")
ROUTERS = ("r1", "r2", "r3")
ECMP_NETWORK = "100.64.13.0/30"

Addresses = tuple[str, str]  # an IPv4 and an IPv6 one


@dataclass(frozen=True)
class Link:
    """Two hosts, their interfaces' names and their addresses (with prefix length)."""

    left: str
    right: str
    left_name: str
    right_name: str
    left_ip: Addresses
    right_ip: Addresses
    mtu: int = 1500


def ends(network: str) -> tuple[str, str]:
    """First and second host address of a network."""
    hosts = ipaddress.ip_network(network).hosts()
    return str(next(hosts)), str(next(hosts))


def gateway_of(interface: str) -> str:
    """First host address of the network that an address/prefix is in."""
    return ends(str(ipaddress.ip_interface(interface).network))[0]


def links_of(scenario: Scenario) -> list[Link]:
    plan = scenario.plan
    gateway = f"{gateway_of(plan.client)}/{plan.client.split('/')[1]}"
    links = [
        Link("client", "r1", "eth0", "eth0", (plan.client, _v6("1::10")), (gateway, _v6("1::1"))),
        Link("r1", "r2", "eth1", "eth0", *_pair(plan.r1_r2, "12")),
        Link("r2", "r3", "eth1", "eth0", *_pair(plan.r2_r3, "23"), scenario.mtu),
        Link("r3", "server", "eth1", "eth0", *_pair(plan.r3_server, "34")),
        Link("r1", "dns1", "eth2", "eth0", ("198.51.100.54/30", _v6("d1::1")), (f"{DNS1}/30", f"{DNS1_V6}/64")),
        Link("r3", "dns2", "eth2", "eth0", ("203.0.113.54/30", _v6("d2::1")), (f"{DNS2}/30", f"{DNS2_V6}/64")),
    ]
    if scenario.ecmp:
        links.append(Link("r1", "r2", "eth3", "eth3", *_pair(ECMP_NETWORK, "13")))
    return links


def ip_commands(scenario: Scenario) -> dict[str, list[str]]:
    """`ip -batch` lines per host."""
    links = links_of(scenario)
    lines = {host: ["link set lo up"] for host in HOSTS}
    if scenario.plan.cloud:
        lines["client"].append(f"link set eth0 address {CLIENT_MAC}")
    for link in links:
        lines[link.left] += _interface_commands(link.left_name, link.left_ip, link.mtu)
        lines[link.right] += _interface_commands(link.right_name, link.right_ip, link.mtu)
    for host, addresses in _loopback_addresses(scenario).items():
        lines[host] += [f"address add {address} dev lo" for address in addresses]
    for host, routes in _routes(scenario, links).items():
        lines[host] += routes
    return lines


def _v6(rest: str) -> str:
    return f"2001:db8:{rest}/64"


def _pair(network: str, number: str) -> tuple[Addresses, Addresses]:
    """The addresses of both ends of a link between routers."""
    left, right = ends(network)
    return (f"{left}/30", _v6(f"{number}::1")), (f"{right}/30", _v6(f"{number}::2"))


def _interface_commands(name: str, addresses: Addresses, mtu: int) -> list[str]:
    v4, v6 = addresses
    return [
        f"link set {name} up mtu {mtu}",
        f"address add {v4} dev {name}",
        f"address add {v6} dev {name} nodad",  # an address under duplicate detection is not usable yet
    ]


def _loopback_addresses(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """What a host answers to besides the addresses of its links."""
    of_server = tuple(dict.fromkeys((*SERVER_ADDRESSES, *scenario.public_answer)))
    addresses = {"server": of_server, "r2": (HIJACKER,), "dns2": (PUBLIC_RESOLVER,)}
    if scenario.plan.cloud:
        addresses |= {"r1": (METADATA,), "dns1": (*VPC_RESOLVERS, CLUSTER_DNS)}
    return addresses


def _routes(scenario: Scenario, links: list[Link]) -> dict[str, list[str]]:
    """`route add` lines per host: the ends have a default route, the middle knows its networks."""
    plan = scenario.plan
    link = {(link.left, link.right): link for link in reversed(links)}  # of two, the first one counts
    everything = ["default", "::/0"]
    near = [
        str(ipaddress.ip_interface(plan.client).network),
        "198.51.100.52/30",
        "2001:db8:1::/64",
        "2001:db8:d1::/64",
    ]
    far = ["203.0.113.0/24", f"{COS_VPC}/32", f"{COS_CLASSIC}/32", COS_OTHER, "2001:db8:c05::/64"]
    beyond_r3 = [plan.r3_server, "2001:db8:34::/64", "2001:db8:d2::/64", PUBLIC_RESOLVER]
    before_r2 = [plan.r1_r2, "2001:db8:12::/64"]
    if plan.cloud:
        of_client = [*everything, "169.254.0.0/16"]
        to_resolvers = _via(link["r1", "dns1"].right_ip, [*VPC_RESOLVERS, CLUSTER_DNS])
    else:  # nobody answers under these addresses outside the cloud
        of_client = everything
        to_resolvers = [f"route add blackhole {address}" for address in VPC_RESOLVERS]
    return {
        "client": _via(link["client", "r1"].right_ip, of_client),
        "r1": _via(link["r1", "r2"].right_ip, everything) + to_resolvers,
        "r2": _via(link["r2", "r3"].right_ip, [*far, *beyond_r3]) + _via(link["r1", "r2"].left_ip, near),
        "r3": _via(link["r3", "server"].right_ip, far)
        + _via(link["r2", "r3"].left_ip, [*near, *before_r2])
        + _via(link["r3", "dns2"].right_ip, [PUBLIC_RESOLVER]),
        "server": _via(link["r3", "server"].left_ip, everything),
        "dns1": _via(link["r1", "dns1"].left_ip, everything),
        "dns2": _via(link["r3", "dns2"].left_ip, everything),
    }


def _via(gateways: Addresses, networks: list[str]) -> list[str]:
    v4, v6 = (gateway.split("/")[0] for gateway in gateways)
    return [f"route add {network} via {v6 if ':' in network else v4}" for network in networks]
