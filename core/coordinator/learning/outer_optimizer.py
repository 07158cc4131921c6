"""The outer optimiser: from the mean pseudo-gradient to the next checkpoint (Photon, Algorithm 1, line 9).

One sign convention: ``pseudo_gradient = base − trained`` and θ ← θ − η·d, so that θ moves to θ_k when all clients
agree on θ_k. With Δ for the mean pseudo-gradient:

- ``fedavg`` (McMahan et al., 2017, https://arxiv.org/abs/1602.05629): d = Δ.
- ``fedmom`` (server momentum; Hsu et al., 2019, https://arxiv.org/abs/1909.06335): m ← μ·m + Δ, d = m.
- ``nesterov`` (as Photon and PyTorch's SGD write it; DiLoCo, https://arxiv.org/abs/2311.08105): m ← μ·m + Δ,
  d = μ·m + Δ.
- ``fedadam`` and ``fedyogi`` (Reddi et al., 2021, https://arxiv.org/abs/2003.00295, algorithm 2):
  m ← β1·m + (1 − β1)·Δ, then v ← β2·v + (1 − β2)·Δ² or v ← v − (1 − β2)·Δ²·sign(v − Δ²), and d = m / (√v + τ). m
  begins at 0 and v at τ², and as in the paper neither is corrected for its bias.

After it FedVSSL's averaging over rounds, θ ← (β·θ_old + θ_new)/(β + 1), where β is above 0.

Everything is NumPy float32, one operation after the other in a fixed order, so that replicas of the model stay
bit-identical. With η = 1 and μ = 0 ``fedmom`` and ``nesterov`` give the same bits as ``fedavg`` with η = 1. Each value
is moved by itself, so a model may be moved slice by slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from core.api.errors import UpdateError
from core.config.learning import OuterConfig
from core.update import Array, ModelUpdate

NOT_FINITE = "The outer step gave weights that are not finite."
ADAPTIVE = ("fedadam", "fedyogi")
"""These keep a second moment as well."""
WITH_MOMENTUM = ("fedmom", "nesterov", *ADAPTIVE)


class OuterStep(NamedTuple):
    """Result of one outer step: new weights, new moments (``None`` where none are kept) and norms."""

    weights: dict[str, Array]
    momentum: dict[str, Array] | None
    metrics: dict[str, float]
    second_moment: dict[str, Array] | None = None


def first_moment(config: OuterConfig, delta: Array, before: Array | None) -> Array:
    """The momentum after the step, of the optimisers in ``WITH_MOMENTUM``.

    Args:
        config: which optimiser, and μ or β1.
        delta: mean pseudo-gradient.
        before: the momentum before; ``None`` at the first step.
    """
    mu = np.float32(config.momentum)
    if config.optimizer in ADAPTIVE:
        fresh = (np.float32(1) - mu) * delta
        return fresh if before is None else mu * before + fresh
    # At μ = 0 the sign of a zero is Δ's, too.
    return delta if before is None or not config.momentum else mu * before + delta


def second_moment(config: OuterConfig, delta: Array, before: Array | None) -> Array:
    """The second moment after the step, of the optimisers in ``ADAPTIVE``.

    Raises:
        UpdateError: a square does not fit into float32.
    """
    old = untouched_second_moment(config, delta.size).reshape(delta.shape) if before is None else before
    fresh_share = np.float32(1) - np.float32(config.beta2)
    with np.errstate(over="ignore", invalid="ignore"):
        square = delta * delta
        if config.optimizer == "fedyogi":
            found: Array = old - (fresh_share * square) * np.sign(old - square)
        else:
            found = np.float32(config.beta2) * old + fresh_share * square
    if not np.isfinite(found).all():
        raise UpdateError("The second moment of the outer step is not finite.")
    return found


def untouched_second_moment(config: OuterConfig, size: int) -> Array:
    """The second moment of values that no step has touched: τ²."""
    return np.full(size, np.float32(config.tau) * np.float32(config.tau), np.float32)


def direction(config: OuterConfig, delta: Array | None, momentum: Array | None, second: Array | None) -> Array:
    """What is subtracted, before the learning rate, from the moments *after* the step.

    ``delta`` is looked at by ``fedavg`` and ``nesterov``, ``momentum`` by all others and ``nesterov``.
    """
    if config.optimizer == "fedavg":
        assert delta is not None
        return delta
    assert momentum is not None
    if config.optimizer == "nesterov":
        assert delta is not None
        return np.float32(config.momentum) * momentum + delta if config.momentum else delta
    if config.optimizer in ADAPTIVE:
        assert second is not None
        root: Array = np.sqrt(second)
        return momentum / (root + np.float32(config.tau))
    return momentum


def beside(config: OuterConfig, weights: Array, late: Array, rate: float | None = None) -> Array:
    """Weights after what late updates come to was subtracted at the server learning rate; it enters no momentum.

    Averaging over rounds makes the rate η/(β + 1), for late updates as for those of the round.

    Raises:
        UpdateError: a weight would not be finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        eta = (config.learning_rate if rate is None else rate) / (1.0 + config.weight_averaging)
        found = weights - np.float32(eta) * late
    if not np.isfinite(found).all():
        raise UpdateError(NOT_FINITE)
    return found


def moved(config: OuterConfig, base: Array, direction: Array, rate: float | None = None) -> Array:
    """The new weights.

    Args:
        config: η, unless ``rate`` is given, and β of the averaging over rounds.
        base: weights before.
        direction: what is subtracted.
        rate: the server learning rate of this round.

    Raises:
        UpdateError: a weight would not be finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found = base - np.float32(config.learning_rate if rate is None else rate) * direction
        found = averaged(config, base, found)
    if not np.isfinite(found).all():
        raise UpdateError(NOT_FINITE)
    return found


def averaged(config: OuterConfig, old: Array, new: Array) -> Array:
    """(β·θ_old + θ_new)/(β + 1), and exactly θ_new at β = 0 (FedVSSL, Rehman et al., 2022, arXiv 2207.01975)."""
    if not config.weight_averaging:
        return new
    beta = np.float32(config.weight_averaging)
    return (beta * old + new) / (beta + np.float32(1))


def outer_step(
    config: OuterConfig,
    base: Mapping[str, Array],
    delta: ModelUpdate,
    momentum: Mapping[str, Array] | None,
    second: Mapping[str, Array] | None = None,
    rate: float | None = None,
) -> OuterStep:
    """Apply one outer step. Never touches its inputs.

    Args:
        config: which optimiser, η, μ and so on.
        base: the checkpoint the cohort started from.
        delta: mean pseudo-gradient of the cohort, base − trained.
        momentum: what the last step returned; ``None`` at the first.
        second: the same of the second moment.
        rate: the server learning rate where it is not the terms'.

    Raises:
        UpdateError: layouts differ, or the new weights are not finite.
        ValueError: the optimiser is a strategy, which is applied to updates and not to their mean.
    """
    if config.optimizer == "strategy":
        raise ValueError("a strategy is not applied to the mean")
    if list(base) != list(delta.arrays) or any(base[n].shape != a.shape for n, a in delta.arrays.items()):
        raise UpdateError("The mean update has other parameters than the base checkpoint.")
    first: dict[str, Array] = {}
    squares: dict[str, Array] = {}
    weights = {}
    for name, change in delta.arrays.items():
        if config.optimizer in WITH_MOMENTUM:
            first[name] = first_moment(config, change, (momentum or {}).get(name))
        if config.optimizer in ADAPTIVE:
            squares[name] = second_moment(config, change, (second or {}).get(name))
        way = direction(config, change, first.get(name), squares.get(name))
        weights[name] = moved(config, base[name], way, rate)
    metrics = {"pseudo_gradient_norm": delta.norm(), "model_norm": ModelUpdate(weights).norm()}
    return OuterStep(weights, first or None, metrics, squares or None)
