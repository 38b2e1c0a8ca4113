"""A lab by name: bringing it up, running commands in it, taking it down."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

from channel import Channel
from commands import LabError
from namespaces import has_cap_sys_admin, join, new_user_namespace, start_time
from scenario import Scenario
from supervisor import Supervisor

NOBODY = 65534


def state_root() -> Path:
    """Where the labs of this user keep their files."""
    if "NETLAB_STATE" in os.environ:
        return Path(os.environ["NETLAB_STATE"])
    if os.geteuid() == 0 and has_cap_sys_admin():
        return Path("/run/netlab")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "netlab" if runtime else Path(tempfile.gettempdir()) / f"netlab-{os.geteuid()}"


class Lab:
    """A lab as seen by the commands. What is known of a running one is in its file."""

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", name):
            raise LabError(f"not a lab name: {name}")
        self.name = name
        self.state = state_root() / name
        self.file = self.state / "lab.json"

    def info(self) -> dict:
        """The description of the running lab."""
        try:
            info = json.loads(self.file.read_text())
        except FileNotFoundError:
            raise LabError(f"lab '{self.name}' is not up") from None
        if start_time(info["supervisor"]) != info["started"]:
            raise LabError(f"lab '{self.name}' has ended; `netlab down` removes what it left")
        return info

    def up(self, scenario_name: str, scenario: Scenario, seed: int, attached: bool = False) -> None:
        """Build the lab. An attached lab ends with the calling process."""
        if self.file.exists():
            self.info()  # a dead one says so
            raise LabError(f"lab '{self.name}' is up already; `netlab down` first")
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(parents=True)
        self.state.chmod(0o755)
        if self.state.parent.stat().st_uid != os.geteuid():
            raise LabError(f"{self.state.parent} belongs to somebody else")
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            supervisor = Supervisor(self.name, scenario, self.state, seed, attached)
            self._supervise(scenario_name, supervisor, Channel(theirs))
            os._exit(0)
        theirs.close()
        answer = Channel(ours).receive(30)
        if answer != "ready":
            os.waitpid(pid, 0)
            raise LabError(answer or "the supervisor ended without a word")

    def down(self) -> None:
        """Remove the lab; no error when there is none."""
        try:
            info = json.loads(self.file.read_text())
        except FileNotFoundError:
            shutil.rmtree(self.state, ignore_errors=True)
            return
        pid, started = info["supervisor"], info["started"]
        if start_time(pid) == started:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        while start_time(pid) == started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:  # reap it, when it is our own child (netlab run)
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass
        shutil.rmtree(self.state, ignore_errors=True)

    def execute(self, host: str, command: list[str], unprivileged: bool) -> int:
        """Run a command on a host and wait for it; its exit status."""
        pid = os.fork()
        if pid == 0:
            try:
                self.become(host, command, unprivileged)
            except (LabError, OSError) as error:
                print(f"netlab: {error}", file=sys.stderr)
            os._exit(127)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)

    def become(self, host: str, command: list[str], unprivileged: bool) -> None:
        """Turn this process into a command that runs on a host.

        A program given by its path is opened before privileges are dropped: it may lie in a directory that is closed to
        others, as build directories are.
        """
        try:
            program = os.open(command[0], os.O_RDONLY | os.O_CLOEXEC) if "/" in command[0] else None
            self._enter(host, unprivileged)
            if program is None:
                os.execvp(command[0], command)
            os.execve(program, command, os.environ)
        except OSError as error:
            raise LabError(f"{command[0]}: {error.strerror}") from None

    def _enter(self, host: str, unprivileged: bool) -> None:
        info = self.info()
        directory = os.getcwd()
        if info["rootless"]:
            join(info["supervisor"], "user")
        join(info["pids"][host], "net", "uts", "mnt")
        try:
            os.chdir(directory)
        except OSError:
            os.chdir("/")
        os.environ.update(
            NETLAB_CA=info["ca"],
            NETLAB_SCENARIO=info["scenario"],
            NETLAB_BUCKET=info["bucket"],
            NETLAB_REMOTE_BUCKET=info["remote_bucket"],
        )
        if unprivileged and info["rootless"]:
            new_user_namespace(1000)  # no capability over the lab's namespaces
        elif unprivileged:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)

    def _supervise(self, scenario_name: str, supervisor: Supervisor, channel: Channel) -> None:
        """Body of the supervisor's process."""
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        log = os.open(self.state / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        _close_all_but(channel.sock.fileno())  # hold nothing of the caller's open
        try:
            summary = supervisor.scenario.summary
            info = {"scenario": scenario_name, "summary": summary, **supervisor.build()}
            part = self.file.with_suffix(".part")
            part.write_text(json.dumps(info, indent=2) + "\n")
            part.rename(self.file)
            channel.send("ready")
            channel.close()
            supervisor.watch()
        except (LabError, OSError) as error:
            channel.send(str(error))
        finally:
            supervisor.tear_down()


def _close_all_but(kept: int) -> None:
    """Close every descriptor above the standard ones, except one."""
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd != kept:
            try:
                os.close(fd)
            except OSError:  # that of the listing itself
                pass
