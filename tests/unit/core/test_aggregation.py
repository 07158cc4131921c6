from __future__ import annotations

import numpy as np
import pytest

from core.aggregation import MeanAccumulator, partial_mean
from core.api.errors import UpdateError
from core.update import ModelUpdate


def update(seed: int, size: int = 7) -> ModelUpdate:
    return ModelUpdate({"w": np.random.default_rng(seed).standard_normal(size).astype(np.float32)})


def test_equal_weights_give_the_coordinators_bits() -> None:
    updates = [update(seed) for seed in range(3)]
    total = MeanAccumulator({"w": (7,)})
    for one in updates:
        total.add(one)
    assert partial_mean(updates).flat().tobytes() == total.mean().flat().tobytes()
    assert partial_mean(iter(updates), [1.0, 1.0, 1.0]).flat().tobytes() == total.mean().flat().tobytes()


def test_weights_count_as_often_as_they_say() -> None:
    one, other = update(1), update(2)
    expected = (3.0 * one.arrays["w"].astype(np.float64) + other.arrays["w"]) / 4.0
    np.testing.assert_array_equal(partial_mean([one, other], [3.0, 1.0]).arrays["w"], expected.astype(np.float32))
    np.testing.assert_array_equal(partial_mean([one], [1e-9]).arrays["w"], one.arrays["w"])


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_weight_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        partial_mean([update(0), update(1)], [1.0, weight])


@pytest.mark.parametrize("weights", [[1.0], [1.0, 1.0, 1.0], []])
def test_as_many_weights_as_updates(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        partial_mean([update(0), update(1)], weights)
    with pytest.raises(ValueError, match="fewer"):
        partial_mean([])


def test_another_layout_is_refused() -> None:
    with pytest.raises(UpdateError):
        partial_mean([update(0), update(1, size=6)])
