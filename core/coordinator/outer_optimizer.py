"""The outer optimiser: from the mean pseudo-gradient to the next checkpoint (Photon, Algorithm 1, line 9).

One sign convention: ``pseudo_gradient = base − trained`` and θ ← θ − η·m, so that θ moves to θ_k when all clients
agree on θ_k.

- ``fedavg`` (McMahan et al., 2017, https://arxiv.org/abs/1602.05629): m = Δ.
- ``fedmom`` (server momentum; Hsu et al., 2019, https://arxiv.org/abs/1909.06335): m ← μ·m + Δ.

Everything is NumPy float32, multiply then add or subtract, so that replicas of the model stay bit-identical. With
η = 1 and μ = 0 ``fedmom`` gives the same bits as ``fedavg`` with η = 1.
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


def partial_step(
    config: OuterConfig,
    base: Mapping[str, Array],
    delta: ModelUpdate,
    momentum: Mapping[str, Array] | None,
) -> OuterStep:
    """As ``outer_step``, where ``delta`` may hold a part of the parameters only.

    The others keep their weights and their momentum to the bit; a momentum that none has yet is zero.

    Raises:
        UpdateError: ``delta`` holds parameters that are not the model's, or the new weights are not finite.
    """
    if len(delta.arrays) == len(base):
        return outer_step(config, base, delta, momentum)
    trained = {name: base[name] for name in delta.arrays if name in base}
    before = None if momentum is None else {name: momentum[name] for name in trained}
    step = outer_step(config, trained, delta, before)
    weights = {name: step.weights.get(name, array) for name, array in base.items()}
    after = None
    if step.momentum is not None:
        kept = momentum or {name: np.zeros_like(array) for name, array in base.items()}
        after = {name: step.momentum.get(name, kept[name]) for name in base}
    return OuterStep(weights, after, step.metrics | {"model_norm": ModelUpdate(weights).norm()})


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
    direction = dict(delta.arrays)
    if config.optimizer == "fedmom" and momentum is not None:
        decay = np.float32(config.momentum)
        direction = {name: decay * momentum[name] + delta.arrays[name] for name in base}
    rate = np.float32(config.learning_rate)
    with np.errstate(over="ignore", invalid="ignore"):
        weights = {name: base[name] - rate * direction[name] for name in base}
    model = ModelUpdate(weights)
    if not model.is_finite():
        raise UpdateError("The outer step gave weights that are not finite.")
    metrics = {"pseudo_gradient_norm": delta.norm(), "model_norm": model.norm()}
    return OuterStep(weights, direction if config.optimizer == "fedmom" else None, metrics)
