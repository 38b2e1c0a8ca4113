"""The Linux API: namespaces, mounts, sysctls, capabilities and the life of processes."""

from __future__ import annotations

import ctypes
import os
import re
import signal
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x4000000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_TIMERSLACK = 1, 29
CAP_SYS_ADMIN = 21
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def enter_namespace(descriptor: int) -> None:
    """Move this process into the namespace behind an open /proc/PID/ns/KIND."""
    _check(_libc.setns(descriptor, 0), "setns")


def join(pid: int, *kinds: str) -> None:
    """Enter namespaces of a process. All are opened first: entering one may hide the others."""
    descriptors = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in kinds]
    for descriptor in descriptors:
        enter_namespace(descriptor)
        os.close(descriptor)


def new_user_namespace(inner_id: int) -> None:
    """Become user and group `inner_id` of a new user namespace (0: with every capability inside it)."""
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{inner_id} {uid} 1"),
        ("gid_map", f"{inner_id} {gid} 1"),
    ):
        Path(f"/proc/self/{file}").write_text(line)


def mount(source: str, target: str, kind: str | None = None, flags: int = 0) -> None:
    result = _libc.mount(source.encode(), target.encode(), kind and kind.encode(), flags, None)
    _check(result, f"mount {target}")


def write_sysctl(name: str, *values: str) -> None:
    """Write the first of `values` that the kernel takes; a missing sysctl is no error."""
    path = Path("/proc/sys") / name.replace(".", "/")
    for value in values:
        try:
            path.write_text(value)
            return
        except OSError:
            continue


def has_cap_sys_admin() -> bool:
    effective = re.search(r"(?m)^CapEff:\s*(\w+)", Path("/proc/self/status").read_text())
    return effective is not None and bool(int(effective[1], 16) >> CAP_SYS_ADMIN & 1)


def die_with_parent(how: signal.Signals = signal.SIGKILL) -> None:
    _libc.prctl(PR_SET_PDEATHSIG, int(how), 0, 0, 0)


def precise_timers() -> None:
    """Ask for 1 ns timer slack (default 50 us) and, where allowed, a real-time schedule."""
    _libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        pass


def start_time(pid: int) -> str | None:
    """Distinguishes a process from a later one with the same pid; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def end_processes_in(namespaces: list[str]) -> None:
    """Kill every process in these network namespaces, by pid."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{entry}/ns/net") in namespaces:
                os.kill(int(entry), signal.SIGKILL)
        except OSError:  # it has ended, or is somebody else's
            continue
