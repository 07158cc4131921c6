"""May training run now, and how hard? One pure function from limits, readings and the owner's wish to an action.

Every answer names its reason, and until when it holds where that is known. The order is fixed: the owner's wish first,
then what would do harm, then what the owner offered, then who else uses the machine, then the network, then how hard.
A rule with a memory (heat, the load of others) finds it in the decision before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Literal

from core.api.messages.base import Sentence
from core.config.node import Limits
from core.hardware.latch import Latch
from core.hardware.week import HALF, OFF, clock_words, next_change, next_monday, next_month, planned

MIN_FREE_DISK_BYTES: Final = 1 << 30
"""Below this no round starts: a checkpoint or an update might not fit."""
HALF_SHARE: Final = 0.5


class Reason(StrEnum):
    """Every reason there is; each has a sentence, and each is tested."""

    RUNNING = "running"
    PAUSED = "paused"
    SNOOZED = "snoozed"
    DISK_FULL = "disk_full"
    DEVICE_MISSING = "device_missing"
    TOO_HOT = "too_hot"
    ON_BATTERY = "on_battery"
    WEEKLY_HOURS = "weekly_hours"
    WEEK_PLAN = "week_plan"
    FULL_SCREEN = "full_screen"
    OTHER_GPU = "other_gpu"
    OTHER_CPU = "other_cpu"
    IN_USE = "in_use"
    IDLE_UNKNOWN = "idle_unknown"
    METERED = "metered"
    MONTHLY_VOLUME = "monthly_volume"
    HALF_SPEED = "half_speed"
    DUTY_CYCLE = "duty_cycle"


@dataclass(frozen=True, kw_only=True)
class User:
    """The owner's wish of the moment."""

    paused: bool = False
    snoozed_until: float = 0.0
    """Unix time; 0 means not snoozed."""


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What was measured; ``None`` is unknown and stops nothing, unless the owner asked for just that to be known."""

    now: float
    week_seconds: float = 0.0
    """Seconds of training given since Monday, the running round included."""
    disk_free_bytes: int | None = None
    on_battery: bool | None = None
    battery_percent: float | None = None
    devices: tuple[str, ...] | None = None
    """Devices that are there and can train."""
    device: str = ""
    """The one that trains, or would; the first GPU where several train together."""
    temperature_c: float | None = None
    """Of the hottest GPU used."""
    drives_display: bool | None = None
    """Whether any GPU used does."""
    other_gpu: float | None = None
    """Share of a GPU used that other programs keep busy, 0 to 1; of the one they use most."""
    other_cpu: float | None = None
    """Share of all processor cores that other programs keep busy, 0 to 1."""
    full_screen: bool | None = None
    idle_s: float | None = None
    metered: bool | None = None
    month_bytes: int = 0
    """Sent and received since the first of the month."""
    round_bytes: int = 0
    """What the largest round of a joined federation sends and receives."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do, why, and until when it holds if nothing else changes."""

    action: Literal["run", "throttle", "pause"]
    reason: Reason
    sentence: Sentence
    until: float | None = None
    share: float = 1.0
    """Share of the time that a trainer may compute, whatever the reason."""
    new_rounds_only: bool = False
    """The pause keeps new rounds from beginning; one that has begun is trained to its end."""
    may_send: bool = True
    """Whether a finished update may be sent now; one that may not is kept and waits."""
    latches: Mapping[Reason, Latch] = field(default_factory=dict, compare=False)
    """The memory of rules, for the next decision."""

    @property
    def stops_trainer(self) -> bool:
        """Whether a running trainer has to pause."""
        return self.action == "pause" and not self.new_rounds_only


def decide(limits: Limits, readings: Readings, user: User, previous: Decision | None = None) -> Decision:
    """Whether training may run now and how hard, with exactly one reason.

    Args:
        limits: the owner's.
        readings: what was measured now.
        user: the owner's wish of the moment.
        previous: the decision before this one, for rules that have a memory.
    """
    latches = _remember(limits, readings, previous.latches if previous is not None else {})
    found = (
        _wish(readings, user)
        or _harm(limits, readings, latches)
        or _offer(limits, readings)
        or _others(limits, readings, latches)
        or _network(limits, readings)
        or _pace(limits, readings)
    )
    return Decision(
        action=found.action,
        reason=found.reason,
        sentence=found.sentence,
        until=found.until,
        new_rounds_only=found.new_rounds_only,
        share=_share(limits, readings),
        may_send=not _is_metered(limits, readings),
        latches=latches,
    )


def _remember(limits: Limits, now: Readings, before: Mapping[Reason, Latch]) -> dict[Reason, Latch]:
    """The memory after these readings; a rule that is off has none."""

    def latch(reason: Reason, rule: object, condition: bool | None, rise_s: float, fall_s: float) -> None:
        if rule:
            after[reason] = before.get(reason, Latch()).next(condition, now.now, rise_s, fall_s)

    after: dict[Reason, Latch] = {}
    ceiling, gap, heat = limits.gpu_temperature_c, limits.gpu_temperature_gap_c, now.temperature_c
    was_hot = before.get(Reason.TOO_HOT, Latch()).on
    hot = None if heat is None else heat >= ceiling - gap if was_hot else heat > ceiling
    latch(Reason.TOO_HOT, ceiling, hot, 0.0, limits.quiet_s if heat is None else 0.0)
    latch(Reason.FULL_SCREEN, limits.pause_on_full_screen, now.full_screen, 0.0, limits.quiet_s)
    for reason, limit, load in (
        (Reason.OTHER_GPU, limits.other_gpu_percent, now.other_gpu),
        (Reason.OTHER_CPU, limits.other_cpu_percent, now.other_cpu),
    ):
        busy = None if load is None else load * 100 > limit
        latch(reason, limit, busy, limits.hold_s, limits.quiet_s)
    return after


def _wish(readings: Readings, user: User) -> Decision | None:
    if user.paused:
        return _pause(Reason.PAUSED, "Paused by you, until you press Resume.")
    if user.snoozed_until > readings.now:
        words = clock_words(user.snoozed_until, readings.now)
        return _pause(Reason.SNOOZED, f"Paused by you until {words}.", user.snoozed_until, until=user.snoozed_until)
    return None


def _harm(limits: Limits, readings: Readings, latches: Mapping[Reason, Latch]) -> Decision | None:
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
    if latches.get(Reason.TOO_HOT, Latch()).on:
        return _too_hot(limits, readings)
    if readings.on_battery and not limits.train_on_battery:
        percent = "" if readings.battery_percent is None else f" ({readings.battery_percent:.0f} %)"
        text = f"Paused: the machine runs on battery{percent}. It goes on when it is plugged in."
        known = {} if readings.battery_percent is None else {"percent": float(round(readings.battery_percent))}
        return _pause(Reason.ON_BATTERY, text, **known)
    return None


def _too_hot(limits: Limits, readings: Readings) -> Decision:
    ceiling, low = limits.gpu_temperature_c, limits.gpu_temperature_c - limits.gpu_temperature_gap_c
    if readings.temperature_c is None:
        text = f"The GPU was above your {ceiling:g} °C ceiling and does not say how hot it is now."
        return _pause(Reason.TOO_HOT, text)
    heat = round(readings.temperature_c)
    above = "above" if readings.temperature_c > ceiling else "cooling after it was above"
    text = f"The GPU is at {heat} °C, {above} your {ceiling:g} °C ceiling. Goes on below {low:g} °C."
    return _pause(Reason.TOO_HOT, text, temperature=heat, ceiling=ceiling, low=low)


def _offer(limits: Limits, readings: Readings) -> Decision | None:
    offered = limits.offered_hours_per_week
    if offered < 168.0 and readings.week_seconds >= offered * 3_600:
        hours = "The 1 hour" if offered == 1 else f"The {offered:g} hours"
        text = f"{hours} you offered this week are given. It goes on on Monday, or when you offer more."
        return _pause(Reason.WEEKLY_HOURS, text, next_monday(readings.now), offered_hours=offered)
    if planned(limits.schedule, readings.now) == OFF:
        until = next_change(limits.schedule, readings.now)
        if until is None:
            return _pause(Reason.WEEK_PLAN, "Your week plan is off at all hours. It goes on when you change it.")
        text = f"Your week plan rests until {clock_words(until, readings.now)}."
        return _pause(Reason.WEEK_PLAN, text, until, until=until)
    return None


def _others(limits: Limits, readings: Readings, latches: Mapping[Reason, Latch]) -> Decision | None:
    if (latch := latches.get(Reason.FULL_SCREEN, Latch())).on:
        ends = _ends(latch, limits)
        text = f"A program fills the screen. Training goes on {_span(limits.quiet_s)} after it ends."
        if ends is not None:
            text = (
                f"A program filled the screen until just now. Training waits until {clock_words(ends, readings.now)}."
            )
        return _pause(Reason.FULL_SCREEN, text, ends, quiet_s=limits.quiet_s, **_until(ends))
    for reason, what, limit, load in (
        (Reason.OTHER_GPU, "the GPU", limits.other_gpu_percent, readings.other_gpu),
        (Reason.OTHER_CPU, "the processor", limits.other_cpu_percent, readings.other_cpu),
    ):
        if (latch := latches.get(reason, Latch())).on:
            ends, percent = _ends(latch, limits), round(100 * (load or 0.0))
            text = (
                f"Other programs use {percent} % of {what}, above your {limit:g} % limit. "
                f"Training goes on {_span(limits.quiet_s)} after they are done."
            )
            if ends is not None:
                words = clock_words(ends, readings.now)
                text = f"Other programs have let go of {what}. Training goes on at {words} if it stays so."
            return _pause(reason, text, ends, percent=percent, limit=limit, quiet_s=limits.quiet_s, **_until(ends))
    return _presence(limits, readings)


def _presence(limits: Limits, readings: Readings) -> Decision | None:
    """Only when idle: by choice for every device, or for a GPU that draws the owner's screen alone."""
    shown = readings.device not in ("", "cpu") and readings.drives_display is not False
    if limits.only_when_idle == "no" or (limits.only_when_idle == "display" and not shown):
        return None
    if readings.idle_s is None:
        text = (
            "This desktop does not say whether somebody uses the machine, and you want training only when nobody does. "
            "Change that rule to go on."
        )
        return _pause(Reason.IDLE_UNKNOWN, text)
    wait_s = limits.idle_minutes * 60
    if readings.idle_s >= wait_s:
        return None
    text = f"You use the machine. Training goes on after {_span(wait_s)} without keyboard and mouse."
    return _pause(Reason.IN_USE, text, readings.now + wait_s - readings.idle_s, wait_s=wait_s)


def _network(limits: Limits, readings: Readings) -> Decision | None:
    """What keeps new rounds from beginning; one that has begun is finished, and its update is never thrown away."""
    if _is_metered(limits, readings):
        text = "The network is metered, so no round begins. A finished update is kept and sent when it no longer is."
        return replace(_pause(Reason.METERED, text), new_rounds_only=True)
    most = limits.monthly_gb * 1e9
    if not most or readings.month_bytes + readings.round_bytes <= most:
        return None
    until = next_month(readings.now)
    text = (
        f"{readings.month_bytes / 1e9:.2f} GB of your {limits.monthly_gb:g} GB for this month are used, and a round "
        f"takes {readings.round_bytes / 1e9:.2f} GB. No round begins until {clock_words(until, readings.now)}; "
        "a finished update is still sent."
    )
    args = {"used_bytes": readings.month_bytes, "round_bytes": readings.round_bytes, "limit_gb": limits.monthly_gb}
    return replace(_pause(Reason.MONTHLY_VOLUME, text, until, until=until, **args), new_rounds_only=True)


def _is_metered(limits: Limits, readings: Readings) -> bool:
    return bool(readings.metered) and not limits.use_metered


def _share(limits: Limits, readings: Readings) -> float:
    half = planned(limits.schedule, readings.now) == HALF
    return min(limits.duty_cycle, HALF_SHARE) if half else limits.duty_cycle


def _pace(limits: Limits, readings: Readings) -> Decision:
    share = _share(limits, readings)
    percent = round(100 * share)
    if share < limits.duty_cycle:
        until = next_change(limits.schedule, readings.now)
        ends = "" if until is None else f" until {clock_words(until, readings.now)}"
        said = _say(Reason.HALF_SPEED, f"Your week plan says half{ends}: training computes {percent} % of the time.",
                    percent=percent, until=until or 0.0)  # fmt: skip
        return Decision(action="throttle", reason=Reason.HALF_SPEED, sentence=said, until=until)
    if share < 1.0:
        said = _say(Reason.DUTY_CYCLE, f"Training computes {percent} % of the time, as you set.", percent=percent)
        return Decision(action="throttle", reason=Reason.DUTY_CYCLE, sentence=said)
    return Decision(action="run", reason=Reason.RUNNING, sentence=_say(Reason.RUNNING, "Your limits let training run."))


def _ends(latch: Latch, limits: Limits) -> float | None:
    """When a rule ends whose cause is gone already."""
    return None if latch.since is None else latch.since + limits.quiet_s


def _until(ends: float | None) -> dict[str, float]:
    return {} if ends is None else {"until": ends}


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _pause(reason: Reason, text: str, ends_at: float | None = None, /, **args: str | float) -> Decision:
    said = _say(reason, text, **args)
    return Decision(action="pause", reason=reason, sentence=said, until=ends_at)


def _say(reason: Reason, text: str, **args: str | float) -> Sentence:
    return Sentence(code=str(reason), text=text, args=dict(args))
