"""What a process costs, seen from outside: memory, processor time and wake-ups of all its threads. Linux only."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Memory of a process in MiB."""

    pss: float
    """What is shared counts by its part, so less while others use the same libraries."""
    rss: float
    own: float
    """Anonymous pages alone: the measure of growth, for nobody else changes anything in it."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a process did over a while."""

    percent: float
    """Processor time in percent of one core."""
    wakeups: float
    """Voluntary switches a second: how often a thread fell asleep, so how often one was woken."""


def memory(pid: int) -> Memory:
    """Memory of one process without its children."""
    full = psutil.Process(pid).memory_full_info()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    anonymous_kib = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    return Memory(pss=full.pss / MIB, rss=full.rss / MIB, own=anonymous_kib / 1_024)


def work(pid: int, seconds: float) -> Work:
    """Look at a process for ``seconds``. What a thread did that ended meanwhile is not counted."""
    began, before = time.monotonic(), _threads(pid)
    time.sleep(seconds)
    passed, after = time.monotonic() - began, _threads(pid)
    gone = (0.0, 0)
    busy = sum(seconds - before.get(thread, gone)[0] for thread, (seconds, _) in after.items())
    switches = sum(count - before.get(thread, gone)[1] for thread, (_, count) in after.items())
    return Work(percent=100 * busy / passed, wakeups=switches / passed)


def _threads(pid: int) -> dict[str, tuple[float, int]]:
    """Seconds of processor time, to the nanosecond, and voluntary switches of each thread until now."""
    found = {}
    for folder in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            busy = int((folder / "schedstat").read_text().split()[0]) / 1e9
            status = (folder / "status").read_text().splitlines()
            switches = next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
            found[folder.name] = (busy, switches)
    return found
