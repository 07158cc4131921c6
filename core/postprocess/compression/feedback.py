"""Error feedback: what earlier updates left out is added before the next is compressed (Seide et al. 2014).

The decay makes old leftovers fade, since they are of weights that have moved on (SparseLoCo, arXiv 2508.15706). The
link keeps nothing: whoever calls the chain brings the residual and takes the next one along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from core.api.errors import UpdateError
from core.update import ModelUpdate

if TYPE_CHECKING:
    from core.postprocess.base import Context


class Feedback:
    """Adds ``decay`` times the residual; for chains without a guarantee alone.

    Args:
        decay: above 0, at most 1; 1 forgets nothing.

    Raises:
        ValueError: the decay is out of range.
    """

    role: Literal["feedback"] = "feedback"

    def __init__(self, decay: float) -> None:
        if not 0 < decay <= 1:
            raise ValueError(f"decay is {decay}, but must be above 0 and at most 1")
        self.decay = decay

    def forward(self, update: ModelUpdate, context: Context) -> tuple[ModelUpdate, dict[str, float]]:
        """Add what was left out.

        Raises:
            UpdateError: the residual is of another layout.
        """
        if context.residual is None:
            return update, {}
        if context.residual.shape != (update.size,):
            raise UpdateError(f"The residual has {context.residual.size} values, but the update {update.size}.")
        # multiply, then add, each rounded to float32: the same bits everywhere
        return update.with_flat(np.float32(self.decay) * context.residual + update.flat()), {}

    def backward(self, update: ModelUpdate) -> ModelUpdate:
        """Nothing to undo: what was added is meant to arrive."""
        return update
