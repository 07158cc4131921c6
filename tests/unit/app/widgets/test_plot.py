"""Plots keep extremes and gaps, and their axis stands on round values."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from app.widgets.plot import decimate, nice_ticks

NAN = float("nan")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=2_000), st.integers(1, 200))
def test_decimation_is_bounded_and_keeps_the_extremes(values: list[float], columns: int) -> None:
    points = [(float(n), v) for n, v in enumerate(values)]
    kept = decimate(points, columns)
    assert len(kept) <= max(2 * columns, 1)
    assert min(v for _, v in kept) == min(values)
    assert max(v for _, v in kept) == max(values)
    assert kept == sorted(kept, key=lambda p: p[0])
    assert set(kept) <= set(points)


def test_a_gap_survives_decimation() -> None:
    points = [(float(n), NAN if 400 <= n < 420 else 1.0) for n in range(1_000)]
    kept = decimate(points, 100)
    gap = [x for x, v in kept if math.isnan(v)]
    assert gap
    assert all(400 <= x < 420 for x in gap)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_and_inside(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    assert len(ticks) <= 12
    assert all(low - span * 1e-6 <= t <= low + span * (1 + 1e-6) for t in ticks)


def test_ticks_of_a_limit() -> None:
    assert nice_ticks(0.0, 8.0) == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert nice_ticks(3.0, 3.0) == [3.0]
