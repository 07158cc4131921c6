"""The outer optimiser: from the mean pseudo-gradient to the next checkpoint (Photon, Algorithm 1, line 9).

One sign convention: ``pseudo_gradient = base − trained`` and θ ← θ − η·m, so that θ moves to θ_k when all clients
agree on θ_k.

- ``fedavg`` (McMahan et al., 2017, https://arxiv.org/abs/1602.05629): m = Δ.
- ``fedmom`` (server momentum; Hsu et al., 2019, https://arxiv.org/abs/1909.06335): m ← μ·m + Δ.

Everything is NumPy float32, multiply then add or subtract, so that replicas of the model stay bit-identical. With
η = 1 and μ = 0 ``fedmom`` gives the same bits as ``fedavg`` with η = 1. Each value is moved by itself, so a
model may be moved slice by slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from core.api.errors import UpdateError
from core.config import OuterConfig
from core.update import Array, ModelUpdate


class OuterStep(NamedTuple):
    """Result of one outer step: new weights, new momentum (``None`` under ``fedavg``) and norms."""

    weights: dict[str, Array]
    momentum: dict[str, Array] | None
    metrics: dict[str, float]


def direction(config: OuterConfig, delta: Array, momentum: Array | None) -> Array:
    """What is subtracted, before the learning rate; under ``fedmom`` this is the next momentum."""
    if config.optimizer == "fedmom" and momentum is not None:
        return np.float32(config.momentum) * momentum + delta
    return delta


def moved(config: OuterConfig, base: Array, direction: Array) -> Array:
    """The new weights; who calls looks whether they are finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return base - np.float32(config.learning_rate) * direction


def outer_step(
    config: OuterConfig,
    base: Mapping[str, Array],
    delta: ModelUpdate,
    momentum: Mapping[str, Array] | None,
) -> OuterStep:
    """Apply one outer step. Never touches its inputs.

    Args:
        config: which optimiser, η and μ.
        base: the checkpoint the cohort started from.
        delta: mean pseudo-gradient of the cohort, base − trained.
        momentum: what the last step returned; ``None`` at the first.

    Raises:
        UpdateError: layouts differ, or the new weights are not finite.
    """
    if list(base) != list(delta.arrays) or any(base[n].shape != a.shape for n, a in delta.arrays.items()):
        raise UpdateError("The mean update has other parameters than the base checkpoint.")
    before = momentum or {}
    directions = {name: direction(config, delta.arrays[name], before.get(name)) for name in base}
    weights = {name: moved(config, base[name], directions[name]) for name in base}
    model = ModelUpdate(weights)
    if not model.is_finite():
        raise UpdateError("The outer step gave weights that are not finite.")
    metrics = {"pseudo_gradient_norm": delta.norm(), "model_norm": model.norm()}
    return OuterStep(weights, directions if config.optimizer == "fedmom" else None, metrics)
