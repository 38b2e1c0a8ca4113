"""One host of the lab: a process with its own namespaces, files, sysctls and services."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from addresses import CLUSTER_DNS, DNS1, DNS1_V6, DNS2, DNS2_V6, PUBLIC_RESOLVER, VPC_RESOLVERS
from channel import Channel
from client import furnish_client
from commands import LabError, run
from dns_server import DnsServer
from dnsmasq import start_dnsmasq, zone_options
from metadata_service import start_metadata
from namespaces import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUTS,
    MS_BIND,
    MS_PRIVATE,
    MS_REC,
    die_with_parent,
    mount,
    unshare,
    write_sysctl,
)
from network import ROUTERS, ip_commands
from nginx import COS_PORT, SITES, start_nginx
from pki import make_chained, server_context
from scenario import Scenario
from web_server import WebServer, start_stalling

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# Local resolver daemons answer through socket files in these, past the network namespace.
DAEMON_DIRECTORIES = ("/run/nscd", "/var/run/nscd", "/run/systemd/resolve")


def host_process(host: str, scenario: Scenario, state: Path, pki: Path, channel: Channel) -> None:
    """Body of a host's process: its namespaces live as long as it does."""
    try:
        die_with_parent()
        unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS)
        socket.sethostname(host)
        _prepare_mounts(host, scenario, state, pki)
        _set_sysctls(host, scenario)  # before interfaces exist: they inherit the defaults
        channel.send("namespace")
        if channel.receive() != "configure":
            return
        run(["ip", "-batch", "-"], input="\n".join(ip_commands(scenario)[host]) + "\n")
        if host == "client":
            furnish_client(scenario)
        if host in scenario.setup:
            run(["sh", "-ec", scenario.setup[host]])
        asyncio.run(_serve_forever(host, scenario, pki, channel))
    except (LabError, OSError) as error:
        channel.send(f"{error}")


def _prepare_mounts(host: str, scenario: Scenario, state: Path, pki: Path) -> None:
    """Give a host its own resolver configuration, hosts file and certificate store."""
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    files = state / host
    files.mkdir(exist_ok=True)
    resolvers = (f"nameserver {address}" for address in scenario.client_resolvers)
    contents = {
        "/etc/resolv.conf": _lines(*scenario.resolv_conf, *resolvers),
        "/etc/hosts": _lines(*scenario.hosts, "127.0.0.1 localhost", "::1 localhost", f"127.0.1.1 {host}"),
        "/etc/nsswitch.conf": _lines("passwd: files", "group: files", f"hosts: {scenario.nsswitch_hosts}"),
    }
    if os.path.exists(CA_BUNDLE):
        contents[CA_BUNDLE] = Path(CA_BUNDLE).read_text() + (pki / "ca.pem").read_text()
    for target, text in contents.items():
        if not os.path.exists(target):
            raise LabError(f"{target} is missing; the lab mounts its own over it")
        own = files / Path(target).name
        own.write_text(text, "utf-8", "surrogateescape")  # a scenario may have bytes that are no UTF-8
        own.chmod(0o644)
        mount(str(own), os.path.realpath(target), None, MS_BIND)
    for directory in DAEMON_DIRECTORIES:
        if os.path.isdir(directory) and not os.path.realpath("/etc/resolv.conf").startswith(directory):
            mount("none", directory, "tmpfs")
    try:
        mount("none", "/sys", "sysfs")  # so that /sys/class/net shows this host's interfaces
    except OSError:
        pass


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def _set_sysctls(host: str, scenario: Scenario) -> None:
    for item in ("all", "default"):
        write_sysctl(f"net.ipv6.conf.{item}.accept_dad", "0")
        write_sysctl(f"net.ipv6.conf.{item}.accept_ra", "0")
        write_sysctl(f"net.ipv6.conf.{item}.disable_ipv6", "0")
        write_sysctl(f"net.ipv4.conf.{item}.rp_filter", "0")
    # What systemd sets on most distributions: ICMP echo sockets for everybody. The second form is
    # all that a user namespace with a single group can say.
    write_sysctl("net.ipv4.ping_group_range", "0 2147483647", "0 0")
    if host in ROUTERS:
        write_sysctl("net.ipv4.ip_forward", "1")
        write_sysctl("net.ipv6.conf.all.forwarding", "1")
    write_sysctl("net.ipv4.icmp_ratelimit", "0")  # every probe gets its ICMP error
    write_sysctl("net.ipv6.icmp.ratelimit", "0")
    for name, value in scenario.sysctl.get(host, {}).items():
        write_sysctl(name, value)


async def _serve_forever(host: str, scenario: Scenario, pki: Path, channel: Channel) -> None:
    if host in ("dns1", "dns2") and scenario.real_dns:
        _start_real_dns(host, scenario)
    elif host == "dns1":
        own = (DNS1, DNS1_V6, CLUSTER_DNS) if scenario.plan.cloud else (DNS1, DNS1_V6)
        await DnsServer(scenario.dns1_zone, scenario.dns1).start(own)
        if scenario.plan.cloud:
            await DnsServer(scenario.vpc_zone, scenario.vpc_resolvers).start(VPC_RESOLVERS)
    elif host == "r1" and scenario.plan.cloud:
        await start_metadata(scenario)
    elif host == "dns2":
        public = DnsServer(scenario.public_zone, scenario.public_resolver)
        await public.start((DNS2, DNS2_V6, PUBLIC_RESOLVER))
    elif host == "server":
        await _start_cos(scenario, pki)
    if host in scenario.portal:
        portal = WebServer("portal")
        await portal.start(80)
        await portal.start(443, server_context(pki, "portal"))
    channel.send("ready")
    await asyncio.Event().wait()


def _start_real_dns(host: str, scenario: Scenario) -> None:
    if host == "dns2":
        start_dnsmasq((DNS2, PUBLIC_RESOLVER), zone_options(scenario.public_zone))
        return
    start_dnsmasq((DNS1,), zone_options(scenario.dns1_zone))
    if scenario.plan.cloud:
        start_dnsmasq(VPC_RESOLVERS, zone_options(scenario.vpc_zone))


async def _start_cos(scenario: Scenario, pki: Path) -> None:
    web = WebServer(scenario.web, scenario.date_offset_s)
    if scenario.nginx:
        await web.start(COS_PORT)
        make_chained(pki)
        start_nginx(SITES[scenario.nginx], pki)
        return
    await web.start(80)
    if scenario.tls == "stall":
        await start_stalling(443)
    elif scenario.tls == "plaintext":
        await web.start(443)
    else:
        await web.start(443, server_context(pki, scenario.cert, scenario.tls))
