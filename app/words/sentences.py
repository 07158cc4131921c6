"""The engine's sentences in the owner's language: stable code → templates, with the English text where there is none.

Values arrive as ``args``; of several templates the first one is said whose values are all there. Names in them were
written by others, so every string is capped and made plain before it is put into a template; a template that does not
fit its values falls back to the engine's own words.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QLocale

from app.words import figures, strangers
from core.api.messages.base import Sentence

CONTEXT = "Sentences"
TEMPLATES: dict[str, tuple[str, ...]] = {
    "below_floor": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "{federation} asks for more than your floor allows. It rests until you leave it or lower your floor.",
            )
        ),
    ),
    "coordinator_error": (
        str(QT_TRANSLATE_NOOP("Sentences", "{federation} does not answer. What is finished is safe and will be sent.")),
    ),
    "corpus_missing": (
        str(QT_TRANSLATE_NOOP("Sentences", "{corpus} is not where it was. Put the folder back, or remove it in Data.")),
    ),
    "device_missing": (
        str(QT_TRANSLATE_NOOP("Sentences", "{devices} cannot be used now. Plug it in, or offer another device.")),
    ),
    "disk_full": (str(QT_TRANSLATE_NOOP("Sentences", "The disk is nearly full. It goes on when there is room.")),),
    "duty_cycle": (str(QT_TRANSLATE_NOOP("Sentences", "Training computes {percent} % of the time, as you set.")),),
    "finished": (str(QT_TRANSLATE_NOOP("Sentences", "{name} has finished all its rounds. Nothing more is sent.")),),
    "full_screen": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "A program filled the screen until just now. Training waits until {until}.",
            )
        ),
        str(QT_TRANSLATE_NOOP("Sentences", "A program fills the screen. Training goes on {quiet_s} after it ends.")),
    ),
    "half_speed": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "Your week plan says half speed: training computes {percent} % of the time.",
            )
        ),
    ),
    "idle_unknown": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "This desktop does not say whether somebody uses the machine, and you want training only "
                "when nobody does.",
            )
        ),
    ),
    "in_use": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "You use the machine. Training goes on after {wait_s} without keyboard and mouse.",
            )
        ),
    ),
    "ledger_newer_elsewhere": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "{federation} has seen a newer privacy ledger of this machine. Nothing is spent until "
                "that one is back; if you never restored an older one, leave that federation.",
            )
        ),
    ),
    "ledger_rolled_back": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "The privacy ledger is older than it was. Nothing is spent until the newer one is back.",
            )
        ),
    ),
    "metered": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "The network is metered, so no round begins. A finished update is kept and sent when it no longer is.",
            )
        ),
    ),
    "monthly_volume": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "The data you offered this month is used. No round begins until {until}; a finished "
                "update is still sent.",
            )
        ),
    ),
    "no_budget": (
        str(QT_TRANSLATE_NOOP("Sentences", "Your text has reached its privacy limit. It will not be used again.")),
    ),
    "no_text": (str(QT_TRANSLATE_NOOP("Sentences", "Nothing is sent. Add a folder of text, then open an invite.")),),
    "not_joined": (
        str(QT_TRANSLATE_NOOP("Sentences", "You have not joined a federation. Nothing is sent until you press Join.")),
    ),
    "on_battery": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "The machine runs on battery, at {percent} %. It goes on when it is plugged in.",
            )
        ),
        str(QT_TRANSLATE_NOOP("Sentences", "The machine runs on battery. It goes on when it is plugged in.")),
    ),
    "other_cpu": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "Other programs have let go of the processor. Training goes on at {until} if it stays so.",
            )
        ),
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "Other programs use {percent} % of the processor, above your {limit} % limit. Training "
                "goes on {quiet_s} after they are done.",
            )
        ),
    ),
    "other_gpu": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "Other programs have let go of the GPU. Training goes on at {until} if it stays so.",
            )
        ),
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "Other programs use {percent} % of the GPU, above your {limit} % limit. Training goes on "
                "{quiet_s} after they are done.",
            )
        ),
    ),
    "paused": (str(QT_TRANSLATE_NOOP("Sentences", "Until you resume. The trainer's memory is free.")),),
    "reading": (str(QT_TRANSLATE_NOOP("Sentences", "Your text is being read on this machine.")),),
    "receipt": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "The numbers of round {round} are sent. {federation} has yet to confirm them.",
            )
        ),
    ),
    "resting": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences", "No new round of {name} is begun, because you set the share to 0. Raise it in Federations."
            )
        ),
    ),
    "running": (str(QT_TRANSLATE_NOOP("Sentences", "Your limits let training run.")),),
    "slot": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "The numbers of round {round} are ready. They leave at a set moment, so that their time says nothing.",
            )
        ),
    ),
    "snoozed": (
        str(QT_TRANSLATE_NOOP("Sentences", "Until {until}, or when you resume. The trainer's memory is free.")),
    ),
    "terms_tighter": (str(QT_TRANSLATE_NOOP("Sentences", "{federation} asks for less than before.")),),
    "too_hot": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "The GPU is at {temperature} °C and your ceiling is {ceiling} °C. Goes on below {low} °C.",
            )
        ),
        str(QT_TRANSLATE_NOOP("Sentences", "The GPU was above your ceiling and does not say how hot it is now.")),
    ),
    "waiting": (
        str(QT_TRANSLATE_NOOP("Sentences", "{name} has not opened its next round. Nothing to do until then.")),
    ),
    "week_plan": (
        str(QT_TRANSLATE_NOOP("Sentences", "Your week plan rests until {until}.")),
        str(QT_TRANSLATE_NOOP("Sentences", "Your week plan is off at all hours. It goes on when you change it.")),
    ),
    "weekly_hours": (
        str(QT_TRANSLATE_NOOP("Sentences", "You have given the hours you offered this week. It goes on on Monday.")),
    ),
    "working_download": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "{federation} opened round {round}. Its model is on the way to this machine.",
            )
        ),
    ),
    "working_sealing": (
        str(QT_TRANSLATE_NOOP("Sentences", "Round {round} is trained. Its numbers are packed and sealed.")),
    ),
    "working_throttled": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "Round {round} of {federation}: training computes {percent} % of the time, as your rules say.",
            )
        ),
    ),
    "working_training": (
        str(
            QT_TRANSLATE_NOOP(
                "Sentences",
                "{federation} opened round {round}, and none of your rules speaks against it.",
            )
        ),
    ),
    "working_uploading": (
        str(QT_TRANSLATE_NOOP("Sentences", "The numbers of round {round} are going to {federation}. Text sent: none.")),
    ),
}
_MOMENTS = {"until"}
"""Values that are Unix seconds and are said as a time."""
_SPANS = {"quiet_s", "wait_s"}
"""Values that are seconds and are said as a length of time."""
_LONG = {"path", "address"}
"""Texts that may be longer than a name."""


_ROUGHER = {"below_floor", "coordinator_error"}
"""Templates that say less than the engine's own English."""


def say(sentence: Sentence) -> str:
    """The sentence for a person."""
    templates = TEMPLATES.get(sentence.code, ())
    if sentence.code in _ROUGHER and sentence.text and figures.locale().language() == QLocale.Language.English:
        templates = ()
    return fill(CONTEXT, templates, sentence.args) or strangers.plain(sentence.text)


def fill(context: str, templates: Sequence[str], args: Mapping[str, str | int | float]) -> str:
    """The first template whose values are all there, with them; nothing where none fits."""
    for template in templates:
        if {field for _, field, _, _ in string.Formatter().parse(template) if field} <= args.keys():
            try:
                values = {key: _value(key, value) for key, value in args.items()}
                return QCoreApplication.translate(context, template).format_map(values)
            except (KeyError, IndexError, ValueError, AttributeError, OverflowError, OSError):
                return ""
    return ""


def _value(key: str, value: str | int | float) -> str | int | float:
    if key in _MOMENTS:
        return figures.when(float(value))
    if key in _SPANS:
        return figures.duration(float(value))
    if isinstance(value, str):
        return strangers.plain(value, 120) if key in _LONG else strangers.name(value)
    if key.endswith("_bytes"):
        return figures.size(int(value))
    return figures.count(value) if isinstance(value, int) else figures.number(value, 0 if value == int(value) else 1)
