"""The duty cycle: after each micro-step the trainer sleeps in proportion to the time it was busy.

Of several trainers each keeps its own device to the share. While one waits for the others, who may be asleep, it is not
busy; if that counted, each would rest for the rests of all, and longer every time.

Works on every device without an administrator's rights. A device that computes on its own is waited for first, or its
queue would keep it busy through the sleep. What was slept too long is taken off the next sleep, so the share is kept
over time; a change of the share, or a pause, ends a sleep at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

_MOST_CREDIT_S: Final = 1.0
"""Longest oversleeping that is made up for; a machine that was suspended must not then compute without a rest."""


class Sleeper(Protocol):
    """Who knows the share and can be woken; ``core.training.channel.Channel`` is one."""

    share: float
    """Share of the time that may be computed, above 0, at most 1."""

    def doze(self, seconds: float) -> None:
        """Sleep so long, or until the share changes; raises ``Interrupted`` when paused."""


def busy_clock(device: str) -> Callable[[], float]:
    """What counts as busy: on a processor the time that this thread really had it, elsewhere the time on the wall."""
    return time.thread_time if device == "cpu" else time.monotonic


class Pacer:
    """Keeps one trainer to its share of the time."""

    def __init__(
        self,
        sleeper: Sleeper,
        synchronise: Callable[[], None],
        busy: Callable[[], float],
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        """Owe nothing yet.

        Args:
            sleeper: knows the share, and sleeps.
            synchronise: waits for the device.
            busy: seconds of work so far.
            wall: seconds on the wall.
        """
        self._sleeper = sleeper
        self._synchronise = synchronise
        self._busy = busy
        self._wall = wall
        self._mark: float | None = None
        self._share = 1.0
        self._owed = 0.0

    def rest(self) -> None:
        """Sleep for what was computed since the last call.

        Raises:
            Interrupted: the owner paused.
        """
        share = self._sleeper.share
        if share != self._share:
            self._share, self._owed = share, 0.0
        if share < 1.0:
            self._synchronise()
            if self._mark is not None:
                self._sleep((self._busy() - self._mark) * (1.0 / share - 1.0))
        self._mark = self._busy()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """What passes inside is not work."""
        began = self._busy()
        try:
            yield
        finally:
            if self._mark is not None:
                self._mark += self._busy() - began

    def _sleep(self, seconds: float) -> None:
        self._owed += seconds
        if self._owed <= 0:
            return
        began = self._wall()
        self._sleeper.doze(self._owed)
        self._owed = max(-_MOST_CREDIT_S, self._owed - (self._wall() - began))
