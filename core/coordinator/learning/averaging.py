"""The mean of a round's updates, slice by slice: nothing of the size of the model is in memory.

The updates stay encoded in their files. Sums are those of ``MeanAccumulator`` over updates in a fixed order, so the
same updates always give the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from core.aggregation import MeanAccumulator
from core.api.errors import StorageError, UpdateError
from core.coordinator.learning.norms import Norm
from core.coordinator.records.schema import Assignment
from core.coordinator.rounds.lottery import damping
from core.postprocess.compression.codec import SLICE, EncodedUpdate
from core.update import Array, ModelUpdate


class UpdateLost(StorageError):
    """An accepted update is missing or damaged; its volunteer must be asked for it again."""

    def __init__(self, assignment: Assignment, why: str) -> None:
        super().__init__(f"The stored update was lost: {why}")
        self.assignment = assignment


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
