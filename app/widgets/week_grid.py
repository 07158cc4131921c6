"""The week plan: seven days of 24 hours, each full, half or off; painted with the mouse or set with the keyboard."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import Theme, Type
from app.words import figures

DAYS, HOURS = 7, 24
_NEXT = {"f": "h", "h": "o", "o": "f"}
ALWAYS = ("f" * HOURS,) * DAYS


class WeekGrid(QWidget):
    """Cells by day and hour.

    Signals:
        planned: the owner changed the plan; seven strings of 24 letters, with commas, or empty for always.
    """

    planned = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._cells = [list(day) for day in ALWAYS]
        self._at, self._anchor = (0, 0), (0, 0)
        self._paint = ""
        """What a drag of the mouse sets."""
        self._days_px: int | None = None
        self.setFont(theme.font(Type.AXIS))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Week plan: arrows move, Shift selects, Space changes"))
        theme.changed.connect(self.update)
        self._describe()

    @property
    def plan(self) -> str:
        """As the engine takes it; empty means always."""
        days = tuple("".join(day) for day in self._cells)
        return "" if days == ALWAYS else ",".join(days)

    def show_plan(self, text: str) -> None:
        """Show what holds; what is no plan counts as always."""
        days = tuple(part.strip() for part in text.split(",")) if text else ALWAYS
        if len(days) != DAYS or any(len(day) != HOURS or set(day) - set("fho") for day in days):
            days = ALWAYS
        cells = [list(day) for day in days]
        if cells != self._cells and not self._paint:
            self._cells = cells
            self._describe()
            self.update()

    def open_hours(self) -> float:
        """Hours a week in which training may run; half ones count half."""
        flat = "".join("".join(day) for day in self._cells)
        return flat.count("f") + flat.count("h") / 2

    def sizeHint(self) -> QSize:
        """Seven rows and the hours below."""
        return QSize(self._theme.px(110), self._theme.px(8.5 * DAYS + 6))

    def minimumSizeHint(self) -> QSize:
        """Narrow cells are cells still."""
        return QSize(self._theme.px(70), self._theme.px(8.5 * DAYS + 6))

    # Geometry

    def _gutter(self) -> int:
        # Measured once for a font: each of the 168 cells asks for it in every painting.
        if self._days_px is None:
            metrics = self.fontMetrics()
            self._days_px = max(metrics.horizontalAdvance(_day(number)) for number in range(DAYS))
        return self._days_px + self._theme.px(3)

    def changeEvent(self, event: QEvent) -> None:
        """Another font has other widths."""
        if event.type() == QEvent.Type.FontChange:
            self._days_px = None
        super().changeEvent(event)

    def _cell(self, day: int, hour: int) -> QRectF:
        left, row = self._gutter(), self._theme.px(8.5)
        width = (self.width() - left) / HOURS
        gap = 2.0
        return QRectF(left + hour * width, day * row, width - gap, row - gap)

    def _under(self, spot: QPoint) -> tuple[int, int] | None:
        day = int(spot.y() // self._theme.px(8.5))
        hour = int((spot.x() - self._gutter()) // ((self.width() - self._gutter()) / HOURS))
        return (day, hour) if 0 <= day < DAYS and 0 <= hour < HOURS else None

    # Changing

    def _selected(self) -> list[tuple[int, int]]:
        days = sorted((self._at[0], self._anchor[0]))
        hours = sorted((self._at[1], self._anchor[1]))
        return [(d, h) for d in range(days[0], days[1] + 1) for h in range(hours[0], hours[1] + 1)]

    def _set(self, cells: list[tuple[int, int]], value: str) -> None:
        for day, hour in cells:
            self._cells[day][hour] = value
        self._describe()
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, select, change."""
        moves = {
            Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0),
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in moves:
            day, hour = (a + b for a, b in zip(self._at, moves[key], strict=True))
            self._at = (min(max(day, 0), DAYS - 1), min(max(hour, 0), HOURS - 1))
            if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._anchor = self._at
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._at = (self._at[0], 0 if key == Qt.Key.Key_Home else HOURS - 1)
            if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._anchor = self._at
        elif key == Qt.Key.Key_Space:
            self._set(self._selected(), _NEXT[self._cells[self._at[0]][self._at[1]]])
            self.planned.emit(self.plan)
        else:
            super().keyPressEvent(event)
            return
        self._describe()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The first cell of a drag turns to its next state; the others follow it."""
        found = self._under(event.position().toPoint())
        if found is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._at = self._anchor = found
        self._paint = _NEXT[self._cells[found[0]][found[1]]]
        self._set([found], self._paint)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Paint on."""
        found = self._under(event.position().toPoint())
        if self._paint and found is not None:
            self._at = self._anchor = found
            self._set([found], self._paint)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell the whole drag at once."""
        if self._paint:
            self._paint = ""
            self.planned.emit(self.plan)

    # Showing

    def _describe(self) -> None:
        day, hour = self._at
        words = {"f": self.tr("full"), "h": self.tr("half"), "o": self.tr("off")}
        here = self.tr("{0} {1}:00, {2}").format(_day(day), hour, words[self._cells[day][hour]])
        self.setAccessibleDescription(
            self.tr("{0}. {1} hours a week are open").format(here, figures.number(self.open_hours(), 1))
        )
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw days, cells and hours."""
        painter, theme = QPainter(self), self._theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row, left = theme.px(8.5), self._gutter()
        selected = set(self._selected()) if self.hasFocus() else set()
        for day in range(DAYS):
            painter.setPen(theme.colour("muted"))
            box = QRectF(0, day * row, left, row - 2)
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, _day(day))
            for hour in range(HOURS):
                self._paint_cell(painter, day, hour, selected=(day, hour) in selected)
        painter.setPen(theme.colour("muted"))
        foot = QRectF(0, DAYS * row, 0, theme.px(6))
        for hour in (0, 6, 12, 18):
            box = QRectF(self._cell(0, hour).x(), foot.y(), theme.px(16), foot.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"{hour:02d}:00")

    def _paint_cell(self, painter: QPainter, day: int, hour: int, *, selected: bool) -> None:
        theme, box, state = self._theme, self._cell(day, hour), self._cells[day][hour]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour({"f": "accent", "h": "accent_soft", "o": "sunken"}[state]))
        painter.drawRoundedRect(box, 3, 3)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if state == "h":
            painter.setPen(QPen(theme.colour("accent"), 1.6))
            middle, half = box.center(), QPointF(box.width() / 5, 0)
            painter.drawLine(middle - half, middle + half)
        if selected:
            painter.setPen(QPen(theme.colour("text"), 1.6))
            painter.drawRoundedRect(box.adjusted(0.8, 0.8, -0.8, -0.8), 3, 3)


def _day(number: int) -> str:
    return figures.locale().standaloneDayName(number + 1, figures.locale().FormatType.ShortFormat)
