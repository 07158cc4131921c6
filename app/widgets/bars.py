"""Bars: one value each with a name below, or a histogram between two ends."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import Theme, Type
from app.widgets.plot import nice_ticks
from app.words import figures


class Bars(QWidget):
    """Named bars from zero. Takes focus, so that its summary can be read without a mouse."""

    def __init__(self, theme: Theme, title: str, ink: str = "guarantee", *, axis: bool = True) -> None:
        super().__init__()
        self._theme, self._ink, self._axis = theme, ink, axis
        self._values: tuple[float, ...] = ()
        self._names: tuple[str, ...] = ()
        self._joined = False
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFont(theme.font(Type.AXIS))
        theme.changed.connect(self.update)

    @property
    def values(self) -> tuple[float, ...]:
        """What is drawn."""
        return self._values

    def show_bars(
        self, values: Sequence[float], names: Sequence[str], summary: str, *, ink: str = "", joined: bool = False
    ) -> None:
        """Draw other bars. ``joined`` bars touch, and ``names`` then label left end, middle and right end."""
        self.setAccessibleDescription(summary)
        self._values, self._names, self._joined = tuple(values), tuple(names), joined
        self._ink = ink or self._ink
        self.update()

    def sizeHint(self) -> QSize:
        """A comfortable size."""
        return QSize(self._theme.px(56), self._theme.px(28))

    def minimumSizeHint(self) -> QSize:
        """The least that can be read."""
        return QSize(self._theme.px(30), self._theme.px(16))

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw axis, bars and names."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        foot = metrics.height() + self._theme.px(1.5)
        highest = max(self._values, default=0.0)
        ticks = nice_ticks(0.0, highest, 3) if self._axis and highest > 0 else [0.0]
        decimals = _decimals(ticks)
        names = [figures.number(t, decimals) for t in ticks]
        gutter = max(metrics.horizontalAdvance(n) for n in names) + self._theme.px(2) if self._axis else 0
        top = metrics.height() / 2 + 2
        area = QRectF(gutter, top, self.width() - gutter, self.height() - foot - top)
        for tick, name in zip(ticks, names, strict=True):
            y = round(area.bottom() - (tick / highest if highest else 0) * area.height()) + 0.5
            painter.setPen(QPen(self._theme.colour("border"), 1))
            painter.drawLine(QPointF(area.x(), y), QPointF(area.right(), y))
            if self._axis:
                painter.setPen(self._theme.colour("muted"))
                box = QRectF(0, y - metrics.height(), gutter - self._theme.px(2), 2 * metrics.height())
                painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)
        if not self._values or highest <= 0:
            return
        self._paint_bars(painter, area, highest)
        self._paint_names(painter, area, foot)

    def _paint_bars(self, painter: QPainter, area: QRectF, highest: float) -> None:
        step = area.width() / len(self._values)
        gap = 0.5 if self._joined else max(1.0, min(step * 0.35, self._theme.px(6)))
        width = max(1.0, min(step - gap, self._theme.px(7)) if not self._joined else step - gap)
        colour = self._theme.colour(self._ink)
        if self._joined:
            colour.setAlphaF(0.6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for number, value in enumerate(self._values):
            height = value / highest * area.height()
            left = area.x() + number * step + (step - width) / 2
            painter.drawRect(QRectF(left, area.bottom() - height, width, height))

    def _paint_names(self, painter: QPainter, area: QRectF, foot: int) -> None:
        painter.setPen(self._theme.colour("muted"))
        line = QRectF(area.x(), self.height() - foot, area.width(), foot)
        if self._joined:
            sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
            for name, side in zip(self._names, sides, strict=False):
                painter.drawText(line, side | Qt.AlignmentFlag.AlignBottom, name)
            return
        step = area.width() / len(self._values)
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(n) for n in self._names), default=1)
        every = max(1, -(-(widest + self._theme.px(1)) // max(1, int(step))))
        for number, name in enumerate(self._names):
            if number % every == 0:
                middle = area.x() + (number + 0.5) * step
                box = QRectF(middle - widest, line.y(), 2 * widest, foot)
                painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, name)


def _decimals(ticks: Sequence[float]) -> int:
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    decimals = 0
    while decimals < 6 and abs(step * 10**decimals - round(step * 10**decimals)) > 1e-6:
        decimals += 1
    return decimals
