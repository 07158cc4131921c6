"""Every reason to run or not, each with its sentence and its end."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest

from core.config import Limits
from core.hardware.limits import MIN_FREE_DISK_BYTES, Readings, Reason, User, clock_words, decide, next_monday

WEDNESDAY = dt.datetime(2026, 7, 15, 14, 5)
HOUR = 3_600.0


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def now() -> float:
    return WEDNESDAY.timestamp()


def readings(**changes: object) -> Readings:
    return Readings(now=now(), **changes)  # type: ignore[arg-type]


CASES = {
    Reason.RUNNING: (Limits(), {}, User(), "Your limits let training run."),
    Reason.PAUSED: (Limits(), {}, User(paused=True), "Paused by you, until you press Resume."),
    Reason.SNOOZED: (Limits(), {}, "in an hour", "Paused by you until 15:05."),
    Reason.DISK_FULL: (
        Limits(),
        {"disk_free_bytes": 400_000_000},
        User(),
        "Paused: the disk has 0.4 GB free and 1.1 GB are needed. It goes on when there is room.",
    ),
    Reason.DEVICE_MISSING: (
        Limits(devices=("cuda:1",)),
        {"devices": ("cuda:0", "cpu")},
        User(),
        "Paused: cuda:1 cannot be used now. Plug it in, or offer another device.",
    ),
    Reason.ON_BATTERY: (
        Limits(),
        {"on_battery": True, "battery_percent": 63.4},
        User(),
        "Paused: the machine runs on battery (63 %). It goes on when it is plugged in.",
    ),
    Reason.WEEKLY_HOURS: (
        Limits(offered_hours_per_week=20),
        {"week_seconds": 20 * HOUR},
        User(),
        "The 20 hours you offered this week are given. It goes on on Monday, or when you offer more.",
    ),
}


def test_every_reason_has_its_case() -> None:
    assert set(CASES) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_reason(reason: Reason) -> None:
    limits, changes, user, sentence = CASES[reason]
    if user == "in an hour":
        user = User(snoozed_until=now() + HOUR)
    decision = decide(limits, readings(**changes), user)  # type: ignore[arg-type]
    assert decision.reason == reason
    assert decision.action == ("run" if reason is Reason.RUNNING else "pause")
    assert decision.sentence.text == sentence
    assert decision.sentence.code == reason.value
    until = {
        Reason.SNOOZED: now() + HOUR,
        Reason.WEEKLY_HOURS: dt.datetime(2026, 7, 20).timestamp(),
    }
    assert decision.until == until.get(reason)


def test_the_order_of_reasons_is_fixed() -> None:
    everything = {
        "disk_free_bytes": 0, "devices": (), "on_battery": True, "week_seconds": 1e9,
    }  # fmt: skip
    limits = Limits(devices=("cuda:0",))
    found = []
    for user in (User(paused=True, snoozed_until=now() + 1), User(snoozed_until=now() + 1), User()):
        found.append(decide(limits, readings(**everything), user).reason)
    for cured in ({"disk_free_bytes": None}, {"devices": ("cuda:0",)}, {"on_battery": False}, {"week_seconds": 0.0}):
        everything |= cured
        found.append(decide(limits, readings(**everything), User()).reason)
    assert found == [
        Reason.PAUSED, Reason.SNOOZED, Reason.DISK_FULL, Reason.DEVICE_MISSING, Reason.ON_BATTERY,
        Reason.WEEKLY_HOURS, Reason.RUNNING,
    ]  # fmt: skip


def test_what_is_unknown_stops_nothing() -> None:
    unknown = readings(disk_free_bytes=None, on_battery=None, battery_percent=None, devices=None)
    assert decide(Limits(devices=("cuda:3",)), unknown, User()).action == "run"


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


def test_clock_words_and_mondays_survive_summer_time() -> None:
    saturday = dt.datetime(2026, 10, 24, 23, 30).timestamp()  # the clock goes back that night
    assert clock_words(dt.datetime(2026, 10, 25, 8, 0).timestamp(), saturday) == "tomorrow 08:00"
    assert clock_words(dt.datetime(2026, 10, 27, 8, 0).timestamp(), saturday) == "Tue 27 Oct, 08:00"
    assert next_monday(saturday) == dt.datetime(2026, 10, 26).timestamp()
    assert next_monday(dt.datetime(2026, 10, 26).timestamp()) == dt.datetime(2026, 11, 2).timestamp()
