"""One-line messages between the processes of the lab."""

from __future__ import annotations

import socket

from commands import LabError


class Channel:
    """One end of a connected pair of sockets."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file = sock.makefile("rw")

    def close(self) -> None:
        self.file.close()
        self.sock.close()

    def send(self, text: str) -> None:
        self.file.write(text.replace("\n", " | ") + "\n")
        self.file.flush()

    def receive(self, seconds: float = 20) -> str:
        """The next message; empty when the other side has ended."""
        self.sock.settimeout(seconds)
        try:
            return self.file.readline().rstrip("\n")
        except TimeoutError:
            return "no answer"

    def expect(self, wanted: str, who: str) -> None:
        got = self.receive()
        if got != wanted:
            raise LabError(f"{who}: {got or 'ended without a word'}")
