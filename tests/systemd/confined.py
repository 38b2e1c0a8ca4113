#!/usr/bin/env python3
"""Runs a command as a unit of systemd confines it, as far as a process can do that to itself without systemd.

    confined.py UNIT COMMAND...

It takes from the unit: SystemCallFilter=, SystemCallErrorNumber=, RestrictAddressFamilies=, and that there is no capability. What
systemd does with namespaces and directories is not done here. The filter is made by libseccomp, which systemd uses too.
"""

import ctypes
import errno
import os
import re
import socket
import subprocess
import sys

PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS = 24, 28, 38
NOROOT_LOCKED = 0b11
ALLOW, ERRNO, EQUAL = 0x7FFF0000, 0x00050000, 4


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp"""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def settings(path):
    """The values of each key of a unit, in order."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            key, sign, value = line.strip().partition("=")
            if sign and not key.startswith("#"):
                found.setdefault(key, []).append(value)
    return found


def members(name):
    """The system calls that a word of SystemCallFilter= means."""
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
    words = [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*(members(word) for word in words))


def allowed(filters):
    """What is left of an allow list after all lines."""
    # @default is always allowed.
    calls = members("@default")
    for line in filters:
        words = line.lstrip("~").split()
        listed = set().union(*(members(word) for word in words))
        calls = calls - listed if line.startswith("~") else calls | listed
    return calls


def forbid(lib, unit):
    """Loads the filter for this process and all that it becomes."""
    lib.seccomp_init.restype = ctypes.c_void_p
    number = getattr(errno, unit["SystemCallErrorNumber"][-1])
    context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(ERRNO | number)))
    families = [getattr(socket, name) for name in " ".join(unit["RestrictAddressFamilies"]).split()]
    for name in sorted(allowed(unit["SystemCallFilter"]) | {"execve"}):
        call = lib.seccomp_syscall_resolve_name(name.encode())
        # Calls that this architecture does not have are negative.
        if call >= 0 and name != "socket":
            assert lib.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), call, 0) == 0, name
    call = lib.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        one = Comparison(0, EQUAL, int(family), 0)
        array = (Comparison * 1)(one)
        assert lib.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), call, 1, array) == 0, family
    assert lib.seccomp_load(context) == 0


def main():
    unit, command = settings(sys.argv[1]), sys.argv[2:]
    assert unit["CapabilityBoundingSet"] == [""], "the unit keeps capabilities"
    libc = ctypes.CDLL(None, use_errno=True)
    # Whoever has no capability cannot drop them, and need not.
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(PR_SET_SECUREBITS, NOROOT_LOCKED, 0, 0, 0)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    forbid(ctypes.CDLL("libseccomp.so.2"), unit)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
