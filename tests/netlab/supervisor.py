"""The process that builds a lab, keeps it alive and takes it down."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from addresses import BUCKET, REMOTE_BUCKET
from channel import Channel
from commands import run
from host import host_process
from impair import Direction, Wire, open_tun_in
from namespaces import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    die_with_parent,
    end_processes_in,
    has_cap_sys_admin,
    new_user_namespace,
    precise_timers,
    start_time,
    unshare,
)
from network import HOSTS, ends, gateway_of, links_of
from pki import make_pki
from scenario import Scenario

End = tuple[int, str]  # of a link: a process in the host's namespace, and the interface's name


class Supervisor:
    """Builds the lab and keeps it alive. All other processes of the lab are its children."""

    def __init__(self, name: str, scenario: Scenario, state: Path, seed: int, attached: bool) -> None:
        self.name, self.scenario, self.state, self.seed = name, scenario, state, seed
        self.attached = attached  # the lab ends with the process that asked for it
        self.pids: dict[str, int] = {}
        self.namespaces: list[str] = []
        self.rootless = not has_cap_sys_admin()

    def build(self) -> dict:
        """Start everything; the description of the finished lab."""
        if self.rootless:
            new_user_namespace(0)
        if self.attached:  # after the user namespace: new credentials clear the setting
            die_with_parent(signal.SIGTERM)
        unshare(CLONE_NEWNET | CLONE_NEWNS)  # links are made here, not in the machine's namespace
        pki = self.state / "pki"
        make_pki(pki)
        channels = {}
        for host in HOSTS:
            channels[host] = self._spawn(host, host_process, host, self.scenario, self.state, pki)
        for host, channel in channels.items():
            channel.expect("namespace", host)
            self.namespaces.append(os.readlink(f"/proc/{self.pids[host]}/ns/net"))
        self._make_links()
        for channel in channels.values():
            channel.send("configure")
        for host, channel in channels.items():
            channel.expect("ready", host)
        return self._describe(pki)

    def watch(self) -> None:
        """Wait until told to end, or until a child ends unexpectedly."""
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        while signal.sigwait(signals) == signal.SIGCHLD:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                print(f"process {pid} ended with status {status}; the lab ends", flush=True)
                return

    def tear_down(self) -> None:
        end_processes_in(self.namespaces)  # the hosts, and what `netlab exec` left behind on them
        for pid in self.pids.values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.state, ignore_errors=True)

    def _spawn(self, name: str, body: Callable[..., None], *args) -> Channel:
        """Fork a child that runs `body`; the channel to it."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            status = 1
            try:
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.SIG_DFL)
                body(*args, Channel(theirs))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        theirs.close()
        self.pids[name] = pid
        return Channel(ours)

    def _make_links(self) -> None:
        batch = []
        for link in links_of(self.scenario):
            left, right = (self.pids[link.left], link.left_name), (self.pids[link.right], link.right_name)
            if self.scenario.wire.active and (link.left, link.right) == ("r2", "r3"):
                wire = self._spawn("wire", _wire_process, self.scenario, left, right, self.seed)
                wire.expect("ready", "wire")
                continue
            batch.append(
                f"link add {left[1]} netns {left[0]} type veth peer name {right[1]} netns {right[0]}"
            )
        run(["ip", "-batch", "-"], input="\n".join(batch) + "\n")

    def _describe(self, pki: Path) -> dict:
        plan = self.scenario.plan
        return {
            "name": self.name,
            "supervisor": os.getpid(),
            "started": start_time(os.getpid()),
            "rootless": self.rootless,
            "pids": self.pids,
            "bucket": BUCKET,
            "remote_bucket": REMOTE_BUCKET,
            "ca": str(pki / "ca.pem"),
            "client": plan.client,
            "resolvers": self.scenario.client_resolvers,
            "hops": [gateway_of(plan.client), ends(plan.r1_r2)[1], ends(plan.r2_r3)[1]],
            "hops6": ["2001:db8:1::1", "2001:db8:12::2", "2001:db8:23::2"],
            "wire": asdict(self.scenario.wire),
        }


def _wire_process(scenario: Scenario, left: End, right: End, seed: int, channel: Channel) -> None:
    """Body of the process that is the impaired link r2-r3."""
    try:
        die_with_parent()
        fd_left, fd_right = open_tun_in(*left), open_tun_in(*right)
        out, back = (Direction(scenario.wire, random.Random(seed + i)) for i in range(2))
        precise_timers()
        channel.send("ready")
        Wire(fd_left, fd_right, out, back).run_forever()
    except (OSError, ValueError) as error:
        channel.send(f"impaired wire: {error}")
