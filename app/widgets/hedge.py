"""The hedge: one stem a day, as tall as the hours given. A day without is a short dash, and nobody is told off."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import Theme, Type
from app.words import figures

_MOST_WEEKS = 8
_LEAST_STEP = 5.0
_EARLIER = 0.55


class Hedge(QWidget):
    """Stems per day over whole weeks, as many as fit. Takes focus, so that its summary can be read."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._days: dict[date, float] = {}
        self._today = date.today()
        self.setAccessibleName(self.tr("Your hedge"))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFont(theme.font(Type.AXIS))
        theme.changed.connect(self.update)

    def show_days(self, days: list[tuple[str, float]], today: date) -> None:
        """Draw other days: (ISO date, seconds given)."""
        parsed: dict[date, float] = {}
        for text, seconds in days:
            try:
                parsed[date.fromisoformat(text)] = max(0.0, seconds)
            except ValueError:
                continue
        if (parsed, today) == (self._days, self._today):
            return
        self._days, self._today = parsed, today
        total = figures.duration(sum(parsed.values()))
        self.setAccessibleDescription(
            self.tr("{0} on {1} days, {2} today").format(total, len(parsed), figures.duration(parsed.get(today, 0.0)))
        )
        self.update()

    def sizeHint(self) -> QSize:
        """A comfortable size."""
        return QSize(self._theme.px(60), self._theme.px(36))

    def minimumSizeHint(self) -> QSize:
        """The least that can be read."""
        return QSize(self._theme.px(40), self._theme.px(24))

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw axis, stems and weeks."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        foot = metrics.height() + self._theme.px(1.5)
        top_hours, unit_s, unit = _scale(max(self._days.values(), default=0.0))
        names = [f"{figures.number(v, 0)} {unit}" if v else "0" for v in (0, top_hours / 2, top_hours)]
        gutter = max(metrics.horizontalAdvance(n) for n in names) + self._theme.px(2)
        top = metrics.height() / 2
        area = QRectF(gutter, top, self.width() - gutter, self.height() - foot - top)
        for share, name in zip((0.0, 0.5, 1.0), names, strict=True):
            y = round(area.bottom() - share * area.height()) + 0.5
            painter.setPen(QPen(self._theme.colour("border"), 1))
            painter.drawLine(QPointF(area.x(), y), QPointF(area.right(), y))
            painter.setPen(self._theme.colour("muted"))
            box = QRectF(0, y - metrics.height(), gutter - self._theme.px(2), 2 * metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)
        weeks = max(2, min(_MOST_WEEKS, int(area.width() / _LEAST_STEP / 7)))
        monday = self._today - timedelta(days=self._today.weekday())
        first = monday - timedelta(weeks=weeks - 1)
        self._paint_stems(painter, area, first, monday, weeks * 7, top_hours * unit_s)
        self._paint_weeks(painter, area, first, weeks, foot)

    def _paint_stems(
        self, painter: QPainter, area: QRectF, first: date, monday: date, count: int, full_s: float
    ) -> None:
        step = area.width() / count
        width = max(2.0, step * 0.68)
        painter.setPen(Qt.PenStyle.NoPen)
        for number in range(count):
            day = first + timedelta(days=number)
            if day > self._today:
                return
            seconds = self._days.get(day, 0.0)
            left = area.x() + number * step + (step - width) / 2
            colour = self._theme.colour("accent" if seconds else "control")
            if seconds and day < monday:
                colour.setAlphaF(_EARLIER)
            painter.setBrush(colour)
            if seconds:
                height = max(width, seconds / full_s * area.height())
                painter.drawRoundedRect(QRectF(left, area.bottom() - height, width, height), width / 2.5, width / 2.5)
                painter.drawRect(QRectF(left, area.bottom() - width / 2, width, width / 2))
            elif any(earlier < day for earlier in self._days):
                painter.drawRect(QRectF(left, area.bottom() - 1.5, width, 1.5))

    def _paint_weeks(self, painter: QPainter, area: QRectF, first: date, weeks: int, foot: int) -> None:
        line = QRectF(area.x(), self.height() - foot, area.width(), foot)
        metrics = self.fontMetrics()
        bold = self._theme.font(Type.AXIS, 600)
        this_week = self.tr("this week")
        painter.setFont(bold)
        painter.setPen(self._theme.colour("text"))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, this_week)
        right = line.right() - painter.fontMetrics().horizontalAdvance(this_week) - self._theme.px(3)
        painter.setFont(self.font())
        painter.setPen(self._theme.colour("muted"))
        end = line.x() - 1
        for week in range(weeks):
            day = first + timedelta(weeks=week)
            name = figures.day(datetime(day.year, day.month, day.day))
            x = area.x() + week / weeks * area.width()
            width = metrics.horizontalAdvance(name)
            if x > end and x + width < right:
                painter.drawText(QPointF(x, line.bottom() - metrics.descent()), name)
                end = x + width + self._theme.px(8)


def _scale(most_s: float) -> tuple[int, float, str]:
    """Top of the axis as an even count of hours, or of minutes where no day reached an hour."""
    if most_s >= 3_600 or most_s <= 0:
        top = next(t for t in (2, 4, 6, 8, 12, 16, 20, 24) if t * 3_600 >= most_s or t == 24)
        return top, 3_600.0, "h"
    top = next((t for t in (2, 4, 10, 20, 30) if t * 60 >= most_s), 60)
    return top, 60.0, "min"
