"""The outer step over files gives the bits of the outer step in memory, and holds slices alone."""

from __future__ import annotations

import contextlib
import dataclasses
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.aggregation import MeanAccumulator
from core.api.errors import UpdateError
from core.config.exchange import CodecConfig
from core.config.learning import AggregationTerms, OuterConfig
from core.coordinator.learning.averaging import Mean, UpdateLost
from core.coordinator.learning.outer_optimizer import OuterStep, outer_step
from core.coordinator.learning.standing import Standing
from core.coordinator.learning.stepping import GivenStep, Moments, OuterStepSlices
from core.coordinator.records.schema import Assignment
from core.model.checkpoint_io import StoredWeights, encoded_parts, open_weights, write_weights
from core.postprocess.compression.codec import EncodedUpdate, Held, decode, encode
from core.update import Array, ModelUpdate

SHAPES = {"b": (5,), "a": (3, 4)}
CODEC = CodecConfig(name="int8", block_size=16)


def weights(seed: int, shapes: dict[str, tuple[int, ...]] = SHAPES) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def assigned(number: int) -> Assignment:
    return Assignment(server_round=1, key_id=f"{number:064x}", nonce=bytes(16))


def encoded(update: dict[str, Array]) -> EncodedUpdate:
    payload = encode(ModelUpdate(update), CODEC)
    return EncodedUpdate(Held(payload), ModelUpdate(update).shapes, CODEC)


class OverFiles:
    """The streamed step, from files and into files."""

    def __init__(self, folder: Path, config: OuterConfig, base: dict[str, Array]) -> None:
        self.folder, self.config = folder, config
        self.shapes = {name: array.shape for name, array in base.items()}
        self.momentum: Path | None = None
        self.second: Path | None = None
        self.count = 0
        self.model = folder / "0"
        write_weights(self.model, base)

    def _write(self, values: object) -> Path:
        self.count += 1
        path = self.folder / str(self.count)
        with path.open("wb") as stream:
            stream.writelines(encoded_parts(self.shapes, values))  # type: ignore[arg-type]
        return path

    @contextlib.contextmanager
    def _opened(self, path: Path | None) -> Iterator[StoredWeights | None]:
        if path is None:
            yield None
            return
        with open_weights(path, self.shapes) as stored:
            yield stored

    def step(self, updates: list[EncodedUpdate], *, damped: bool = False, rate: float | None = None) -> OuterStep:
        mean = Mean([(assigned(i), one) for i, one in enumerate(updates)], list(self.shapes), damped=damped)
        with (
            self._opened(self.model) as base,
            self._opened(self.momentum) as old,
            self._opened(self.second) as old_second,
        ):
            assert base is not None
            slices = OuterStepSlices(self.config, base, mean, Moments(old, old_second), lambda: None, rate)
            after = self._write(slices.momentum) if slices.keeps_momentum else None
            second = self._write(slices.second_moment) if slices.keeps_second_moment else None
            with self._opened(after) as momentum, self._opened(second) as new_second:
                model = self._write(slices.weights(Moments(momentum, new_second)))
        self.model, self.momentum, self.second = model, after, second
        with self._opened(model) as found, self._opened(after) as kept, self._opened(second) as kept_second:
            assert found is not None
            norms = {"pseudo_gradient_norm": mean.norm.value(), "model_norm": slices.norm.value()}
            moments = [None if one is None else dict(one) for one in (kept, kept_second)]
            return OuterStep(dict(found), moments[0], norms, moments[1])


@pytest.mark.parametrize("optimizer", ["fedavg", "fedmom", "nesterov", "fedadam", "fedyogi"])
def test_rounds_over_files_give_the_bits_of_rounds_in_memory(tmp_path: Path, optimizer: str) -> None:
    config = OuterConfig(optimizer=optimizer, learning_rate=0.7, momentum=0.9)  # type: ignore[arg-type]
    files = OverFiles(tmp_path, config, weights(0))
    known = OuterStep(weights(0), None, {})
    for number in range(3):
        updates = [weights(10 * number + i) for i in (1, 2, 3)]
        total = MeanAccumulator(SHAPES)
        for update in updates:
            total.add(decode(encode(ModelUpdate(update), CODEC), SHAPES, CODEC))
        known = outer_step(config, known.weights, total.mean(), known.momentum, known.second_moment)
        found = files.step([encoded(update) for update in updates])
        assert {n: a.tobytes() for n, a in found.weights.items()} == {n: a.tobytes() for n, a in known.weights.items()}
        assert (found.momentum is None) == (known.momentum is None)
        assert (found.second_moment is None) == (known.second_moment is None)
        for name, array in (known.momentum or {}).items():
            assert (found.momentum or {})[name].tobytes() == array.tobytes()
        for name, array in (known.second_moment or {}).items():
            assert (found.second_moment or {})[name].tobytes() == array.tobytes()
        assert found.metrics == known.metrics


def test_a_part_that_nobody_trained_stays_to_the_bit(tmp_path: Path) -> None:
    base = weights(0)
    files = OverFiles(tmp_path, OuterConfig(learning_rate=0.5, momentum=0.9), base)
    first = files.step([encoded({"a": weights(1)["a"]})])
    assert first.momentum is not None
    assert first.weights["b"].tobytes() == base["b"].tobytes()
    assert not first.momentum["b"].any()
    assert first.momentum["a"].any()
    second = files.step([encoded({"b": weights(2)["b"]})])
    assert second.momentum is not None
    assert second.weights["a"].tobytes() == first.weights["a"].tobytes()
    assert second.momentum["a"].tobytes() == first.momentum["a"].tobytes(), "momentum waits for its shard"
    assert second.metrics["model_norm"] == pytest.approx(ModelUpdate(second.weights).norm())


@pytest.mark.parametrize("optimizer", ["nesterov", "fedadam", "fedyogi"])
def test_both_moments_wait_for_their_shard(tmp_path: Path, optimizer: str) -> None:
    config = OuterConfig(optimizer=optimizer, learning_rate=0.1, momentum=0.9, weight_averaging=0.5)  # type: ignore[arg-type]
    base = weights(0)
    files = OverFiles(tmp_path, config, base)
    first = files.step([encoded({"a": weights(1)["a"]})])
    second = files.step([encoded({"b": weights(2)["b"]})])
    third = files.step([encoded({"b": weights(3)["b"]})])
    assert first.weights["b"].tobytes() == base["b"].tobytes()
    for step in (second, third):
        for kept, made in ((step.weights, first.weights), (step.momentum, first.momentum)):
            assert kept is not None
            assert made is not None
            assert kept["a"].tobytes() == made["a"].tobytes()
    if first.second_moment is not None:
        assert second.second_moment is not None
        assert third.second_moment is not None
        assert set(first.second_moment["b"]) == {np.float32(config.tau) * np.float32(config.tau)}
        assert third.second_moment["a"].tobytes() == first.second_moment["a"].tobytes()
    known = outer_step(config, {"b": base["b"]}, ModelUpdate({"b": weights(2)["b"]}), None)
    np.testing.assert_allclose(second.weights["b"], known.weights["b"], atol=0.02)


def test_a_lowered_rate_moves_less(tmp_path: Path) -> None:
    config = OuterConfig(optimizer="fedavg", learning_rate=1.0)
    found = OverFiles(tmp_path, config, weights(0)).step([encoded(weights(1))], rate=0.25)
    total = decode(encode(ModelUpdate(weights(1)), CODEC), SHAPES, CODEC)
    known = outer_step(config, weights(0), total, None, rate=0.25)
    assert all(found.weights[name].tobytes() == known.weights[name].tobytes() for name in SHAPES)


def test_a_given_step_is_exact_all_the_way_and_a_share_of_it_otherwise() -> None:
    base, target = weights(0), weights(1)
    for rate in (1.0, 0.5):
        step = GivenStep(OuterConfig(optimizer="fedavg"), base, target, rate)
        for name, array in base.items():
            found = np.concatenate([step.weights(name, at, min(array.size, at + 3)) for at in range(0, array.size, 3)])
            expected = array.reshape(-1) - np.float32(rate) * (array - target[name]).reshape(-1)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
            if rate == 1.0:
                assert found.tobytes() == target[name].tobytes()
        difference = ModelUpdate({name: base[name] - target[name] for name in base})
        assert step.delta_norm.value() == pytest.approx(difference.norm())


def test_few_trainers_move_their_part_by_less(tmp_path: Path) -> None:
    config = OuterConfig(optimizer="fedavg", learning_rate=1.0)
    (tmp_path / "whole").mkdir()
    whole = OverFiles(tmp_path / "whole", config, weights(0)).step([encoded(weights(1))])
    damped = OverFiles(tmp_path, config, weights(0)).step([encoded(weights(1))], damped=True)
    for name, array in weights(0).items():
        np.testing.assert_allclose(3 * (array - damped.weights[name]), array - whole.weights[name], atol=1e-6)


def test_a_step_into_infinity_and_a_lost_update_are_told_apart(tmp_path: Path) -> None:
    huge = {name: np.full(shape, 3e38, np.float32) for name, shape in SHAPES.items()}
    files = OverFiles(tmp_path, OuterConfig(optimizer="fedavg", learning_rate=10.0), weights(0))
    with pytest.raises(UpdateError, match="not finite"):
        files.step([encoded(huge)])

    class Broken(Held):
        def read(self, start: int, stop: int) -> memoryview:
            raise UpdateError("The disk broke.")

    lost = encoded(weights(1))
    lost._source = Broken(b"")
    with pytest.raises(UpdateLost, match="The disk broke") as error:
        files.step([encoded(weights(1)), lost])
    assert error.value.assignment.key_id == assigned(1).key_id


def test_a_step_holds_slices_and_never_the_model(tmp_path: Path) -> None:
    shapes = {"embedding": (3_000, 2_000), "head": (3_000, 2_000)}
    files = OverFiles(tmp_path, OuterConfig(momentum=0.9), weights(0, shapes))
    updates = [encoded(weights(i, shapes)) for i in (1, 2)]
    tracemalloc.start()
    try:
        mean = Mean([(assigned(i), one) for i, one in enumerate(updates)], list(shapes), damped=False)
        with files._opened(files.model) as base:
            assert base is not None
            slices = OuterStepSlices(files.config, base, mean, Moments(), lambda: None)
            with files._opened(files._write(slices.momentum)) as momentum:
                files._write(slices.weights(Moments(momentum)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 << 20, "the model has 48 MB"


def test_late_updates_of_a_shard_move_it_beside_the_mean(tmp_path: Path) -> None:
    """Shard rounds: each part has its own late ones, moves by less while few trained it, and keeps its momentum."""
    config = OuterConfig(optimizer="fedmom", learning_rate=0.5, momentum=0.9)
    files = OverFiles(tmp_path, config, weights(0))
    a, b = ({name: weights(seed)[name]} for name, seed in (("a", 1), ("b", 2)))
    fresh = [(assigned(0), encoded(a))]
    old = dataclasses.replace(assigned(1), server_round=0)
    late = [(old, encoded({"a": weights(3)["a"]})), (dataclasses.replace(old, key_id="x"), encoded(b))]
    standing = Standing(weights={(0, old.key_id): 0.5, (0, "x"): 0.25})
    mean = Mean(fresh, list(SHAPES), damped=True, late=late, standing=standing)
    assert "a" in mean
    assert "b" not in mean
    beside = mean.late("a", 0, 12)
    assert beside is not None
    np.testing.assert_allclose(beside, 2 / 3 * 0.5 * decoded(late[0][1], "a") / 2, rtol=1e-5)
    with files._opened(files.model) as base:
        assert base is not None
        step = OuterStepSlices(config, base, mean, Moments(), lambda: None)
        assert not step.momentum("b", 0, 5).any(), "nothing late is momentum"
        with files._opened(files._write(step.momentum)) as momentum:
            moved = step.weights(Moments(momentum))
            expected = weights(0)["b"] - np.float32(0.5) * np.float32(1 / 3) * np.float32(0.25) * decoded(
                late[1][1], "b"
            )
            np.testing.assert_allclose(moved("b", 0, 5), expected, rtol=1e-5)
            np.testing.assert_allclose(
                moved("a", 0, 12),
                weights(0)["a"].reshape(-1) - 0.5 * (decoded(fresh[0][1], "a") / 3 + beside),
                rtol=1e-4, atol=1e-6,
            )  # fmt: skip


def decoded(update: EncodedUpdate, name: str) -> Array:
    return dict(update.arrays())[name].reshape(-1)


def test_every_reading_of_an_update_is_a_sign_of_life(tmp_path: Path) -> None:
    beats: list[int] = []
    terms = AggregationTerms(rule="centred-clipping")
    mean = Mean(
        [(assigned(0), encoded(weights(1)))], list(SHAPES), damped=False, terms=terms, beat=lambda: beats.append(1)
    )
    mean.part("a", 0, 12)
    assert len(beats) == 3, "both parameters for the distance, and one for the mean"
