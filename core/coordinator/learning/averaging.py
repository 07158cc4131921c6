"""The mean of a round's updates and the outer step, slice by slice: nothing of the size of the model is in memory.

The updates stay encoded in their files, base and momentum in theirs, and what comes of them is written as it is made.
Sums are those of ``MeanAccumulator`` over updates in a fixed order, so the same updates always give the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from core.aggregation import MeanAccumulator
from core.api.errors import StorageError, UpdateError
from core.config import OuterConfig
from core.coordinator.learning.model_files import Stored
from core.coordinator.learning.outer_optimizer import direction, moved
from core.coordinator.records.schema import Assignment
from core.coordinator.rounds.lottery import damping
from core.postprocess.compression.codec import SLICE, EncodedUpdate
from core.update import Array, ModelUpdate


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


class Mean:
    """The mean pseudo-gradient of each part of the model that somebody trained."""

    def __init__(
        self, updates: Sequence[tuple[Assignment, EncodedUpdate]], names: Sequence[str], *, damped: bool
    ) -> None:
        """Read nothing yet.

        Args:
            updates: in the order in which they are added.
            names: the model's parameters in layout order.
            damped: few trainers move a part by less (shard rounds).
        """
        self._of: dict[str, list[tuple[Assignment, EncodedUpdate, int]]] = {}
        for item, update in updates:
            at = 0
            for name, shape in update.shapes.items():
                self._of.setdefault(name, []).append((item, update, at))
                at += math.prod(shape)
        self._damped = damped
        self.norm = Norm([name for name in names if name in self._of])

    def __contains__(self, name: object) -> bool:
        return name in self._of

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
        total = MeanAccumulator({name: (stop - start,)})
        for item, update, at in self._of[name]:
            try:
                total.add(ModelUpdate({name: update.values(at + start, at + stop)}))
            except (StorageError, UpdateError) as error:
                raise UpdateLost(item, error.message) from error
        mean = total.mean().arrays[name]
        if self._damped:
            mean = np.float32(damping(total.count)) * mean
        self.norm.add(name, start, mean)
        return mean


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
                if not np.isfinite(found).all():
                    raise UpdateError("The outer step gave weights that are not finite.")
            self.norm.add(name, start, found)
            return found

        return values
