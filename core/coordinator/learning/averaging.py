"""What a round's updates come to, slice by slice: nothing of the size of the model is in memory.

The updates stay encoded in their files, and what comes of them is written as it is made.
How they become one is ``core.combination``, over updates in a fixed order: the same updates always give the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from core.api.errors import StorageError, UpdateError
from core.combination import Centre, Combination, Contribution
from core.config.learning import AggregationTerms, OuterConfig
from core.coordinator.learning.model_files import Stored
from core.coordinator.learning.norms import Norm
from core.coordinator.learning.standing import Standing
from core.coordinator.records.schema import Assignment
from core.coordinator.rounds.lottery import damping
from core.postprocess.compression.codec import SLICE, EncodedUpdate
from core.update import Array, ModelUpdate

MOMENTUM_SUMS = ("fedmom", "nesterov")
"""Outer optimisers whose momentum is m ← μm + Δ."""


class UpdateLost(StorageError):
    """An accepted update is missing or damaged; its volunteer must be asked for it again."""

    def __init__(self, assignment: Assignment, why: str) -> None:
        super().__init__(f"The stored update was lost: {why}")
        self.assignment = assignment


class _Filed:
    """An accepted update in its file, as ``Combination`` reads it."""

    def __init__(self, item: Assignment, update: EncodedUpdate, beat: Callable[[], None]) -> None:
        self._item, self._update, self._beat = item, update, beat
        self.shapes: Mapping[str, tuple[int, ...]] = update.shapes
        self._at: dict[str, int] = {}
        at = 0
        for name, shape in update.shapes.items():
            self._at[name] = at
            at += math.prod(shape)

    def part(self, name: str, start: int, stop: int) -> Array:
        """Some values of a parameter; raises UpdateLost where they cannot be read any more."""
        self._beat()
        at = self._at[name]
        try:
            return self._update.values(at + start, at + stop)
        except (StorageError, UpdateError) as error:
            raise UpdateLost(self._item, error.message) from error


class _Halfway:
    """Momentum as the mean of the rounds before: (1 − μ)·m, since m adds up 1/(1 − μ) means in the long run."""

    def __init__(self, momentum: Stored, share: float) -> None:
        self._momentum, self._share = momentum, np.float32(share)

    def part(self, name: str, start: int, stop: int) -> Array:
        """Some values of a parameter, flat."""
        return self._share * self._momentum.part(name, start, stop)


def centre_of(config: OuterConfig, momentum: Stored | None) -> Centre | None:
    """What centred clipping holds updates against: the means so far as momentum keeps them, else zero."""
    if momentum is None or config.optimizer not in MOMENTUM_SUMS:
        return None
    return _Halfway(momentum, 1.0 - config.momentum)


class Mean:
    """What the updates of a round come to, for each part of the model that somebody trained."""

    def __init__(
        self,
        updates: Sequence[tuple[Assignment, EncodedUpdate]],
        names: Sequence[str],
        *,
        damped: bool,
        terms: AggregationTerms | None = None,
        late: Sequence[tuple[Assignment, EncodedUpdate]] = (),
        standing: Standing | None = None,
        centre: Centre | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Read nothing yet.

        Args:
            updates: the round's own, in the order in which they are added.
            names: the model's parameters in layout order.
            damped: few trainers move a part by less (shard rounds).
            terms: how they are combined; ``None`` is the plain mean.
            late: those of earlier rounds that are folded in beside it.
            standing: how much each counts; ``None``: all in full.
            centre: of centred clipping.
            beat: called whenever values of an update are read.
        """
        known = standing or Standing()

        def weighed(pairs: Sequence[tuple[Assignment, EncodedUpdate]]) -> list[Contribution]:
            return [
                Contribution(update=_Filed(item, update, beat), factor=known.factor(item), weight=known.weight(item))
                for item, update in pairs
            ]

        self._found = Combination(weighed(updates), terms, late=weighed(late), centre=centre)
        self._damped = damped
        self.notes = self._found.notes
        """What could not be done as the terms say, in sentences."""
        self.norm = Norm([name for name in names if name in self._found])

    def __contains__(self, name: object) -> bool:
        """Whether an update of this round holds this parameter."""
        return name in self._found

    def whole(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelUpdate:
        """The mean of some parameters, in memory; raises as ``part`` does."""
        found = {name: np.empty(shape, np.float32) for name, shape in shapes.items()}
        for name, array in found.items():
            flat = array.reshape(-1)
            for start in range(0, flat.size, SLICE):
                flat[start : start + SLICE] = self.part(name, start, min(flat.size, start + SLICE))
        return ModelUpdate(found)

    def part(self, name: str, start: int, stop: int) -> Array:
        """The mean of some values of a parameter.

        Raises:
            UpdateLost: an update cannot be read any more.
            UpdateError: the mean does not fit into float32.
        """
        mean = self._found.part(name, start, stop)
        if self._damped:
            mean = np.float32(damping(self._found.count(name))) * mean
        self.norm.add(name, start, mean)
        return mean

    def late(self, name: str, start: int, stop: int) -> Array | None:
        """What is subtracted beside the outer step, at its learning rate and without momentum; ``None`` for nothing.

        Σ w_i·Δ_i/(n_fresh + n_late), w_i = 1/√(1 + staleness). Raises as ``part`` does.
        """
        found = self._found.late(name, start, stop)
        if found is None or not self._damped:
            return found
        return np.float32(damping(self._found.count(name) + self._found.late_count(name))) * found
