"""Small charts of figures by round, as SVG drawn here: no script, no style of its own, nothing loaded.

Colours come from the page's style sheet, so that a chart is light or dark as the page is. Every chart is one column
wide and 400 units across, so that its words have the size they have on a screen, a phone's included. Whatever number of
rounds, a line has at most ``MOST_POINTS`` points: of each stretch the lowest and the highest, and no spike is lost.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_POINTS = 200
MOST_DOTS = 40
WIDTH, HEIGHT = 400, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 12, 26
Point = tuple[int, float]
"""Round, and the figure of it."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One figure by round."""

    key: str
    """Letters that no other chart of the page has."""
    title: str
    points: Sequence[Point]
    """In the order of rounds; values that are not finite are left out."""
    words: Callable[[float], str]
    """A value for people."""
    tick: Callable[[float], str] | None = None
    """The same on the scale, where every digit counts; ``None``: as ``words`` says it."""
    amount: bool = False
    """Whether it is an amount, which is drawn from zero on with its area."""
    whole: bool = False
    """Whether there is nothing between two whole numbers."""


def figure(chart: Chart) -> str:
    """The chart with its title and newest value; empty where there is nothing to draw."""
    points = [(number, value) for number, value in chart.points if math.isfinite(value)]
    if not points:
        return ""
    title, newest = html.escape(chart.title), html.escape(chart.words(points[-1][1]))
    return (
        f"<figure><figcaption>{title} <b>{newest}</b></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{chart.key}-t {chart.key}-d">'
        f'<title id="{chart.key}-t">{title}</title><desc id="{chart.key}-d">{html.escape(_described(chart, points))}'
        f"</desc>{_drawn(chart, points)}</svg></figure>"
    )


def _described(chart: Chart, points: Sequence[Point]) -> str:
    first, last = points[0], points[-1]
    if len(points) == 1:
        return f"{chart.words(first[1])} in round {first[0]}."
    low, high = min(points, key=lambda point: point[1]), max(points, key=lambda point: point[1])
    return (
        f"From {chart.words(first[1])} in round {first[0]} to {chart.words(last[1])} in round {last[0]}; "
        f"lowest {chart.words(low[1])} in round {low[0]}, highest {chart.words(high[1])} in round {high[0]}."
    )


def _drawn(chart: Chart, points: Sequence[Point]) -> str:
    values = [value for _, value in points]
    ticks = scale(0.0 if chart.amount else min(values), max(values), whole=chart.whole)
    low, high = min(ticks[0], *values), max(ticks[-1], *values)
    first, last = points[0][0], points[-1][0]
    floor = HEIGHT - _BOTTOM

    def x(number: float) -> float:
        share = 0.5 if last == first else (number - first) / (last - first)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (floor - _TOP)

    parts = []
    for tick in ticks:
        at = f"{y(tick):.1f}"
        parts.append(f'<path class="axis" d="M{_LEFT} {at}H{WIDTH - _RIGHT}"/>')
        label = html.escape((chart.tick or chart.words)(tick))
        parts.append(f'<text class="label" x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{label}</text>')
    for number, anchor in _rounds(first, last):
        parts.append(
            f'<text class="label" x="{x(number):.1f}" y="{floor + 18}" text-anchor="{anchor}">'
            f"{'round ' if number == first else ''}{number}</text>"
        )
    spots = [f"{x(number):.1f},{y(value):.1f}" for number, value in thinned(points)]
    if len(spots) > 1:
        if chart.amount:
            parts.append(f'<path class="area" d="M{x(first):.1f},{floor}L{" ".join(spots)}L{x(last):.1f},{floor}z"/>')
        parts.append(f'<polyline class="line" points="{" ".join(spots)}"/>')
    dotted = points if len(points) <= MOST_DOTS else points[-1:]
    parts.extend(f'<circle class="dot" cx="{x(number):.1f}" cy="{y(value):.1f}" r="3"/>' for number, value in dotted)
    return "".join(parts)


def _rounds(first: int, last: int) -> list[tuple[int, str]]:
    """The rounds that are named below a chart."""
    if last == first:
        return [(first, "middle")]
    middle = (first + last) // 2
    return [(first, "start"), *([(middle, "middle")] if last - first >= 8 else []), (last, "end")]


def scale(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Three to six round values that span ``low`` to ``high``: steps of 1, 2 or 5 times a power of ten."""
    if high - low < max(abs(high), abs(low)) * 1e-6 or high == low:
        margin = abs(high) * 0.1 or 1.0
        low, high = (low if low == 0 else low - margin), high + margin
    power = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(power * factor for factor in (1, 2, 5, 10) if (high - low) / (power * factor) <= 4)
    if whole:
        step = max(1.0, math.ceil(step))
    start, stop = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(start, max(stop, start + 1) + 1)]


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most ``MOST_POINTS`` of them: the first and the last, and of each stretch the lowest and the highest."""
    if len(points) <= MOST_POINTS:
        return list(points)
    stretches = (MOST_POINTS - 2) // 2
    inner = points[1:-1]
    kept = [points[0]]
    for number in range(stretches):
        stretch = inner[number * len(inner) // stretches : (number + 1) * len(inner) // stretches]
        ends = {min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])}
        kept += sorted(ends)
    return [*kept, points[-1]]
