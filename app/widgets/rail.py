"""The rail at the left: one entry per page that exists, the two rings at its foot. Icons only where it is narrow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from app import icons
from app.theme import Theme, Type
from app.widgets.panel import Hairline
from app.widgets.rings import RingFigure, paint_rings, window_ink


@dataclass(frozen=True, slots=True)
class Entry:
    """One page in the rail."""

    key: str
    title: str
    icon: str
    keys: str
    """Its shortcut."""
    group: int = 0


class RailButton(QAbstractButton):
    """A page's entry, painted by hand so that its mark lies on the rail's edge."""

    def __init__(self, theme: Theme, entry: Entry) -> None:
        super().__init__()
        self._theme, self._entry = theme, entry
        self._narrow = False
        self.setText(entry.title)
        self.setCheckable(True)
        self.setAccessibleName(entry.title)
        self.setAccessibleDescription(entry.keys)
        self.setFont(theme.font())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_narrow(self, narrow: bool) -> None:
        """Show the icon only; the name becomes the tool tip."""
        self._narrow = narrow
        self.setToolTip(self._entry.title if narrow else "")
        self.update()

    def sizeHint(self) -> QSize:
        """A row of the rail."""
        return QSize(self._theme.px(11), self._theme.px(9))

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw ground, mark, icon and name."""
        theme, unit = self._theme, self._theme.unit
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.isChecked():
            painter.setPen(QPen(theme.colour("border"), 1))
            painter.setBrush(theme.colour("surface"))
            painter.drawRoundedRect(box, 6, 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            painter.drawRoundedRect(QRectF(0, self.height() * 0.22, 3, self.height() * 0.56), 1.5, 1.5)
        elif self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("sunken"))
            painter.drawRoundedRect(box, 6, 6)
        side = 5 * unit
        left = (self.width() - side) / 2 if self._narrow else 2.5 * unit
        ink = theme.colours.accent if self.isChecked() else theme.colours.muted
        icons.paint(painter, self._entry.icon, ink, QRectF(left, (self.height() - side) / 2, side, side))
        if not self._narrow:
            painter.setFont(theme.font(Type.BODY, 600 if self.isChecked() else 400))
            painter.setPen(theme.colour("text"))
            text = self.rect().adjusted(round(left + side + 3 * unit), 0, -unit, 0)
            painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, self.text())


class RailFoot(QAbstractButton):
    """Both rings and both figures; a click opens Home."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._figure = RingFigure(None, None)
        self._lines = ("", "")
        self._narrow = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Given and privacy left"))
        theme.changed.connect(self.update)

    def show_figures(self, figure: RingFigure, given: str, privacy: str) -> None:
        """Show other figures."""
        if (figure, (given, privacy)) != (self._figure, self._lines):
            self._figure, self._lines = figure, (given, privacy)
            self.setAccessibleName(f"{given}, {privacy}")
            self.setToolTip(f"{given}\n{privacy}" if self._narrow else "")
            self.update()

    def set_narrow(self, narrow: bool) -> None:
        """Show the rings only."""
        self._narrow = narrow
        self.setToolTip("\n".join(self._lines) if narrow else "")
        self.update()

    def sizeHint(self) -> QSize:
        """Two lines high."""
        return QSize(self._theme.px(11), self._theme.px(12))

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw rings and lines."""
        theme = self._theme
        painter = QPainter(self)
        side = 32.0
        left = (self.width() - side) / 2 if self._narrow else 2 * theme.unit
        box = QRectF(round(left), round((self.height() - side) / 2), side, side)
        paint_rings(painter, box, self._figure, window_ink(theme.colours))
        if self._narrow:
            return
        painter.setFont(theme.font(Type.SMALL))
        metrics = painter.fontMetrics()
        x = round(left + side + 2.5 * theme.unit)
        width = self.width() - x
        for number, (line, ink) in enumerate(zip(self._lines, ("text", "muted"), strict=True)):
            painter.setPen(theme.colour(ink))
            shown = metrics.elidedText(line, Qt.TextElideMode.ElideRight, width)
            y = self.height() / 2 + (number - 1) * metrics.height()
            painter.drawText(QRectF(x, y, width, metrics.height()), Qt.AlignmentFlag.AlignVCenter, shown)


class Rail(QWidget):
    """Brand, pages, rings."""

    def __init__(self, theme: Theme, entries: list[Entry], on_choose: Callable[[str], object]) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self.buttons: dict[str, RailButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.px(2), theme.px(2), theme.px(2) + 1, theme.px(1))
        column.setSpacing(2)
        self._brand = Brand(theme)
        column.addWidget(self._brand)
        column.addSpacing(theme.px(1))
        group = 0
        for entry in entries:
            if entry.group != group:
                group = entry.group
                column.addSpacing(theme.px(2))
                column.addWidget(Hairline())
                column.addSpacing(theme.px(2))
            button = RailButton(theme, entry)
            button.clicked.connect(lambda _=False, key=entry.key: on_choose(key))
            self.buttons[entry.key] = button
            column.addWidget(button)
        column.addStretch(1)
        column.addWidget(Hairline())
        self.foot = RailFoot(theme)
        self.foot.clicked.connect(lambda: on_choose(entries[0].key))
        column.addWidget(self.foot)
        self.set_narrow(False)

    def set_narrow(self, narrow: bool) -> None:
        """Icons only, or icons and names."""
        for button in self.buttons.values():
            button.set_narrow(narrow)
        self.foot.set_narrow(narrow)
        self._brand.set_narrow(narrow)
        longest = max((b.fontMetrics().horizontalAdvance(b.text()) for b in self.buttons.values()), default=0)
        wide = max(self._theme.px(46), longest + self._theme.px(16))
        self.setFixedWidth(self._theme.px(15) if narrow else wide)

    def choose(self, key: str) -> None:
        """Mark a page."""
        for own, button in self.buttons.items():
            button.setChecked(own == key)


class Brand(QWidget):
    """Leaf and name."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._narrow = False
        self.setFixedHeight(theme.px(9))
        theme.changed.connect(self.update)

    def set_narrow(self, narrow: bool) -> None:
        """The leaf only."""
        self._narrow = narrow
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw the mark."""
        theme, unit = self._theme, self._theme.unit
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = 5 * unit
        left = (self.width() - side) / 2 if self._narrow else 2 * unit
        icons.paint(painter, "leaf", theme.colours.accent, QRectF(left, (self.height() - side) / 2, side, side))
        if not self._narrow:
            painter.setFont(theme.font(Type.WORD, 600))
            painter.setPen(theme.colour("text"))
            painter.drawText(
                self.rect().adjusted(round(9.5 * unit), 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, "Hedgerow"
            )
