"""The engine's sentences in the owner's language: stable code → template, with the English text where there is none.

Values arrive as ``args``. Names in them were written by others, so every string is capped and made plain before it is
put into a template; a template that does not fit its values falls back to the engine's own words.
"""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from app import figures, strangers
from core.api.messages import Sentence

CONTEXT = "Sentences"
TEMPLATES: dict[str, str] = {
    "corpus_missing": str(
        QT_TRANSLATE_NOOP("Sentences", "{corpus} is not where it was. Put the folder back, or remove it in Data.")
    ),
    "disk_full": str(QT_TRANSLATE_NOOP("Sentences", "The disk is nearly full. It goes on when there is room.")),
    "duty_cycle": str(QT_TRANSLATE_NOOP("Sentences", "Training computes {percent} % of the time, as you set.")),
    "half_speed": str(
        QT_TRANSLATE_NOOP("Sentences", "Your week plan says half speed: training computes {percent} % of the time.")
    ),
    "idle_unknown": str(
        QT_TRANSLATE_NOOP(
            "Sentences",
            "This desktop does not say whether somebody uses the machine, and you want training only when nobody does.",
        )
    ),
    "metered": str(
        QT_TRANSLATE_NOOP(
            "Sentences",
            "The network is metered, so no round begins. A finished update is kept and sent when it no longer is.",
        )
    ),
    "monthly_volume": str(
        QT_TRANSLATE_NOOP(
            "Sentences",
            "The data you offered this month is used. No round begins until {until}; a finished update is still sent.",
        )
    ),
    "week_plan": str(QT_TRANSLATE_NOOP("Sentences", "Your week plan rests until {until}.")),
    "working_throttled": str(
        QT_TRANSLATE_NOOP(
            "Sentences", "Round {round} of {federation}: training computes {percent} % of the time, as your rules say."
        )
    ),
    "finished": str(QT_TRANSLATE_NOOP("Sentences", "{name} has finished all its rounds. Nothing more is sent.")),
    "ledger_rolled_back": str(
        QT_TRANSLATE_NOOP(
            "Sentences", "The privacy ledger is older than it was. Nothing is spent until the newer one is back."
        )
    ),
    "ledger_newer_elsewhere": str(
        QT_TRANSLATE_NOOP(
            "Sentences",
            "{federation} has seen a newer privacy ledger of this machine. Nothing is spent until that one is back; if "
            "you never restored an older one, leave that federation.",
        )
    ),
    "no_budget": str(
        QT_TRANSLATE_NOOP("Sentences", "Your text has reached its privacy limit. It will not be used again.")
    ),
    "no_text": str(QT_TRANSLATE_NOOP("Sentences", "Nothing is sent. Add a folder of text, then open an invite.")),
    "not_joined": str(
        QT_TRANSLATE_NOOP("Sentences", "You have not joined a federation. Nothing is sent until you press Join.")
    ),
    "paused": str(QT_TRANSLATE_NOOP("Sentences", "Until you resume. The trainer's memory is free.")),
    "reading": str(QT_TRANSLATE_NOOP("Sentences", "Your text is being read on this machine.")),
    "receipt": str(
        QT_TRANSLATE_NOOP("Sentences", "The numbers of round {round} are sent. {federation} has yet to confirm them.")
    ),
    "slot": str(
        QT_TRANSLATE_NOOP(
            "Sentences",
            "The numbers of round {round} are ready. They leave at a set moment, so that their time says nothing.",
        )
    ),
    "snoozed": str(QT_TRANSLATE_NOOP("Sentences", "Until {until}, or when you resume. The trainer's memory is free.")),
    "waiting": str(QT_TRANSLATE_NOOP("Sentences", "{name} has not opened its next round. Nothing to do until then.")),
    "weekly_hours": str(
        QT_TRANSLATE_NOOP("Sentences", "You have given the hours you offered this week. It goes on on Monday.")
    ),
    "working_download": str(
        QT_TRANSLATE_NOOP("Sentences", "{federation} opened round {round}. Its model is on the way to this machine.")
    ),
    "working_training": str(
        QT_TRANSLATE_NOOP("Sentences", "{federation} opened round {round}, and none of your rules speaks against it.")
    ),
    "working_sealing": str(
        QT_TRANSLATE_NOOP("Sentences", "Round {round} is trained. Its numbers are packed and sealed.")
    ),
    "working_uploading": str(
        QT_TRANSLATE_NOOP("Sentences", "The numbers of round {round} are going to {federation}. Text sent: none.")
    ),
}
_MOMENTS = {"until"}
"""Values that are Unix seconds and are said as a time."""


def say(sentence: Sentence) -> str:
    """The sentence for a person."""
    template = TEMPLATES.get(sentence.code)
    if template is not None:
        try:
            values = {key: _value(key, value) for key, value in sentence.args.items()}
            return QCoreApplication.translate(CONTEXT, template).format_map(values)
        except (KeyError, IndexError, ValueError, AttributeError, OverflowError, OSError):
            return strangers.plain(sentence.text)
    return strangers.plain(sentence.text)


def _value(key: str, value: str | int | float) -> str | int | float:
    if key in _MOMENTS:
        return figures.when(float(value))
    return strangers.name(value) if isinstance(value, str) else value
