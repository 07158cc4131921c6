"""The first weights of a federation, drawn from its seed with NumPy alone, the same on every machine."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from core.config import ModelSpec
from core.model.layout import parameter_shapes
from core.update import Array

STANDARD_DEVIATION: Final = 0.02
_INTO_RESIDUAL = ("o_proj.weight", "down_proj.weight")


def seeded_weights(spec: ModelSpec, seed: int) -> dict[str, Array]:
    """Weights in layout order: normal with σ 0.02, narrower into the residual stream, ones for the norms.

    Each array has a stream of its own keyed by (seed, position), so one more block does not move the others. The
    projections that write into the residual stream are divided by √(2 · blocks) (Radford et al., GPT-2, 2019).

    Args:
        spec: the model's shape.
        seed: the federation's seed, 0 or more.
    """
    arrays: dict[str, Array] = {}
    for position, (name, shape) in enumerate(parameter_shapes(spec).items()):
        if len(shape) == 1:
            arrays[name] = np.ones(shape, np.float32)
            continue
        scale = STANDARD_DEVIATION
        if name.endswith(_INTO_RESIDUAL):
            scale /= math.sqrt(2 * spec.num_layers)
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, position])))
        arrays[name] = (generator.standard_normal(shape) * scale).astype(np.float32)
    return arrays
