"""Updates made of a few random numbers, for the tests of combining them."""

from __future__ import annotations

import numpy as np

from core.update import ModelUpdate


def update(*values: float) -> ModelUpdate:
    """One parameter ``w``."""
    return ModelUpdate({"w": np.array(values, np.float32)})


def cohort(count: int, size: int = 50, seed: int = 0) -> list[ModelUpdate]:
    """Updates of two parameters, standard normal."""
    rng = np.random.default_rng(seed)
    return [
        ModelUpdate({"a": rng.standard_normal((size, 2)).astype(np.float32), "b": rng.standard_normal(3).astype("f4")})
        for _ in range(count)
    ]
