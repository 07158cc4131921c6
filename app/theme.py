"""Colour, type and space: one table that feeds the palettes, the stylesheet and every painter.

Colour always means something: green is what is given, indigo is what protects, ochre is what a coordinator promises,
red is a missing guarantee or a problem. Everything else is quiet ink. Sizes follow the system font: the unit ``u`` is
a quarter of its height, so that the window grows with the owner's reading size.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetrics, QPalette
from PySide6.QtWidgets import QApplication

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
CHOICES = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class Colours:
    """One scheme; names are roles, never hues."""

    background: str
    rail: str
    surface: str
    sunken: str
    border: str
    track: str
    control: str
    text: str
    muted: str
    accent: str
    on_accent: str
    guarantee: str
    promised: str
    danger: str
    accent_soft: str
    guarantee_soft: str
    promised_soft: str
    danger_soft: str
    series3: str
    series4: str
    series5: str
    series6: str


LIGHT = Colours(
    background="#F4F4EE",
    rail="#ECEDE5",
    surface="#FFFFFF",
    sunken="#EAEBE3",
    border="#DBDCD2",
    track="#DFE1D7",
    control="#858B80",
    text="#1D241D",
    muted="#566055",
    accent="#2C6A3D",
    on_accent="#FFFFFF",
    guarantee="#3F4DA3",
    promised="#845300",
    danger="#AD2A24",
    accent_soft="#E0EDDD",
    guarantee_soft="#E7E9F7",
    promised_soft="#F8ECD6",
    danger_soft="#FAE5E2",
    series3="#A06507",
    series4="#A34E33",
    series5="#1F7480",
    series6="#6E6B78",
)
DARK = Colours(
    background="#151915",
    rail="#111411",
    surface="#1D221D",
    sunken="#272D27",
    border="#353D35",
    track="#333A33",
    control="#7D877B",
    text="#E7EBE4",
    muted="#A5AFA2",
    accent="#86C791",
    on_accent="#0F2114",
    guarantee="#ACB6F5",
    promised="#E2B564",
    danger="#F49A90",
    accent_soft="#22382A",
    guarantee_soft="#2A2F4C",
    promised_soft="#3B301A",
    danger_soft="#452521",
    series3="#D69A3C",
    series4="#DE8E71",
    series5="#63B7C2",
    series6="#A9A5B5",
)
TRAY = {
    "given": "#3B9A57",
    "guarantee": "#7A83DE",
    "promised": "#B5832B",
    "danger": "#E0584D",
    "ink": "#7C8479",
    "light": "#FFFFFF",
    "dark": "#1E1E1E",
}
"""Ink of the tray icon; the first five reach 3:1 on white and on ``#1E1E1E``, so the panel need not be known."""
SCHEMES = {"light": LIGHT, "dark": DARK}
TEXT_ROLES = ("text", "muted", "accent", "guarantee", "promised", "danger")
"""Inks that carry text and must reach 4.5:1 on every ground they may lie on."""
GROUNDS = ("background", "rail", "surface", "sunken")
SOFT_FILLS = {
    "accent": "accent_soft",
    "guarantee": "guarantee_soft",
    "promised": "promised_soft",
    "danger": "danger_soft",
}
SERIES = ("accent", "guarantee", "series3", "series4", "series5", "series6")


class Type(Enum):
    """Sizes of type as multiples of the system font's size."""

    AXIS = 0.79
    SMALL = 0.86
    BODY = 1.0
    WORD = 1.14
    TITLE = 1.43
    FIRST = 1.71
    FIGURE = 2.0


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Ratio of two ``#RRGGBB`` colours after WCAG 2.1, between 1 and 21."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def palette(colours: Colours) -> QPalette:
    """The Qt palette of a scheme, for whatever the stylesheet does not reach."""
    result = QPalette()
    roles = {
        QPalette.ColorRole.Window: colours.background,
        QPalette.ColorRole.WindowText: colours.text,
        QPalette.ColorRole.Base: colours.surface,
        QPalette.ColorRole.AlternateBase: colours.sunken,
        QPalette.ColorRole.Text: colours.text,
        QPalette.ColorRole.PlaceholderText: colours.muted,
        QPalette.ColorRole.Button: colours.surface,
        QPalette.ColorRole.ButtonText: colours.text,
        QPalette.ColorRole.BrightText: colours.danger,
        QPalette.ColorRole.Highlight: colours.accent,
        QPalette.ColorRole.HighlightedText: colours.on_accent,
        QPalette.ColorRole.Link: colours.accent,
        QPalette.ColorRole.LinkVisited: colours.accent,
        QPalette.ColorRole.ToolTipBase: colours.surface,
        QPalette.ColorRole.ToolTipText: colours.text,
        QPalette.ColorRole.Light: colours.surface,
        QPalette.ColorRole.Midlight: colours.sunken,
        QPalette.ColorRole.Mid: colours.border,
        QPalette.ColorRole.Dark: colours.control,
        QPalette.ColorRole.Shadow: colours.border,
        QPalette.ColorRole.Accent: colours.accent,
    }
    for role, value in roles.items():
        result.setColor(role, QColor(value))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours.muted))
    return result


class Theme(QObject):
    """The scheme in force.

    Signals:
        changed: colours or sizes are others now; painters repaint, icons are made again.
    """

    changed = Signal()

    def __init__(self, application: QApplication, choice: str = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._application = application
        self._choice = choice
        self._system_dark = False
        self.reduced_motion = False
        self.colours = LIGHT
        self.unit = 4
        application.setStyle("Fusion")
        hints = application.styleHints()
        self._follow(hints.colorScheme())
        hints.colorSchemeChanged.connect(self._follow)
        self._apply()

    @property
    def choice(self) -> str:
        """``system``, ``light`` or ``dark``."""
        return self._choice

    @property
    def dark(self) -> bool:
        """Whether the dark scheme is shown."""
        return self.colours is DARK

    def set_choice(self, choice: str) -> None:
        """Follow the system or hold one scheme.

        Raises:
            ValueError: there is no such choice.
        """
        if choice not in CHOICES:
            raise ValueError(f"theme is {choice!r}, must be one of {', '.join(CHOICES)}")
        self._choice = choice
        self._apply()

    def set_system_dark(self, dark: bool) -> None:
        """Take in what the desktop says."""
        if dark != self._system_dark:
            self._system_dark = dark
            self._apply()

    def px(self, units: float) -> int:
        """Pixels of a number of units."""
        return round(units * self.unit)

    def colour(self, role: str) -> QColor:
        """The colour of a role in the scheme in force."""
        return QColor(getattr(self.colours, role))

    def font(self, size: Type = Type.BODY, weight: int = 400, mono: bool = False) -> QFont:
        """The system font at one of the sizes, with tabular figures where the font has them."""
        font = QFont(self._application.font())
        if mono:
            font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        base = self._application.font()
        if base.pixelSize() > 0:
            font.setPixelSize(round(base.pixelSize() * size.value))
        else:
            font.setPointSizeF(base.pointSizeF() * size.value)
        font.setWeight(QFont.Weight(weight))
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def _follow(self, scheme: Qt.ColorScheme) -> None:
        if scheme != Qt.ColorScheme.Unknown:
            self.set_system_dark(scheme == Qt.ColorScheme.Dark)

    def _apply(self) -> None:
        dark = self._system_dark if self._choice == "system" else self._choice == "dark"
        self.colours = DARK if dark else LIGHT
        self.unit = max(3, round(QFontMetrics(self._application.font()).height() / 4))
        self._application.setPalette(palette(self.colours))
        self._application.setStyleSheet(self.stylesheet())
        self.changed.emit()

    def stylesheet(self) -> str:
        """The one stylesheet, filled from the table."""
        template = string.Template((RESOURCES / "themes" / "hedgerow.qss").read_text("utf-8"))
        values: dict[str, str] = {field.name: getattr(self.colours, field.name) for field in fields(self.colours)}
        values |= {f"u{n}": f"{self.px(n)}px" for n in (1, 2, 3, 4, 6, 8)}
        values |= {"button": f"{self.px(8) - 2}px", "small": f"{self.px(7) - 2}px", "row": f"{self.px(9)}px"}
        small = self.font(Type.SMALL)
        values["small_size"] = f"{small.pixelSize()}px" if small.pixelSize() > 0 else f"{small.pointSizeF():.1f}pt"
        values["icons"] = (RESOURCES / "icons").as_posix()
        values["check"] = f"{self.px(4)}px"
        values["scheme"] = "dark" if self.dark else "light"
        return template.substitute(values)
