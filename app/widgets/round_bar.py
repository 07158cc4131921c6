"""A bar that moves only when a real step was done; nothing animates between two truths."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import Theme


class RoundBar(QWidget):
    """Share done, ``None`` while there is nothing to count."""

    def __init__(self, theme: Theme, ink: str = "accent") -> None:
        super().__init__()
        self._theme, self._ink = theme, ink
        self._share: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def share(self) -> float | None:
        """What is drawn."""
        return self._share

    def set_share(self, share: float | None, spoken: str = "") -> None:
        """Show another share; ``spoken`` is what assistive tools read."""
        bounded = None if share is None else min(1.0, max(0.0, share))
        self.setAccessibleName(spoken)
        if bounded != self._share:
            self._share = bounded
            self.update()

    def sizeHint(self) -> QSize:
        """A thin line."""
        return QSize(self._theme.px(30), self._theme.px(1.5))

    def minimumSizeHint(self) -> QSize:
        """At least a few steps wide."""
        return QSize(self._theme.px(6), self._theme.px(1.5))

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw track and share."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        radius = self.height() / 2
        painter.setBrush(self._theme.colour("track"))
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        if self._share:
            width = max(self.height(), self.width() * self._share)
            painter.setBrush(self._theme.colour(self._ink))
            painter.drawRoundedRect(QRectF(0, 0, width, self.height()), radius, radius)
