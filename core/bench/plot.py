"""Lines in a plane as SVG, for results that say more as a picture; black on white, told apart by dash and label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

WIDTH: Final = 640
HEIGHT: Final = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 24, 48
_COLOURS: Final = ("#1f6f43", "#3a4ea6", "#8a5a00", "#a12d2d", "#555555")
_MOST_TICKS: Final = 8
_LABEL: Final = 14
"""Least distance of two labels."""
Marker = Literal["circle", "square", "triangle", "diamond"]
MARKERS: Final[tuple[Marker, ...]] = ("circle", "square", "triangle", "diamond")


@dataclass(frozen=True)
class Line:
    """A series; ``dashed`` for what is compared with."""

    label: str
    points: tuple[tuple[float, float], ...]
    dashed: bool = False
    marker: Marker = "circle"
    joined: bool = True
    """Whether a line goes through the points."""


def draw(lines: Sequence[Line], x_label: str, y_label: str, *, log_x: bool = False) -> str:
    """The picture as SVG text. Axes span the data; ticks stand at the points' own x, at round numbers where those are
    many, and at four heights.

    Args:
        lines: what is drawn.
        x_label: below the picture.
        y_label: above it.
        log_x: whether x is drawn on a log scale, with ticks at 1, 2 and 5 times the powers of ten; all x must be
            positive.
    """
    points = [point for line in lines for point in line.points]
    if not points:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"></svg>\n'
    xs, ys = sorted({x for x, _ in points}), [y for _, y in points]
    ticks = _round_numbers(xs[0], xs[-1]) if log_x else xs if len(xs) <= _MOST_TICKS else _even_numbers(xs[0], xs[-1])
    scale = math.log10 if log_x else float
    low_x, high_x = scale(xs[0]), max(scale(xs[-1]), scale(xs[0]) + 1e-9)
    low_y, high_y = min(ys), max(max(ys), min(ys) + 1e-9)

    def at(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (scale(x) - low_x) / (high_x - low_x) * (WIDTH - _LEFT - _RIGHT)
        return across, HEIGHT - _BOTTOM - (y - low_y) / (high_y - low_y) * (HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(y_label)} by {escape(x_label)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for step in range(5):
        y = low_y + step / 4 * (high_y - low_y)
        left, up = at(xs[0], y)
        right = WIDTH - _RIGHT
        parts.append(f'<line x1="{left:.1f}" y1="{up:.1f}" x2="{right:.1f}" y2="{up:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8:.1f}" y="{up + 4:.1f}" text-anchor="end">{y:.3g}</text>')
    for x in ticks:
        across, down = at(x, low_y)
        parts.append(f'<text x="{across:.1f}" y="{down + 18:.1f}" text-anchor="middle">{x:g}</text>')
    placed = [[at(x, y) for x, y in line.points] for line in lines]
    heights = _apart([points[-1][1] for points in placed if points])
    for number, (line, found) in enumerate(zip(lines, placed, strict=True)):
        if found:
            parts += _line(line, found, _COLOURS[number % len(_COLOURS)], heights.pop(0))
    middle = (WIDTH - _LEFT - _RIGHT) / 2 + _LEFT
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text x="{_LEFT}" y="14">{escape(y_label)}</text></svg>')
    return "\n".join(parts) + "\n"


def _round_numbers(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from ``low`` to ``high``; the ends where there is none."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [step * 10.0**power for power in powers for step in (1, 2, 5) if low <= step * 10.0**power <= high]
    return found or [low, high]


def _even_numbers(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, a handful of them."""
    rough = (high - low) / (_MOST_TICKS - 2)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _apart(heights: Sequence[float]) -> list[float]:
    """The same heights moved down where two labels would cover each other."""
    found, free = list(heights), -math.inf
    for at in sorted(range(len(found)), key=found.__getitem__):
        found[at] = free = max(found[at], free + _LABEL)
    return found


def _line(line: Line, points: Sequence[tuple[float, float]], colour: str, label_y: float) -> list[str]:
    drawn = []
    if line.joined:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
    if not line.dashed:
        drawn += [_mark(line.marker, x, y, colour) for x, y in points]
    x = points[-1][0]
    return [*drawn, f'<text x="{x + 8:.1f}" y="{label_y + 4:.1f}" fill="{colour}">{escape(line.label)}</text>']


def _mark(marker: Marker, x: float, y: float, colour: str) -> str:
    if marker == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
    if marker == "square":
        return f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" fill="{colour}"/>'
    up, across = (4, 4) if marker == "triangle" else (4, 3)
    corners = [(x, y - up), (x + across, y + 3 if marker == "triangle" else y)]
    corners += [(x - across, y + 3)] if marker == "triangle" else [(x, y + up), (x - across, y)]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
    return f'<polygon points="{path}" fill="{colour}"/>'
