"""Sentences: known codes in our words, unknown ones in the engine's, and no stranger's text does anything."""

from __future__ import annotations

import string

import pytest

from app import sentences
from core.api.messages import Sentence


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
    for code, template in sentences.TEMPLATES.items():
        for _, field, spec, conversion in string.Formatter().parse(template):
            assert field is None or (field.isidentifier() and not spec and not conversion), code


def test_no_sentence_shouts_or_begs() -> None:
    for code, template in sentences.TEMPLATES.items():
        assert "!" not in template, code
        assert "lease" not in template.split(), code
        assert template.endswith("."), code
