"""Reasons for a skipped file: those the reader gives are known, and an unknown one stays plain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.languages import speaking

from app.words import reasons


def test_every_fixed_reason_of_the_reader_is_known(repository: Path) -> None:
    given = set()
    for path in (repository / "core" / "data" / "formats").glob("*.py"):
        given |= set(re.findall(r'Unusable\("([^"{]+)"\)', path.read_text("utf-8")))
    assert len(given) > 15
    assert given <= reasons.KNOWN


@pytest.mark.parametrize("reason", ["larger than 64 MiB", "3 of 1,204 records are damaged", "empty"])
def test_a_known_reason_is_said_as_it_came_in_english(reason: str) -> None:
    assert reasons.say(reason) == reason


def test_a_reason_is_translated_with_its_numbers(qapp: object) -> None:
    with speaking("de", qapp):  # type: ignore[arg-type]
        assert reasons.say("3 of 1,204 records are damaged") == "3 von 1,204 Datensätzen sind beschädigt"
        assert reasons.say("as {0} says 4") == "as {0} says 4"


def test_a_strange_reason_is_made_plain() -> None:
    assert reasons.say("has no column called '\u202e{0}'") == "has no column called '{0}'"
    assert len(reasons.say("x" * 9_999)) <= 120
