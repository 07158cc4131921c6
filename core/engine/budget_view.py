"""One budget as the window and the command line show it: charged so far, what is still planned, and what it is for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from core.api.messages.privacy import BudgetInfo, BudgetPlan, PlannedCharge
from core.engine import plans
from core.engine.membership import Membership
from core.engine.verdict import verdict_of
from core.ledger.budget import ENTERS, round_up
from core.ledger.charges import Line, times
from core.ledger.rows import BudgetRow
from core.ledger.store import Ledger
from core.privacy_filters import ORDERS

Epsilons = Mapping[tuple[int, str], float]
"""ε by lineage and unit."""
_POINTS: Final = 8


def views(ledger: Ledger, joined: Collection[Membership]) -> list[BudgetInfo]:
    """Every budget, with what the joined federations still plan to charge to it."""
    rows = ledger.budgets()
    lineages = {row.corpus_id: row.lineage_id for row in rows}
    rounds = {member: _rounds_ahead(ledger, member) for member in joined}
    forecast = _forecast(ledger, rounds) if rows else []
    return [_view(ledger, row, rounds, lineages, forecast) for row in rows]


def _forecast(ledger: Ledger, rounds: Mapping[Membership, int]) -> list[tuple[int, Epsilons]]:
    """ε of every budget after equal parts of what is planned, all federations going on side by side."""
    parts = min(_POINTS, max(rounds.values(), default=0))
    found = list[tuple[int, Epsilons]]()
    for part in range(1, parts + 1):
        shares = {member: -(-count * part // parts) for member, count in rounds.items()}
        lines = [line for member, count in shares.items() if count for line in times(member.lines(), count)]
        found.append((max(shares.values()), ledger.forecast(lines)))
    return found


def _rounds_ahead(ledger: Ledger, member: Membership) -> int:
    """Rounds of a federation's plan that are not charged yet: those to be asked for, and one that was begun."""
    federation = member.row.federation_id
    asked = ledger.federation(federation).high_water_round
    begun = sum(one.federation_id == federation and one.charge_id is None for one in ledger.open_releases())
    return max(0, member.config.schedule.rounds - max(0, asked)) + begun


def _view(
    ledger: Ledger,
    row: BudgetRow,
    rounds: Mapping[Membership, int],
    lineages: Mapping[str, int],
    forecast: Sequence[tuple[int, Epsilons]],
) -> BudgetInfo:
    left, planned = list[int](), list[BudgetPlan]()
    for member, count in rounds.items():
        if lines := _lines(member, row, lineages):
            left.append(ledger.rounds_left(lines))
            planned.append(_plan(member, count))
    bare = row.ended_by_none or row.unit == "none"
    ahead = [] if bare or not planned else _ahead(row, forecast)
    at_end = ahead[-1].epsilon if ahead else round_up(row.epsilon)
    return BudgetInfo(
        corpus_id=row.corpus_id,
        corpus_name=row.corpus_name,
        unit=row.unit,
        guarantee="none" if bare else "guaranteed",
        epsilon=round_up(row.epsilon),
        limit=row.limit,
        delta=row.delta,
        relation=row.relation,
        method=row.method,
        orders=[float(order) for order in ORDERS],
        rounds_left=min(left) if left else None,
        releases=row.releases,
        ended_by_none=row.ended_by_none,
        epsilon_at_end=None if bare or not planned else at_end,
        ahead=ahead,
        plans=planned,
    )


def _ahead(row: BudgetRow, forecast: Sequence[tuple[int, Epsilons]]) -> list[PlannedCharge]:
    """The forecast of one budget, up to where it stops."""
    points = list[PlannedCharge]()
    for rounds, epsilons in forecast:
        epsilon = round_up(epsilons.get((row.lineage_id, row.unit), row.epsilon))
        points.append(PlannedCharge(rounds=rounds, epsilon=min(epsilon, row.limit)))
        if epsilon >= row.limit:
            break
    return points


def _lines(member: Membership, row: BudgetRow, lineages: Mapping[str, int]) -> list[Line]:
    """What a round of one federation charges to a budget: a charge covers every text of its lineage at once."""
    return [
        (corpus_id, spec)
        for corpus_id, spec in member.lines()
        if lineages.get(corpus_id) == row.lineage_id and row.unit in ENTERS[spec.unit]
    ]


def _plan(member: Membership, rounds: int) -> BudgetPlan:
    ratio = plans.noise_ratio(member.config, member.plan)
    return BudgetPlan(
        federation_id=member.row.federation_id,
        federation_name=member.row.name,
        rounds=rounds,
        noise_to_signal=ratio,
        verdict=verdict_of(ratio) if ratio else "",
        few=plans.few(member.plan),
    )
