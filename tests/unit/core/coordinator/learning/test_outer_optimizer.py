from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.aggregation import MeanAccumulator
from core.api.errors import UpdateError
from core.config.learning import OuterConfig
from core.coordinator.learning.outer_optimizer import OuterStep, outer_step
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


def deltas(count: int) -> list[ModelUpdate]:
    return [ModelUpdate(weights(seed, 0.1)) for seed in range(1, count + 1)]


def run(config: OuterConfig, base: dict[str, np.ndarray], updates: list[ModelUpdate]) -> OuterStep:
    step = OuterStep(base, None, {})
    for delta in updates:
        step = outer_step(config, step.weights, delta, step.momentum, step.second_moment)
    return step


@pytest.mark.parametrize(("optimizer", "nesterov"), [("fedmom", False), ("nesterov", True)])
def test_momentum_is_that_of_pytorchs_sgd(optimizer: str, nesterov: bool) -> None:
    import torch

    base, updates = weights(0), deltas(4)
    tensor = torch.nn.Parameter(torch.from_numpy(base["a"].copy()))
    reference = torch.optim.SGD([tensor], lr=0.7, momentum=0.9, nesterov=nesterov)
    for delta in updates:
        tensor.grad = torch.from_numpy(delta.arrays["a"].copy())
        reference.step()
    found = run(OuterConfig(optimizer=optimizer, learning_rate=0.7, momentum=0.9), base, updates)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.weights["a"], tensor.detach().numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["fedadam", "fedyogi"])
def test_adaptive_steps_are_those_of_the_paper(optimizer: str) -> None:
    """Algorithm 2 of Reddi et al. in float64, v from τ² on and without correction of the bias."""
    beta1, beta2, tau, rate = 0.9, 0.99, 1e-2, 0.05
    config = OuterConfig(optimizer=optimizer, learning_rate=rate, momentum=beta1, beta2=beta2, tau=tau)  # type: ignore[arg-type]
    base, updates = weights(0), deltas(5)
    model, m, v = base["a"].astype(np.float64), np.zeros((3, 4)), np.full((3, 4), tau**2)
    for update in updates:
        delta = update.arrays["a"].astype(np.float64)
        m = beta1 * m + (1 - beta1) * delta
        if optimizer == "fedadam":
            v = beta2 * v + (1 - beta2) * delta**2
        else:
            v = v - (1 - beta2) * delta**2 * np.sign(v - delta**2)
        model = model - rate * m / (np.sqrt(v) + tau)
    found = run(config, base, updates)
    np.testing.assert_allclose(found.weights["a"], model, rtol=0, atol=1e-5)
    assert found.momentum is not None
    assert found.second_moment is not None
    np.testing.assert_allclose(found.second_moment["a"], v, rtol=1e-4)


def test_adam_with_another_beta_or_tau_is_another_history() -> None:
    base, updates = weights(0), deltas(3)
    found = [
        run(OuterConfig(optimizer="fedadam", learning_rate=0.01, momentum=0.9, **change), base, updates).weights["a"]
        for change in ({}, {"beta2": 0.9}, {"tau": 0.1})
    ]
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_averaging_over_rounds_goes_part_of_the_way_and_at_zero_all_of_it() -> None:
    base, delta = weights(0), ModelUpdate(weights(1))
    plain = outer_step(OuterConfig(optimizer="fedavg"), base, delta, None).weights
    zero = outer_step(OuterConfig(optimizer="fedavg", weight_averaging=0.0), base, delta, None).weights
    half = outer_step(OuterConfig(optimizer="fedavg", weight_averaging=1.0), base, delta, None).weights
    for name, array in base.items():
        assert zero[name].tobytes() == plain[name].tobytes()
        np.testing.assert_allclose(half[name], (array + plain[name]) / 2, rtol=0, atol=1e-6)


def test_the_rate_of_a_round_stands_in_for_that_of_the_terms() -> None:
    base, delta = weights(0), ModelUpdate(weights(1))
    lowered = outer_step(OuterConfig(optimizer="fedavg", learning_rate=1.0), base, delta, None, rate=0.25)
    terms = outer_step(OuterConfig(optimizer="fedavg", learning_rate=0.25), base, delta, None)
    assert all(lowered.weights[name].tobytes() == terms.weights[name].tobytes() for name in base)


def test_a_square_that_does_not_fit_is_refused() -> None:
    huge = ModelUpdate({name: np.full(shape, 1e20, np.float32) for name, shape in SHAPES.items()})
    with pytest.raises(UpdateError, match="second moment"):
        outer_step(OuterConfig(optimizer="fedadam"), weights(0), huge, None)


def test_a_strategy_is_not_for_the_mean() -> None:
    with pytest.raises(ValueError, match="strategy"):
        outer_step(OuterConfig(optimizer="strategy", strategy="median"), weights(0), ModelUpdate(weights(1)), None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"optimizer": "strategy"},
        {"strategy": "median"},
        {"optimizer": "fedadam", "beta2": 1.0},
        {"optimizer": "fedadam", "tau": 0.0},
        {"tau": float("nan")},
        {"weight_averaging": -0.5},
        {"weight_averaging": float("inf")},
        {"learning_rate": 0.0},
    ],
)
def test_settings_out_of_bounds_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"outer\."):
        OuterConfig(**wrong)  # type: ignore[arg-type]
