"""How busy programs other than ours keep the processor, from one look to the next."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Final

import psutil

_TIMES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_NOT_BUSY: Final = ("idle", "iowait", "steal")
"""Time stolen by other virtual machines is nobody's on this one."""


class OtherLoad:
    """Remembers the counters of the last look."""

    def __init__(self) -> None:
        self._machine: tuple[float, float] | None = None
        self._ours: dict[int, float] = {}

    def sample(self, ours: Iterable[int]) -> float | None:
        """Share of all cores that others used since the last look, 0 to 1; ``None`` at the first.

        Args:
            ours: process ids of the trainer and its children; this process is always ours.
        """
        total, busy = _machine_seconds()
        mine = {pid: seconds for pid in {os.getpid(), *ours} if (seconds := _process_seconds(pid)) is not None}
        before, self._machine = self._machine, (total, busy)
        # A process that is new since the last look began at zero.
        used = sum(max(0.0, seconds - self._ours.get(pid, 0.0)) for pid, seconds in mine.items())
        self._ours = mine
        if before is None or total <= before[0]:
            return None
        return min(1.0, max(0.0, busy - before[1] - used) / (total - before[0]))


def families(pids: Iterable[int]) -> frozenset[int]:
    """Processes and everything they started."""
    return frozenset(member for pid in pids for member in _family(pid))


def _family(pid: int) -> set[int]:
    try:
        return {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}
    except (psutil.Error, OSError):
        return {pid}


def _machine_seconds() -> tuple[float, float]:
    """All time of all cores, and the busy part of it."""
    times: Any = psutil.cpu_times()
    total = sum(float(getattr(times, name, 0.0)) for name in _TIMES)
    return total, total - sum(float(getattr(times, name, 0.0)) for name in _NOT_BUSY)


def _process_seconds(pid: int) -> float | None:
    try:
        times = psutil.Process(pid).cpu_times()
    except (psutil.Error, OSError):
        return None
    return float(times.user + times.system)
