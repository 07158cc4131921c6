"""The mean of several pseudo-gradients: over the nodes of one client, and over a whole cohort in a simulation.

Photon, Algorithm 1, lines 24 and 8; what a coordinator makes of a cohort is in ``core.combination``. Weights are 1/|C|
unless the caller gives others. Sums are float64 and streaming: one decoded update is in memory at a time, beside one
float64 accumulator per parameter. The caller adds updates in a fixed order, so the same updates always give the same
bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from core.api.errors import UpdateError
from core.update import ModelUpdate


class MeanAccumulator:
    """Adds updates one by one and gives their mean in float32."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._sums = {name: np.zeros(shape, dtype=np.float64) for name, shape in shapes.items()}
        self._shapes = dict(shapes)
        self._weight = 0.0
        self.count = 0

    def add(self, update: ModelUpdate, weight: float = 1.0) -> None:
        """Add one update, counting ``weight`` times.

        Raises:
            ValueError: the weight is not a positive number.
            UpdateError: its layout differs from the federation's.
        """
        if not (weight > 0 and math.isfinite(weight)):
            raise ValueError(f"an update's weight must be positive, got {weight}")
        if update.shapes != self._shapes or list(update.arrays) != list(self._sums):
            raise UpdateError("The update has other parameters than the model.")
        for name, total in self._sums.items():
            array = update.arrays[name]
            np.add(total, array if weight == 1.0 else weight * array.astype(np.float64), out=total)
        self._weight += weight
        self.count += 1

    def mean(self) -> ModelUpdate:
        """The mean over everything added.

        Raises:
            ValueError: nothing was added.
            UpdateError: the mean does not fit into float32.
        """
        if not self.count:
            raise ValueError("the mean of no update")
        with np.errstate(over="ignore"):
            mean = ModelUpdate({name: (total / self._weight).astype(np.float32) for name, total in self._sums.items()})
        if not mean.is_finite():
            raise UpdateError("The mean of the updates is not finite.")
        return mean


def partial_mean(updates: Iterable[ModelUpdate], weights: Sequence[float] | None = None) -> ModelUpdate:
    """The one update a client sends for its nodes (Photon, Algorithm 1, line 24).

    Args:
        updates: one per node, in a fixed order; taken one at a time.
        weights: how much each counts, such as the tokens it was trained on; equal without them.

    Raises:
        ValueError: there is no update, or another number of weights.
        UpdateError: the layouts differ, or the mean does not fit into float32.
    """
    total: MeanAccumulator | None = None
    for number, update in enumerate(updates):
        if weights is not None and number >= len(weights):
            raise ValueError("there are more updates than weights")
        total = total or MeanAccumulator(update.shapes)
        total.add(update, 1.0 if weights is None else weights[number])
    if total is None or (weights is not None and total.count != len(weights)):
        raise ValueError("there are fewer updates than weights")
    return total.mean()
