"""How long the gateway waits for a stranger: a request must be complete in time, and whoever waits gives way.

Anybody can open connections to the only open port. Without this, a few hundred of them that say nothing would keep
every volunteer out, since nothing in the server beneath ends a connection that has not asked for anything.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S: Final = 10.0
"""From a connection, or the first byte of a later request, to the end of the request's headers."""
ROOM: Final = 384
"""Connections from which on the one that has waited longest is ended for each new one."""
KNOWN: Final = "hedgerow.known"
"""Set in the scope of a request once its sender was found to be enrolled."""
SMALL_S: Final = 10.0
"""For a body of a few kilobytes, all of it."""
PATIENCE_S: Final = 30.0
SLOWEST_BYTES_PER_S: Final = 16 << 10
"""A body or an answer may take ``PATIENCE_S`` and as long as it takes at this rate: a quarter of the slowest line that
an owner can ask for."""


def longest_s(size: int) -> float:
    """Seconds within which so many bytes must have passed."""
    return PATIENCE_S + size / SLOWEST_BYTES_PER_S


class Patient(H11Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._due: asyncio.TimerHandle | None = self.loop.call_later(REQUEST_S, self.give_way)
        if len(self.connections) > ROOM:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take some bytes; headers that trickle in do not gain time by it."""
        super().data_received(data)
        if not self.waits:
            self._stop_waiting()
        elif self._due is None:
            self._since = self.loop.time()
            self._due = self.loop.call_later(REQUEST_S, self.give_way)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def waits(self) -> bool:
        """Whether no request is being answered."""
        cycle: Any = self.cycle
        return cycle is None or bool(cycle.response_complete)

    def give_way(self) -> None:
        """End the connection, unless something was asked."""
        self._stop_waiting()
        if self.waits and not self.transport.is_closing():
            self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    @property
    def is_known(self) -> bool:
        """Whether what is asked was signed by somebody who is enrolled."""
        return not self.waits and KNOWN in self.cycle.scope

    def _make_room(self) -> None:
        """Of strangers those who wait first, then those who are in the middle of something; never a volunteer."""
        others = [one for one in list(self.connections) if isinstance(one, Patient) and one is not self]
        strangers = [one for one in others if not one.is_known]
        oldest = min(strangers, key=lambda one: (not one.waits, one._since), default=None)
        if oldest is not None and not oldest.transport.is_closing():
            oldest.transport.abort()


def allow_connections() -> None:
    """As many open files as the system lets us have, within reason: each connection is one."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 8_192 if hard == resource.RLIM_INFINITY else min(hard, 8_192)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
