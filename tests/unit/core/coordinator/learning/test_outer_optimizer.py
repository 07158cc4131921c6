from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.aggregation import MeanAccumulator
from core.api.errors import UpdateError
from core.config import OuterConfig
from core.coordinator.learning.outer_optimizer import outer_step
from core.update import ModelUpdate, pseudo_gradient

SHAPES = {"a": (3, 4), "b": (5,)}


def weights(seed: int, scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: (scale * rng.standard_normal(shape)).astype(np.float32) for name, shape in SHAPES.items()}


def mean_of(updates: list[ModelUpdate]) -> ModelUpdate:
    total = MeanAccumulator(SHAPES)
    for update in updates:
        total.add(update)
    return total.mean()


def test_when_all_clients_agree_the_model_moves_to_theirs() -> None:
    base, trained = weights(0), weights(1)
    delta = mean_of([pseudo_gradient(base, trained)] * 3)
    moved = outer_step(OuterConfig(optimizer="fedavg"), base, delta, None).weights
    for name in base:
        np.testing.assert_allclose(moved[name], trained[name], rtol=0, atol=1e-6)
        assert not np.allclose(moved[name], base[name])


@given(st.integers(0, 1_000))
def test_fedmom_without_momentum_is_fedavg_to_the_bit(seed: int) -> None:
    base, delta, old = weights(seed), ModelUpdate(weights(seed + 1)), weights(seed + 2)
    plain = outer_step(OuterConfig(optimizer="fedavg", learning_rate=1.0), base, delta, None)
    mom = outer_step(OuterConfig(optimizer="fedmom", learning_rate=1.0, momentum=0.0), base, delta, old)
    for name in base:
        assert plain.weights[name].tobytes() == mom.weights[name].tobytes()
        assert plain.weights[name].tobytes() == (base[name] - delta.arrays[name]).tobytes()


def test_momentum_accumulates() -> None:
    config = OuterConfig(optimizer="fedmom", learning_rate=0.5, momentum=0.9)
    base, delta = weights(0), ModelUpdate(weights(1))
    first = outer_step(config, base, delta, None)
    second = outer_step(config, first.weights, delta, first.momentum)
    expected = base["a"] - 0.5 * delta.arrays["a"] - 0.5 * 1.9 * delta.arrays["a"]
    np.testing.assert_allclose(second.weights["a"], expected, rtol=1e-5, atol=1e-6)
    assert second.momentum is not None
    np.testing.assert_allclose(second.momentum["a"], 1.9 * delta.arrays["a"], rtol=1e-6)


def test_inputs_are_left_alone() -> None:
    base, delta, momentum = weights(0), ModelUpdate(weights(1)), weights(2)
    before = [array.copy() for array in (*base.values(), *delta.arrays.values(), *momentum.values())]
    outer_step(OuterConfig(optimizer="fedmom", momentum=0.5), base, delta, momentum)
    for old, now in zip(before, (*base.values(), *delta.arrays.values(), *momentum.values()), strict=True):
        np.testing.assert_array_equal(old, now)


def test_a_step_into_infinity_is_refused() -> None:
    huge = ModelUpdate({name: np.full(shape, 3e38, np.float32) for name, shape in SHAPES.items()})
    with pytest.raises(UpdateError, match="not finite"):
        outer_step(OuterConfig(optimizer="fedavg", learning_rate=10.0), weights(0), huge, None)


def test_another_layout_is_refused() -> None:
    with pytest.raises(UpdateError):
        outer_step(OuterConfig(), weights(0), ModelUpdate({"a": np.zeros((3, 4), np.float32)}), None)
    with pytest.raises(UpdateError):
        MeanAccumulator(SHAPES).add(ModelUpdate({"a": np.zeros((3, 4), np.float32)}))


def test_the_mean_is_the_mean_and_the_order_of_a_cohort_gives_the_same_bits() -> None:
    updates = [ModelUpdate(weights(seed, 10.0**seed)) for seed in range(4)]
    mean = mean_of(updates)
    wide = sum(update.arrays["a"].astype(np.float64) for update in updates) / 4
    np.testing.assert_array_equal(mean.arrays["a"], wide.astype(np.float32))
    assert mean_of(list(updates)).flat().tobytes() == mean.flat().tobytes()


def test_no_update_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no update"):
        MeanAccumulator(SHAPES).mean()
