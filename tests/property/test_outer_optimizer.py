"""Outer steps over files and in memory give the same bits, whatever the optimiser, its numbers and the slices."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.aggregation import MeanAccumulator
from core.config.exchange import CodecConfig
from core.config.learning import OuterConfig, OuterOptimizer
from core.coordinator.learning.averaging import Mean
from core.coordinator.learning.outer_optimizer import OuterStep, outer_step
from core.coordinator.learning.stepping import Moments, OuterStepSlices
from core.coordinator.records.schema import Assignment
from core.model import checkpoint_io
from core.model.checkpoint_io import StoredWeights, encoded_parts, open_weights, write_weights
from core.postprocess.compression.codec import EncodedUpdate, Held, decode, encode
from core.update import Array, ModelUpdate

SHAPES = {"b": (5,), "a": (13, 7)}
CODEC = CodecConfig(name="int8", block_size=16)
OPTIMIZERS = sorted(set(get_args(OuterOptimizer)) - {"strategy"})


def weights(seed: int, scale: float = 1.0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: (scale * rng.standard_normal(shape)).astype(np.float32) for name, shape in SHAPES.items()}


@st.composite
def configs(draw: st.DrawFn) -> OuterConfig:
    return OuterConfig(
        optimizer=draw(st.sampled_from(OPTIMIZERS)),
        learning_rate=draw(st.sampled_from([0.2, 0.7, 1.0])),
        momentum=draw(st.sampled_from([0.0, 0.5, 0.9])),
        beta2=draw(st.floats(0.0, 0.999)),
        tau=draw(st.sampled_from([1e-3, 0.1])),
        weight_averaging=draw(st.sampled_from([0.0, 0.5])),
    )


class Files:
    """Weights and moments in files, moved as the coordinator does."""

    def __init__(self, folder: Path, config: OuterConfig, base: dict[str, Array]) -> None:
        self._folder, self._config, self._count = folder, config, 0
        self.model = folder / "base"
        self.moments: tuple[Path | None, Path | None] = (None, None)
        write_weights(self.model, base)

    def _write(self, values: Callable[[str, int, int], Array]) -> Path:
        self._count += 1
        path = self._folder / str(self._count)
        with path.open("wb") as stream:
            stream.writelines(encoded_parts(SHAPES, values))
        return path

    @contextlib.contextmanager
    def _opened(self, paths: tuple[Path | None, ...]) -> Iterator[list[StoredWeights | None]]:
        with contextlib.ExitStack() as stack:
            yield [None if path is None else stack.enter_context(open_weights(path, SHAPES)) for path in paths]

    def step(self, updates: list[EncodedUpdate]) -> None:
        mean = Mean([(assigned(i), one) for i, one in enumerate(updates)], list(SHAPES), damped=False)
        with self._opened((self.model, *self.moments)) as (base, first, second):
            assert base is not None
            step = OuterStepSlices(self._config, base, mean, Moments(first, second), lambda: None)
            after = (
                self._write(step.momentum) if step.keeps_momentum else None,
                self._write(step.second_moment) if step.keeps_second_moment else None,
            )
            with self._opened(after) as moments:
                self.model = self._write(step.weights(Moments(*moments)))
        self.moments = after

    def read(self) -> list[dict[str, bytes] | None]:
        with self._opened((self.model, *self.moments)) as stored:
            return [None if one is None else bits(dict(one)) for one in stored]


def assigned(number: int) -> Assignment:
    return Assignment(server_round=1, key_id=f"{number:064x}", nonce=bytes(16))


def bits(arrays: dict[str, Array] | None) -> Any:
    return None if arrays is None else {name: array.tobytes() for name, array in arrays.items()}


@given(configs(), st.integers(0, 10_000), st.integers(1, 40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_slices_and_the_whole_agree_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, config: OuterConfig, seed: int, slice_values: int
) -> None:
    before = checkpoint_io.SLICE
    checkpoint_io.SLICE = slice_values
    try:
        files = Files(tmp_path_factory.mktemp("outer"), config, weights(seed))
        known = OuterStep(weights(seed), None, {})
        for number in range(3):
            total, encoded = MeanAccumulator(SHAPES), []
            for client in range(2):
                payload = encode(ModelUpdate(weights(seed + 10 * number + client + 1, 0.1)), CODEC)
                total.add(decode(payload, SHAPES, CODEC))
                encoded.append(EncodedUpdate(Held(payload), SHAPES, CODEC))
            known = outer_step(config, known.weights, total.mean(), known.momentum, known.second_moment)
            files.step(encoded)
            assert files.read() == [bits(known.weights), bits(known.momentum), bits(known.second_moment)]
    finally:
        checkpoint_io.SLICE = before


@given(st.sampled_from(["fedmom", "nesterov"]), st.integers(0, 1_000))
def test_without_momentum_and_at_rate_one_it_is_fedavg_to_the_bit(optimizer: str, seed: int) -> None:
    base, old = weights(seed), weights(seed + 2)
    delta = ModelUpdate({name: np.where(array > 0.5, np.float32(-0.0), array) for name, array in weights(9).items()})
    plain = outer_step(OuterConfig(optimizer="fedavg"), base, delta, None).weights
    config = OuterConfig(optimizer=optimizer, momentum=0.0)  # type: ignore[arg-type]
    for momentum in (None, old):
        assert bits(outer_step(config, base, delta, momentum).weights) == bits(plain)


@given(configs(), st.integers(0, 1_000))
def test_the_second_moment_is_never_negative_and_everything_stays_finite(config: OuterConfig, seed: int) -> None:
    step = OuterStep(weights(seed), None, {})
    for number in range(4):
        delta = ModelUpdate(weights(seed + number, 10.0 ** (3 - 2 * number)))
        step = outer_step(config, step.weights, delta, step.momentum, step.second_moment)
        assert all(np.isfinite(array).all() for array in step.weights.values())
        assert all((array >= 0).all() for array in (step.second_moment or {}).values())
