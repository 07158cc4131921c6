"""Every reason to run, throttle or pause, each with its sentence and its end."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from core.config.node import Limits
from core.hardware.limits import MIN_FREE_DISK_BYTES, Decision, Readings, Reason, User, decide

WEDNESDAY = dt.datetime(2026, 7, 15, 14, 5)
HOUR = 3_600.0
GB = 1e9
PLAN = tuple("f" * 14 + word + "f" * 9 for word in "ffohfff")
"""Off on Wednesdays and half on Thursdays from 14 to 15."""


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def now() -> float:
    return WEDNESDAY.timestamp()


def readings(after_s: float = 0.0, **changes: object) -> Readings:
    return Readings(now=now() + after_s, **changes)  # type: ignore[arg-type]


def lasting(limits: Limits, **changes: object) -> Decision:
    """The decision when something has been so for a while."""
    before = decide(limits, readings(-60, **changes), User())
    return decide(limits, readings(**changes), User(), before)


CASES: dict[Reason, tuple[Limits, dict[str, object], User | str, str, str]] = {
    Reason.RUNNING: (Limits(), {}, User(), "run", "Your limits let training run."),
    Reason.PAUSED: (Limits(), {}, User(paused=True), "pause", "Paused by you, until you press Resume."),
    Reason.SNOOZED: (Limits(), {}, "in an hour", "pause", "Paused by you until 15:05."),
    Reason.DISK_FULL: (
        Limits(),
        {"disk_free_bytes": 400_000_000},
        User(),
        "pause",
        "Paused: the disk has 0.4 GB free and 1.1 GB are needed. It goes on when there is room.",
    ),
    Reason.DEVICE_MISSING: (
        Limits(devices=("cuda:1",)),
        {"devices": ("cuda:0", "cpu")},
        User(),
        "pause",
        "Paused: cuda:1 cannot be used now. Plug it in, or offer another device.",
    ),
    Reason.TOO_HOT: (
        Limits(gpu_temperature_c=72),
        {"temperature_c": 78.2},
        User(),
        "pause",
        "The GPU is at 78 °C, above your 72 °C ceiling. Goes on below 67 °C.",
    ),
    Reason.ON_BATTERY: (
        Limits(),
        {"on_battery": True, "battery_percent": 63.4},
        User(),
        "pause",
        "Paused: the machine runs on battery (63 %). It goes on when it is plugged in.",
    ),
    Reason.WEEKLY_HOURS: (
        Limits(offered_hours_per_week=20),
        {"week_seconds": 20 * HOUR},
        User(),
        "pause",
        "The 20 hours you offered this week are given. It goes on on Monday, or when you offer more.",
    ),
    Reason.WEEK_PLAN: (Limits(schedule=PLAN), {}, User(), "pause", "Your week plan rests until 15:00."),
    Reason.FULL_SCREEN: (
        Limits(),
        {"full_screen": True},
        User(),
        "pause",
        "A program fills the screen. Training goes on 2 min after it ends.",
    ),
    Reason.OTHER_GPU: (
        Limits(),
        {"other_gpu": 0.634},
        User(),
        "pause",
        "Other programs use 63 % of the GPU, above your 50 % limit. Training goes on 2 min after they are done.",
    ),
    Reason.OTHER_CPU: (
        Limits(other_cpu_percent=25, quiet_s=30),
        {"other_cpu": 0.5},
        User(),
        "pause",
        "Other programs use 50 % of the processor, above your 25 % limit. Training goes on 30 s after they are done.",
    ),
    Reason.IN_USE: (
        Limits(only_when_idle="always"),
        {"idle_s": 60.0},
        User(),
        "pause",
        "You use the machine. Training goes on after 5 min without keyboard and mouse.",
    ),
    Reason.IDLE_UNKNOWN: (
        Limits(only_when_idle="display"),
        {"device": "cuda:0"},
        User(),
        "pause",
        "This desktop does not say whether somebody uses the machine, and you want training only when nobody does. "
        "Change that rule to go on.",
    ),
    Reason.METERED: (
        Limits(),
        {"metered": True},
        User(),
        "pause",
        "The network is metered, so no round begins. A finished update is kept and sent when it no longer is.",
    ),
    Reason.MONTHLY_VOLUME: (
        Limits(monthly_gb=20),
        {"month_bytes": int(19.6 * GB), "round_bytes": int(0.5 * GB)},
        User(),
        "pause",
        "19.60 GB of your 20 GB for this month are used, and a round takes 0.50 GB. No round begins until "
        "Sat 1 Aug, 00:00; a finished update is still sent.",
    ),
    Reason.HALF_SPEED: (
        Limits(schedule=PLAN[1:] + PLAN[:1], duty_cycle=0.8),
        {},
        User(),
        "throttle",
        "Your week plan says half until 15:00: training computes 50 % of the time.",
    ),
    Reason.DUTY_CYCLE: (
        Limits(duty_cycle=0.3),
        {},
        User(),
        "throttle",
        "Training computes 30 % of the time, as you set.",
    ),
}


def test_every_reason_has_its_case() -> None:
    assert set(CASES) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_reason(reason: Reason) -> None:
    limits, changes, user, action, sentence = CASES[reason]
    if isinstance(user, str):
        user = User(snoozed_until=now() + HOUR)
    before = decide(limits, readings(-60, **changes), user)
    decision = decide(limits, readings(**changes), user, before)
    assert decision.reason == reason
    assert decision.action == action
    assert decision.sentence.text == sentence
    assert decision.sentence.code == reason.value
    until = {
        Reason.SNOOZED: now() + HOUR,
        Reason.WEEKLY_HOURS: dt.datetime(2026, 7, 20).timestamp(),
        Reason.WEEK_PLAN: dt.datetime(2026, 7, 15, 15).timestamp(),
        Reason.HALF_SPEED: dt.datetime(2026, 7, 15, 15).timestamp(),
        Reason.IN_USE: now() + 240,
        Reason.MONTHLY_VOLUME: dt.datetime(2026, 8, 1).timestamp(),
    }
    assert decision.until == until.get(reason)
    network = reason in (Reason.METERED, Reason.MONTHLY_VOLUME)
    assert decision.new_rounds_only == network
    assert decision.stops_trainer == (action == "pause" and not network)
    assert decision.may_send == (reason != Reason.METERED)
    assert decision.share == {Reason.HALF_SPEED: 0.5, Reason.DUTY_CYCLE: 0.3}.get(reason, 1.0)


def test_the_order_of_reasons_is_fixed() -> None:
    everything: dict[str, Any] = {
        "disk_free_bytes": 0, "devices": (), "temperature_c": 99.0, "on_battery": True, "week_seconds": 1e9,
        "full_screen": True, "other_gpu": 1.0, "other_cpu": 1.0, "idle_s": None, "metered": True,
        "month_bytes": int(2e12), "device": "cuda:0",
    }  # fmt: skip
    limits = Limits(
        devices=("cuda:0",), schedule=PLAN, other_cpu_percent=10, hold_s=0, quiet_s=0, only_when_idle="always",
        monthly_gb=1_000, duty_cycle=0.5,
    )  # fmt: skip
    found = []
    for user in (User(paused=True, snoozed_until=now() + 1), User(snoozed_until=now() + 1), User()):
        found.append(decide(limits, readings(**everything), user).reason)
    cures: list[dict[str, Any]] = [
        {"disk_free_bytes": None}, {"devices": ("cuda:0",)}, {"temperature_c": 40.0}, {"on_battery": False},
        {"week_seconds": 0.0}, {"schedule": ()}, {"full_screen": False}, {"other_gpu": 0.0}, {"other_cpu": 0.0},
        {"idle_s": 1.0}, {"idle_s": 1e6}, {"metered": False}, {"month_bytes": 0}, {"duty_cycle": 1.0},
    ]  # fmt: skip
    for cure in cures:
        for key, value in cure.items():
            if key not in everything:
                limits = msgspec.structs.replace(limits, **{key: value})
            else:
                everything[key] = value
        found.append(decide(limits, readings(**everything), User()).reason)
    assert found == [
        Reason.PAUSED, Reason.SNOOZED, Reason.DISK_FULL, Reason.DEVICE_MISSING, Reason.TOO_HOT, Reason.ON_BATTERY,
        Reason.WEEKLY_HOURS, Reason.WEEK_PLAN, Reason.FULL_SCREEN, Reason.OTHER_GPU, Reason.OTHER_CPU,
        Reason.IDLE_UNKNOWN, Reason.IN_USE, Reason.METERED, Reason.MONTHLY_VOLUME, Reason.DUTY_CYCLE, Reason.RUNNING,
    ]  # fmt: skip


def test_what_is_unknown_stops_nothing() -> None:
    strict = Limits(
        devices=("cuda:3",), gpu_temperature_c=40, other_cpu_percent=1, other_gpu_percent=1, monthly_gb=1, hold_s=0
    )
    assert decide(strict, readings(), User()).action == "run"


def test_edges() -> None:
    full = readings(disk_free_bytes=MIN_FREE_DISK_BYTES)
    assert decide(Limits(), full, User()).action == "run"
    assert decide(Limits(), readings(), User(snoozed_until=now())).action == "run"
    almost = readings(week_seconds=HOUR - 1)
    assert decide(Limits(offered_hours_per_week=1), almost, User()).action == "run"
    assert decide(Limits(offered_hours_per_week=0), readings(), User()).reason == Reason.WEEKLY_HOURS
    assert decide(Limits(offered_hours_per_week=168), readings(week_seconds=1e9), User()).action == "run"
    one_left = Limits(devices=("cuda:0", "cpu"))
    assert decide(one_left, readings(devices=("cpu",)), User()).action == "run"
    assert "The 1 hour you" in decide(
        Limits(offered_hours_per_week=1), readings(week_seconds=HOUR), User()
    ).sentence.text  # fmt: skip
    assert decide(Limits(monthly_gb=1), readings(month_bytes=int(1e9)), User()).action == "run"
    assert "at all hours" in decide(Limits(schedule=("o" * 24,) * 7), readings(), User()).sentence.text


def test_a_rule_that_is_off_stops_nothing() -> None:
    lenient = Limits(
        gpu_temperature_c=0, train_on_battery=True, use_metered=True, other_gpu_percent=0, other_cpu_percent=0,
        pause_on_full_screen=False, monthly_gb=0, hold_s=0,
    )  # fmt: skip
    seen: dict[str, object] = {
        "temperature_c": 105.0, "on_battery": True, "metered": True, "other_gpu": 1.0, "other_cpu": 1.0,
        "full_screen": True, "month_bytes": 1 << 50, "idle_s": 0.0,
    }  # fmt: skip
    assert lasting(lenient, **seen).action == "run"


def test_heat_pauses_at_the_ceiling_and_goes_on_below_the_gap() -> None:
    limits, decision, found = Limits(gpu_temperature_c=72, gpu_temperature_gap_c=5), None, []
    for number, heat in enumerate([72.0, 72.4, 70.0, 67.0, 66.9, 71.0, 73.0, None, None]):
        decision = decide(limits, readings(130 * number, temperature_c=heat), User(), decision)
        found.append(decision.stops_trainer)
    assert found == [False, True, True, True, False, False, True, True, False], "unknown for 2 min is no longer heat"
    cooling = decide(limits, readings(temperature_c=80.0), User())
    cooling = decide(limits, readings(5, temperature_c=70.0), User(), cooling)
    assert cooling.sentence.text == (
        "The GPU is at 70 °C, cooling after it was above your 72 °C ceiling. Goes on below 67 °C."
    )


def test_a_short_load_of_others_is_nothing_and_its_end_is_said() -> None:
    limits, decision = Limits(), None
    for at, load, expected in [(0, 0.9, "run"), (15, 0.1, "run"), (20, 0.9, "run"), (40, 0.9, "pause")]:
        decision = decide(limits, readings(at, other_gpu=load), User(), decision)
        assert decision.action == expected, at
    gone = decide(limits, readings(60, other_gpu=0.0), User(), decision)
    assert gone.action == "pause"
    assert gone.until == now() + 180
    assert gone.sentence.text == "Other programs have let go of the GPU. Training goes on at 14:08 if it stays so."
    assert decide(limits, readings(180, other_gpu=0.0), User(), gone).action == "run"


def test_the_end_of_a_film_is_said() -> None:
    film = decide(Limits(), readings(full_screen=True), User())
    over = decide(Limits(), readings(5, full_screen=False), User(), film)
    assert over.sentence.text == "A program filled the screen until just now. Training waits until 14:07."
    assert over.until == now() + 125


@pytest.mark.parametrize(
    ("rule", "device", "display", "action"),
    [
        ("no", "cuda:0", True, "run"),
        ("display", "cuda:0", True, "pause"),
        ("display", "cuda:0", None, "pause"),
        ("display", "cuda:1", False, "run"),
        ("display", "cpu", None, "run"),
        ("always", "cpu", None, "pause"),
        ("always", "cuda:1", False, "pause"),
    ],
)
def test_only_when_idle_is_about_the_gpu_that_draws_the_screen(
    rule: Any, device: str, display: bool | None, action: str
) -> None:
    seen = readings(device=device, drives_display=display, idle_s=299.0)
    assert decide(Limits(only_when_idle=rule), seen, User()).action == action
    assert decide(Limits(only_when_idle=rule), readings(device=device, idle_s=300.0), User()).action == "run"


def test_the_share_holds_whatever_the_reason() -> None:
    limits = Limits(duty_cycle=0.4)
    assert decide(limits, readings(metered=True), User()).share == 0.4
    assert decide(Limits(duty_cycle=0.4, schedule=PLAN[1:] + PLAN[:1]), readings(), User()).share == 0.4


@pytest.mark.parametrize(
    "wrong",
    [
        {"duty_cycle": 0.05}, {"gpu_temperature_c": 130}, {"upload_mbit_s": 0.1}, {"monthly_gb": -1},
        {"schedule": ("f" * 24,) * 6}, {"schedule": ("f" * 23,) * 7}, {"schedule": ("x" * 24,) * 7},
        {"hold_s": float("nan")},
    ],
)  # fmt: skip
def test_a_limit_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)
