"""How much each update of a round counts, from durable rows alone, so that a restart finds the same."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.config.learning import AggregationTerms
from core.coordinator.records.schema import Assignment
from core.coordinator.records.store import Store
from core.influence import (
    NORM_ROUNDS,
    bound_of,
    clip_factor,
    is_bounded,
    longest_norm,
    ramp_weight,
    staleness_weight,
    weights_of,
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the updates of one round count. Without anything known every one counts in full."""

    weights: dict[tuple[int, str], float] = field(default_factory=dict)
    """(round, key id) → weight."""
    bounds: dict[str, float] = field(default_factory=dict)
    """Shard → longest that an update of it counts."""

    def weight(self, item: Assignment) -> float:
        """How much an update counts."""
        return self.weights.get((item.server_round, item.key_id), 1.0)

    def factor(self, item: Assignment) -> float:
        """What an update is scaled by before."""
        return 1.0 if item.norm is None else clip_factor(item.norm, self.bounds.get(item.shard, math.inf))


def standing_of(
    store: Store,
    terms: AggregationTerms,
    server_round: int,
    fresh: Sequence[Assignment],
    late: Sequence[Assignment] = (),
) -> Standing:
    """Weigh the updates of a round that is being closed.

    Args:
        store: what is durable.
        terms: the federation's.
        server_round: the round.
        fresh: what was accepted in it, in the order of key ids.
        late: what was kept of earlier rounds.
    """
    before = store.accepted_before(server_round)
    counts = [before.get(item.key_id, 0) for item in fresh]
    weights = dict(
        zip(
            ((item.server_round, item.key_id) for item in fresh),
            weights_of([item.loss for item in fresh], counts, terms),
            strict=True,
        )
    )
    for item in late:
        new = ramp_weight(before.get(item.key_id, 0), terms.ramp_rounds)
        weights[item.server_round, item.key_id] = new * staleness_weight(server_round - item.server_round)
    bounds = {}
    if is_bounded(terms):
        for shard in {item.shard for item in (*fresh, *late)}:
            earlier = store.accepted_norms(shard, server_round - NORM_ROUNDS + 1, server_round - 1)
            bounds[shard] = bound_of(earlier, store.accepted_norms(shard, server_round, server_round))
    return Standing(weights=weights, bounds=bounds)


def longest(store: Store, terms: AggregationTerms, server_round: int, shard: str) -> float:
    """Norm beyond which an update of a round is set aside: many running medians of the rounds before it."""
    if not is_bounded(terms):
        return math.inf
    return longest_norm(store.accepted_norms(shard, server_round - NORM_ROUNDS, server_round - 1))


def held_out_score(cohort: Sequence[Assignment]) -> tuple[float | None, float | None]:
    """Mean and standard deviation of what a cohort says of the base on its own held-out text, in bits per byte."""
    said = [item.held_out for item in cohort if item.held_out is not None]
    return (statistics.fmean(said), statistics.pstdev(said)) if said else (None, None)
