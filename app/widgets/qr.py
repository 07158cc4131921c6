"""A link as a QR code: dark on white in both schemes, since readers expect that, with the quiet zone around it."""

from __future__ import annotations

import segno
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import Theme

QUIET = 4
"""Modules of white around it, as the standard asks."""


class QrCode(QWidget):
    """A square that a camera reads."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._rows: tuple[bytes, ...] = ()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def modules(self) -> int:
        """Squares along one side, without the quiet zone; 0: nothing is shown."""
        return len(self._rows)

    def show_text(self, text: str) -> bool:
        """Show another text.

        Returns:
            Whether it fits into a code at all.
        """
        try:
            # A long link already fills a large code; the lowest correction keeps its squares wide enough to be seen.
            self._rows = tuple(bytes(row) for row in segno.make_qr(text, error="l", boost_error=True).matrix)
        except segno.DataOverflowError:
            self._rows = ()
        self.updateGeometry()
        self.update()
        return bool(self._rows)

    def _module_px(self) -> int:
        return max(2, round(self._theme.unit * 0.75))

    def sizeHint(self) -> QSize:
        """Whole pixels for every square."""
        side = (self.modules + 2 * QUIET) * self._module_px()
        return QSize(side, side)

    def minimumSizeHint(self) -> QSize:
        """It cannot be made smaller."""
        return self.sizeHint()

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw the squares."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(Qt.GlobalColor.white))
        side = self._module_px()
        ink = QColor(Qt.GlobalColor.black)
        for y, row in enumerate(self._rows):
            for x, dark in enumerate(row):
                if dark:
                    painter.fillRect(QRect((x + QUIET) * side, (y + QUIET) * side, side, side), ink)
