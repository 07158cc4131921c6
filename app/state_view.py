"""How a state looks: sign, colours, word and the one button that helps. Shared by bar, Home and tray."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from PySide6.QtCore import QCoreApplication

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


def view(key: str, sentence: str) -> StateView:
    """The look of a state.

    Args:
        key: a state of the engine, or ``pausing``, ``resuming``, ``starting``, ``stopped``.
        sentence: why, in the owner's language.

    Raises:
        ValueError: there is no such state.
    """
    makers = {
        "training": (
            QCoreApplication.translate("State", "Training"),
            "leaf",
            "accent",
            "accent_soft",
            Action.PAUSE,
            QCoreApplication.translate("State", "Pause"),
        ),
        "waiting": (
            QCoreApplication.translate("State", "Waiting"),
            "dots",
            "muted",
            "sunken",
            Action.PAUSE,
            QCoreApplication.translate("State", "Pause"),
        ),
        "pausing": (
            QCoreApplication.translate("State", "Pausing"),
            "bars",
            "muted",
            "sunken",
            Action.RESUME,
            QCoreApplication.translate("State", "Resume"),
        ),
        "paused": (
            QCoreApplication.translate("State", "Paused by you"),
            "bars",
            "text",
            "sunken",
            Action.RESUME,
            QCoreApplication.translate("State", "Resume"),
        ),
        "resuming": (
            QCoreApplication.translate("State", "Resuming"),
            "dots",
            "muted",
            "sunken",
            Action.PAUSE,
            QCoreApplication.translate("State", "Pause"),
        ),
        "paused_rule": (
            QCoreApplication.translate("State", "Paused by a rule"),
            "hands",
            "muted",
            "sunken",
            Action.CHANGE_RULE,
            QCoreApplication.translate("State", "Change rule"),
        ),
        "no_budget": (
            QCoreApplication.translate("State", "No budget"),
            "square",
            "guarantee",
            "guarantee_soft",
            Action.SEE_PRIVACY,
            QCoreApplication.translate("State", "See privacy"),
        ),
        "problem": (
            QCoreApplication.translate("State", "Problem"),
            "exclamation",
            "danger",
            "danger_soft",
            Action.RETRY,
            QCoreApplication.translate("State", "Try now"),
        ),
        "not_joined": (
            QCoreApplication.translate("State", "Not joined"),
            "none",
            "control",
            "",
            Action.OPEN_INVITE,
            QCoreApplication.translate("State", "Open invite"),
        ),
        "starting": (QCoreApplication.translate("State", "Starting"), "dots", "muted", "sunken", Action.NOTHING, ""),
        "stopped": (
            QCoreApplication.translate("State", "Problem"),
            "exclamation",
            "danger",
            "danger_soft",
            Action.START_ENGINE,
            QCoreApplication.translate("State", "Start again"),
        ),
    }
    if key not in makers:
        raise ValueError(f"no state named {key!r}")
    word, sign, ink, fill, action, text = makers[key]
    return StateView(key, word, sentence, sign, ink, fill, action, text)  # type: ignore[arg-type]
