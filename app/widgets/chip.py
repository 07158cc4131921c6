"""Chips: one short fact on a soft fill, with an icon so that colour is never the only sign."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import icons
from app.theme import SOFT_FILLS, Theme, Type

GUARANTEE_ICONS = {"guaranteed": "shield-check", "promised": "shield-dashed", "none": "shield-cross"}
GUARANTEE_INKS = {"guaranteed": "guarantee", "promised": "promised", "none": "danger"}


class Chip(QWidget):
    """A word on a fully round soft fill."""

    def __init__(self, theme: Theme, text: str = "", ink: str = "muted", icon: str = "") -> None:
        super().__init__()
        self._theme, self._text, self._ink, self._icon = theme, text, ink, icon
        self.setFont(theme.font(Type.SMALL, 500))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)
        theme.changed.connect(self.update)

    @property
    def text(self) -> str:
        """The word shown."""
        return self._text

    def show_fact(self, text: str, ink: str, icon: str = "") -> None:
        """Say something else."""
        if (text, ink, icon) != (self._text, self._ink, self._icon):
            self._text, self._ink, self._icon = text, ink, icon
            self.setAccessibleName(text)
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """As wide as the word and its icon."""
        unit = self._theme.unit
        width = self.fontMetrics().horizontalAdvance(self._text) + 4 * unit
        if self._icon:
            width += 4 * unit + unit
        return QSize(width, self._theme.px(5.5))

    def minimumSizeHint(self) -> QSize:
        """Chips are never cut."""
        return self.sizeHint()

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw fill, icon and word."""
        colours, unit = self._theme.colours, self._theme.unit
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour(SOFT_FILLS.get(self._ink, "sunken")))
        painter.drawRoundedRect(QRectF(self.rect()), self.height() / 2, self.height() / 2)
        left = 2 * unit
        if self._icon:
            side = 4 * unit
            box = QRectF(left - 1, (self.height() - side) / 2, side, side)
            icons.paint(painter, self._icon, getattr(colours, self._ink), box)
            left += side + unit
        painter.setPen(self._theme.colour(self._ink))
        painter.setFont(self.font())
        painter.drawText(self.rect().adjusted(left, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._text)
