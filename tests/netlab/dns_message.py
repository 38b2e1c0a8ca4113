"""DNS messages as bytes, as far as the lab's resolvers need them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

A, CNAME, PTR, AAAA, OPT = 1, 5, 12, 28, 41
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
RESPONSE, TRUNCATED, RECURSION_DESIRED, RECURSION_AVAILABLE = 0x8000, 0x0200, 0x0100, 0x0080
LONGEST_PLAIN, LONGEST_EDNS = 512, 1232  # bytes of an answer over UDP: without EDNS, and at most with it


@dataclass(frozen=True)
class Query:
    """What a client asks."""

    ident: int
    flags: int
    question: bytes  # as it stands in the message
    name: str
    qtype: int
    longest_udp: int | None  # what the client's EDNS record allows; None without one

    @classmethod
    def parse(cls, message: bytes) -> Query | None:
        """None for what is no query with one question."""
        try:
            ident, flags, questions = struct.unpack_from("!3H", message)
            if questions != 1 or flags & RESPONSE:
                return None
            name, after_name = _read_name(message, 12)
            (qtype,) = struct.unpack_from("!H", message, after_name)
            question, rest = message[12 : after_name + 4], message[after_name + 4 :]
            longest_udp = None
            if rest.startswith(struct.pack("!BH", 0, OPT)):  # an empty name and the type
                longest_udp = min(max(struct.unpack_from("!3xH", rest)[0], LONGEST_PLAIN), LONGEST_EDNS)
            return cls(ident, flags, question, name, qtype, longest_udp)
        except (struct.error, IndexError, UnicodeDecodeError):
            return None

    @property
    def owner(self) -> bytes:
        """The name as it stands in the message."""
        return self.question[:-4]

    def fits_udp(self, answer: bytes) -> bool:
        return len(answer) <= (self.longest_udp or LONGEST_PLAIN)

    def answer(self, code: int, records: list[bytes]) -> bytes:
        """An answer with these records; `code` may hold flags too."""
        edns = b"" if self.longest_udp is None else struct.pack("!BHHIH", 0, OPT, LONGEST_EDNS, 0, 0)
        flags = RESPONSE | RECURSION_AVAILABLE | (self.flags & RECURSION_DESIRED) | code
        head = struct.pack("!6H", self.ident, flags, 1, len(records), 0, 1 if edns else 0)
        return head + self.question + b"".join(records) + edns


def write_name(name: str) -> bytes:
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\x00"


def write_record(owner: bytes, rtype: int, ttl: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", rtype, 1, ttl, len(data)) + data


def _read_name(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1
