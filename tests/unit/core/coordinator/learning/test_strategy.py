"""Flower's own strategies, found by name, give what ours give; anything else is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Array as FlowerArray
from flwr.app import ArrayRecord
from support import strategies
from support.federation import config

from core.aggregation import MeanAccumulator
from core.api.errors import UpdateError, UsageError
from core.config.exchange import ScheduleConfig
from core.config.learning import OuterConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.learning import strategy
from core.coordinator.learning.outer_optimizer import outer_step
from core.coordinator.learning.requirements import refuse_missing
from core.update import Array, ModelUpdate

SHAPES = {"b": (5,), "a": (3, 4)}


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strategies.install(tmp_path / "packages")
    monkeypatch.syspath_prepend(tmp_path / "packages")


def weights(seed: int, scale: float = 1.0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: (scale * rng.standard_normal(shape)).astype(np.float32) for name, shape in SHAPES.items()}


def replies(base: dict[str, Array], seeds: tuple[int, ...]) -> list[strategy.Reply]:
    return [({name: base[name] - delta for name, delta in weights(seed, 0.1).items()}, 3.0) for seed in seeds]


def mean_of(seeds: tuple[int, ...]) -> ModelUpdate:
    total = MeanAccumulator(SHAPES)
    for seed in seeds:
        total.add(ModelUpdate(weights(seed, 0.1)))
    return total.mean()


def aggregate(name: str, number: int, base: dict[str, Array], seeds: tuple[int, ...], state: bytes) -> strategy.Given:
    return strategy.aggregate(strategy.load(name), number, base, replies(base, seeds), state)


def test_flowers_average_is_ours() -> None:
    base = weights(0)
    ours = outer_step(OuterConfig(optimizer="fedavg"), base, mean_of((1, 2, 3)), None).weights
    found = aggregate("mean", 1, base, (1, 2, 3), b"")
    for name in SHAPES:
        np.testing.assert_allclose(found.weights[name], ours[name], rtol=0, atol=1e-6)
        assert found.weights[name].dtype == np.float32


def test_flowers_median_is_a_median() -> None:
    base = weights(0)
    found = aggregate("median", 1, base, (1, 2, 9), b"").weights
    for name in SHAPES:
        expected = np.median([base[name] - weights(seed, 0.1)[name] for seed in (1, 2, 9)], axis=0)
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-6)


def test_flowers_adam_goes_on_where_it_was_in_a_strategy_made_anew() -> None:
    """Two rounds with the state through a file equal the formulas of Flower's FedAdam, by hand."""
    base, state = weights(0), b""
    first = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    second = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    expected = {name: array.astype(np.float64) for name, array in base.items()}
    for number, seeds in ((1, (1, 2)), (2, (3, 4))):
        found = aggregate("adam", number, base, seeds, state)
        rate = 0.1 * np.sqrt(1 - 0.99 ** (number + 1.0)) / (1 - 0.9 ** (number + 1.0))
        for name, delta in mean_of(seeds).arrays.items():
            first[name] = 0.9 * first[name] - 0.1 * delta
            second[name] = 0.99 * second[name] + 0.01 * delta.astype(np.float64) ** 2
            expected[name] = expected[name] + rate * first[name] / (np.sqrt(second[name]) + 1e-3)
            np.testing.assert_allclose(found.weights[name], expected[name], rtol=0, atol=2e-5)
        assert found.state
        base, state = found.weights, found.state
    forgetful = aggregate("adam", 2, weights(0), (3, 4), b"").weights
    assert any(not np.allclose(forgetful[name], base[name], atol=1e-3) for name in SHAPES)


def test_a_momentum_in_a_list_is_remembered_too() -> None:
    base = weights(0)
    one = aggregate("momentum", 1, base, (1, 2), b"")
    two = aggregate("momentum", 2, one.weights, (3, 4), one.state)
    for name in SHAPES:
        momentum = 0.9 * mean_of((1, 2)).arrays[name] + mean_of((3, 4)).arrays[name]
        np.testing.assert_allclose(two.weights[name], one.weights[name] - momentum, rtol=0, atol=1e-5)


def test_the_same_round_gives_the_same_bits() -> None:
    base, state = weights(0), aggregate("adam", 1, weights(0), (1, 2), b"").state
    one, other = (aggregate("adam", 2, base, (3, 4), state) for _ in range(2))
    assert one.state == other.state
    assert all(one.weights[name].tobytes() == other.weights[name].tobytes() for name in SHAPES)


def _other_shape(arrays: ArrayRecord) -> ArrayRecord:
    return ArrayRecord({name: FlowerArray(np.zeros(7, np.float32)) for name in arrays})


def _without_one(arrays: ArrayRecord) -> ArrayRecord:
    return ArrayRecord(dict(list(arrays.items())[:1]))


def _huge(arrays: ArrayRecord) -> ArrayRecord:
    return ArrayRecord({name: FlowerArray(np.full(array.shape, 1e300)) for name, array in arrays.items()})


def _fails(arrays: ArrayRecord) -> None:
    raise KeyError("nothing")


@pytest.mark.parametrize(
    ("gives", "sentence"),
    [
        (lambda arrays: None, "gave no weights"),
        (_other_shape, "other parameters"),
        (_without_one, "other parameters"),
        (_huge, "not finite"),
        (_fails, "failed: KeyError"),
    ],
)
def test_an_odd_result_is_a_sentence(gives: Any, sentence: str) -> None:
    odd, base = strategies.Odd(), weights(0)
    odd.gives = gives  # type: ignore[misc]
    with pytest.raises(UpdateError, match=sentence):
        strategy.aggregate(odd, 1, base, replies(base, (1, 2)), b"")


def test_a_damaged_memory_is_a_sentence() -> None:
    base = weights(0)
    with pytest.raises(UpdateError, match="remembered cannot be read"):
        strategy.aggregate(strategy.load("adam"), 2, base, replies(base, (1, 2)), b"not safetensors at all")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nobody", "not installed on this machine; there are: adam, broken, mean"),
        ("broken", "cannot be made: ModuleNotFoundError"),
        ("number", "gives a dict, which is not a Flower strategy"),
    ],
)
def test_what_is_no_strategy_is_refused_by_name(name: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        strategy.load(name)


def test_a_cohort_that_does_not_fit_is_refused_before_anything_begins() -> None:
    terms = config(
        outer=OuterConfig(optimizer="strategy", strategy="median"),
        privacy=PrivacyTerms(unit="none", relation="none"),
        schedule=ScheduleConfig(rounds=1, cohort_size=10_000, quorum=2),
    )
    refuse_missing(terms, 0)
    refuse_missing(terms, 1 << 40)
    with pytest.raises(UsageError, match=r"holds the models of 10000 volunteers, about .* GB .* has 0\.1 GB"):
        refuse_missing(terms, 100_000_000)
    refuse_missing(config(), 1)
