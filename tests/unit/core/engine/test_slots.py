"""The moment an update sets out says in which slot it was finished, and no more."""

from __future__ import annotations

import pytest

from core.config.exchange import ScheduleConfig
from core.engine import slots

SCHEDULE = ScheduleConfig(rounds=1, cohort_size=1, quorum=1, deadline_s=3_600.0, upload_slot_s=60.0)


@pytest.mark.parametrize("finished", [0.0, 0.001, 17.0, 59.999])
def test_whatever_was_finished_in_one_slot_sets_out_at_one_moment(finished: float) -> None:
    sealed_at = 6_000.0 + finished
    assert sealed_at + slots.opens_in("record", SCHEDULE, sealed_at, sealed_at) == pytest.approx(6_060.0)
    assert slots.opens_in("record", SCHEDULE, sealed_at, 6_060.0) == 0.0
    assert slots.opens_in("record", SCHEDULE, sealed_at, 9_999.0) == 0.0


def test_looking_again_within_the_slot_waits_for_its_rest() -> None:
    assert slots.opens_in("corpus", SCHEDULE, 6_010.0, 6_040.0) == pytest.approx(20.0)


def test_nothing_waits_where_there_is_nothing_to_hide() -> None:
    assert slots.opens_in("none", SCHEDULE, 6_010.0, 6_011.0) == 0.0


def test_a_clock_set_back_does_not_hold_an_update_for_ever() -> None:
    assert slots.opens_in("document", SCHEDULE, 1e9, 6_000.0) == 0.0


@pytest.mark.parametrize(
    ("asked", "deadline", "slot"),
    [(60.0, 3_600.0, 60.0), (0.0, 3_600.0, 5.0), (3_600.0, 3_600.0, 72.0), (60.0, 30.0, 5.0), (0.0, 30.0, 5.0)],
)
def test_a_manifest_moves_the_slot_only_within_bounds(asked: float, deadline: float, slot: float) -> None:
    schedule = ScheduleConfig(rounds=1, cohort_size=1, quorum=1, deadline_s=deadline, upload_slot_s=asked)
    assert slots.slot_s(schedule) == pytest.approx(slot)
