"""Whose round is next: the owner's weights against what was given, and nothing else."""

from __future__ import annotations

import pytest

from core.engine.shares import Claim, first, kept_for_another


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
