"""What updates count, read back from durable rows."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from core.config.learning import AggregationTerms
from core.coordinator.learning.standing import Standing, held_out_score, longest, standing_of
from core.coordinator.records.schema import Assignment, Checkpoint, Round, RoundState
from core.coordinator.records.store import Store
from core.influence import HARD_BOUND, NORM_ROUNDS

BOUNDED = AggregationTerms(norm_bound="median")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "coordinator.db", create=True)
    made.add_checkpoint(Checkpoint(server_round=0, sha256="a" * 64, size_bytes=1, momentum="", created_at=0.0))
    return made


def item(server_round: int, who: str, norm: float | None, **changes: object) -> Assignment:
    made = Assignment(server_round=server_round, key_id=who, nonce=bytes(16), state="accepted", norm=norm)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def played(store: Store, number: int, *cohort: Assignment, state: RoundState = "closed") -> Round:
    opened = Round(
        server_round=number, state="open", base_hash="a" * 64, base_bytes=1, step_clock=0, started_at=0.0,
        deadline_at=0.0,
    )  # fmt: skip
    store.begin_round(opened, cohort)
    if state != "open":
        store.close_round(dataclasses.replace(opened, state=state), None, [])
    return opened


def test_the_first_round_is_held_to_the_median_of_its_own(store: Store) -> None:
    cohort = [item(1, "a", 1.0), item(1, "b", 2.0), item(1, "c", 90.0)]
    played(store, 1, *cohort, state="open")
    found = standing_of(store, BOUNDED, 1, cohort)
    assert found.bounds == {"full": 2.0}
    assert [found.factor(one) for one in cohort] == [1.0, 1.0, pytest.approx(2 / 90)]
    assert [found.weight(one) for one in cohort] == [1.0, 1.0, 1.0]


def test_the_running_median_takes_the_last_rounds_shard_by_shard(store: Store) -> None:
    for number in range(1, NORM_ROUNDS + 2):
        played(store, number, item(number, "a", float(number)), item(number, "b", 1e3, shard="embedding"))
    last = NORM_ROUNDS + 2
    cohort = [item(last, "a", 50.0), item(last, "b", 1.0, shard="embedding"), item(last, "c", 1.0, state="refused")]
    played(store, last, *cohort, state="open")
    found = standing_of(store, BOUNDED, last, cohort[:2])
    assert found.bounds == {"full": 5.0, "embedding": 1e3}, "the median of 3, 4, 5, 6 and 50"
    assert standing_of(store, AggregationTerms(), last, cohort[:2]).bounds == {}


def test_a_round_that_was_given_up_says_nothing_about_norms_or_standing(store: Store) -> None:
    played(store, 1, item(1, "a", 1e9), state="void")
    played(store, 2, item(2, "a", 1.0), item(2, "b", None))
    cohort = [item(3, "a", 3.0), item(3, "b", 3.0), item(3, "c", 3.0)]
    played(store, 3, *cohort, state="open")
    found = standing_of(store, AggregationTerms(norm_bound="median", ramp_rounds=1), 3, cohort)
    assert found.bounds == {"full": 3.0}
    assert [found.weight(one) for one in cohort] == [1.0, 1.0, 0.5], "one before is enough, none is not"


def test_late_updates_count_by_their_age_and_their_volunteers_standing(store: Store) -> None:
    played(store, 1, item(1, "a", 1.0), item(1, "late", 9.0, state="late", kept=1))
    played(store, 2, item(2, "a", 1.0))
    fresh = [item(3, "a", 1.0)]
    played(store, 3, *fresh, state="open")
    (late,) = store.kept()
    found = standing_of(store, AggregationTerms(norm_bound="median", ramp_rounds=1), 3, fresh, [late])
    assert found.weight(late) == pytest.approx(0.5 / math.sqrt(3))
    assert found.factor(late) == pytest.approx(1 / 9), "and never for more than a usual one"


def test_an_update_many_medians_long_is_none(store: Store) -> None:
    assert math.isinf(longest(store, BOUNDED, 1, "full")), "nothing is known before the first round is closed"
    played(store, 1, item(1, "a", 2.0), item(1, "b", 4.0), item(1, "c", 2e-30), item(1, "d", 4.0))
    assert longest(store, BOUNDED, 2, "full") == HARD_BOUND * 4.0, "one short update shuts nobody out"
    assert math.isinf(longest(store, BOUNDED, 2, "embedding"))
    assert math.isinf(longest(store, AggregationTerms(), 2, "full"))
    played(store, 2, *(item(2, who, 0.0) for who in "abcdefg"))
    assert math.isinf(longest(store, BOUNDED, 3, "full")), "from nothing no length follows"


def test_scores_come_with_their_spread() -> None:
    assert held_out_score([item(1, "a", 1.0)]) == (None, None)
    assert held_out_score([item(1, "a", 1.0, held_out=2.0), item(1, "b", 1.0, held_out=4.0)]) == (3.0, 1.0)
    assert Standing().weight(item(1, "a", 1.0)) == Standing().factor(item(1, "a", None)) == 1.0
