"""Buttons: verbs that say their result. One primary button to a page, links for small steps, a split one for Pause."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget

from app import icons
from app.theme import Theme


class Button(QPushButton):
    """A button in the house style; ``kind`` is ``plain``, ``primary`` or ``link``."""

    def __init__(
        self,
        theme: Theme,
        text: str,
        on_click: Callable[[], object] | None = None,
        *,
        kind: str = "plain",
        size: str = "normal",
        icon: str = "",
    ) -> None:
        super().__init__(text)
        self._theme, self._icon = theme, icon
        self.setProperty("kind", kind)
        self.setProperty("scale", size)
        self.setAccessibleName(text)
        self.setCursor(Qt.CursorShape.PointingHandCursor if kind == "link" else Qt.CursorShape.ArrowCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        if on_click is not None:
            self.clicked.connect(lambda: on_click())
        self._side = theme.px(4.5)
        if icon:
            theme.changed.connect(self._draw)
            self._draw()

    def set_label(self, text: str, icon: str = "") -> None:
        """Say and show something else."""
        if text != self.text():
            self.setText(text)
            self.setAccessibleName(text)
        if icon != self._icon:
            self._icon = icon
            self._draw()

    def set_kind(self, kind: str) -> None:
        """Take another style."""
        if self.property("kind") != kind:
            self.setProperty("kind", kind)
            self.style().unpolish(self)
            self.style().polish(self)
            self._draw()

    def _draw(self) -> None:
        if not self._icon:
            self.setIcon(QIcon())
            return
        ink = {"primary": "on_accent", "link": "accent"}.get(str(self.property("kind")), "text")
        gap = self._theme.px(1) if self.text() else 0  # Qt's own is too narrow beside icons that fill their box
        self.setIconSize(QSize(self._side + gap, self._side))
        self.setIcon(icons.icon(self._theme, self._icon, ink, self._side, gap))


class SplitButton(QWidget):
    """A button with a menu of variants beside it."""

    def __init__(self, theme: Theme, text: str, icon: str, menu_name: str) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        self.button = Button(theme, text, icon=icon)
        self.button.setProperty("part", "left")
        self.arrow = Button(theme, "", icon="chevron")
        self.arrow.setProperty("part", "right")
        self.arrow.setAccessibleName(menu_name)
        self.arrow.setToolTip(menu_name)
        self.menu = house_menu(self)
        self.menu.setAccessibleName(menu_name)
        self.arrow.setMenu(self.menu)
        line.addWidget(self.button)
        line.addWidget(self.arrow)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def add_variant(self, text: str, on_choose: Callable[[], object]) -> QAction:
        """Add one line to the menu."""
        action = self.menu.addAction(text)
        action.triggered.connect(lambda: on_choose())
        return action


def house_menu(parent: QWidget | None = None) -> QMenu:
    """A menu whose corners are round like every other panel's."""
    menu = QMenu(parent)
    menu.setWindowFlag(Qt.WindowType.FramelessWindowHint)
    menu.setWindowFlag(Qt.WindowType.NoDropShadowWindowHint)
    menu.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
    return menu
