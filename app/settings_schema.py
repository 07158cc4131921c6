"""The settings as data: key, kind, bounds, default, words. The page is generated from it.

``owner`` says who keeps a value: the engine (limits and its own settings, stored in ``config.toml``) or the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

CONTEXT = "Settings"
Kind = Literal["number", "whole", "switch", "text", "choice"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the settings page."""

    key: str
    group: str
    title: str
    help: str
    kind: Kind
    default: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    choices: tuple[tuple[str, str], ...] = ()
    owner: Literal["engine", "window"] = "engine"


def say(text: str) -> str:
    """A text of the schema in the owner's language."""
    return QCoreApplication.translate(CONTEXT, text) if text else ""


_LIMITS = str(QT_TRANSLATE_NOOP("Settings", "Never more than"))
_RUNNING = str(QT_TRANSLATE_NOOP("Settings", "When the window is closed"))
_LOOK = str(QT_TRANSLATE_NOOP("Settings", "Look"))
_DEEP = str(QT_TRANSLATE_NOOP("Settings", "For those who know why"))

SETTINGS: tuple[Setting, ...] = (
    Setting(
        key="offered_hours_per_week",
        group=_LIMITS,
        title=str(QT_TRANSLATE_NOOP("Settings", "Hours a week")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Hours of training you offer. Reaching them pauses until Monday.")),
        kind="number",
        default="20",
        unit="h",
        high=168,
    ),
    Setting(
        key="cpu_threads",
        group=_LIMITS,
        title=str(QT_TRANSLATE_NOOP("Settings", "CPU threads")),
        help=str(QT_TRANSLATE_NOOP("Settings", "0 means all cores but one.")),
        kind="whole",
        default="0",
        high=1_024,
    ),
    Setting(
        key="memory_gb",
        group=_LIMITS,
        title=str(QT_TRANSLATE_NOOP("Settings", "Memory")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Of the trainer. 0 means half of what the machine has.")),
        kind="number",
        default="0",
        unit="GB",
        high=100_000,
    ),
    Setting(
        key="disk_gb",
        group=_LIMITS,
        title=str(QT_TRANSLATE_NOOP("Settings", "Disk for sealed uploads")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Older ones are reduced to their hash and summary.")),
        kind="number",
        default="5",
        unit="GB",
        low=0.1,
        high=100_000,
    ),
    Setting(
        key="keep_running",
        group=_RUNNING,
        title=str(QT_TRANSLATE_NOOP("Settings", "Keep training in the background")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Off: closing the window stops training and the engine.")),
        kind="switch",
        default="no",
    ),
    Setting(
        key="theme",
        group=_LOOK,
        title=str(QT_TRANSLATE_NOOP("Settings", "Colours")),
        help="",
        kind="choice",
        default="system",
        choices=(
            ("system", str(QT_TRANSLATE_NOOP("Settings", "As the desktop"))),
            ("light", str(QT_TRANSLATE_NOOP("Settings", "Light"))),
            ("dark", str(QT_TRANSLATE_NOOP("Settings", "Dark"))),
        ),
        owner="window",
    ),
    Setting(
        key="tray_ink",
        group=_LOOK,
        title=str(QT_TRANSLATE_NOOP("Settings", "Tray icon")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Colour fits any panel; one ink is for those who want it quiet.")),
        kind="choice",
        default="colour",
        choices=(
            ("colour", str(QT_TRANSLATE_NOOP("Settings", "Colour"))),
            ("light", str(QT_TRANSLATE_NOOP("Settings", "Light ink"))),
            ("dark", str(QT_TRANSLATE_NOOP("Settings", "Dark ink"))),
        ),
        owner="window",
    ),
    Setting(
        key="reduced_motion",
        group=_LOOK,
        title=str(QT_TRANSLATE_NOOP("Settings", "Reduced motion")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Rings and messages appear without gliding.")),
        kind="switch",
        default="no",
        owner="window",
    ),
    Setting(
        key="checkpoint_interval_s",
        group=_DEEP,
        title=str(QT_TRANSLATE_NOOP("Settings", "Checkpoint at least every")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Most training that a crash may repeat.")),
        kind="number",
        default="60",
        unit="s",
        low=1,
        high=3_600,
    ),
    Setting(
        key="devices",
        group=_DEEP,
        title=str(QT_TRANSLATE_NOOP("Settings", "Devices")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Such as cuda:0 or cpu, with commas. Empty means the best one found.")),
        kind="text",
        default="",
    ),
    Setting(
        key="worker_interpreter",
        group=_DEEP,
        title=str(QT_TRANSLATE_NOOP("Settings", "Python of the trainer")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Empty means the engine's own.")),
        kind="text",
        default="",
    ),
)
