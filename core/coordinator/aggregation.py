"""The mean of a cohort's pseudo-gradients, weights 1/|C| (Photon, Algorithm 1, line 8).

Sums are float64 and streaming: one decoded update is in memory at a time, beside one float64 accumulator per
parameter. The caller adds updates in a fixed order, so the same cohort always gives the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.api.errors import UpdateError
from core.update import ModelUpdate


class MeanAccumulator:
    """Adds updates one by one and gives their mean in float32."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._sums = {name: np.zeros(shape, dtype=np.float64) for name, shape in shapes.items()}
        self._shapes = dict(shapes)
        self.count = 0

    def add(self, update: ModelUpdate) -> None:
        """Add one update.

        Raises:
            UpdateError: its layout differs from the federation's.
        """
        if update.shapes != self._shapes or list(update.arrays) != list(self._sums):
            raise UpdateError("The update has other parameters than the model.")
        for name, total in self._sums.items():
            np.add(total, update.arrays[name], out=total)
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
            mean = ModelUpdate({name: (total / self.count).astype(np.float32) for name, total in self._sums.items()})
        if not mean.is_finite():
            raise UpdateError("The mean of the updates is not finite.")
        return mean
