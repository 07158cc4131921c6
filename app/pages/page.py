"""What every page has in common: it reads the store, does no work while hidden, and stands on the same grid."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.stores.engine_store import EngineStore
from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.labels import Label
from app.widgets.panel import IconLabel

NARROW_PX = 940
"""Below this width of the window, two columns become one."""


class Page(QWidget):
    """One answer. Refreshed when the store changes, at once if seen, else when it is shown next."""

    def __init__(self, theme: Theme, store: EngineStore) -> None:
        super().__init__()
        self.setObjectName("ground")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.theme, self.store = theme, store
        self._stale = True
        store.changed.connect(self._on_changed)

    def refresh(self) -> None:
        """Show what the store knows."""
        raise NotImplementedError

    def entered(self) -> None:
        """The owner came to this page: ask for what only this page needs."""

    @property
    def narrow(self) -> bool:
        """Whether two columns become one."""
        return self.window().width() < NARROW_PX

    def _on_changed(self) -> None:
        if self.isVisible():
            self.refresh()
        else:
            self._stale = True

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up."""
        if self._stale:
            self._stale = False
            self.refresh()
        super().showEvent(event)

    def column(self) -> QVBoxLayout:
        """The page's own column with its margins."""
        column = QVBoxLayout(self)
        margin = self.theme.px(6)
        column.setContentsMargins(margin, self.theme.px(5), margin, self.theme.px(5))
        column.setSpacing(self.theme.px(4))
        return column


class ScrollColumn(QScrollArea):
    """A column that scrolls where the window is low; its bar takes no room from the grid."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("scroll")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inner = QWidget()
        inner.setObjectName("scrolled")
        self.column = QVBoxLayout(inner)
        margin = theme.px(6)
        self.column.setContentsMargins(margin, theme.px(5), margin, theme.px(5))
        self.column.setSpacing(theme.px(4))
        self.setWidget(inner)
        self._inner = inner

    def lie_on_panel(self) -> None:
        """Show the panel's surface instead of the page's ground."""
        self.setObjectName("on_panel")
        self._inner.setObjectName("on_panel")


class PageTitle(QWidget):
    """The page's answer, a line below it, and at most one primary button at the right."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.title = Label(theme, "", Type.TITLE, weight=600, wrap=True)
        self.note = Label(theme, "", Type.BODY, "muted", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(theme.px(0.5))
        words.addWidget(self.title)
        words.addWidget(self.note)
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(theme.px(3))
        self._line.addLayout(words, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def say(self, title: str, note: str = "") -> None:
        """Give the answer."""
        self.title.setText(title)
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def add(self, widget: QWidget) -> None:
        """Put something at the right."""
        self._line.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)


class EmptyState(QWidget):
    """An empty page: what will be here, why it is worth it, the one button."""

    def __init__(self, theme: Theme, icon: str, title: str, sentence: str, buttons: list[Button]) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setSpacing(theme.px(2))
        column.addStretch(2)
        column.addWidget(IconLabel(theme, icon, "text", theme.px(9)), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(theme.px(2))
        for text, size, ink, weight in ((title, Type.TITLE, "text", 600), (sentence, Type.BODY, "muted", 400)):
            label = Label(theme, text, size, ink, weight=weight, wrap=True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setMaximumWidth(theme.px(110))
            line = QHBoxLayout()
            line.addStretch(1)
            line.addWidget(label, 6)
            line.addStretch(1)
            column.addLayout(line)
        column.addSpacing(theme.px(3))
        line = QHBoxLayout()
        line.setSpacing(theme.px(2))
        line.addStretch(1)
        for button in buttons:
            line.addWidget(button)
        line.addStretch(1)
        column.addLayout(line)
        column.addStretch(3)
