"""The focus ring: 2 px of accent at 2 px distance around whatever the keyboard is on.

Style sheets cannot draw outside a control, so one transparent widget on top of the window follows the focus. It shows
where focus came by keyboard or program, not after a click.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from app.theme import Theme

_DISTANCE, _WIDTH = 2, 2
_MOVES = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Hide, QEvent.Type.Show, QEvent.Type.LayoutRequest)


class FocusRing(QWidget):
    """Follows the focus inside one window."""

    def __init__(self, theme: Theme, window: QWidget, application: QApplication) -> None:
        super().__init__(window)
        self._theme, self._window = theme, window
        self._target: QWidget | None = None
        self._watched: list[QWidget] = []
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()
        application.focusChanged.connect(self._on_focus_changed)
        theme.changed.connect(self.update)

    def _on_focus_changed(self, _: QWidget | None, now: QWidget | None) -> None:
        self._let_go()
        if now is None or now.window() is not self._window or not now.focusPolicy() & Qt.FocusPolicy.TabFocus:
            return
        self._target = now
        ancestor: QWidget | None = now
        while ancestor is not None:
            ancestor.installEventFilter(self)
            self._watched.append(ancestor)
            ancestor = None if ancestor is self._window else ancestor.parentWidget()
        if QApplication.mouseButtons() == Qt.MouseButton.NoButton:
            self.follow()

    def _let_go(self) -> None:
        # A page may have deleted the widget, or a part of what it lay in, while it had the focus.
        for widget in self._watched:
            if isValid(widget):
                widget.removeEventFilter(self)
        self._watched.clear()
        self._target = None
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the focused widget and everything it lies in."""
        if event.type() in _MOVES and self.isVisible():
            self.follow()
        return False

    def follow(self) -> None:
        """Lie around the focused widget."""
        target = self._target
        if target is None or not isValid(target) or not target.isVisible():
            self.hide()
            return
        reach = _DISTANCE + _WIDTH
        corner = target.mapTo(self._window, QPoint(0, 0))
        box = QRect(corner, target.size()).adjusted(-reach, -reach, reach, reach)
        self.setGeometry(box.intersected(self._window.rect()))
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw the ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.colour("accent"), _WIDTH))
        inset = _WIDTH / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 8, 8)
