"""dnsmasq, a name server that people run, in place of the lab's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time

from addresses import COS_REMOTE
from commands import LabError
from dns_server import Zone
from namespaces import die_with_parent

COS_SUFFIXES = ("myqcloud.com", "tencentcos.cn")


def start_dnsmasq(addresses: tuple[str, ...], options: list[str]) -> None:
    """Run it on some addresses, without any file of the machine. It listens when this returns, and ends with this process."""
    if not shutil.which("dnsmasq"):
        raise LabError("dnsmasq is not installed (package dnsmasq-base)")
    command = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"]
    command += ["--bind-interfaces", *(f"--listen-address={address}" for address in addresses), *options]
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, preexec_fn=die_with_parent)
        while not _listens(addresses[0]):
            if server.poll() is not None:
                log.seek(0)
                raise LabError(f"dnsmasq: {log.read().strip()}")
            time.sleep(0.01)


def zone_options(zone: Zone) -> list[str]:
    """The zone as dnsmasq takes it: COS's names, those of the home region apart; it refuses all others."""
    options = ["--local-ttl=600"]
    for suffix in COS_SUFFIXES:
        options += [f"--address=/{suffix}/{COS_REMOTE}", f"--local=/{suffix}/"]  # local: no AAAA is an answer, too
    for suffix in COS_SUFFIXES:
        options += [f"--address=/cos.{zone.region}.{suffix}/{address}" for address in zone.addresses]
    return options


def _listens(address: str) -> bool:
    try:
        socket.create_connection((address, 53)).close()
        return True
    except ConnectionRefusedError:
        return False
