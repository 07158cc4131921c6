"""What is asked and given of one machine: parts that add up, among those that share it."""

from __future__ import annotations

import msgspec
import pytest
from support import scenes

from app.words.shares import Share, shares
from core.api.messages.federations import FederationInfo


def one(name: str, weight: float = 1.0, seconds: float = 0.0, state: str = "active") -> FederationInfo:
    return msgspec.structs.replace(
        scenes.federation(), federation_id=name, weight=weight, week_seconds=seconds, state=state
    )


def test_parts_add_up_among_those_that_share() -> None:
    found = shares([one("a", 3.0, 30.0), one("b", 1.0, 10.0, "unreachable"), one("c", 0.0, 40.0, "resting")])
    assert found == {"a": Share(0.75, 0.375), "b": Share(0.25, 0.125), "c": Share(0.0, 0.5)}


@pytest.mark.parametrize("state", ["finished", "left", "below_floor"])
def test_one_alone_shares_with_nobody(state: str) -> None:
    assert shares([one("a"), one("b", state=state)]) == {}
    assert shares([]) == {}


def test_nothing_given_and_nothing_asked_are_no_parts() -> None:
    assert shares([one("a", 0.0), one("b", 0.0)]) == {"a": Share(0.0, 0.0), "b": Share(0.0, 0.0)}
