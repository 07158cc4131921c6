"""Lines in a plane as SVG, for results that say more as a picture; black on white, told apart by dash and label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 24, 48
_COLOURS: Final = ("#1f6f43", "#3a4ea6", "#8a5a00", "#a12d2d", "#555555")


@dataclass(frozen=True)
class Line:
    """A series; ``dashed`` for what is compared with."""

    label: str
    points: tuple[tuple[float, float], ...]
    dashed: bool = False


def draw(lines: Sequence[Line], x_label: str, y_label: str) -> str:
    """The picture as SVG text. Axes span the data; ticks stand at the points' own x and at four heights."""
    points = [point for line in lines for point in line.points]
    if not points:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"></svg>\n'
    xs, ys = sorted({x for x, _ in points}), [y for _, y in points]
    low_x, high_x = xs[0], max(xs[-1], xs[0] + 1e-9)
    low_y, high_y = min(ys), max(max(ys), min(ys) + 1e-9)

    def at(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (x - low_x) / (high_x - low_x) * (WIDTH - _LEFT - _RIGHT)
        return across, HEIGHT - _BOTTOM - (y - low_y) / (high_y - low_y) * (HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(y_label)} by {escape(x_label)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for step in range(5):
        y = low_y + step / 4 * (high_y - low_y)
        left, up = at(low_x, y)
        right, _ = at(high_x, y)
        parts.append(f'<line x1="{left:.1f}" y1="{up:.1f}" x2="{right:.1f}" y2="{up:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8:.1f}" y="{up + 4:.1f}" text-anchor="end">{y:.3g}</text>')
    for x in xs:
        across, down = at(x, low_y)
        parts.append(f'<text x="{across:.1f}" y="{down + 18:.1f}" text-anchor="middle">{x:g}</text>')
    for number, line in enumerate(lines):
        parts += _line(line, [at(x, y) for x, y in line.points], _COLOURS[number % len(_COLOURS)])
    middle = (WIDTH - _LEFT - _RIGHT) / 2 + _LEFT
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text x="{_LEFT}" y="14">{escape(y_label)}</text></svg>')
    return "\n".join(parts) + "\n"


def _line(line: Line, points: Sequence[tuple[float, float]], colour: str) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = ' stroke-dasharray="5 4"' if line.dashed else ""
    drawn = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>']
    if not line.dashed:
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    x, y = points[-1]
    return [*drawn, f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{escape(line.label)}</text>']
