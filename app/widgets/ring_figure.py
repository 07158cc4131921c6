"""The rings and the state's disc as widgets."""

from __future__ import annotations

import math

from PySide6.QtCore import QEasingCurve, QRectF, QSize, Qt, QVariantAnimation
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import icons
from app.theme import Theme
from app.widgets.chip import GUARANTEE_ICONS, GUARANTEE_INKS
from app.widgets.rings import Kind, RingFigure, Sign, paint_gauge, paint_rings, paint_sign, window_ink

_MOTION_MS = 150
_LEAST_GLIDE_PX = 2.0
"""A shorter way is drawn at once: in training each snapshot moves a ring by a hair, and a glide is ten paintings."""


class Rings(QWidget):
    """The two rings; a new value glides in for 150 ms unless motion is reduced."""

    def __init__(self, theme: Theme, side: int) -> None:
        super().__init__()
        self._theme = theme
        self._figure = RingFigure(None, None)
        self._shown = self._figure
        self._motion = QVariantAnimation(self)
        self._motion.setDuration(_MOTION_MS)
        self._motion.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._motion.setStartValue(0.0)
        self._motion.setEndValue(1.0)
        self._motion.valueChanged.connect(self._glide)
        self._from = self._figure
        self.setFixedSize(side, side)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def figure(self) -> RingFigure:
        """What the rings say."""
        return self._figure

    def show_figure(self, figure: RingFigure, spoken: str) -> None:
        """Say something else; ``spoken`` is what assistive tools read."""
        self.setAccessibleName(spoken)
        if figure == self._figure:
            return
        self._from, self._figure = self._shown, figure
        self._motion.stop()
        moves = figure.joined and self._from.joined and not self._theme.reduced_motion and self.isVisible()
        if moves and self._way_px() >= _LEAST_GLIDE_PX:
            self._motion.start()
        else:
            self._shown = figure
            self.update()

    def _way_px(self) -> float:
        pairs = ((self._from.given, self._figure.given), (self._from.privacy, self._figure.privacy))
        ways = [0.0 if a is None or b is None else abs(b - a) for a, b in pairs]
        return max(ways) * math.pi * self.width()

    def _glide(self, share: object) -> None:
        part = float(share) if isinstance(share, float) else 1.0
        target, start = self._figure, self._from

        def between(a: float | None, b: float | None) -> float | None:
            return b if a is None or b is None else a + (b - a) * part

        self._shown = RingFigure(
            between(start.given, target.given), between(start.privacy, target.privacy), target.kind, target.sign
        )
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw the rings."""
        painter = QPainter(self)
        paint_rings(painter, QRectF(self.rect()), self._shown, window_ink(self._theme.colours))


class StateDisc(QWidget):
    """The state's sign on a soft disc."""

    def __init__(self, theme: Theme, side: int) -> None:
        super().__init__()
        self._theme = theme
        self._sign: Sign = "none"
        self._ink, self._fill = "control", ""
        self.setFixedSize(QSize(side, side))
        theme.changed.connect(self.update)

    def show_sign(self, sign: Sign, ink: str, fill: str) -> None:
        """Show a sign; an empty ``fill`` is a dashed empty disc."""
        if (sign, ink, fill) != (self._sign, self._ink, self._fill):
            self._sign, self._ink, self._fill = sign, ink, fill
            self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw disc and sign."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect())
        if not self._fill:
            pen = QPen(self._theme.colour(self._ink), 1.4)
            pen.setDashPattern([2.2, 2.2])
            painter.setPen(pen)
            painter.drawEllipse(box.adjusted(1, 1, -1, -1))
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour(self._fill))
        painter.drawEllipse(box)
        side = box.width() * (0.4 if self._sign == "leaf" else 0.36)
        inner = QRectF(box.center().x() - side / 2, box.center().y() - side / 2, side, side)
        paint_sign(painter, self._sign, inner, self._theme.colour(self._ink))


class LegendDot(QWidget):
    """The small ring beside a figure that says which of the two rings it belongs to."""

    def __init__(self, theme: Theme, ink: str) -> None:
        super().__init__()
        self._theme, self._ink = theme, ink
        side = theme.px(3.5)
        self.setFixedSize(side, side)
        theme.changed.connect(self.update)

    def set_ink(self, ink: str) -> None:
        """Take another role's colour."""
        if ink != self._ink:
            self._ink = ink
            self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw a thick circle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = self.width() * 0.28
        painter.setPen(QPen(self._theme.colour(self._ink), width))
        painter.drawEllipse(QRectF(self.rect()).adjusted(width / 2, width / 2, -width / 2, -width / 2))


class Gauge(QWidget):
    """What is left of one budget, with the shield that says its kind."""

    def __init__(self, theme: Theme, side: int) -> None:
        super().__init__()
        self._theme = theme
        self._share = 1.0
        self._kind: Kind = "guaranteed"
        self.setFixedSize(side, side)
        theme.changed.connect(self.update)

    def show_share(self, share: float, kind: Kind, spoken: str) -> None:
        """Show another share; ``spoken`` is what assistive tools read."""
        self.setAccessibleName(spoken)
        if (share, kind) != (self._share, self._kind):
            self._share, self._kind = share, kind
            self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw ring and shield."""
        painter = QPainter(self)
        box = QRectF(self.rect())
        paint_gauge(painter, box, self._share, self._kind, window_ink(self._theme.colours))
        side = box.width() * 0.42
        inner = QRectF(box.center().x() - side / 2, box.center().y() - side / 2, side, side)
        colour = getattr(self._theme.colours, GUARANTEE_INKS[self._kind])
        icons.paint(painter, "cross" if self._kind == "none" else GUARANTEE_ICONS[self._kind], colour, inner)
