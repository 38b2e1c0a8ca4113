"""Running other programs, and the error that the user gets to read."""

from __future__ import annotations

import shlex
import subprocess


class LabError(Exception):
    """Something the user should read, without a traceback."""


def run(command: list[str], **options) -> str:
    """Standard output of a command that must succeed; `options` are those of subprocess.run."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise LabError(f"{shlex.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
