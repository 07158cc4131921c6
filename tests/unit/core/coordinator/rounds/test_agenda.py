"""Which round comes next, its step clock, and when there is none."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import msgspec
import pytest
from support.federation import config

from core.config.exchange import AdaptationTerms, ScheduleConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.records.schema import Assignment, Checkpoint, Round, RoundState
from core.coordinator.records.store import Store
from core.coordinator.rounds.agenda import OwnAgenda, Pace, enough_steps, stopped_because


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "coordinator.db", create=True)
    made.add_checkpoint(Checkpoint(server_round=0, sha256="a" * 64, size_bytes=1, momentum="", created_at=0.0))
    return made


def agenda(store: Store, **schedule: int) -> OwnAgenda:
    terms = config(schedule=ScheduleConfig(**{"rounds": 9, "cohort_size": 2, "quorum": 1} | schedule))
    return OwnAgenda(terms, store, evaluates=False)


def played(store: Store, number: int, state: RoundState, *steps: int, folded: int = 0) -> None:
    """One round that ended, with the steps of those who were accepted in time."""
    opening = agenda(store).next()
    assert opening is not None
    opened = Round(
        server_round=number, state="open", base_hash="a" * 64, base_bytes=1, step_clock=opening.step_clock,
        started_at=time.time(), deadline_at=time.time(),
    )  # fmt: skip
    cohort = [Assignment(server_round=number, key_id=str(i), nonce=bytes(16)) for i in range(len(steps))]
    late = Assignment(server_round=number, key_id="late", nonce=bytes(16), state="accepted", steps=4, folded=number + 1)
    store.begin_round(opened, [*cohort, *([late] if folded else [])])
    for i, done in enumerate(steps):
        store.settle(Assignment(server_round=number, key_id=str(i), nonce=b"", state="accepted", steps=done))
    store.close_round(Round(**{**vars(opened), "state": state, "reason": "1 of 2 needed."}), None, [])


def test_the_step_clock_advances_by_the_most_local_steps_of_a_round(store: Store) -> None:
    """P15: the slowest do not hold the learning rate's schedule back; a round that was given up moves no clock."""
    assert agenda(store).next().step_clock == 0
    played(store, 1, "closed", 2, 4)
    assert agenda(store).next().step_clock == 4
    played(store, 2, "void", 4, 4)
    assert agenda(store).next().step_clock == 4
    played(store, 3, "closed", 1, 3, folded=1)
    assert agenda(store).next().step_clock == 7, "an update that came late was not in time for it"
    played(store, 4, "closed", 0)
    assert agenda(store).next().step_clock == 11, "rounds of old versions, which kept no steps, count in full"
    assert agenda(store).next().server_round == 5


def test_too_many_rounds_without_quorum_in_a_row_end_a_federation_with_a_sentence(store: Store) -> None:
    """P14: the budget counts rounds in a row; one that is closed gives it back."""
    for number, state in enumerate(("void", "closed", "void", "void"), 1):
        played(store, number, state, 4)  # type: ignore[arg-type]
    assert not agenda(store).finished(), "0 never stops"
    assert not agenda(store, max_void_rounds=3).finished()
    stopping = agenda(store, max_void_rounds=2)
    assert stopping.finished()
    said = stopped_because(
        config(schedule=ScheduleConfig(rounds=9, cohort_size=1, quorum=1, max_void_rounds=2)), store.rounds()
    )
    assert said == "The last 2 rounds were given up, and the terms allow no more: 1 of 2 needed."


@pytest.mark.parametrize(
    ("overhead_s", "expected"),
    [(0.0, 2), (0.5, 10), (1.0, 19), (10.0, 40)],
)
def test_steps_are_as_many_as_make_training_the_share_of_a_round(overhead_s: float, expected: int) -> None:
    assert enough_steps([Pace(1.0, overhead_s)] * 3, 2, 40, 0.95) == expected


def test_one_that_lies_about_its_time_does_not_choose_the_steps() -> None:
    honest = [Pace(1.0, 1.0)] * 2
    assert enough_steps([*honest, Pace(1e9, 0.0)], 2, 40, 0.95) == 19
    assert enough_steps([*honest, Pace(0.0, 1e9)], 2, 40, 0.95) == 19
    assert enough_steps([], 2, 40, 0.95) == 40
    assert enough_steps([Pace(0.0, 5.0)], 2, 40, 0.95) == 40


def test_a_round_asks_for_fewer_steps_where_exchanging_is_quick(store: Store) -> None:
    terms = config(
        privacy=PrivacyTerms(unit="none", relation="none"),
        training=msgspec.structs.replace(config().training, local_steps=40),
        adaptation=AdaptationTerms(least_local_steps=5),
    )
    one = OwnAgenda(terms, store, evaluates=False)
    assert one.local_steps(1) == 40, "nothing is known yet"
    opened = Round(
        server_round=1, state="open", base_hash="a" * 64, base_bytes=1, step_clock=0, started_at=0.0, deadline_at=9.0,
    )  # fmt: skip
    store.begin_round(opened, [Assignment(server_round=1, key_id="ada", nonce=bytes(16))])
    (item,) = store.assignments(1)
    store.settle(dataclasses.replace(item, state="accepted", update_sha256="b" * 64, steps=40, seconds=80.0))
    store.close_round(dataclasses.replace(opened, state="closed", closed_at=81.0, volunteers=1), None, [])
    assert one.local_steps(2) == 10, "1 s of overhead, 2 s a step: 19 s of training are enough"
    assert OwnAgenda(terms, store, evaluates=False).local_steps(2) == 10, "and the same after a restart"
