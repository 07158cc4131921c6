"""The mean of a round's updates and the outer step, slice by slice: nothing of the size of the model is in memory.

The updates stay encoded in their files, base and momentum in theirs, and what comes of them is written as it is made.
How they become one is ``core.combination``, over updates in a fixed order: the same updates always give the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from core.api.errors import StorageError, UpdateError
from core.combination import Centre, Combination, Contribution
from core.config import AggregationTerms, OuterConfig
from core.coordinator.learning.model_files import Stored
from core.coordinator.learning.outer_optimizer import direction, moved
from core.coordinator.learning.standing import Standing
from core.coordinator.records.schema import Assignment
from core.coordinator.rounds.lottery import damping
from core.postprocess.compression.codec import SLICE, EncodedUpdate
from core.update import Array, ModelUpdate

MOMENTUM_SUMS = ("fedmom", "fednesterov", "nesterov")
"""Outer optimisers whose momentum is m ← μm + Δ."""


class UpdateLost(StorageError):
    """An accepted update is missing or damaged; its volunteer must be asked for it again."""

    def __init__(self, assignment: Assignment, why: str) -> None:
        super().__init__(f"The stored update was lost: {why}")
        self.assignment = assignment


class Norm:
    """The L2 norm of values that pass by in slices, in any order; a slice that passes twice counts once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._squares: dict[str, dict[int, float]] = {name: {} for name in names}

    def add(self, name: str, start: int, values: Array) -> None:
        """Look at one slice."""
        wide = values.astype(np.float64)
        self._squares[name][start] = float(np.dot(wide, wide))

    def value(self) -> float:
        """The norm of everything that passed."""
        return math.sqrt(sum(part[start] for part in self._squares.values() for start in sorted(part)))


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


class OuterStepSlices:
    """One outer step over files; a part that nobody trained keeps its weights and its momentum to the bit."""

    def __init__(
        self, config: OuterConfig, base: Stored, mean: Mean, before: Stored | None, beat: Callable[[], None]
    ) -> None:
        self._config, self._base, self._mean, self._before, self._beat = config, base, mean, before, beat
        self.keeps_momentum = config.optimizer == "fedmom"
        self.norm = Norm(list(base))

    def momentum(self, name: str, start: int, stop: int) -> Array:
        """The momentum after the step; raises as ``Mean.part`` does."""
        self._beat()
        old = None if self._before is None else self._before.part(name, start, stop)
        if name in self._mean:
            return direction(self._config, self._mean.part(name, start, stop), old)
        return np.zeros(stop - start, np.float32) if old is None else old

    def weights(self, momentum: Stored | None) -> Callable[[str, int, int], Array]:
        """The weights after the step.

        Args:
            momentum: the one after the step, once it is stored; ``None`` where none is kept.

        Raises:
            UpdateError: on use, where a weight would not be finite.
        """

        def values(name: str, start: int, stop: int) -> Array:
            self._beat()
            found = self._base.part(name, start, stop)
            if name in self._mean:
                step = self._mean if momentum is None else momentum
                found = moved(self._config, found, step.part(name, start, stop))
            late = self._mean.late(name, start, stop)
            if late is not None:
                with np.errstate(over="ignore", invalid="ignore"):
                    found = found - np.float32(self._config.learning_rate) * late
            if not np.isfinite(found).all():
                raise UpdateError("The outer step gave weights that are not finite.")
            self.norm.add(name, start, found)
            return found

        return values
