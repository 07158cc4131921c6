"""What an engine sends and receives over all its connections: paced to the owner's rates, and counted.

Bytes are those of HTTP, headers included, and an estimate for each new connection's handshake; what the network adds
below is not seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

BURST_S: Final = 0.25
"""Seconds of silence that may be made up for at once."""
PIECE: Final = 16 << 10
"""Bytes of a paced upload between two looks at the clock."""
UNPACED: Final = 64 << 10
"""Bytes handed to the line at a time where there is no limit, so that TLS holds no second copy of a whole body."""
LARGE: Final = 64 << 10
"""Bytes of a transfer from which on its time says something about the line, not about the way there and back."""
HANDSHAKE: Final = (1_000, 3_000)
"""About what a new TLS connection sends and receives before the first request."""
_BYTES_PER_MBIT: Final = 125_000.0


class Bucket:
    """A token bucket in one direction: whoever takes more than is there waits until it has come in."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._rate = 0.0
        self._room = 0.0
        self._at = clock()

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._rate > 0

    @property
    def bytes_per_s(self) -> float:
        """The limit, 0 where there is none."""
        return self._rate

    def limit(self, mbit_s: float) -> None:
        """Set the rate in megabits a second; 0 means none."""
        self._rate = mbit_s * _BYTES_PER_MBIT
        self._room, self._at = 0.0, self._clock()

    async def take(self, count: int) -> None:
        """Wait until ``count`` bytes fit the rate. Those who wait share it in the order they came."""
        if not self._rate:
            return
        now = self._clock()
        self._room = min(self._rate * BURST_S, self._room + (now - self._at) * self._rate) - count
        self._at = now
        if self._room < 0:
            await self._sleep(-self._room / self._rate)


class Line:
    """What the line carries, by what it carried: each large transfer counts as much as all before it.

    Waits for the owner's own limit and for the other side are in it, so it is what the next transfer can expect.
    """

    def __init__(self) -> None:
        self.up_bytes_per_s = 0.0
        """0 until something large was sent."""
        self.down_bytes_per_s = 0.0
        """0 until something large was received."""

    def went_up(self, count: int, seconds: float) -> None:
        """Note a body that was sent and answered."""
        if count >= LARGE and seconds > 0:
            self.up_bytes_per_s = _blended(self.up_bytes_per_s, count / seconds)

    def came_down(self, count: int, seconds: float) -> None:
        """Note an answer that was read to its end."""
        if count >= LARGE and seconds > 0:
            self.down_bytes_per_s = _blended(self.down_bytes_per_s, count / seconds)


def _blended(before: float, now: float) -> float:
    return (before + now) / 2 if before else now


class Traffic:
    """Both directions of one engine."""

    def __init__(self, count: Callable[[int, int], None] = lambda up, down: None) -> None:
        """Limit nothing yet.

        Args:
            count: told the bytes sent and received, as they go.
        """
        self.up = Bucket()
        self.down = Bucket()
        self.line = Line()
        self._count = count

    def limit(self, up_mbit_s: float, down_mbit_s: float) -> None:
        """Set both rates in megabits a second; 0 means no limit."""
        self.up.limit(up_mbit_s)
        self.down.limit(down_mbit_s)

    async def sent(self, count: int) -> None:
        """Count what goes out, and wait as long as its rate asks."""
        self._count(count, 0)
        await self.up.take(count)

    async def received(self, count: int) -> None:
        """Count what came in, and wait as long as its rate asks: the sender is slowed down by not being read."""
        self._count(0, count)
        await self.down.take(count)

    async def paced(self, body: bytes) -> AsyncIterator[bytes]:
        """A body in pieces, each when there is room for it."""
        view, size = memoryview(body), PIECE if self.up.limited else UNPACED
        for start in range(0, len(view), size):
            piece = bytes(view[start : start + size])
            await self.sent(len(piece))
            yield piece

    async def watch(self, event: str, info: Mapping[str, object]) -> None:
        """A listener for httpx: counts handshakes, which happen below the requests."""
        if event.endswith("start_tls.complete"):
            self._count(*HANDSHAKE)


def header_bytes(headers: Mapping[str, str]) -> int:
    """Bytes of headers as HTTP/1.1 writes them, with the first line and the empty one."""
    return 64 + sum(len(name) + len(value) + 4 for name, value in headers.items())
