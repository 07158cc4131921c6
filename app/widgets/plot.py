"""A small plot: a few lines over a common axis, honest about gaps, readable by eye, keyboard and screen reader.

A value that is not a number is a gap down to the ground. There is no smoothing; where there are more points than
pixels, each pixel column keeps its lowest and highest value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import Theme, Type
from app.words import figures

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One series."""

    points: tuple[tuple[float, float], ...]
    ink: str = "accent"
    dashed: bool = False
    end_dot: bool = True


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit drawn as a line on the plot it limits."""

    value: float
    label: str


def decimate(points: Points, columns: int) -> list[tuple[float, float]]:
    """At most two points per column: the lowest and the highest, in the order they came; gaps are kept."""
    if columns < 1 or len(points) <= 2 * columns:
        return list(points)
    low, high = points[0][0], points[-1][0]
    span = (high - low) or 1.0
    result: list[tuple[float, float]] = []
    column: list[tuple[float, float]] = []
    current = 0
    for point in points:
        index = min(columns - 1, int((point[0] - low) / span * columns))
        if index != current:
            result.extend(_extremes(column))
            column, current = [], index
        column.append(point)
    result.extend(_extremes(column))
    return result


def _extremes(column: Points) -> list[tuple[float, float]]:
    if not column:
        return []
    gap = next((p for p in column if not math.isfinite(p[1])), None)
    if gap is not None:
        return [gap]
    low = min(range(len(column)), key=lambda i: column[i][1])
    high = max(range(len(column)), key=lambda i: column[i][1])
    return [column[i] for i in sorted({low, high})]


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values that span ``low`` to ``high``."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    raw = span / max(1, most - 1)
    scale = 10 ** math.floor(math.log10(raw))
    step = next(m * scale for m in (1, 2, 2.5, 5, 10) if m * scale >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


class Plot(QWidget):
    """Lines over one axis. Takes focus, so that its summary can be read without a mouse."""

    def __init__(self, theme: Theme, title: str, *, decimals: int = 2, from_zero: bool = False) -> None:
        super().__init__()
        self._theme, self._decimals, self._from_zero = theme, decimals, from_zero
        self._lines: tuple[Line, ...] = ()
        self._limit: Limit | None = None
        self._ends = ("", "")
        self._empty = ""
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFont(theme.font(Type.AXIS))
        theme.changed.connect(self.update)

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is drawn."""
        return self._lines

    def show_lines(
        self, lines: Sequence[Line], summary: str, *, ends: tuple[str, str] = ("", ""), limit: Limit | None = None
    ) -> None:
        """Draw other lines; ``summary`` says in one sentence what they show, ``ends`` label the axis."""
        fresh = (tuple(lines), limit, ends)
        self.setAccessibleDescription(summary)
        if fresh != (self._lines, self._limit, self._ends):
            self._lines, self._limit, self._ends = fresh
            self.update()

    def show_empty(self, sentence: str) -> None:
        """Draw the ground line and one sentence."""
        self._empty = sentence
        self.show_lines((), sentence)

    def sizeHint(self) -> QSize:
        """A comfortable size."""
        return QSize(self._theme.px(56), self._theme.px(28))

    def minimumSizeHint(self) -> QSize:
        """The least that can be read."""
        return QSize(self._theme.px(30), self._theme.px(18))

    def _bounds(self) -> tuple[float, float, float, float] | None:
        points = [p for line in self._lines for p in line.points if math.isfinite(p[1])]
        if not points:
            return None
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        low, high = min(ys), max(ys)
        if self._limit is not None:
            high = max(high, self._limit.value)
        if self._from_zero:
            low = min(0.0, low)
        if high - low < 1e-9:
            high, low = high + 0.5 * 10**-self._decimals, low - 0.5 * 10**-self._decimals
        left, right = min(xs), max(xs)
        return left, right if right > left else left + 1, low, high

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw axis, limit and lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        bounds = self._bounds()
        foot = metrics.height() + self._theme.px(1.5)
        if bounds is None:
            self._paint_empty(painter, foot)
            return
        left, right, low, high = bounds
        ticks = nice_ticks(low, high) if self._from_zero else [low, high]
        names = [figures.number(tick, self._decimals) for tick in ticks]
        gutter = max(metrics.horizontalAdvance(name) for name in names) + self._theme.px(2)
        top = metrics.height() / 2 + self._theme.px(1 if self._limit is None else 3)
        area = QRectF(gutter, top, self.width() - gutter - self._theme.px(1.5), self.height() - foot - top)

        # Called for every point of every painting, so it asks Qt for nothing.
        x0, y0, per_x, per_y = area.x(), area.bottom(), area.width() / (right - left), area.height() / (high - low)

        def place(x: float, y: float) -> QPointF:
            return QPointF(x0 + (x - left) * per_x, y0 - (y - low) * per_y)

        for tick, name in zip(ticks, names, strict=True):
            y = round(place(left, tick).y()) + 0.5
            painter.setPen(QPen(self._theme.colour("border"), 1))
            painter.drawLine(QPointF(area.x(), y), QPointF(self.width(), y))
            painter.setPen(self._theme.colour("muted"))
            box = QRectF(0, y - metrics.height(), gutter - self._theme.px(2), 2 * metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)
        self._paint_limit(painter, area, place(left, self._limit.value).y() if self._limit else 0.0)
        for line in self._lines:
            self._paint_line(painter, line, area, place)
        self._paint_ends(painter, area, foot)

    def _paint_empty(self, painter: QPainter, foot: int) -> None:
        y = self.height() - foot + 0.5
        painter.setPen(QPen(self._theme.colour("border"), 1))
        painter.drawLine(QPointF(0, y), QPointF(self.width(), y))
        painter.setPen(self._theme.colour("muted"))
        painter.setFont(self._theme.font(Type.SMALL))
        box = self.rect().adjusted(0, 0, 0, -foot)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._empty)

    def _paint_limit(self, painter: QPainter, area: QRectF, y: float) -> None:
        if self._limit is None:
            return
        painter.setPen(QPen(self._theme.colour("text"), 1.6))
        painter.drawLine(QPointF(area.x(), y), QPointF(self.width(), y))
        painter.setFont(self._theme.font(Type.AXIS, 600))
        painter.drawText(QPointF(area.x() + self._theme.px(2), y - self._theme.px(1)), self._limit.label)
        painter.setFont(self.font())

    def _paint_line(self, painter: QPainter, line: Line, area: QRectF, place: object) -> None:
        assert callable(place)
        colour = self._theme.colour(line.ink)
        pen = QPen(colour, 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        if line.dashed:
            pen.setDashPattern([3, 2.4])
        painter.setBrush(Qt.BrushStyle.NoBrush)
        last: QPointF | None = None
        for piece in _pieces(decimate(line.points, int(area.width()))):
            spots = [place(x, y) for x, y in piece]
            last = spots[-1]
            if len(spots) == 1:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour)
                painter.drawEllipse(last, 2, 2)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                continue
            path = QPainterPath()
            path.addPolygon(QPolygonF(spots))
            painter.setPen(pen)
            painter.drawPath(path)
        if last is not None and line.end_dot:
            painter.setPen(QPen(self._theme.colour("surface"), 1.5))
            painter.setBrush(colour)
            painter.drawEllipse(last, 4, 4)

    def _paint_ends(self, painter: QPainter, area: QRectF, foot: int) -> None:
        painter.setPen(self._theme.colour("muted"))
        box = QRectF(area.x(), self.height() - foot, self.width() - area.x(), foot)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, self._ends[0])
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, self._ends[1])


def _pieces(points: Points) -> list[list[tuple[float, float]]]:
    """Runs of finite values."""
    result: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if math.isfinite(point[1]):
            result[-1].append(point)
        elif result[-1]:
            result.append([])
    return [piece for piece in result if piece]
