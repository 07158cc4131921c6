"""Budgets as they are shown: what was charged, what is still planned, how many rounds fit, over a real plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.https import Site, site
from support.joined import Host, House, config, enrol, join, terms

from core.api.errors import BudgetExhausted
from core.api.messages.federations import CorpusChoice
from core.api.messages.privacy import BudgetInfo
from core.engine import budget_view
from core.engine.membership import Membership
from core.ledger.budget import round_up
from core.ledger.charges import times
from core.ledger.rows import ReleaseAttributes


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as one:
        yield one


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home")


def joined(here: Site, house: House, epsilon: float, *texts: str, unit: str = "record", rounds: int = 4) -> Membership:
    host = Host(here, config(unit, rounds=rounds))  # type: ignore[arg-type]
    enrol(host)
    seen = terms(house, host.invite(), epsilon)
    return join(house, host.invite(), seen.manifest_hash, *(CorpusChoice(corpus_id=t, epsilon=epsilon) for t in texts))


def charge(house: House, member: Membership, number: int) -> None:
    attributes = ReleaseAttributes("b" * 64, "full", tuple(member.plans), "f" * 64)
    release = house.ledger.begin_release(member.row.federation_id, member.row.run_id, number, attributes)
    house.ledger.charge(release.release_id, member.lines())


def only(house: House, *members: Membership) -> BudgetInfo:
    (found,) = budget_view.views(house.ledger, members)
    return found


def test_the_end_of_the_plan_stays_the_same_while_rounds_are_charged(here: Site, house: House) -> None:
    member = joined(here, house, 3.0, house.add_text(2_000))
    fresh = only(house, member)
    assert (fresh.epsilon, fresh.releases, fresh.plans[0].rounds) == (0.0, 0, 4)
    assert fresh.epsilon_at_end == round_up(member.plan.epsilon_planned) <= fresh.limit == 3.0
    assert fresh.rounds_left is not None
    assert fresh.rounds_left >= 4
    assert (fresh.plans[0].federation_name, fresh.plans[0].verdict != "") == ("Moor", True)
    assert [point.rounds for point in fresh.ahead] == [1, 2, 3, 4]
    for number in range(1, 5):
        charge(house, member, number)
        now = only(house, member)
        assert now.epsilon == fresh.ahead[number - 1].epsilon, "the forecast comes true"
        assert 0 < now.epsilon <= now.limit
        assert now.epsilon_at_end == fresh.epsilon_at_end
        assert now.plans[0].rounds == 4 - number
        assert now.rounds_left == fresh.rounds_left - number
    assert now.epsilon == fresh.epsilon_at_end
    assert now.ahead == []


def test_a_round_that_was_begun_is_planned_until_it_is_charged(here: Site, house: House) -> None:
    member = joined(here, house, 3.0, house.add_text(2_000))
    fresh = only(house, member)
    attributes = ReleaseAttributes("b" * 64, "full", tuple(member.plans), "f" * 64)
    house.ledger.begin_release(member.row.federation_id, member.row.run_id, 1, attributes)
    assert only(house, member) == fresh
    charge(house, member, 1)
    assert only(house, member).plans[0].rounds == 3
    assert only(house, member).epsilon_at_end == fresh.epsilon_at_end


def test_where_the_limit_comes_before_the_plan_it_is_the_end(here: Site, house: House) -> None:
    member = joined(here, house, 3.0, house.add_text(2_000), rounds=4)
    corpus = next(iter(member.plans))
    house.ledger.set_budget(corpus, "record", 1.0, 1e-5)  # lowered after joining
    now = only(house, member)
    assert now.epsilon_at_end == now.ahead[-1].epsilon == now.limit == 1.0
    assert now.rounds_left is not None
    assert now.rounds_left < 4
    for number in range(1, now.rounds_left + 1):
        charge(house, member, number)
    assert only(house, member).rounds_left == 0
    with pytest.raises(BudgetExhausted):
        charge(house, member, 9)


def test_two_texts_of_one_lineage_count_twice_a_round(here: Site, house: House) -> None:
    one, two = house.add_text(2_000), house.add_text(3_000, "d" * 32, "aa")  # a document in common
    member = joined(here, house, 3.0, one, two)
    first, second = budget_view.views(house.ledger, [member])
    assert first.rounds_left == second.rounds_left
    assert first.rounds_left is not None
    assert not house.ledger.can_afford(times(member.lines(), first.rounds_left + 1))
    assert house.ledger.rounds_left([(one, member.plan.event())]) > first.rounds_left


def test_a_whole_text_unit_is_seen_in_the_budgets_of_finer_units_it_enters(here: Site, house: House) -> None:
    corpus = house.add_text(2_000)
    house.ledger.set_budget(corpus, "record", 8.0, 1e-5)
    member = joined(here, house, 8.0, corpus, unit="corpus")
    found = {budget.unit: budget for budget in budget_view.views(house.ledger, [member])}
    assert [plan.federation_name for plan in found["record"].plans] == ["Moor"]
    assert found["record"].epsilon_at_end == found["corpus"].epsilon_at_end


def test_without_a_federation_nothing_is_planned(here: Site, house: House) -> None:
    member = joined(here, house, 3.0, house.add_text(2_000))
    charge(house, member, 1)
    left = only(house)
    assert (left.rounds_left, left.epsilon_at_end, left.plans, left.ahead) == (None, None, [], [])
    assert left.epsilon > 0


def test_no_forecast_stands_where_the_guarantee_ended(here: Site, house: House) -> None:
    member = joined(here, house, 3.0, house.add_text(2_000))
    house.ledger.end_guarantee(next(iter(member.plans)))
    now = only(house, member)
    assert (now.guarantee, now.epsilon_at_end) == ("none", None)
