"""What a coordinator makes of a cohort's updates, in memory: for simulations, benchmarks and tests.

``core.influence`` says what each may count, ``core.combination`` applies it; a coordinator does the same over files, to
the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.api.errors import UpdateError
from core.combination import BLOCK, Combination, Contribution
from core.config.learning import AggregationTerms
from core.influence import bound_of, clip_factor, is_bounded, norm_of, staleness_weight, weights_of
from core.update import Array, ModelUpdate


class InMemory:
    """An update in memory."""

    def __init__(self, update: ModelUpdate) -> None:
        self._arrays = update.arrays
        self.shapes: Mapping[str, tuple[int, ...]] = update.shapes

    def part(self, name: str, start: int, stop: int) -> Array:
        """Some values of a parameter, flat."""
        return self._arrays[name].reshape(-1)[start:stop]


def norm_in_memory(update: ModelUpdate) -> float:
    """The same norm of an update in memory, in the blocks in which a coordinator reads one."""
    flat = update.flat()
    return norm_of(flat[start : start + BLOCK] for start in range(0, flat.size, BLOCK))


@dataclass(frozen=True, kw_only=True)
class Combined:
    """What a cohort in memory came to, with what each update counted."""

    update: ModelUpdate
    late: ModelUpdate | None
    """What is subtracted beside it, at the outer learning rate and without momentum."""
    norms: tuple[float, ...]
    """Of each fresh update, for the running median of the rounds to come."""
    bound: float
    factors: tuple[float, ...]
    weights: tuple[float, ...]
    notes: tuple[str, ...]


def combine(
    updates: Sequence[ModelUpdate],
    terms: AggregationTerms,
    *,
    losses: Sequence[float | None] = (),
    accepted_before: Sequence[int] = (),
    history: Sequence[float] = (),
    late: Sequence[tuple[ModelUpdate, int]] = (),
    centre: ModelUpdate | None = None,
) -> Combined:
    """What a coordinator makes of these updates, in memory and to the same bits. Every update has the same layout.

    Args:
        updates: the cohort's, in a fixed order.
        terms: weights, bound and rule.
        losses: of each update; unknown without them.
        accepted_before: how many each volunteer had accepted before; without them nobody is new.
        history: accepted norms of the ``NORM_ROUNDS`` − 1 rounds before.
        late: updates of earlier rounds, with how many rounds they are late.
        centre: of ``centred-clipping``, such as the mean of the round before.

    Raises:
        ValueError: there is no update, or another number of losses or counts.
        UpdateError: the layouts differ, or the result does not fit into float32.
    """
    if not updates:
        raise ValueError("the mean of no update")
    if {len(losses or updates), len(accepted_before or updates)} != {len(updates)}:
        raise ValueError("there is another number of losses or counts than of updates")
    norms = tuple(norm_in_memory(update) for update in updates)
    bound = bound_of(history, norms) if is_bounded(terms) else math.inf
    before = accepted_before or [terms.ramp_rounds] * len(updates)
    weights = tuple(weights_of(losses or [None] * len(updates), before, terms))
    factors = tuple(clip_factor(norm, bound) for norm in norms)
    shapes = updates[0].shapes
    if any(update.shapes != shapes for update in (*updates, *(one for one, _ in late))):
        raise UpdateError("The updates have other parameters than each other.")
    found = Combination(
        [
            Contribution(update=InMemory(update), factor=factor, weight=weight)
            for update, factor, weight in zip(updates, factors, weights, strict=True)
        ],
        terms,
        late=[
            Contribution(
                update=InMemory(update),
                factor=clip_factor(norm_in_memory(update), bound),
                weight=staleness_weight(stale),
            )
            for update, stale in late
        ],
        centre=None if centre is None else InMemory(centre),
    )
    fresh = {name: np.empty(shape, np.float32) for name, shape in shapes.items()}
    folded = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()} if late else None
    for name, array in fresh.items():
        for start in range(0, array.size, BLOCK):
            stop = min(array.size, start + BLOCK)
            array.reshape(-1)[start:stop] = found.part(name, start, stop)
            if folded is not None:
                folded[name].reshape(-1)[start:stop] = found.late(name, start, stop)
    return Combined(
        update=ModelUpdate(fresh), late=None if folded is None else ModelUpdate(folded), norms=norms, bound=bound,
        factors=factors, weights=weights, notes=found.notes,
    )  # fmt: skip
