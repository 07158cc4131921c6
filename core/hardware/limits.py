"""May training run now? One pure function from limits, readings and the owner's wish to an action and one sentence.

Every answer names its reason, and until when it holds where that is known. The order is fixed: the owner's wish first,
then what would do harm, then what the owner offered.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from core.api.messages import Sentence
from core.config import Limits

MIN_FREE_DISK_BYTES: Final = 1 << 30
"""Below this no round starts: a checkpoint or an update might not fit."""


class Reason(StrEnum):
    """Every reason there is; each has a sentence, and each is tested."""

    RUNNING = "running"
    PAUSED = "paused"
    SNOOZED = "snoozed"
    DISK_FULL = "disk_full"
    DEVICE_MISSING = "device_missing"
    ON_BATTERY = "on_battery"
    WEEKLY_HOURS = "weekly_hours"


@dataclass(frozen=True, kw_only=True)
class User:
    """The owner's wish of the moment."""

    paused: bool = False
    snoozed_until: float = 0.0
    """Unix time; 0 means not snoozed."""


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What was measured; ``None`` is unknown and stops nothing."""

    now: float
    week_seconds: float = 0.0
    """Seconds of training given since Monday, the running round included."""
    disk_free_bytes: int | None = None
    on_battery: bool | None = None
    battery_percent: float | None = None
    devices: tuple[str, ...] | None = None
    """Devices that are there and can train."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do, why, and until when it holds if nothing else changes."""

    action: Literal["run", "pause"]
    reason: Reason
    sentence: Sentence
    until: float | None = None


def decide(limits: Limits, readings: Readings, user: User) -> Decision:
    """Whether training may run now, with exactly one reason."""
    return (
        _wish(readings, user)
        or _harm(limits, readings)
        or _offer(limits, readings)
        or Decision(action="run", reason=Reason.RUNNING, sentence=_say(Reason.RUNNING, "Your limits let training run."))
    )


def _wish(readings: Readings, user: User) -> Decision | None:
    if user.paused:
        return _pause(Reason.PAUSED, "Paused by you, until you press Resume.")
    if user.snoozed_until > readings.now:
        words = clock_words(user.snoozed_until, readings.now)
        return _pause(Reason.SNOOZED, f"Paused by you until {words}.", user.snoozed_until, until=user.snoozed_until)
    return None


def _harm(limits: Limits, readings: Readings) -> Decision | None:
    free = readings.disk_free_bytes
    if free is not None and free < MIN_FREE_DISK_BYTES:
        text = (
            f"Paused: the disk has {free / 1e9:.1f} GB free and {MIN_FREE_DISK_BYTES / 1e9:.1f} GB are needed. "
            "It goes on when there is room."
        )
        return _pause(Reason.DISK_FULL, text, free_bytes=free, needed_bytes=MIN_FREE_DISK_BYTES)
    if readings.devices is not None:
        missing = [device for device in limits.devices if device not in readings.devices]
        if limits.devices and len(missing) == len(limits.devices):
            text = f"Paused: {', '.join(missing)} cannot be used now. Plug it in, or offer another device."
            return _pause(Reason.DEVICE_MISSING, text, devices=", ".join(missing))
    if readings.on_battery:
        percent = "" if readings.battery_percent is None else f" ({readings.battery_percent:.0f} %)"
        text = f"Paused: the machine runs on battery{percent}. It goes on when it is plugged in."
        return _pause(Reason.ON_BATTERY, text, percent=readings.battery_percent or 0.0)
    return None


def _offer(limits: Limits, readings: Readings) -> Decision | None:
    offered = limits.offered_hours_per_week
    if offered >= 168.0 or readings.week_seconds < offered * 3_600:
        return None
    until = next_monday(readings.now)
    hours = "The 1 hour" if offered == 1 else f"The {offered:g} hours"
    text = f"{hours} you offered this week are given. It goes on on Monday, or when you offer more."
    return _pause(Reason.WEEKLY_HOURS, text, until, offered_hours=offered)


def _pause(reason: Reason, text: str, ends_at: float | None = None, /, **args: str | float) -> Decision:
    return Decision(action="pause", reason=reason, sentence=_say(reason, text, **args), until=ends_at)


def _say(reason: Reason, text: str, **args: str | float) -> Sentence:
    return Sentence(code=str(reason), text=text, args=dict(args))


def next_monday(now: float) -> float:
    """Unix time of the coming Monday 00:00, local time."""
    today = dt.datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today + dt.timedelta(days=7 - today.weekday())).timestamp()


def clock_words(at: float, now: float) -> str:
    """``14:05`` today, ``tomorrow 08:00``, or ``Mon 3 Aug, 08:00``."""
    moment, today = dt.datetime.fromtimestamp(at), dt.datetime.fromtimestamp(now)
    match (moment.date() - today.date()).days:
        case 0:
            return f"{moment:%H:%M}"
        case 1:
            return f"tomorrow {moment:%H:%M}"
        case _:
            return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}"
