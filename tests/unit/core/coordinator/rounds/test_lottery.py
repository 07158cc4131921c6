"""The lottery over shards: it covers, replays, and sells nobody a shard."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.coordinator.rounds.lottery import alone, damping, draw_shards
from core.federation.protocol import Capability

SHARDS = ("embedding", "blocks:0-1", "blocks:2-3", "blocks:4-5")
capabilities = st.sampled_from(["any", "blocks", "embedding"])
members = st.dictionaries(st.text("0123456789abcdef", min_size=4, max_size=6), capabilities, min_size=1, max_size=24)


def fit(capability: Capability, shard: str) -> bool:
    return capability == "any" or (capability == "embedding") == (shard == "embedding")


@given(st.integers(0, 2**31), st.integers(1, 1_000), members, st.integers(2, 4))
def test_everybody_gets_what_they_are_fit_for_and_everything_is_covered(
    seed: int, server_round: int, cohort: dict[str, Capability], count: int
) -> None:
    shards = SHARDS[:count]
    drawn = draw_shards(seed, server_round, cohort, shards)
    assert set(drawn) == set(cohort)
    assert all(fit(cohort[key_id], shard) for key_id, shard in drawn.items())
    counts = Counter(drawn.values())
    numbers = Counter(cohort.values())
    for group, free in ((shards[:1], numbers["embedding"]), (shards[1:], numbers["blocks"])):
        # Whoever can serve a group, after the others were served as far as they need it.
        covered = sum(1 for shard in group if counts[shard])
        assert covered == len(group) or covered >= min(len(group), free)
    if len(cohort) >= count and set(cohort.values()) == {"any"}:
        assert set(drawn.values()) == set(shards)
        assert max(counts.values()) - min(counts.values()) <= 1
    assert draw_shards(seed, server_round, dict(reversed(cohort.items())), shards) == drawn


def test_over_many_rounds_everybody_trains_everything_about_equally_often() -> None:
    cohort: dict[str, Capability] = {f"{number:04x}": "any" for number in range(8)}
    seen = Counter(pair for t in range(400) for pair in draw_shards(5, t, cohort, SHARDS).items())
    assert len(seen) == 8 * 4
    assert min(seen.values()) > 60, "100 each, were it exact"


def test_who_comes_later_fills_what_is_least_covered() -> None:
    late: dict[str, Capability] = {"aa": "any", "bb": "any"}
    drawn = draw_shards(1, 1, late, SHARDS, taken=[*SHARDS[:2], SHARDS[0]])
    assert sorted(drawn.values()) == sorted(SHARDS[2:])


def test_a_stranger_that_claims_one_shard_only_never_has_it_alone_twice_running() -> None:
    """Three honest volunteers can hold blocks only, so the stranger is the embedding's only candidate."""
    cohort: dict[str, Capability] = {"0001": "blocks", "0002": "blocks", "0003": "blocks", "ffff": "embedding"}
    last: dict[str, str] = {}
    had = []
    for server_round in range(1, 21):
        drawn = draw_shards(7, server_round, cohort, SHARDS, barred=last)
        last = alone(drawn.items())
        had.append("ffff" in drawn)
    assert not any(one and other for one, other in itertools.pairwise(had))
    assert sum(had) == 10


def test_nobody_is_alone_on_the_same_shard_twice_running_whatever_they_claim() -> None:
    cohort: dict[str, Capability] = {f"{number:04x}": "any" for number in range(3)}
    last: dict[str, str] = {}
    for server_round in range(1, 40):
        drawn = draw_shards(3, server_round, cohort, SHARDS, barred=last)
        now = alone(drawn.items())
        assert not set(last.items()) & set(now.items())
        last = now


@pytest.mark.parametrize(("trainers", "share"), [(1, 1 / 3), (2, 2 / 3), (3, 1.0), (50, 1.0)])
def test_few_trainers_move_a_shard_by_a_part(trainers: int, share: float) -> None:
    assert damping(trainers) == pytest.approx(share)
