"""The settings as data: key, kind, bounds, default, words. The page is generated from it.

``owner`` says who keeps a value: the engine (limits and its own settings, stored in ``config.toml``), the window, or
the desktop's session, whose files say what holds.
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
    owner: Literal["engine", "window", "session"] = "engine"


def say(text: str) -> str:
    """A text of the schema in the owner's language."""
    return QCoreApplication.translate(CONTEXT, text) if text else ""


_LIMITS = str(QT_TRANSLATE_NOOP("Settings", "Never more than"))
_WHEN = str(QT_TRANSLATE_NOOP("Settings", "Only when"))
_NETWORK = str(QT_TRANSLATE_NOOP("Settings", "On the network, never more than"))
_RUNNING = str(QT_TRANSLATE_NOOP("Settings", "When the window is closed"))
_LOOK = str(QT_TRANSLATE_NOOP("Settings", "Look"))
_TELL = str(QT_TRANSLATE_NOOP("Settings", "Tell me while the window is out of sight"))
_FLOOR = str(QT_TRANSLATE_NOOP("Settings", "Privacy, whatever a federation asks"))
_ENERGY = str(QT_TRANSLATE_NOOP("Settings", "Energy, as the history counts it"))
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
        key="duty_cycle",
        group=_LIMITS,
        title=str(QT_TRANSLATE_NOOP("Settings", "Share of the time")),
        help=str(
            QT_TRANSLATE_NOOP(
                "Settings", "1 computes without a rest, 0.5 sleeps as long as it computes: less heat and noise."
            )
        ),
        kind="number",
        default="1",
        low=0.1,
        high=1,
    ),
    Setting(
        key="gpu_memory_gb",
        group=_LIMITS,
        title=str(QT_TRANSLATE_NOOP("Settings", "Memory on each GPU")),
        help=str(QT_TRANSLATE_NOOP("Settings", "0 means what is free there.")),
        kind="number",
        default="0",
        unit="GB",
        high=100000,
    ),
    Setting(
        key="gpu_temperature_c",
        group=_LIMITS,
        title=str(QT_TRANSLATE_NOOP("Settings", "Temperature of the GPU")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Training pauses above it. 0 means no ceiling.")),
        kind="number",
        default="85",
        unit="°C",
        high=120,
    ),
    Setting(
        key="gpu_temperature_gap_c",
        group=_LIMITS,
        title=str(QT_TRANSLATE_NOOP("Settings", "Cool down by")),
        help=str(QT_TRANSLATE_NOOP("Settings", "How far below its ceiling the GPU must be before training goes on.")),
        kind="number",
        default="5",
        unit="°C",
        low=1,
        high=40,
    ),
    Setting(
        key="schedule",
        group=_WHEN,
        title=str(QT_TRANSLATE_NOOP("Settings", "Week plan")),
        help=str(
            QT_TRANSLATE_NOOP(
                "Settings",
                "Seven days from Monday, with commas, 24 letters each: f full, h half, o off. Empty means always.",
            )
        ),
        kind="text",
        default="",
    ),
    Setting(
        key="only_when_idle",
        group=_WHEN,
        title=str(QT_TRANSLATE_NOOP("Settings", "Only when nobody uses the machine")),
        help=str(
            QT_TRANSLATE_NOOP("Settings", "Asked of the desktop; where it does not say, training waits and tells you.")
        ),
        kind="choice",
        default="no",
        choices=(
            ("no", str(QT_TRANSLATE_NOOP("Settings", "No"))),
            ("display", str(QT_TRANSLATE_NOOP("Settings", "If the GPU draws the screen"))),
            ("always", str(QT_TRANSLATE_NOOP("Settings", "Always"))),
        ),
    ),
    Setting(
        key="idle_minutes",
        group=_WHEN,
        title=str(QT_TRANSLATE_NOOP("Settings", "Nobody uses it after")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Minutes without keyboard and mouse.")),
        kind="number",
        default="5",
        unit="min",
        low=0.5,
        high=1440,
    ),
    Setting(
        key="train_on_battery",
        group=_WHEN,
        title=str(QT_TRANSLATE_NOOP("Settings", "Train on battery")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Off: training pauses until the machine is plugged in.")),
        kind="switch",
        default="no",
    ),
    Setting(
        key="pause_on_full_screen",
        group=_WHEN,
        title=str(QT_TRANSLATE_NOOP("Settings", "Pause while a program fills the screen")),
        help=str(QT_TRANSLATE_NOOP("Settings", "A game, a film, a talk.")),
        kind="switch",
        default="yes",
    ),
    Setting(
        key="other_gpu_percent",
        group=_WHEN,
        title=str(QT_TRANSLATE_NOOP("Settings", "Pause when others use the GPU above")),
        help=str(QT_TRANSLATE_NOOP("Settings", "0 means never.")),
        kind="number",
        default="50",
        unit="%",
        high=100,
    ),
    Setting(
        key="other_cpu_percent",
        group=_WHEN,
        title=str(QT_TRANSLATE_NOOP("Settings", "Pause when others use the processor above")),
        help=str(QT_TRANSLATE_NOOP("Settings", "0 means never.")),
        kind="number",
        default="0",
        unit="%",
        high=100,
    ),
    Setting(
        key="hold_s",
        group=_WHEN,
        title=str(QT_TRANSLATE_NOOP("Settings", "Only if it lasts")),
        help=str(QT_TRANSLATE_NOOP("Settings", "A shorter load of others is no reason to pause.")),
        kind="number",
        default="20",
        unit="s",
        high=3600,
    ),
    Setting(
        key="quiet_s",
        group=_WHEN,
        title=str(QT_TRANSLATE_NOOP("Settings", "Go on after quiet for")),
        help=str(QT_TRANSLATE_NOOP("Settings", "How long others must be done before training goes on.")),
        kind="number",
        default="120",
        unit="s",
        high=3600,
    ),
    Setting(
        key="upload_mbit_s",
        group=_NETWORK,
        title=str(QT_TRANSLATE_NOOP("Settings", "Upload")),
        help=str(QT_TRANSLATE_NOOP("Settings", "0 means no limit; the least is 0.5.")),
        kind="number",
        default="0",
        unit="Mb/s",
        high=100000,
    ),
    Setting(
        key="download_mbit_s",
        group=_NETWORK,
        title=str(QT_TRANSLATE_NOOP("Settings", "Download")),
        help=str(QT_TRANSLATE_NOOP("Settings", "0 means no limit; the least is 0.5.")),
        kind="number",
        default="0",
        unit="Mb/s",
        high=100000,
    ),
    Setting(
        key="monthly_gb",
        group=_NETWORK,
        title=str(QT_TRANSLATE_NOOP("Settings", "Data in a month")),
        help=str(
            QT_TRANSLATE_NOOP("Settings", "Sent and received. No round begins that would not fit. 0 means no limit.")
        ),
        kind="number",
        default="0",
        unit="GB",
        high=1000000,
    ),
    Setting(
        key="use_metered",
        group=_NETWORK,
        title=str(QT_TRANSLATE_NOOP("Settings", "Use a metered network")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Off: no round begins on one, and finished updates wait.")),
        kind="switch",
        default="no",
    ),
    Setting(
        key="floor_unit",
        group=_FLOOR,
        title=str(QT_TRANSLATE_NOOP("Settings", "Weakest protection")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Federations that offer less cannot be joined, and joined ones rest.")),
        kind="choice",
        default="none",
        choices=(
            ("none", str(QT_TRANSLATE_NOOP("Settings", "None, if I agree each time"))),
            ("record", str(QT_TRANSLATE_NOOP("Settings", "Each passage"))),
            ("document", str(QT_TRANSLATE_NOOP("Settings", "Each document"))),
            ("corpus", str(QT_TRANSLATE_NOOP("Settings", "My whole text"))),
        ),
    ),
    Setting(
        key="floor_epsilon",
        group=_FLOOR,
        title=str(QT_TRANSLATE_NOOP("Settings", "Highest limit of a text")),
        help=str(QT_TRANSLATE_NOOP("Settings", "The smaller, the less anybody can learn of it. Above 8 says little.")),
        kind="number",
        default="8",
        unit="ε",
        low=0.01,
        high=1_000,
    ),
    Setting(
        key="floor_noise",
        group=_FLOOR,
        title=str(QT_TRANSLATE_NOOP("Settings", "Least noise")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Added even where a federation and the limit ask for less.")),
        kind="number",
        default="0",
        unit="σ",
        high=1_000,
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
        key="autostart",
        group=_RUNNING,
        title=str(QT_TRANSLATE_NOOP("Settings", "Start with the session")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Into the tray, without a window. Off until you want it.")),
        kind="switch",
        default="no",
        owner="session",
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
        key="language",
        group=_LOOK,
        title=str(QT_TRANSLATE_NOOP("Settings", "Language")),
        help=str(QT_TRANSLATE_NOOP("Settings", "From the next start of the window.")),
        kind="choice",
        default="system",
        choices=(
            ("system", str(QT_TRANSLATE_NOOP("Settings", "As the desktop"))),
            ("en", "English"),
            ("de", "Deutsch"),
            ("fr", "Français"),
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
        key="notify_problem",
        group=_TELL,
        title=str(QT_TRANSLATE_NOOP("Settings", "That something does not work")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Such as a federation that does not answer or an engine that stopped.")),
        kind="switch",
        default="yes",
        owner="window",
    ),
    Setting(
        key="notify_budget",
        group=_TELL,
        title=str(QT_TRANSLATE_NOOP("Settings", "That a text has reached its limit")),
        help="",
        kind="switch",
        default="yes",
        owner="window",
    ),
    Setting(
        key="notify_round",
        group=_TELL,
        title=str(QT_TRANSLATE_NOOP("Settings", "That a round is finished")),
        help="",
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
        key="device_watts",
        group=_ENERGY,
        title=str(QT_TRANSLATE_NOOP("Settings", "Power of what trains")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Taken where the machine cannot measure its energy.")),
        kind="number",
        default="65",
        unit="W",
        low=1,
        high=20_000,
    ),
    Setting(
        key="grid_g_per_kwh",
        group=_ENERGY,
        title=str(QT_TRANSLATE_NOOP("Settings", "CO₂ of your electricity")),
        help=str(
            QT_TRANSLATE_NOOP(
                "Settings",
                "Grams for a kilowatt-hour; 0 means not known. In one study: France 79, United Kingdom 509, "
                "United States 547, China 975.",
            )
        ),
        kind="number",
        default="0",
        unit="g",
        high=5_000,
    ),
    Setting(
        key="message_update_mb",
        group=_DEEP,
        title=str(QT_TRANSLATE_NOOP("Settings", "Updates go up in pieces from")),
        help=str(QT_TRANSLATE_NOOP("Settings", "Larger updates go up in pieces and are resumed after a cut.")),
        kind="number",
        default="1",
        unit="MiB",
        low=0,
        high=32,
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
