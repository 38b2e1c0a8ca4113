"""A user-space wire with delay, jitter, loss, duplication, reordering and a rate limit.

It stands in for `tc qdisc ... netem`, for kernels that lack netem. The wire has two ends. Each
end is a TUN interface in a network namespace of its own; what the kernel sends into one end comes
out of the other one, impaired. The wire is no router: it leaves TTL, addresses and checksums alone.
All figures are per direction, so 17.5 ms of delay add 35 ms to a round trip.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import time
from dataclasses import dataclass

from namespaces import enter_namespace, join

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
MAX_FRAME = 65536
READ_BATCH = 64
IDLE_S = 0.5


@dataclass(frozen=True)
class Impairment:
    """What one direction of the wire does to packets."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0  # the delay is uniform in delay_ms +/- jitter_ms; order is kept
    loss_pct: float = 0.0
    dup_pct: float = 0.0
    reorder_pct: float = 0.0  # this share of the packets overtakes the queue (no delay)
    rate_mbit: float = 0.0  # 0: unlimited
    queue_packets: int = 10_000  # packets held at most; what comes on top is dropped

    def __post_init__(self) -> None:
        for name in ("loss_pct", "dup_pct", "reorder_pct"):
            if not 0 <= getattr(self, name) <= 100:
                raise ValueError(f"{name} must be between 0 and 100")
        if min(self.delay_ms, self.jitter_ms, self.rate_mbit) < 0:
            raise ValueError("delay, jitter and rate must not be negative")
        if self.jitter_ms > self.delay_ms:
            raise ValueError("jitter must not exceed the delay")

    @property
    def active(self) -> bool:
        """True when packets are treated in any way at all."""
        return any((self.delay_ms, self.loss_pct, self.dup_pct, self.reorder_pct, self.rate_mbit))


class Direction:
    """Schedules the packets of one direction. Pure logic: the caller brings clock and I/O."""

    def __init__(self, how: Impairment, rng: random.Random) -> None:
        self.how = how
        self.rng = rng
        self._queue: list[tuple[float, int, bytes]] = []
        self._serial = 0  # keeps packets with an equal due time in order
        self._last_due = 0.0
        self._line_free_at = 0.0

    def offer(self, packet: bytes, now: float) -> None:
        """Take a packet in at time `now` (seconds)."""
        if self._hits(self.how.loss_pct):
            return
        self._schedule(packet, now)
        if self._hits(self.how.dup_pct):
            self._schedule(packet, now)

    def take_due(self, now: float) -> list[bytes]:
        """Packets that leave the wire by `now`, in order."""
        due = []
        while self._queue and self._queue[0][0] <= now:
            due.append(heapq.heappop(self._queue)[2])
        return due

    def next_due(self) -> float | None:
        """When the next packet leaves, or None when nothing is held."""
        return self._queue[0][0] if self._queue else None

    def _hits(self, percent: float) -> bool:
        return percent > 0 and self.rng.random() * 100 < percent

    def _schedule(self, packet: bytes, now: float) -> None:
        if len(self._queue) >= self.how.queue_packets:
            return
        due = now
        if self.how.rate_mbit:
            start = max(now, self._line_free_at)
            due = self._line_free_at = start + len(packet) * 8 / (self.how.rate_mbit * 1e6)
        if not self._hits(self.how.reorder_pct):
            jitter = self.how.jitter_ms
            due += (self.how.delay_ms + self.rng.uniform(-jitter, jitter)) / 1000
            due = self._last_due = max(due, self._last_due)
        heapq.heappush(self._queue, (due, self._serial, packet))
        self._serial += 1


class Wire:
    """Moves packets between two file descriptors, one Direction each way."""

    def __init__(self, fd_a: int, fd_b: int, a_to_b: Direction, b_to_a: Direction) -> None:
        self._lanes = ((fd_a, fd_b, a_to_b), (fd_b, fd_a, b_to_a))
        for fd in (fd_a, fd_b):
            os.set_blocking(fd, False)

    def run_forever(self) -> None:
        """Forward packets. select() is used for its microsecond timeout (epoll has 1 ms)."""
        inputs = [lane[0] for lane in self._lanes]
        while True:
            dues = [due for lane in self._lanes if (due := lane[2].next_due()) is not None]
            wait = max(0.0, min(dues) - time.monotonic()) if dues else IDLE_S
            readable, _, _ = select.select(inputs, [], [], min(wait, IDLE_S))
            for source, sink, direction in self._lanes:
                if source in readable:
                    self._drain(source, direction)
                for packet in direction.take_due(time.monotonic()):
                    self._write(sink, packet)

    @staticmethod
    def _drain(fd: int, direction: Direction) -> None:
        for _ in range(READ_BATCH):
            try:
                packet = os.read(fd, MAX_FRAME)
            except BlockingIOError:
                return
            except OSError:  # the interface is down (EIO): nothing to read now
                time.sleep(0.001)
                return
            if packet:
                direction.offer(packet, time.monotonic())

    @staticmethod
    def _write(fd: int, packet: bytes) -> None:
        try:
            os.write(fd, packet)
        except OSError:  # full or down: a wire may lose packets
            pass


def open_tun_in(pid: int, name: str) -> int:
    """Create TUN interface `name` in the network namespace of process `pid`, then come back."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        join(pid, "net")
        try:
            return open_tun(name)
        finally:
            enter_namespace(home)
    finally:
        os.close(home)


def open_tun(name: str) -> int:
    """Create TUN interface `name`, which lives as long as the returned descriptor."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd
