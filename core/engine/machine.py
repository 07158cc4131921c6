"""What the owner's limits mean on this machine: threads, memory, device, and the energy a round used."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil

from core.api.messages import HardwareProfile
from core.config import Limits
from core.engine.config_store import ConfigStore
from core.engine.standing import Rule

_RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
Energy = Callable[[], tuple[float, bool]]
"""Watt-hours since the start, and whether they were measured."""


def threads(limits: Limits) -> int:
    """Threads of the trainer: the owner's number, or all physical cores but one."""
    if limits.cpu_threads:
        return limits.cpu_threads
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 2
    return max(1, cores - 1)


def memory_limit(limits: Limits) -> int:
    """Bytes the trainer may use: the owner's number, or half of the machine."""
    if limits.memory_gb:
        return int(limits.memory_gb * 1e9)
    return int(psutil.virtual_memory().total) // 2


def device(limits: Limits) -> str:
    """Device to train on: the first the owner offers, else the processor."""
    return limits.devices[0] if limits.devices else "cpu"


def rule(config: ConfigStore) -> Rule | None:
    """What the machine itself says against training now, such as running on battery."""
    return None


def profile(home: Path, probe: bool) -> HardwareProfile:
    """What the machine has."""
    from core.hardware.profile import read_profile

    return read_profile(home, probe=probe)


@contextlib.asynccontextmanager
async def energy_meter(device_name: str) -> AsyncIterator[Energy]:
    """Read the processor's own counter where the system lets us; nothing is guessed."""
    before, began = _counter(), time.monotonic()

    def energy() -> tuple[float, bool]:
        after = _counter()
        if before is None or after is None or after < before or time.monotonic() < began:
            return 0.0, False
        return (after - before) / 3.6e9, True

    yield energy


def _counter() -> int | None:
    try:
        return int(_RAPL.read_text())
    except (OSError, ValueError):
        return None
