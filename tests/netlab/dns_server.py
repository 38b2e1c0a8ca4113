"""A resolver with a fixed zone that can misbehave, over UDP and TCP."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
import struct

from addresses import COS_PUBLIC, COS_REMOTE, COS_V6, HIJACKER, REGION, region_of

A, CNAME, AAAA, OPT = 1, 5, 28, 41
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
RESPONSE, TRUNCATED, RECURSION_DESIRED, RECURSION_AVAILABLE = 0x8000, 0x0200, 0x0100, 0x0080
FAILURES = {"servfail": SERVFAIL, "nxdomain": NXDOMAIN, "refused": REFUSED}
BEHAVIOURS = ("ok", *FAILURES, "nodata", "timeout", "truncate", "hijack", "rotate", "cname", "slow")
MAGIC_ZONE = ".lab.test"  # BEHAVIOUR.lab.test shows a behaviour in any scenario
ALIASES = ("alias1.lab.test", "alias2.lab.test")  # the chain of behaviour cname
NOT_A_QUERY = (struct.error, IndexError, UnicodeDecodeError)


class DnsServer:
    """Answers for the names of COS and for the magic zone; any other name does not exist.

    Behaviours: those of BEHAVIOURS, and closed (does not listen).
    """

    def __init__(self, home_addresses: tuple[str, ...], behaviour: str, ipv6: bool) -> None:
        self.home_addresses = home_addresses
        self.behaviour = behaviour
        self.ipv6 = ipv6
        self._turn = itertools.count()

    async def start(self) -> None:
        if self.behaviour == "closed":
            return
        loop = asyncio.get_running_loop()
        for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            sock = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((any_address, 53))
            await loop.create_datagram_endpoint(lambda: _DnsUdp(self), sock=sock)
        await asyncio.start_server(self._serve_tcp, None, 53)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = await self.respond(await reader.readexactly(length), over_tcp=True)
                if answer is None:
                    continue
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, *NOT_A_QUERY):
            pass
        finally:
            writer.close()

    async def respond(self, query: bytes, over_tcp: bool) -> bytes | None:
        """The answer to one query, or None for silence."""
        ident, flags, questions = struct.unpack_from("!3H", query)
        if questions != 1 or flags & RESPONSE:
            return None
        name, after_name = _read_name(query, 12)
        qtype, _ = struct.unpack_from("!2H", query, after_name)
        question = query[12 : after_name + 4]
        behaviour = self._behaviour_for(name)
        if behaviour == "timeout":
            return None
        if behaviour == "slow":
            await asyncio.sleep(1.5)
        code, records = NOERROR, []
        truncated = behaviour == "truncate" and not over_tcp
        addresses = [HIJACKER] if behaviour == "hijack" else self._lookup(name)
        if behaviour in FAILURES:
            code = FAILURES[behaviour]
        elif addresses is None:
            code = NXDOMAIN
        elif behaviour != "nodata" and not truncated:
            records = self._records(question[:-4], addresses, qtype, behaviour)
        # The client's OPT record is recognised by its empty name and its type.
        edns = struct.pack("!BHHIH", 0, OPT, 1232, 0, 0) if b"\x00\x00\x29" in query[12:] else b""
        flags = RESPONSE | RECURSION_AVAILABLE | (flags & RECURSION_DESIRED) | TRUNCATED * truncated | code
        head = struct.pack("!6H", ident, flags, 1, len(records), 0, 1 if edns else 0)
        return head + question + b"".join(records) + edns

    def _behaviour_for(self, name: str) -> str:
        if name in ALIASES:
            return "ok"
        label = name.split(".")[0]
        return label if name.endswith(MAGIC_ZONE) and label in BEHAVIOURS else self.behaviour

    def _lookup(self, name: str) -> list[str] | None:
        """Addresses of a name, or None if there is no such name."""
        if name in ALIASES:
            return self._with_ipv6(self.home_addresses)
        if name.endswith(MAGIC_ZONE):
            return [COS_PUBLIC[0]]
        region = region_of(name)
        if region is None:
            return None
        return self._with_ipv6(self.home_addresses if region == REGION else (COS_REMOTE,))

    def _with_ipv6(self, addresses: tuple[str, ...]) -> list[str]:
        return [*addresses, COS_V6] if self.ipv6 else list(addresses)

    def _records(self, owner: bytes, addresses: list[str], qtype: int, behaviour: str) -> list[bytes]:
        records: list[bytes] = []
        ttl = 600
        if behaviour == "cname":
            for alias in ALIASES:
                target = _write_name(alias)
                records.append(_record(owner, CNAME, ttl, target))
                owner = target
        if behaviour == "rotate":
            addresses = [COS_PUBLIC[next(self._turn) % len(COS_PUBLIC)]]
            ttl = 1
        wanted = {A: 4, AAAA: 6}.get(qtype)
        found = [ipaddress.ip_address(address) for address in addresses]
        return records + [_record(owner, qtype, ttl, ip.packed) for ip in found if ip.version == wanted]


class _DnsUdp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self.server = server
        self._tasks: set[asyncio.Task] = set()  # the event loop alone would not keep them alive

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple) -> None:
        task = asyncio.ensure_future(self._answer(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, data: bytes, addr: tuple) -> None:
        try:
            answer = await self.server.respond(data, over_tcp=False)
        except NOT_A_QUERY:
            return
        if answer is not None:
            self.transport.sendto(answer, addr)


def _read_name(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def _write_name(name: str) -> bytes:
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\x00"


def _record(owner: bytes, rtype: int, ttl: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", rtype, 1, ttl, len(data)) + data
