"""What a limit means in words is the worst case of the definition."""

from __future__ import annotations

import pytest

from app.words.units import epsilon_meaning, unit_title, unit_words


@pytest.mark.parametrize(("epsilon", "sure"), [(1.0, "74 %"), (3.0, "96 %"), (8.0, "99.97 %")])
def test_the_worst_case_of_one_guess(epsilon: float, sure: str) -> None:
    said = {unit: epsilon_meaning(epsilon, unit) for unit in ("document", "record", "corpus")}
    assert all(sure in words for words in said.values())
    assert "a document" in said["document"]
    assert "a passage" in said["record"]
    assert "your text or another" in said["corpus"]


def test_no_limit_ever_promises_certainty_away() -> None:
    assert "100 %" not in epsilon_meaning(64.0, "record")


def test_unknown_units_are_shown_by_name() -> None:
    assert unit_words("galaxy") == unit_title("galaxy") == "galaxy"
