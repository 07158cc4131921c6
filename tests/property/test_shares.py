"""Shares of several federations, over many rounds of any length and any weights."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.shares import Claim, first, kept_for_another

WEIGHTS = st.lists(st.floats(0.1, 100.0), min_size=2, max_size=5)
LENGTHS = st.lists(st.floats(0.5, 10.0), min_size=1, max_size=7)
SOME = st.sets(st.integers(0, 4))
SLACK = 1e-6


def train(weights: list[float], lengths: list[float], rounds: int) -> list[tuple[int, float]]:
    """Rounds of federations that always have one waiting: whose it was and how long."""
    named = {str(number): weight for number, weight in enumerate(weights)}
    seconds: dict[str, float] = {}
    waiting = {one: Claim(federation_id=one, since=float(number)) for number, one in enumerate(named)}
    done: list[tuple[int, float]] = []
    for number in range(rounds):
        chosen = first(waiting.values(), named, seconds)
        assert chosen is not None
        one, length = chosen.federation_id, lengths[number % len(lengths)]
        seconds[one] = seconds.get(one, 0.0) + length
        waiting[one] = Claim(federation_id=one, since=float(len(weights) + number))
        done.append((int(one), length))
    return done


@settings(max_examples=150, deadline=None)
@given(WEIGHTS, LENGTHS)
def test_what_is_given_follows_the_weights_within_one_round(weights: list[float], lengths: list[float]) -> None:
    seconds, longest = [0.0] * len(weights), [0.0] * len(weights)
    for one, length in train(weights, lengths, 400):
        seconds[one] += length
        longest[one] = max(longest[one], length)
        total = sum(seconds)
        for each, weight in enumerate(weights):
            fair = total * weight / sum(weights)
            assert seconds[each] <= fair + longest[each] + SLACK, "ahead of its share by a round of its own at most"
            for other, others_weight in enumerate(weights):
                behind = weight * seconds[other] / others_weight
                assert seconds[each] <= behind + longest[each] + SLACK


@settings(max_examples=150, deadline=None)
@given(WEIGHTS, LENGTHS)
def test_nobody_starves(weights: list[float], lengths: list[float]) -> None:
    """Between two turns of one, each other gets no more than its weight of that one's longest round, and one round."""
    most = max(lengths)
    since: list[list[float]] = [[0.0] * len(weights) for _ in weights]
    for one, length in train(weights, lengths, 400):
        for each, others in enumerate(since):
            others[one] += length
            for other, got in enumerate(others):
                bound = most * weights[other] / weights[each] + most
                assert other == each or got <= bound + SLACK
        since[one] = [0.0] * len(weights)


@given(
    WEIGHTS,
    st.lists(st.floats(0.0, 1e6), min_size=5, max_size=5),
    st.sets(st.integers(0, 4)),
    st.sets(st.integers(0, 4)),
)
def test_the_trainer_idles_only_for_one_that_would_come_first(
    weights: list[float], seconds: list[float], waiting: set[int], expected: set[int]
) -> None:
    named = {str(number): weight for number, weight in enumerate(weights)}
    spent = {str(number): second for number, second in enumerate(seconds)}
    claims = {str(n): Claim(federation_id=str(n), since=float(n)) for n in waiting if n < len(weights)}
    absent = {str(n) for n in expected if n < len(weights)} - claims.keys()
    chosen = first(claims.values(), named, spent)
    assert (chosen is None) is (not claims), "while a round waits, one is chosen"
    if chosen is not None and kept_for_another(chosen, absent, named, spent):
        both = [*claims.values(), *(Claim(federation_id=one, since=99.0) for one in absent)]
        won = first(both, named, spent)
        assert won is not None
        assert won.federation_id in absent
