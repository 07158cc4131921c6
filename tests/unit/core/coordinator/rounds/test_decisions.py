from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.coordinator.rounds.decisions import (
    MAX_ATTEMPTS,
    MAX_EXTENSIONS,
    Close,
    Extend,
    Member,
    MemberState,
    Quota,
    Reissue,
    RoundView,
    Void,
    Wait,
    asked_of,
    decide,
    message_ttl_s,
    quota_of,
    retry_delay_s,
    sample_cohort,
)

DEADLINE = 1_000.0


def view(*states: MemberState, quorum: int = 2, extensions: int = 0) -> RoundView:
    members = tuple(Member(key_id=f"k{number}", state=state) for number, state in enumerate(states))
    return RoundView(
        server_round=3,
        quorum=quorum,
        deadline_at=DEADLINE,
        deadline_s=60.0,
        upload_allowance_s=10.0,
        extensions=extensions,
        members=members,
    )


def test_a_cohort_replays_and_moves_with_round_and_seed() -> None:
    population = [f"key{number}" for number in range(50)]
    first = sample_cohort(1, 1, population, 8)
    assert first == sample_cohort(1, 1, reversed(population), 8)
    assert len(set(first)) == 8
    assert first == tuple(sorted(first))
    assert first != sample_cohort(1, 2, population, 8)
    assert first != sample_cohort(2, 1, population, 8)


def test_a_cohort_is_frozen_for_ever() -> None:
    assert sample_cohort(7, 3, ["a", "b", "c", "d"], 2) == ("c", "d")


def test_sampling_is_uniform() -> None:
    population = [f"key{number}" for number in range(10)]
    counts = dict.fromkeys(population, 0)
    for server_round in range(2_000):
        for key in sample_cohort(0, server_round, population, 3):
            counts[key] += 1
    assert all(500 < count < 700 for count in counts.values())  # 600 expected, σ = 20.5


@given(st.sets(st.text(min_size=1), max_size=20), st.integers(0, 30))
def test_a_cohort_is_never_larger_than_there_are_people(population: set[str], size: int) -> None:
    cohort = sample_cohort(0, 1, population, size)
    assert set(cohort) <= population
    assert len(cohort) == min(size, len(population))


def test_a_round_closes_when_everybody_answered() -> None:
    assert decide(view("accepted", "accepted"), 0.0, ()) == Close()


def test_a_round_waits_for_the_missing_until_its_deadline() -> None:
    assert decide(view("accepted", "assigned", quorum=1), DEADLINE - 1, ()) == Wait()
    assert decide(view("accepted", "assigned", quorum=1), DEADLINE, ()) == Close()


def test_an_upload_under_way_gets_the_allowance() -> None:
    busy = view("accepted", "assigned", quorum=1)
    busy = replace(busy, members=(busy.members[0], replace(busy.members[1], uploading=True)))
    assert decide(busy, DEADLINE + 9, ()) == Wait()
    assert decide(busy, DEADLINE + 10, ()) == Close()


def test_a_round_without_quorum_is_extended_then_given_up() -> None:
    short = view("accepted", "assigned")
    assert decide(short, DEADLINE + 5, ()) == Wait()
    assert decide(short, DEADLINE + 10, ()) == Extend(DEADLINE + 70, 1)
    last = replace(short, extensions=MAX_EXTENSIONS)
    assert isinstance(decide(last, DEADLINE + 10, ()), Void)


def test_a_failed_assignment_is_issued_again_when_its_volunteer_is_there() -> None:
    failed = view("accepted", "failed")
    assert decide(failed, 0.0, ()) == Wait()
    assert decide(failed, 0.0, {"k1"}) == Reissue(("k1",))
    later = replace(failed, members=(failed.members[0], replace(failed.members[1], retry_at=50.0)))
    assert decide(later, 49.0, {"k1"}) == Wait()
    assert decide(later, 50.0, {"k1"}) == Reissue(("k1",))


def test_nobody_is_asked_for_ever() -> None:
    failed = view("accepted", "failed", quorum=1)
    tired = replace(failed, members=(failed.members[0], replace(failed.members[1], attempt=MAX_ATTEMPTS)))
    assert decide(tired, 0.0, {"k1"}) == Close()


def test_a_refused_update_is_replaced_only_by_somebody_else() -> None:
    assert decide(view("accepted", "refused"), 5.0, {"k1"}, spares=0) == Wait()
    assert decide(view("accepted", "refused"), 5.0, {"k1"}, spares=3) == Extend(65.0, 1)
    assert decide(view("accepted", "refused", quorum=1), 5.0, ()) == Close()


@pytest.mark.parametrize(("attempt", "delay"), [(1, 2.0), (2, 4.0), (5, 32.0), (9, 60.0)])
def test_retries_slow_down_except_after_a_forgery(attempt: int, delay: float) -> None:
    assert retry_delay_s(attempt, forged=False) == delay
    assert retry_delay_s(attempt, forged=True) == 0.0


def test_a_message_outlives_its_round_by_two() -> None:
    assert message_ttl_s(60.0, 10.0) == 70.0 + 2 * 70.0


@given(
    st.lists(st.sampled_from(["assigned", "failed", "accepted", "refused"]), min_size=1, max_size=6),
    st.integers(1, 6),
    st.floats(0, 3_000),
    st.integers(0, 3),
)
def test_a_round_never_closes_below_its_quorum(
    states: list[MemberState], quorum: int, now: float, extended: int
) -> None:
    found = view(*states, quorum=min(quorum, len(states)), extensions=extended)
    if decide(found, now, {"k0", "k1"}) == Close():
        assert states.count("accepted") >= found.quorum


def test_a_quota_passes_over_whoever_would_exceed_it() -> None:
    invites = {f"k{i}": "one" if i < 8 else f"own {i}" for i in range(12)}
    quota = quota_of(0.5, 6, invites)
    assert quota is not None
    assert quota.most == 3
    for number in range(50):
        drawn = sample_cohort(7, number, invites, 6, quota)
        assert len(drawn) == 6
        assert sum(invites[key] == "one" for key in drawn) <= 3
        more = sample_cohort(7, number, set(invites) - set(drawn), 6, quota_of(0.5, 6, invites, drawn))
        assert sum(invites[key] == "one" for key in (*drawn, *more)) <= 3, "those who are asked later count as well"
    assert quota_of(1.0, 6, invites) is None
    tiny = quota_of(0.01, 6, invites)
    assert tiny is not None
    assert tiny.most == 1, "everybody can be asked"


def test_without_a_quota_the_draw_is_what_it_was() -> None:
    people = [f"k{i}" for i in range(9)]
    everybody = Quota(most=9, invites=dict.fromkeys(people, "one"))
    assert sample_cohort(7, 3, people, 4, everybody) == sample_cohort(7, 3, people, 4)


def test_over_selection_asks_the_rounded_up_number() -> None:
    assert [asked_of(4, factor) for factor in (1.0, 1.1, 1.25, 1.26)] == [4, 5, 5, 6]
    assert asked_of(10, 1.1) == 11, "whatever floating point makes of it"


def test_a_round_closes_once_enough_are_accepted() -> None:
    states: tuple[MemberState, ...] = ("accepted", "accepted", "assigned", "failed")
    for target, decision in ((2, Close()), (3, Wait()), (None, Wait())):
        assert decide(replace(view(*states, quorum=1), target=target), DEADLINE - 1, ()) == decision
