"""What a scenario puts on the client's own machine: a resolver, a VPN's tunnel, programs that take ports."""

from __future__ import annotations

import socket

from dnsmasq import start_dnsmasq
from impair import open_tun
from namespaces import write_sysctl
from scenario import Scenario


def furnish_client(scenario: Scenario) -> None:
    """Set up all of it. It lasts as long as the calling process: nothing closes the descriptors."""
    if scenario.tunnel:
        open_tun(scenario.tunnel)
    if scenario.taken_ports:
        _take_ports(*scenario.taken_ports)
    if scenario.stub_upstream:
        _start_stub(scenario.stub_upstream)


def _take_ports(first: int, last: int) -> None:
    """Leave connections no local port: they may use these only, and each is bound. UDP has ports of its own."""
    write_sysctl("net.ipv4.ip_local_port_range", f"{first} {last}")
    for port in range(first, last + 1):
        sock = socket.socket(socket.AF_INET6)  # takes the port of IPv4 too
        sock.bind(("::", port))
        sock.detach()


def _start_stub(upstream: str) -> None:
    """Run dnsmasq on 127.0.0.1, which asks `upstream`."""
    start_dnsmasq(("127.0.0.1",), [f"--server={upstream}"])
