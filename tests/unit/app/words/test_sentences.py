"""Sentences: known codes in our words, unknown ones in the engine's, and no stranger's text does anything."""

from __future__ import annotations

import string

import pytest
from PySide6.QtCore import QLocale

from app.words import checks, sentences
from core.api.messages.base import Sentence
from core.api.messages.state import Check
from core.hardware.limits import Reason

ALL = [(code, template) for code, templates in sentences.TEMPLATES.items() for template in templates]
ALL += [(code, template) for code, template in {**checks.FOUND, **checks.FIXES}.items() if code != "home_open"]


def test_every_reason_of_the_governor_has_a_sentence() -> None:
    assert {str(reason) for reason in Reason} <= sentences.TEMPLATES.keys()


@pytest.mark.parametrize(
    ("code", "args", "words"),
    [
        ("too_hot", {"temperature": 78, "ceiling": 72.0, "low": 67.0}, "at 78 °C and your ceiling is 72 °C"),
        ("too_hot", {}, "does not say how hot"),
        ("on_battery", {"percent": 41.0}, "at 41 %"),
        ("on_battery", {}, "runs on battery."),
        ("full_screen", {"quiet_s": 120.0}, "2 min after it ends"),
        ("full_screen", {"quiet_s": 120.0, "until": 0.0}, "filled the screen until just now"),
        ("other_gpu", {"percent": 63, "limit": 50.0, "quiet_s": 45.0}, "63 % of the GPU, above your 50 % limit"),
        ("week_plan", {}, "off at all hours"),
    ],
)
def test_what_is_known_chooses_the_sentence(code: str, args: dict[str, str | int | float], words: str) -> None:
    assert words in sentences.say(Sentence(code=code, text="…", args=args))


def test_the_engines_own_words_are_kept_in_english_where_they_are_more_exact() -> None:
    said = Sentence(code="coordinator_error", text="It refused the key.", args={"federation": "F"})
    assert sentences.say(said) == "It refused the key."
    QLocale.setDefault(QLocale(QLocale.Language.German))
    try:
        assert sentences.say(said).startswith("F ")
    finally:
        QLocale.setDefault(QLocale.c())


def test_a_check_is_said_in_our_words_where_its_code_is_known() -> None:
    found = Check(name="disk", ok=False, detail="x", fix="y", code="disk_low", args={"free_bytes": 900_000_000})
    assert checks.name(found) == "Disk"
    assert checks.detail(found) == "Only 900\N{NARROW NO-BREAK SPACE}MB free."
    assert checks.fix(found).startswith("Free some space")
    unknown = Check(name="moon\u202e", ok=False, detail="full\n", fix="wait", code="of_tomorrow")
    assert (checks.name(unknown), checks.detail(unknown), checks.fix(unknown)) == ("Moon", "full", "wait")
    named = Check(name="text {name}", ok=True, detail="fine")
    assert (checks.name(named), checks.fix(named)) == ("Text {name}", "")


def test_a_known_code_is_said_in_our_words() -> None:
    args = {"federation": "Common Prose", "round": 214, "rounds": 300}
    said = sentences.say(Sentence(code="working_training", text="…", args=args))
    assert "Common Prose" in said
    assert "214" in said


def test_an_unknown_code_is_said_in_the_engines_words() -> None:
    assert sentences.say(Sentence(code="of_tomorrow", text="Something new.")) == "Something new."


@pytest.mark.parametrize("args", [{}, {"name": 3}, {"name": "x", "until": "not a time"}])
def test_values_that_do_not_fit_fall_back(args: dict[str, str | int | float]) -> None:
    assert sentences.say(Sentence(code="snoozed", text="Paused a while.", args=args)) == "Paused a while."


def test_a_moment_far_beyond_the_calendar_falls_back() -> None:
    assert sentences.say(Sentence(code="snoozed", text="Paused.", args={"until": 1e300})) == "Paused."


def test_a_name_cannot_bring_its_own_template() -> None:
    said = sentences.say(Sentence(code="waiting", text="x", args={"name": "{0.__class__}\u202e{name}"}))
    assert said.startswith("{0.__class__}{name} ")


def test_templates_hold_names_only() -> None:
    for code, template in ALL:
        for _, field, spec, conversion in string.Formatter().parse(template):
            assert field is None or (field.isidentifier() and not spec and not conversion), code


def test_no_sentence_shouts_or_begs() -> None:
    for code, template in ALL:
        assert "!" not in template, code
        assert "lease" not in template.split(), code
        assert template.endswith("."), code
