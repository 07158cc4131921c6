"""The two rings: what was given (outer) and what privacy is left (inner), with the state's sign in the middle.

One drawing for the tray, the foot of the rail, the menu and Home. At 16, 22 and 32 pixels it follows a plan in whole
pixels, elsewhere the same proportions. The arcs never lie: empty only at exactly 0, full only at exactly 1, and in
between never under one sixteenth nor over fifteen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap

from app.theme import TRAY, Colours

Sign = Literal["leaf", "dots", "bars", "hands", "square", "exclamation", "none"]
Kind = Literal["guaranteed", "promised", "none"]
SMALLEST, LARGEST = 1 / 16, 15 / 16
_DASHES = 10
_DOTS = 10


@dataclass(frozen=True, slots=True)
class RingFigure:
    """What the rings say. ``None`` is a ring that has nothing to say: its track is drawn in full ink."""

    given: float | None
    privacy: float | None
    kind: Kind = "guaranteed"
    sign: Sign = "none"

    @property
    def joined(self) -> bool:
        """Whether there is anything to show beyond two tracks."""
        return self.given is not None or self.privacy is not None


@dataclass(frozen=True, slots=True)
class RingInk:
    """Colours of one drawing."""

    active: QColor
    idle: QColor
    guaranteed: QColor
    promised: QColor
    danger: QColor
    track: QColor
    bare: QColor
    """Both tracks where nothing is joined."""


@dataclass(frozen=True, slots=True)
class _Plan:
    outer: tuple[float, float]
    inner: tuple[float, float]
    cap: Qt.PenCapStyle
    box: float


_PLANS = {
    16: _Plan((7.2, 1.6), (4.9, 1.4), Qt.PenCapStyle.FlatCap, 6),
    22: _Plan((9.75, 2.5), (6.25, 2.0), Qt.PenCapStyle.FlatCap, 7),
    32: _Plan((14.0, 3.6), (8.9, 2.8), Qt.PenCapStyle.RoundCap, 9.6),
}


def shown(fraction: float) -> float:
    """The share of a ring that is drawn for a share of the thing."""
    if fraction >= 1:
        return 1.0
    if not fraction > 0:  # not a number included
        return 0.0
    return min(LARGEST, max(SMALLEST, fraction))


def window_ink(colours: Colours) -> RingInk:
    """Ink of the rings inside the window."""
    return RingInk(
        active=QColor(colours.accent),
        idle=QColor(colours.muted),
        guaranteed=QColor(colours.guarantee),
        promised=QColor(colours.promised),
        danger=QColor(colours.danger),
        track=QColor(colours.track),
        bare=QColor(colours.control),
    )


def tray_ink(setting: str = "colour") -> RingInk:
    """Ink of the tray icon, legible on any panel; ``light`` and ``dark`` use one ink, tracks at 28 %."""
    if setting == "colour":
        given, guarantee, promised, danger, ink = (
            QColor(TRAY[role]) for role in ("given", "guarantee", "promised", "danger", "ink")
        )
        return RingInk(given, ink, guarantee, promised, danger, _faint(ink), ink)
    ink = QColor(TRAY[setting])
    return RingInk(ink, ink, ink, ink, ink, _faint(ink), ink)


def _faint(ink: QColor) -> QColor:
    result = QColor(ink)
    result.setAlphaF(0.28)
    return result


def _plan(size: float) -> _Plan:
    exact = _PLANS.get(round(size)) if abs(size - round(size)) < 1e-6 else None
    if exact is not None:
        return exact
    return _Plan((0.435 * size, 0.105 * size), (0.295 * size, 0.075 * size), Qt.PenCapStyle.RoundCap, 0.2 * size)


def paint_rings(painter: QPainter, box: QRectF, figure: RingFigure, ink: RingInk) -> None:
    """Draw the rings into the square ``box``."""
    size = min(box.width(), box.height())
    plan = _plan(size)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(box.center().x() - size / 2, box.center().y() - size / 2)
    centre = QPointF(size / 2, size / 2)
    if not figure.joined:
        _track(painter, centre, plan.outer, ink.bare)
        _track(painter, centre, plan.inner, ink.bare)
        painter.restore()
        return
    training = figure.sign == "leaf"
    _track(painter, centre, plan.outer, ink.track)
    _arc(painter, centre, plan.outer, shown(figure.given or 0.0), ink.active if training else ink.idle, plan.cap)
    _privacy(painter, centre, plan, figure, ink)
    paint_sign(painter, figure.sign, _sign_box(size, plan.box), _sign_ink(figure, ink), size)
    painter.restore()


def paint_gauge(painter: QPainter, box: QRectF, share: float, kind: Kind, ink: RingInk) -> None:
    """One budget as a single ring with the same kinds of line; the middle stays free for a shield."""
    size = min(box.width(), box.height())
    plan = _Plan((0, 0), (0.42 * size, 0.13 * size), Qt.PenCapStyle.FlatCap, 0)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _privacy(painter, box.center(), plan, RingFigure(None, share, kind), ink)
    painter.restore()


def _track(painter: QPainter, centre: QPointF, ring: tuple[float, float], colour: QColor) -> None:
    painter.setPen(QPen(colour, ring[1]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(centre, ring[0], ring[0])


def _arc(
    painter: QPainter, centre: QPointF, ring: tuple[float, float], share: float, colour: QColor, cap: Qt.PenCapStyle
) -> None:
    if share <= 0:
        return
    if share >= 1:
        _track(painter, centre, ring, colour)
        return
    painter.setPen(QPen(colour, ring[1], Qt.PenStyle.SolidLine, cap))
    radius = ring[0]
    rect = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
    painter.drawArc(rect, 90 * 16, round(-share * 360 * 16))


def _privacy(painter: QPainter, centre: QPointF, plan: _Plan, figure: RingFigure, ink: RingInk) -> None:
    if figure.kind == "none":
        _dots(painter, centre, plan.inner, ink.danger)
        return
    _track(painter, centre, plan.inner, ink.track)
    share = shown(figure.privacy or 0.0)
    if figure.kind == "guaranteed":
        _arc(painter, centre, plan.inner, share, ink.guaranteed, plan.cap)
        return
    radius, width = plan.inner
    rect = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
    painter.setPen(QPen(ink.promised, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
    step = 360 / _DASHES
    for index in range(_DASHES):
        length = min(step * 0.62, share * 360 - index * step)
        if length > 0:
            painter.drawArc(rect, round((90 - index * step) * 16), round(-length * 16))


def _dots(painter: QPainter, centre: QPointF, ring: tuple[float, float], colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    for index in range(_DOTS):
        angle = 2 * math.pi * (index + 0.5) / _DOTS
        place = QPointF(centre.x() + ring[0] * math.sin(angle), centre.y() - ring[0] * math.cos(angle))
        painter.drawEllipse(place, ring[1] * 0.5, ring[1] * 0.5)


def _sign_box(size: float, side: float) -> QRectF:
    start = (size - side) / 2
    if size in (16, 22):
        start = math.floor(start)
    return QRectF(start, start, side, side)


def _sign_ink(figure: RingFigure, ink: RingInk) -> QColor:
    return {"leaf": ink.active, "square": ink.guaranteed, "exclamation": ink.danger}.get(figure.sign, ink.idle)


def paint_sign(painter: QPainter, sign: Sign, box: QRectF, colour: QColor, size: float = 0) -> None:
    """Draw a state's sign; at 16 and 22 pixels (``size``) in whole pixels."""
    if sign == "none":
        return
    painter.save()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    if sign == "leaf":
        painter.drawPath(leaf(box))
    elif size in (16, 22):
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for x, y, width, height in _pixels(sign, size):
            painter.fillRect(QRectF(x, y, width, height), colour)
    else:
        _SIGNS[sign](painter, box, colour)
    painter.restore()


def leaf(box: QRectF) -> QPainterPath:
    """The mark: two mirrored arcs."""
    x, y, side = box.x(), box.y(), box.width()
    path = QPainterPath(QPointF(x, y + side))
    path.cubicTo(x, y + 0.35 * side, x + 0.35 * side, y, x + side, y)
    path.cubicTo(x + side, y + 0.65 * side, x + 0.65 * side, y + side, x, y + side)
    path.closeSubpath()
    return path


_Pixels = tuple[tuple[int, int, int, int], ...]
_PIXELS_16: dict[str, _Pixels] = {
    "bars": ((5, 5, 2, 6), (9, 5, 2, 6)),
    "dots": ((5, 7, 6, 2),),
    "hands": ((7, 4, 2, 5), (7, 7, 4, 2)),
    "square": ((5, 5, 6, 6),),
    "exclamation": ((7, 4, 2, 5), (7, 10, 2, 2)),
}
_PIXELS_22: dict[str, _Pixels] = {
    "bars": ((8, 7, 2, 7), (12, 7, 2, 7)),
    "dots": ((7, 10, 2, 2), (10, 10, 2, 2), (13, 10, 2, 2)),
    "hands": ((10, 7, 2, 5), (10, 10, 4, 2)),
    "square": ((7, 7, 7, 7),),
    "exclamation": ((10, 7, 2, 5), (10, 13, 2, 2)),
}


def _pixels(sign: str, size: float) -> _Pixels:
    return (_PIXELS_16 if size == 16 else _PIXELS_22)[sign]


def _bars(painter: QPainter, box: QRectF, _: QColor) -> None:
    width, radius = box.width() * 0.3, box.width() * 0.06
    painter.drawRoundedRect(QRectF(box.x() + box.width() * 0.08, box.y(), width, box.height()), radius, radius)
    painter.drawRoundedRect(
        QRectF(box.right() - box.width() * 0.08 - width, box.y(), width, box.height()), radius, radius
    )


def _three_dots(painter: QPainter, box: QRectF, _: QColor) -> None:
    radius = box.width() * 0.15
    for x in (-0.42, 0.0, 0.42):
        painter.drawEllipse(QPointF(box.center().x() + x * box.width(), box.center().y()), radius, radius)


def _hands(painter: QPainter, box: QRectF, colour: QColor) -> None:
    width = box.width() * 0.2
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    corner = QPointF(box.center().x() - 0.12 * box.width(), box.center().y() + 0.22 * box.height())
    path = QPainterPath(QPointF(corner.x(), box.y() + width / 2))
    path.lineTo(corner)
    path.lineTo(QPointF(box.right() - width * 0.75, corner.y()))
    painter.drawPath(path)


def _square(painter: QPainter, box: QRectF, _: QColor) -> None:
    radius = box.width() * 0.08
    painter.drawRoundedRect(
        box.adjusted(box.width() * 0.05, box.width() * 0.05, -box.width() * 0.05, -box.width() * 0.05), radius, radius
    )


def _exclamation(painter: QPainter, box: QRectF, _: QColor) -> None:
    width, radius = box.width() * 0.26, box.width() * 0.06
    left = box.center().x() - width / 2
    painter.drawRoundedRect(QRectF(left, box.y(), width, box.height() * 0.62), radius, radius)
    painter.drawRoundedRect(QRectF(left, box.bottom() - width, width, width), radius, radius)


_SIGNS: dict[str, Callable[[QPainter, QRectF, QColor], None]] = {
    "bars": _bars,
    "dots": _three_dots,
    "hands": _hands,
    "square": _square,
    "exclamation": _exclamation,
}


def ring_pixmap(size: int, figure: RingFigure, ink: RingInk) -> QPixmap:
    """The rings as a picture of ``size`` real pixels."""
    picture = QPixmap(size, size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    paint_rings(painter, QRectF(0, 0, size, size), figure, ink)
    painter.end()
    return picture
