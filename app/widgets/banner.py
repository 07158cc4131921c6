"""Lasting trouble: a banner on the page it belongs to, with the one fix and details to copy."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from app.theme import Theme, Type
from app.widgets.buttons import Button
from app.widgets.labels import Label
from app.widgets.panel import IconLabel


class Banner(QFrame):
    """A title, a sentence, and up to two buttons. Red for trouble, ``quiet`` for a question."""

    def __init__(self, theme: Theme, *, quiet: bool = False) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.setProperty("quiet", quiet)
        self._theme = theme
        line = QHBoxLayout(self)
        line.setContentsMargins(theme.px(4), theme.px(3), theme.px(4), theme.px(3))
        line.setSpacing(theme.px(3))
        line.addWidget(IconLabel(theme, "info" if quiet else "warning", "text" if quiet else "danger"))
        column = QVBoxLayout()
        column.setSpacing(2)
        self.title = Label(theme, "", Type.BODY, weight=600, wrap=True)
        self.sentence = Label(theme, "", Type.SMALL, wrap=True)
        column.addWidget(self.title)
        column.addWidget(self.sentence)
        line.addLayout(column, 1)
        self._line = line
        self.buttons: list[Button] = []

    def say(self, title: str, sentence: str = "") -> None:
        """Say something else and show it."""
        self.title.setText(title)
        self.sentence.setText(sentence)
        self.sentence.setVisible(bool(sentence))
        self.show()

    def add_button(self, text: str, on_click: Callable[[], object], kind: str = "plain") -> Button:
        """Add a button at the right."""
        button = Button(self._theme, text, on_click, kind=kind, size="small")
        self._line.addWidget(button)
        self.buttons.append(button)
        return button
