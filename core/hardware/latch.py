"""The memory of one rule, so that a value at its limit does not start and stop training every few seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Latch:
    """Whether a rule holds, and since when its condition has been the other way."""

    on: bool = False
    since: float | None = None

    def next(self, condition: bool | None, now: float, rise_s: float, fall_s: float) -> Latch:
        """The memory after one more look.

        Args:
            condition: what was seen; unknown counts as not there, since it must not stop anything for ever.
            now: Unix time of the look.
            rise_s: how long the condition must last before the rule holds.
            fall_s: how long it must be gone before the rule ends.
        """
        if bool(condition) == self.on:
            return Latch(self.on)
        # A clock that was set back must not prolong a wait.
        since = now if self.since is None or self.since > now else self.since
        wait = fall_s if self.on else rise_s
        return Latch(not self.on) if now - since >= wait else Latch(self.on, since)
