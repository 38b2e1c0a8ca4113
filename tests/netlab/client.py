"""What a scenario puts on the client's own machine: a resolver, a VPN's tunnel, programs that take ports."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time

from commands import LabError
from impair import open_tun
from namespaces import die_with_parent, write_sysctl
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
    """Run dnsmasq on 127.0.0.1, which asks `upstream`. It listens when this returns."""
    if not shutil.which("dnsmasq"):
        raise LabError("dnsmasq is not installed (package dnsmasq-base)")
    command = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"]
    command += [f"--server={upstream}", "--listen-address=127.0.0.1", "--bind-interfaces"]
    with tempfile.TemporaryFile("w+") as log:
        stub = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, preexec_fn=die_with_parent)
        while not _listens():
            if stub.poll() is not None:
                log.seek(0)
                raise LabError(f"dnsmasq: {log.read().strip()}")
            time.sleep(0.01)


def _listens() -> bool:
    try:
        socket.create_connection(("127.0.0.1", 53)).close()
        return True
    except ConnectionRefusedError:
        return False
