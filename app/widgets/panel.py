"""Panels, hairlines and the small helpers every page lays itself out with."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app import icons
from app.theme import Theme, Type
from app.widgets.labels import ElidedLabel, Label


class Panel(QFrame):
    """A surface with a hairline around it; ``body`` is its column."""

    def __init__(self, theme: Theme, *, padding: float = 4, gap: float = 2, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.body = QVBoxLayout(self)
        inset = theme.px(padding)
        self.body.setContentsMargins(inset, inset, inset, inset)
        self.body.setSpacing(theme.px(gap))


class Hairline(QFrame):
    """A line one pixel thick."""

    def __init__(self, *, upright: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("hairline")
        if upright:
            self.setFixedWidth(1)
            self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        else:
            self.setFixedHeight(1)
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


class IconLabel(QLabel):
    """An icon that only accompanies a word; assistive tools skip it."""

    def __init__(self, theme: Theme, name: str, ink: str = "text", size: int | None = None) -> None:
        super().__init__()
        self._theme, self._name, self._ink = theme, name, ink
        self._size = size or theme.px(5)
        self.setFixedSize(QSize(self._size, self._size))
        theme.changed.connect(self._draw)
        self._draw()

    def set_icon(self, name: str, ink: str) -> None:
        """Show another icon."""
        if (name, ink) != (self._name, self._ink):
            self._name, self._ink = name, ink
            self._draw()

    def _draw(self) -> None:
        colour = getattr(self._theme.colours, self._ink)
        picture: QPixmap = icons.pixmap(self._name, colour, self._size, 2.0)
        self.setPixmap(picture)


class Columns(QWidget):
    """Two columns that become one where the page is narrow."""

    def __init__(
        self, theme: Theme, left: QWidget, right: QWidget, *, left_share: int = 7, right_share: int = 4
    ) -> None:
        super().__init__()
        self._shares = (left_share, right_share)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.px(4))
        self._row.addWidget(left, left_share)
        self._row.addWidget(right, right_share)

    def set_narrow(self, narrow: bool) -> None:
        """Stack the columns, or set them side by side."""
        wanted = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if self._row.direction() != wanted:
            self._row.setDirection(wanted)
            self._row.setStretch(0, 0 if narrow else self._shares[0])
            self._row.setStretch(1, 0 if narrow else self._shares[1])


def row(*parts: QWidget | int, gap: int = 8) -> QHBoxLayout:
    """A horizontal line of widgets; a number is a stretch of that weight."""
    line = QHBoxLayout()
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(gap)
    for part in parts:
        if isinstance(part, int):
            line.addStretch(part)
        else:
            line.addWidget(part, 0, Qt.AlignmentFlag.AlignVCenter)
    return line


def heading(theme: Theme, title: str, note: str = "") -> tuple[QHBoxLayout, ElidedLabel, ElidedLabel]:
    """A panel's heading: title at the left, a muted note at the right."""
    left = ElidedLabel(theme, title, Type.BODY, weight=600)
    left.setMinimumWidth(min(left.sizeHint().width(), theme.px(40)))
    right = ElidedLabel(theme, note, Type.SMALL, "muted")
    right.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    line = row(left, gap=theme.px(2))
    line.addStretch(1)
    line.addWidget(right)
    return line, left, right


def fact(
    theme: Theme, name: str, value: str = "", *, mono: bool = False, ink: str = "text"
) -> tuple[Label, ElidedLabel]:
    """A name with its value, for a grid of facts."""
    label = Label(theme, name, Type.BODY, "muted")
    figure = ElidedLabel(theme, value, Type.SMALL if mono else Type.BODY, ink, mono=mono)
    return label, figure
