"""Energy of a span of training, measured or not claimed: the GPU's own counter, its power, or the processor's counter.

A counter measures the whole device, other programs included; over all devices used it is an upper bound, and the
figure says that it was measured. Where nothing can be read the energy is unknown, never a guess from a data sheet.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Final

from core.hardware.nvml import NoNvml, asked, handle_of

POWERCAP: Final = Path("/sys/class/powercap")
SAMPLE_S: Final = 5.0
_J_PER_WH: Final = 3_600.0
Reading = Callable[[], float | None]


class EnergyMeter:
    """Joules of all devices since the meter was made. ``sample`` often: power is integrated, counters wrap around."""

    def __init__(
        self, device_ids: Iterable[str], *, powercap: Path = POWERCAP, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Choose what can be read for devices such as ``cpu`` or ``cuda:0``; one that is named twice counts once."""
        self._clock = clock
        self._turn = threading.Lock()
        self._joules = 0.0
        readable = [_sources(device_id, powercap) for device_id in dict.fromkeys(device_ids)]
        self._sources = [source for sources in readable for source in sources]
        self._last_at = clock()
        self._complete = all(readable) and bool(readable)
        for source in self._sources:
            self._complete &= source.start()

    @property
    def measured(self) -> bool:
        """Whether every reading since the start succeeded."""
        return self._complete

    def sample(self) -> None:
        """Take a reading; once a minute is enough for counters, every few seconds for power."""
        with self._turn:
            self._sample()

    def _sample(self) -> None:
        now = self._clock()
        elapsed, self._last_at = now - self._last_at, now
        if not self._complete:
            return
        for source in self._sources:
            joules = source.since_last(elapsed)
            if joules is None:
                self._complete = False
                return
            self._joules += joules

    def energy_wh(self) -> tuple[float, bool]:
        """(watt-hours since the start, whether measured); (0, False) where anything could not be read."""
        self.sample()
        return (self._joules / _J_PER_WH, True) if self._complete else (0.0, False)


@contextlib.asynccontextmanager
async def metering(device_ids: Iterable[str], interval_s: float = SAMPLE_S) -> AsyncIterator[EnergyMeter]:
    """A meter that is sampled beside the event loop, since a driver may take long to answer."""
    meter = await asyncio.to_thread(EnergyMeter, device_ids)

    async def sampling() -> None:
        while True:
            await asyncio.sleep(interval_s)
            await asyncio.to_thread(meter.sample)

    task = asyncio.create_task(sampling())
    try:
        yield meter
    finally:
        task.cancel()


class _Counter:
    """A counter of joules that may wrap around at ``top``."""

    def __init__(self, read: Reading, top: float | None = None) -> None:
        self._read = read
        self._top = top
        self._last: float | None = None

    def start(self) -> bool:
        self._last = self._read()
        return self._last is not None

    def since_last(self, _elapsed: float) -> float | None:
        now, before = self._read(), self._last
        self._last = now
        if now is None or before is None:
            return None
        if now >= before:
            return now - before
        return None if self._top is None else self._top - before + now


class _Power:
    """Watts, integrated by the trapezium rule."""

    def __init__(self, read: Reading) -> None:
        self._read = read
        self._last: float | None = None

    def start(self) -> bool:
        self._last = self._read()
        return self._last is not None

    def since_last(self, elapsed: float) -> float | None:
        now, before = self._read(), self._last
        self._last = now
        return None if now is None or before is None else (now + before) / 2 * max(0.0, elapsed)


def _sources(device_id: str, powercap: Path) -> list[_Counter | _Power]:
    return _gpu_sources(device_id) if device_id.startswith("cuda") else _cpu_sources(powercap)


def _gpu_sources(device_id: str) -> list[_Counter | _Power]:
    energy, power = (
        _nvml_reading(device_id, "nvmlDeviceGetTotalEnergyConsumption"),
        _nvml_reading(device_id, "nvmlDeviceGetPowerUsage"),
    )
    if energy() is not None:
        return [_Counter(energy)]
    return [_Power(power)] if power() is not None else []


def _nvml_reading(device_id: str, function: str) -> Reading:
    """Joules or watts; NVML counts in thousandths of both."""

    def read() -> float | None:
        try:
            return asked(lambda nvml: float(getattr(nvml, function)(handle_of(nvml, device_id))) / 1_000)
        except (NoNvml, AttributeError):
            return None

    return read


def _cpu_sources(powercap: Path) -> list[_Counter | _Power]:
    """One counter per processor package; readable by root alone on most systems, and then nothing is claimed."""
    zones = sorted(path for path in powercap.glob("intel-rapl:*") if re.fullmatch(r"intel-rapl:\d+", path.name))
    packages = [zone for zone in zones if (_words(zone / "name") or "").startswith("package")]
    counters: list[_Counter | _Power] = []
    for package in packages:
        top = _micro(package / "max_energy_range_uj")
        counters.append(_Counter(lambda file=package / "energy_uj": _micro(file), top))  # type: ignore[misc]
    return counters


def _words(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:
        return None


def _micro(file: Path) -> float | None:
    try:
        return int(file.read_text()) / 1e6
    except (OSError, ValueError):
        return None
