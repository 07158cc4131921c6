"""How a state looks: sign, colours, word and the one button that helps. Shared by bar, Home and tray."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from app.widgets.rings import Sign


class Action(Enum):
    """What the state's button does."""

    PAUSE = auto()
    RESUME = auto()
    CHANGE_RULE = auto()
    SEE_PRIVACY = auto()
    RETRY = auto()
    START_ENGINE = auto()
    OPEN_INVITE = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class StateView:
    """Everything a place that shows the state needs."""

    key: str
    word: str
    sentence: str
    sign: Sign
    ink: str
    fill: str
    """Role of the soft disc; empty for a dashed, empty disc."""
    action: Action
    action_text: str


_Row = tuple[str, Sign, str, str, Action, str]
_PAUSE = str(QT_TRANSLATE_NOOP("State", "Pause"))
_RESUME = str(QT_TRANSLATE_NOOP("State", "Resume"))
_PROBLEM = str(QT_TRANSLATE_NOOP("State", "Problem"))
_ROWS: dict[str, _Row] = {
    "training": (str(QT_TRANSLATE_NOOP("State", "Training")), "leaf", "accent", "accent_soft", Action.PAUSE, _PAUSE),
    "waiting": (str(QT_TRANSLATE_NOOP("State", "Waiting")), "dots", "muted", "sunken", Action.PAUSE, _PAUSE),
    "pausing": (str(QT_TRANSLATE_NOOP("State", "Pausing")), "bars", "muted", "sunken", Action.RESUME, _RESUME),
    "paused": (str(QT_TRANSLATE_NOOP("State", "Paused by you")), "bars", "text", "sunken", Action.RESUME, _RESUME),
    "resuming": (str(QT_TRANSLATE_NOOP("State", "Resuming")), "dots", "muted", "sunken", Action.PAUSE, _PAUSE),
    "paused_rule": (
        str(QT_TRANSLATE_NOOP("State", "Paused by a rule")),
        "hands",
        "muted",
        "sunken",
        Action.CHANGE_RULE,
        str(QT_TRANSLATE_NOOP("State", "Change rule")),
    ),
    "no_budget": (
        str(QT_TRANSLATE_NOOP("State", "No budget")),
        "square",
        "guarantee",
        "guarantee_soft",
        Action.SEE_PRIVACY,
        str(QT_TRANSLATE_NOOP("State", "See privacy")),
    ),
    "problem": (
        _PROBLEM,
        "exclamation",
        "danger",
        "danger_soft",
        Action.RETRY,
        str(QT_TRANSLATE_NOOP("State", "Try now")),
    ),
    "not_joined": (
        str(QT_TRANSLATE_NOOP("State", "Not joined")),
        "none",
        "control",
        "",
        Action.OPEN_INVITE,
        str(QT_TRANSLATE_NOOP("State", "Open invite")),
    ),
    "starting": (str(QT_TRANSLATE_NOOP("State", "Starting")), "dots", "muted", "sunken", Action.NOTHING, ""),
    "stopped": (
        _PROBLEM,
        "exclamation",
        "danger",
        "danger_soft",
        Action.START_ENGINE,
        str(QT_TRANSLATE_NOOP("State", "Start again")),
    ),
}
"""State → word, sign, ink, disc, action, words on its button."""


def view(key: str, sentence: str) -> StateView:
    """The look of a state.

    Args:
        key: a state of the engine, or ``pausing``, ``resuming``, ``starting``, ``stopped``.
        sentence: why, in the owner's language.

    Raises:
        ValueError: there is no such state.
    """
    if key not in _ROWS:
        raise ValueError(f"no state named {key!r}")
    word, sign, ink, fill, action, text = _ROWS[key]
    said = QCoreApplication.translate("State", text) if text else ""
    return StateView(key, QCoreApplication.translate("State", word), sentence, sign, ink, fill, action, said)
