"""Whose round is next: the owner's weights against what was given, and nothing else."""

from __future__ import annotations

import pytest

from core.engine.shares import EXPECTED_S, Claim, first, kept_for_another, may_stand_idle


def claim(federation_id: str, since: float = 0.0, begun: bool = False) -> Claim:
    return Claim(federation_id=federation_id, since=since, begun=begun)


@pytest.mark.parametrize(
    ("claims", "weights", "given", "chosen"),
    [
        ([], {}, {}, None),
        ([claim("a")], {"a": 0.01}, {"a": 1e9}, 0),
        ([claim("a"), claim("b")], {"a": 1.0, "b": 1.0}, {"a": 5.0, "b": 4.0}, 1),
        ([claim("a"), claim("b")], {"a": 3.0, "b": 1.0}, {"a": 5.0, "b": 2.0}, 0),
        ([claim("a"), claim("b")], {"a": 3.0, "b": 1.0}, {"a": 7.0, "b": 2.0}, 1),
        ([claim("a", 2.0), claim("b", 1.0)], {}, {}, 1),
        ([claim("a"), claim("b")], {"a": 0.0, "b": 1.0}, {"b": 9.0}, 1),
        ([claim("a")], {"a": 0.0}, {}, None),
        ([claim("a", begun=True), claim("b")], {"a": 0.0, "b": 1.0}, {"a": 9.0}, 0),
        ([claim("a", begun=True), claim("b", begun=True)], {"a": 1.0, "b": 1.0}, {"a": 9.0}, 1),
    ],
    ids=[
        "nobody", "alone whatever its weight", "who was given least", "for its weight", "beyond its weight",
        "of equals who waits longest", "one that rests is passed over", "one that rests begins nothing",
        "what was begun is finished", "of two that were begun the one behind",
    ],
)  # fmt: skip
def test_who_is_next(
    claims: list[Claim], weights: dict[str, float], given: dict[str, float], chosen: int | None
) -> None:
    assert first(claims, weights, given) is (None if chosen is None else claims[chosen])


def test_the_trainer_is_kept_for_who_is_behind_and_nobody_else() -> None:
    weights = {"a": 3.0, "b": 1.0, "c": 0.0}
    assert kept_for_another(claim("b"), ["a"], weights, {"a": 2.0, "b": 1.0})
    assert not kept_for_another(claim("b"), ["a"], weights, {"a": 3.0, "b": 1.0}), "level is not behind"
    assert not kept_for_another(claim("b"), [], weights, {"a": 2.0, "b": 1.0})
    assert not kept_for_another(claim("b"), ["c"], weights, {"b": 1.0}), "nobody waits for one that rests"
    assert not kept_for_another(claim("b", begun=True), ["a"], weights, {"b": 1.0}), "what was begun goes on"


def test_nobody_can_idle_the_trainer_away() -> None:
    """A federation that is far behind and asks for rounds of a moment holds another back for no more than so long."""
    waits = Claim(federation_id="b", since=100.0, worked=7.0)
    now, worked, idle = 100.0, 7.0, 0.0
    while may_stand_idle(waits, now, worked):
        now, idle = now + 5.0, idle + 5.0
        now, worked = now + 0.1, worked + 0.1
    assert idle <= EXPECTED_S + 5.0
    assert may_stand_idle(waits, 100.0 + 600.0 + 60.0, 7.0 + 600.0), "after a long round a short wait is little"
