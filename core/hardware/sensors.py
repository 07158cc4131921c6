"""What the governor decides by, measured beside its loop, and only as far as one of the owner's rules asks for it.

``refresh`` measures what is due, each thing on a thread with a time-out; ``readings`` hands out at once what is known.
What was not answered in time, or too long ago, is unknown. A GPU is left asleep while the machine rests on battery.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, Generic, TypeVar

from core.api.messages.machine import Device
from core.config.node import Limits
from core.hardware import nvml as gpus
from core.hardware.idle import read_idle_s
from core.hardware.limits import Readings
from core.hardware.load import OtherLoad, families
from core.hardware.network import read_metered
from core.hardware.nvml import NoNvml
from core.hardware.patience import NoAnswer, Patience
from core.hardware.profile import disk_free, read_battery
from core.hardware.screen import read_full_screen

CPU: Final = "cpu"
OFTEN_S: Final = 4.0
SELDOM_S: Final = 15.0
MAX_AGE_S: Final = 60.0
"""An older value says nothing about now."""
TIMEOUT_S: Final = 6.0
T = TypeVar("T")


def pick_device(limits: Limits, usable: tuple[str, ...]) -> str:
    """The first device the owner offers that is usable, or the best found; ``usable`` has the best first."""
    if not limits.devices:
        return usable[0] if usable else CPU
    return next((device for device in limits.devices if device in usable or not _judged_here(device)), CPU)


def used_devices(limits: Limits, usable: tuple[str, ...]) -> tuple[str, ...]:
    """Devices that train together: all the owner offers that are usable, or the best found."""
    offered = [device for device in limits.devices if device in usable or not _judged_here(device)]
    return tuple(offered) or (pick_device(limits, usable),)


def _judged_here(device: str) -> bool:
    """Whether the driver's list tells if a device is there; of an Apple or Intel GPU only torch knows."""
    return device == CPU or device.startswith("cuda")


@dataclass(frozen=True)
class GpuView:
    """The part of the GPUs' state that rules are about, over all that train together."""

    devices: tuple[str, ...] | None = None
    device: str = ""
    """The first GPU of those used, or what else computes."""
    temperature_c: float | None = None
    """Of the hottest."""
    drives_display: bool | None = None
    """Whether any does."""
    other: float | None = None
    """Load of other programs on the one they use most."""


class Sense(Generic[T]):
    """One thing that is measured now and then."""

    def __init__(self, name: str, unknown: T, clock: Callable[[], float]) -> None:
        self._patience = Patience(name)
        self._unknown = unknown
        self._clock = clock
        self._value = unknown
        self._taken_at = -float("inf")

    @property
    def value(self) -> T:
        """The last answer, or what stands for unknown."""
        return self._value if self._clock() - self._taken_at <= MAX_AGE_S else self._unknown

    def due(self, interval_s: float) -> bool:
        """Whether it is time to ask again."""
        return self._clock() - self._taken_at >= interval_s

    def take(self, ask: Callable[[], T]) -> None:
        """Ask, and keep the answer; no answer in time is unknown."""
        try:
            self._value = self._patience.ask(ask, TIMEOUT_S)
        except (NoAnswer, OSError, RuntimeError, ValueError):
            self._value = self._unknown
        self._taken_at = self._clock()


class Sensors:
    """Everything that is measured for the governor of one engine."""

    def __init__(
        self,
        home: Path,
        limits: Callable[[], Limits],
        volume: Callable[[], tuple[int, int]] = lambda: (0, 0),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Measure nothing yet.

        Args:
            home: the folder whose disk is meant.
            limits: what the owner's limits are now.
            volume: bytes sent and received this month, and what the largest round takes.
            clock: seconds that never go back.
        """
        self._home = home
        self._limits = limits
        self._volume = volume
        self._others = OtherLoad()
        self._power: Sense[tuple[float | None, bool | None]] = Sense("The battery", (None, None), clock)
        self._disk: Sense[int | None] = Sense("The disk", None, clock)
        self._metered: Sense[bool | None] = Sense("The network", None, clock)
        self._idle: Sense[float | None] = Sense("The desktop", None, clock)
        self._screen: Sense[bool | None] = Sense("The screen", None, clock)
        self._load: Sense[float | None] = Sense("The processor", None, clock)
        self._gpu: Sense[GpuView] = Sense("The GPU", GpuView(), clock)

    def readings(self, week_seconds: float) -> Readings:
        """What is known now, without asking anybody."""
        (percent, on_battery), gpu, (used, round_bytes) = self._power.value, self._gpu.value, self._volume()
        return Readings(
            now=time.time(),
            week_seconds=week_seconds,
            disk_free_bytes=self._disk.value,
            on_battery=on_battery,
            battery_percent=percent,
            devices=gpu.devices,
            device=gpu.device,
            temperature_c=gpu.temperature_c,
            drives_display=gpu.drives_display,
            other_gpu=gpu.other,
            other_cpu=self._load.value,
            full_screen=self._screen.value,
            idle_s=self._idle.value,
            metered=self._metered.value,
            month_bytes=used,
            round_bytes=round_bytes,
        )

    async def refresh(self, pids: Sequence[int]) -> None:
        """Measure what is due.

        Args:
            pids: the trainers, one for each device, whose load is ours; none while nothing is trained.
        """
        limits = self._limits()
        await asyncio.gather(
            _ask(self._power, OFTEN_S, read_battery),
            _ask(self._disk, OFTEN_S, functools.partial(disk_free, self._home)),
            _ask(self._metered, SELDOM_S, read_metered, not limits.use_metered),
            _ask(self._screen, OFTEN_S, read_full_screen, limits.pause_on_full_screen),
            _ask(self._idle, OFTEN_S, read_idle_s, limits.only_when_idle != "no"),
            _ask(self._load, OFTEN_S, lambda: self._others.sample(families(pids)), bool(limits.other_cpu_percent)),
        )
        resting = self._power.value[1] is True and not limits.train_on_battery
        wanted = not resting and limits.devices != (CPU,)
        look = functools.partial(look_at_gpus, limits, pids)
        await _ask(self._gpu, OFTEN_S if pids else SELDOM_S, look, wanted)


async def _ask(sense: Sense[T], interval_s: float, ask: Callable[[], T], wanted: bool = True) -> None:
    if wanted and sense.due(interval_s):
        await asyncio.to_thread(sense.take, ask)


def look_at_gpus(limits: Limits, pids: Sequence[int]) -> GpuView:
    """The GPUs as rules see them; a driver that does not answer leaves all of it unknown."""
    ours = families(pids)
    unseen = tuple(device for device in limits.devices if not _judged_here(device))

    def question(nvml: ModuleType) -> GpuView:
        _, found = gpus.look(nvml)
        usable = (*(gpu.device_id for gpu in found if not gpu.problem), CPU, *unseen)
        used = used_devices(limits, usable)
        return _view(nvml, usable, used, [gpu for gpu in found if gpu.device_id in used], ours, limits)

    try:
        return gpus.asked(question)
    except NoNvml as error:
        known = str(error) == gpus.NOT_INSTALLED
        return GpuView((CPU, *unseen), pick_device(limits, (CPU,))) if known else GpuView()


def _view(
    nvml: ModuleType,
    usable: tuple[str, ...],
    used: tuple[str, ...],
    gpus_used: Sequence[Device],
    ours: frozenset[int],
    limits: Limits,
) -> GpuView:
    """What is worst among the GPUs used; one that says nothing does not hide what the others say."""
    first = next((device for device in used if device != CPU), CPU)
    if not gpus_used:
        return GpuView(usable, first)
    shown = [gpu.drives_display for gpu in gpus_used]
    handles = [gpus.handle_of(nvml, gpu.device_id) for gpu in gpus_used] if limits.other_gpu_percent else []
    return GpuView(
        usable,
        first,
        _most(gpu.temperature_c for gpu in gpus_used),
        True if any(shown) else None if None in shown else False,
        _most(gpus.foreign_load(nvml, handle, ours) for handle in handles),
    )


def _most(values: Iterable[float | None]) -> float | None:
    """The largest that is known."""
    return max((value for value in values if value is not None), default=None)
