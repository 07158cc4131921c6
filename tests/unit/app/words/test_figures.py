"""Figures round against the owner's hopes: what is spent goes up, and nothing is cut off silently."""

from __future__ import annotations

import datetime

import pytest

from app.words import figures


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.0"), (2.36, "2.4"), (2.31, "2.4"), (7.94, "8.0"), (2.4, "2.4"), (0.3, "0.3"), (1e-9, "0.1")],
)
def test_spent_epsilon_rounds_up(value: float, shown: str) -> None:
    assert figures.epsilon_spent(value) == shown


def test_the_tiniest_real_charge_is_not_shown_as_nothing() -> None:
    assert figures.epsilon_spent(0.0004, 2) == "0.01"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (2_580, "43 min"), (3_600, "1 h"), (44_640, "12 h 24 min"),
     (500_000, "138 h"), (-1, "–"), (float("nan"), "–")],
)  # fmt: skip
def test_durations(seconds: float, shown: str) -> None:
    assert figures.duration(seconds) == shown


def test_a_forecast_says_about_and_rounds_up() -> None:
    assert figures.forecast(20) == "under a minute"
    assert figures.forecast(61) == "about 2 min"


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (3_102_644, "3.1 MB"), (251e6, "251 MB"), (5e9, "5.0 GB"),
     (2e15, "2,000 TB")],
)  # fmt: skip
def test_sizes(size: float, shown: str) -> None:
    assert figures.size(int(size)).replace(figures.THIN, " ") == shown


def test_counts() -> None:
    assert figures.short_count(9_870) == "9,870"
    assert figures.short_count(31_200_000) == "31.2 M"
    assert figures.words(44_100_000) == "44.1 million words"


def test_moments_are_said_as_a_person_says_them() -> None:
    now = datetime.datetime(2026, 11, 21, 15, 0).timestamp()
    assert figures.when(now - 3_180, now) == "Today 14:07"
    assert figures.when(now - 86_400, now).endswith("15:00")
    assert figures.when(now + 86_400, now) == "tomorrow 15:00"
    assert figures.when(now - 6 * 86_400, now).startswith("Sun ")
    assert figures.when(now - 8 * 86_400, now) == "13 Nov 15:00"


def test_until_tomorrow_ends_in_the_morning() -> None:
    late = datetime.datetime(2026, 11, 21, 23, 59).timestamp()
    assert figures.until_tomorrow_s(late) == 8 * 3_600 + 60


def test_delta_and_hashes() -> None:
    assert figures.delta(1e-6) == "1e-6"
    assert figures.delta(2.5e-7) == "2.5e-7"
    assert figures.hash_groups("b41f09c27d5e8a13", 12) == "b41f 09c2 7d5e"


@pytest.mark.parametrize(
    ("watt_hours", "shown"),
    [(0.0, "0.0 Wh"), (0.0042, "0.004 Wh"), (0.5, "0.500 Wh"), (0.96, "1.0 Wh"), (42.4, "42 Wh"), (5_489.6, "5.5 kWh")],
)
def test_little_energy_is_not_none(watt_hours: float, shown: str) -> None:
    assert figures.energy(watt_hours).replace(figures.THIN, " ") == shown
