"""Text on the page: plain, in one of the few sizes and inks, shortened with … where the place is too narrow."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.theme import Theme, Type


class Label(QLabel):
    """A label that never interprets its text."""

    def __init__(
        self,
        theme: Theme,
        text: str = "",
        size: Type = Type.BODY,
        ink: str = "text",
        *,
        weight: int = 400,
        wrap: bool = False,
        mono: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(size, weight, mono))
        self.setWordWrap(wrap)
        self.setProperty("ink", ink)
        self._most_px = theme.px(40)
        if wrap:
            policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            policy.setHeightForWidth(True)
            self.setSizePolicy(policy)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show ``text``; where it wraps, its longest word stays whole."""
        super().setText(text)
        if self.wordWrap():
            longest = max((self.fontMetrics().horizontalAdvance(word) for word in text.split()), default=0)
            self.setMinimumWidth(max(1, min(longest + 1, self._most_px)))

    def set_ink(self, ink: str) -> None:
        """Use the colour of another role."""
        if self.property("ink") != ink:
            self.setProperty("ink", ink)
            self.style().unpolish(self)
            self.style().polish(self)


class ElidedLabel(Label):
    """One line, shortened at its end to the width there is; the whole text is its tool tip and accessible name."""

    def setText(self, text: str) -> None:
        """Show ``text``."""
        if text != self.text():
            super().setText(text)
            self.setAccessibleName(text)
            self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(self.fontMetrics().horizontalAdvance("…") * 3, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """The width the whole text would take."""
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2, super().sizeHint().height())

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw what fits."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.setFont(self.font())
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        if (shown != self.text()) != bool(self.toolTip()):
            # A tool tip reads markup, so a stranger's brackets must not reach it.
            self.setToolTip("" if shown == self.text() else self.text().replace("<", "(").replace(">", ")"))
        painter.drawText(self.rect(), self.alignment() | Qt.TextFlag.TextSingleLine, shown)
