"""Icons: our own SVG line drawings, coloured by the palette and made sharp at every scale."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.theme import RESOURCES, Theme

FOLDER = RESOURCES / "icons"
_SCALES = (1, 2, 3)


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    return (FOLDER / f"{name}.svg").read_text("utf-8")


@lru_cache(maxsize=64)
def renderer(name: str, colour: str) -> QSvgRenderer:
    """The drawing of one icon in one ``#RRGGBB`` colour."""
    return QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))


def paint(painter: QPainter, name: str, colour: str, box: QRectF) -> None:
    """Draw an icon into ``box``."""
    renderer(name, colour).render(painter, box)


def pixmap(name: str, colour: str, size: int, scale: float = 1.0, gap: int = 0) -> QPixmap:
    """An icon as a picture of ``size`` logical pixels, with so many empty ones at its right."""
    picture = QPixmap(round((size + gap) * scale), round(size * scale))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    paint(painter, name, colour, QRectF(0, 0, size * scale, size * scale))
    painter.end()
    picture.setDevicePixelRatio(scale)
    return picture


def icon(theme: Theme, name: str, role: str = "text", size: int = 20, gap: int = 0) -> QIcon:
    """An icon in the colour of a role, greyed where the control is disabled; see ``pixmap``."""
    result = QIcon()
    for scale in _SCALES:
        result.addPixmap(pixmap(name, getattr(theme.colours, role), size, scale, gap))
        result.addPixmap(pixmap(name, theme.colours.muted, size, scale, gap), QIcon.Mode.Disabled)
    return result


def application_icon() -> QIcon:
    """The mark as the window's icon."""
    return QIcon(str(FOLDER / "app.svg"))
