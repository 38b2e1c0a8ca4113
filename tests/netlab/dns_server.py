"""A resolver with a fixed zone that can misbehave, over UDP and TCP."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

from addresses import COS_PUBLIC, COS_REMOTE, COS_V6, HIJACKER, REGION, is_internal, region_of
from dns_message import (
    AAAA,
    CNAME,
    NOERROR,
    NXDOMAIN,
    PTR,
    REFUSED,
    SERVFAIL,
    TRUNCATED,
    A,
    Query,
    write_name,
    write_record,
)

FAILURES = {"servfail": SERVFAIL, "nxdomain": NXDOMAIN, "refused": REFUSED}
CHAINS = {"cname": 2, "long-chain": 16}  # how many CNAME records stand before the addresses
OTHERS = ("nodata", "truncate", "hijack", "rotate", "timeout", "aaaa-timeout", "aaaa-only", "slow", "doubled")
BEHAVIOURS = ("ok", *FAILURES, *CHAINS, *OTHERS)
MAGIC_ZONE = ".lab.test"  # BEHAVIOUR.lab.test shows a behaviour in any scenario
ALIASES = tuple(f"alias{n}{MAGIC_ZONE}" for n in range(1, max(CHAINS.values()) + 1))
ROUTER_NAMES = {  # what some routers' addresses are called
    "1.1.168.192.in-addr.arpa": "gateway.home.example",
    "2.100.51.198.in-addr.arpa": "core1.isp.example",
}


@dataclass(frozen=True)
class Zone:
    """What a resolver knows of COS. Buckets of all regions but one are at COS_REMOTE."""

    addresses: tuple[str, ...]  # of the one region's buckets
    region: str = REGION
    internal: bool = False  # it knows the cos-internal names, at the same addresses
    ipv6: bool = False  # with an AAAA record

    def lookup(self, name: str) -> list[str] | None:
        """Addresses of a name, or None if there is no such name."""
        if name.endswith(MAGIC_ZONE):
            return self._published(self.addresses) if name in ALIASES else [COS_PUBLIC[0]]
        region = region_of(name)
        if region is None:
            return None
        if is_internal(name):
            return list(self.addresses) if self.internal else None
        return self._published(self.addresses if region == self.region else (COS_REMOTE,))

    def _published(self, addresses: tuple[str, ...]) -> list[str]:
        return [*addresses, COS_V6] if self.ipv6 else list(addresses)


class DnsServer:
    """Answers for the names of COS and for the magic zone; any other name does not exist.

    Behaviours: those of BEHAVIOURS, and closed (does not listen).
    """

    def __init__(self, zone: Zone, behaviour: str) -> None:
        self.zone = zone
        self.behaviour = behaviour
        self._turn = itertools.count()

    async def start(self, addresses: tuple[str, ...]) -> None:
        """Listen. Each address has sockets of its own, for an answer has to come from where its query went."""
        if self.behaviour == "closed":
            return
        loop = asyncio.get_running_loop()
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.bind((address, 53))
            await loop.create_datagram_endpoint(lambda: _DnsUdp(self), sock=sock)
            await asyncio.start_server(self._serve_tcp, address, 53)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                async for answer in self.answers(await reader.readexactly(length), over_tcp=True):
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answers(self, message: bytes, over_tcp: bool) -> AsyncIterator[bytes]:
        """What goes back, as a rule one answer.

        A doubled one is as if somebody on the path had answered first: it is forged, and the true one follows.
        """
        query = Query.parse(message)
        if query is None:
            return
        behaviour = self._behaviour_for(query.name)
        if behaviour == "timeout" or (behaviour == "aaaa-timeout" and query.qtype == AAAA):
            return
        if behaviour == "slow":
            await asyncio.sleep(1.5)
        if behaviour == "doubled" and not over_tcp and self.zone.lookup(query.name):
            yield self._answer(query, "hijack", over_tcp)
            await asyncio.sleep(0.05)
        yield self._answer(query, behaviour, over_tcp)

    def _behaviour_for(self, name: str) -> str:
        if name in ALIASES:
            return "ok"
        label = name.split(".")[0]
        return label if name.endswith(MAGIC_ZONE) and label in BEHAVIOURS else self.behaviour

    def _answer(self, query: Query, behaviour: str, over_tcp: bool) -> bytes:
        if query.qtype == PTR and query.name in ROUTER_NAMES:
            target = write_name(ROUTER_NAMES[query.name])
            return query.answer(NOERROR, [write_record(query.owner, PTR, 600, target)])
        addresses = [HIJACKER] if behaviour == "hijack" else self.zone.lookup(query.name)
        code = FAILURES.get(behaviour, NXDOMAIN if addresses is None else NOERROR)
        records = []
        is_withheld = behaviour == "nodata" or (behaviour == "aaaa-only" and query.qtype == A)
        if code == NOERROR and not is_withheld:
            records = self._records(query.owner, addresses, query.qtype, behaviour)
        answer = query.answer(code, records)
        if over_tcp or (behaviour != "truncate" and query.fits_udp(answer)):
            return answer
        return query.answer(code | TRUNCATED, [])

    def _records(self, owner: bytes, addresses: list[str], qtype: int, behaviour: str) -> list[bytes]:
        records: list[bytes] = []
        ttl = 600
        for alias in ALIASES[: CHAINS.get(behaviour, 0)]:
            target = write_name(alias)
            records.append(write_record(owner, CNAME, ttl, target))
            owner = target
        # Questions for AAAA take no turn: with them a round of questions would be as long as the list, and end where it began.
        if behaviour == "rotate" and qtype == A:
            addresses = [COS_PUBLIC[next(self._turn) % len(COS_PUBLIC)]]
            ttl = 1
        wanted = {A: 4, AAAA: 6}.get(qtype)
        found = [ipaddress.ip_address(address) for address in addresses]
        return records + [write_record(owner, qtype, ttl, ip.packed) for ip in found if ip.version == wanted]


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
        async for answer in self.server.answers(data, over_tcp=False):
            self.transport.sendto(answer, addr)
