"""The owner's calendar, on days that have 23 or 25 hours as well."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest

from core.hardware.week import FULL, HALF, OFF, clock_words, next_change, next_monday, next_month, planned

NIGHTS = tuple(day for _ in range(7) for day in ["f" * 7 + "o" * 15 + "ff"])
"""Full from 22 to 7."""


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(*parts: int, fold: int = 0) -> float:
    return dt.datetime(*parts, fold=fold).timestamp()  # type: ignore[arg-type, misc]


def test_each_hour_has_its_word() -> None:
    week = list(NIGHTS)
    week[2] = "h" * 24
    assert planned(week, at(2026, 7, 13, 6, 59)) == FULL
    assert planned(week, at(2026, 7, 13, 7, 0)) == OFF
    assert planned(week, at(2026, 7, 15, 12, 0)) == HALF
    assert planned((), at(2026, 7, 15, 12, 0)) == FULL


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ((2026, 7, 15, 6, 59, 59), (2026, 7, 15, 7)),
        ((2026, 7, 15, 7, 0), (2026, 7, 15, 22)),
        ((2026, 7, 15, 23, 30), (2026, 7, 16, 7)),
        ((2026, 3, 28, 22, 30), (2026, 3, 29, 7)),  # the hour from 2 to 3 is left out that night
        ((2026, 10, 24, 22, 30), (2026, 10, 25, 7)),  # and comes twice that night
    ],
)
def test_the_next_change_is_at_the_hour_on_the_wall(now: tuple[int, ...], then: tuple[int, ...]) -> None:
    assert next_change(NIGHTS, at(*now)) == at(*then)


def test_changes_inside_the_hour_that_is_left_out_or_comes_twice() -> None:
    from_two = tuple("oo" + "f" * 22 for _ in range(7))
    assert next_change(from_two, at(2026, 3, 29, 1, 30)) == at(2026, 3, 29, 3, 0), "two o'clock does not exist"
    one_hour = tuple("oofo" + "o" * 20 for _ in range(7))
    start, end = at(2026, 10, 25, 2, 0), at(2026, 10, 25, 3, 0)
    assert end - start == 2 * 3_600
    assert next_change(one_hour, start) == end
    assert planned(one_hour, at(2026, 10, 25, 2, 30, fold=1)) == FULL


def test_a_plan_that_never_changes_has_no_end() -> None:
    assert next_change(("o" * 24,) * 7, at(2026, 10, 24, 23, 0)) is None
    assert next_change((), at(2026, 10, 24, 23, 0)) is None
    once = ["o" * 24] * 6 + ["o" * 23 + "f"]
    assert next_change(once, at(2026, 10, 25, 23, 59)) == at(2026, 10, 26)
    assert next_change(once, at(2026, 10, 26, 0, 0)) == at(2026, 11, 1, 23)


def test_clock_words_mondays_and_months_survive_summer_time() -> None:
    saturday = at(2026, 10, 24, 23, 30)  # the clock goes back that night
    assert clock_words(at(2026, 10, 25, 8, 0), saturday) == "tomorrow 08:00"
    assert clock_words(at(2026, 10, 27, 8, 0), saturday) == "Tue 27 Oct, 08:00"
    assert next_monday(saturday) == at(2026, 10, 26)
    assert next_monday(at(2026, 10, 26)) == at(2026, 11, 2)
    assert next_month(saturday) == at(2026, 11, 1)
    assert next_month(at(2026, 12, 31, 23, 59)) == at(2027, 1, 1)
    assert next_month(at(2028, 1, 31)) == at(2028, 2, 1)
