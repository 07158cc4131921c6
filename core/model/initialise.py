"""The first weights of a federation, drawn from its seed with NumPy alone, the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence  # at once: inside the trainer's lock nothing more is loaded

from core.config.model import ModelSpec
from core.model.layout import parameter_shapes
from core.update import Array

STANDARD_DEVIATION: Final = 0.02
_INTO_RESIDUAL = ("o_proj.weight", "down_proj.weight", "c_proj.weight")


def seeded_weights(spec: ModelSpec, seed: int) -> dict[str, Array]:
    """Weights in layout order: normal with σ 0.02, narrower into the residual stream, norms at 1, biases at 0.

    Each array has a stream of its own keyed by (seed, position), so one more block does not move the others. The
    projections that write into the residual stream are divided by √(2 · blocks) (Radford et al., GPT-2, 2019).

    Args:
        spec: the model's shape.
        seed: the federation's seed, 0 or more.
    """
    return dict(draw_weights(spec, seed))


def draw_weights(spec: ModelSpec, seed: int) -> Iterator[tuple[str, Array]]:
    """The same one by one, for models of which no machine should hold two copies."""
    for position, (name, shape) in enumerate(parameter_shapes(spec).items()):
        if len(shape) == 1:
            yield name, np.full(shape, 0.0 if name.endswith(".bias") else 1.0, np.float32)
            continue
        scale = STANDARD_DEVIATION
        if name.endswith(_INTO_RESIDUAL):
            scale /= math.sqrt(2 * spec.num_layers)
        generator = Generator(PCG64(SeedSequence([seed, position])))
        yield name, (generator.standard_normal(shape) * scale).astype(np.float32)
