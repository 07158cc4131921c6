"""A passing word at the bottom right: 8 s, longer while it is pointed at or focused, Esc closes it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEasingCurve, QEvent, QPoint, QPropertyAnimation, Qt, QTimer
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.labels import ElidedLabel
from app.widgets.panel import IconLabel

LIFE_MS = 8_000
_LEVELS = {"info": ("check", "accent"), "warning": ("info", "muted"), "error": ("warning", "danger")}


class Toast(QFrame):
    """One line with at most one action; a newer one replaces it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self._theme, self._room = theme, parent
        self._action: Callable[[], object] | None = None
        line = QHBoxLayout(self)
        line.setContentsMargins(theme.px(4), theme.px(2), theme.px(2), theme.px(2))
        line.setSpacing(theme.px(3))
        self._icon = IconLabel(theme, "check", "accent", theme.px(4.5))
        self._text = ElidedLabel(theme, "", Type.BODY)
        self._button = Button(theme, "", self._act, kind="link")
        self._close = Button(theme, "", self.dismiss, kind="link", icon="cross")
        self._close.setAccessibleName(self.tr("Close message"))
        line.addWidget(self._icon)
        line.addWidget(self._text, 1)
        line.addWidget(self._button)
        line.addWidget(self._close)
        self._life = QTimer(self)
        self._life.setSingleShot(True)
        self._life.setInterval(LIFE_MS)
        self._life.timeout.connect(self._end_unless_watched)
        self._motion = QPropertyAnimation(self, b"pos", self)
        self._motion.setDuration(150)
        self._motion.setEasingCurve(QEasingCurve.Type.OutCubic)
        parent.installEventFilter(self)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def say(
        self, text: str, level: str = "info", action: str = "", on_action: Callable[[], object] | None = None
    ) -> None:
        """Show a message."""
        name, ink = _LEVELS.get(level, _LEVELS["info"])
        self._icon.set_icon(name, ink)
        self._text.setText(text)
        self.setAccessibleName(text)
        self._button.set_label(action)
        self._button.setVisible(bool(action))
        self._action = on_action
        self.adjustSize()
        place = self._place()
        self.show()
        self.raise_()
        if self._theme.reduced_motion or not self._room.isVisible():
            self.move(place)
        else:
            self._motion.stop()
            self._motion.setStartValue(place + QPoint(0, self._theme.px(4)))
            self._motion.setEndValue(place)
            self._motion.start()
        self._life.start()

    def dismiss(self) -> None:
        """Close it."""
        self._life.stop()
        self.hide()

    def _act(self) -> None:
        action = self._action
        self.dismiss()
        if action is not None:
            action()

    def _end_unless_watched(self) -> None:
        if self.underMouse() or self._button.hasFocus() or self._close.hasFocus():
            self._life.start()
        else:
            self.hide()

    def _place(self) -> QPoint:
        room = self._room.size()
        margin = self._theme.px(6)
        width = min(self.sizeHint().width(), room.width() - 2 * margin)
        self.resize(width, self.sizeHint().height())
        return QPoint(room.width() - width - margin, room.height() - self.height() - margin)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Stay while pointed at."""
        self._life.start()
        super().enterEvent(event)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Keep to the corner."""
        if event.type() == QEvent.Type.Resize and self.isVisible() and watched is self._room:
            self._motion.stop()
            self.move(self._place())
        return False

    def keyPressEvent(self, event: object) -> None:
        """Esc closes it."""
        if getattr(event, "key", lambda: None)() == Qt.Key.Key_Escape:
            self.dismiss()
