"""A round over one shard of the model: the same gradients as the whole, less memory, and an update of that shard."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
import torch
from support.tiny_round import KEY, PLANS, SPEC, FakeEngine, Killed, rooms_for

from core import vault
from core.api.errors import ModelError
from core.config.model import ModelSpec
from core.jobs import BasePart, DPRecord, TrainJob
from core.model.checkpoint_io import encode_weights, file_sha256, open_weights
from core.model.frozen import FrozenType, shard_model
from core.model.initialise import seeded_weights
from core.model.presets import memory_bytes, num_parameters
from core.model.shard import divide, parse_shard, units
from core.model.transformer import Transformer, next_token_loss
from core.postprocess.privacy.dp_sgd import clipped_sum, trainable
from core.training import plan
from core.training.base import build_model, read_base
from core.training.round import SEALED_CONTEXT, SEALED_NAME, TrainingRound
from core.update import Array

MakeJob = Callable[..., TrainJob]
SHARDS = ("blocks:0-0", "embedding")


def spec(architecture: Literal["llama", "gpt2"], tied: bool) -> ModelSpec:
    return ModelSpec(
        architecture=architecture, preset="test", vocab_size=256, num_layers=4, d_model=32, num_heads=4, d_ff=64,
        max_seq_len=32, tie_embeddings=tied,
    )  # fmt: skip


def whole(shape: ModelSpec, weights: dict[str, Array]) -> Transformer:
    model = Transformer(shape)
    model.load_arrays(weights)
    return model


def part(shape: ModelSpec, name: str, weights: dict[str, Array], dtype: FrozenType) -> Transformer:
    shard = parse_shard(shape, name)
    model = shard_model(shard, weights, dtype)
    model.load_arrays({key: weights[key] for key in shard.shapes()})
    return model


def gradients(model: Transformer, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    found = torch.autograd.grad(next_token_loss(model, tokens), model.ordered())
    return dict(zip(model.learning, found, strict=True))


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(2).integers(0, 256, (3, 17)))


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize("tied", [True, False])
def test_gradients_of_a_shard_are_those_of_the_whole_model(
    architecture: Literal["llama", "gpt2"], tied: bool, tokens: torch.Tensor
) -> None:
    shape = spec(architecture, tied)
    weights = seeded_weights(shape, 5)
    expected = gradients(whole(shape, weights), tokens)
    seen = set()
    for shard in divide(shape, 4):
        model = part(shape, shard.name, weights, "float32")
        assert [name for name, p in model.named_parameters() if p.requires_grad] == list(shard.shapes())
        for name, gradient in gradients(model, tokens).items():
            assert torch.allclose(gradient, expected[name], rtol=0, atol=1e-6), name
            seen.add(name)
    assert seen == set(expected)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_narrow_rest_gives_the_gradients_of_a_model_whose_rest_was_rounded(
    architecture: Literal["llama", "gpt2"], tokens: torch.Tensor
) -> None:
    shape = spec(architecture, tied=True)
    weights = seeded_weights(shape, 5)
    rounded = {
        name: torch.from_numpy(array).to(torch.bfloat16).float().numpy() if array.ndim > 1 else array
        for name, array in weights.items()
    }
    for shard in divide(shape, 4):
        mixed = rounded | {name: weights[name] for name in shard.shapes()}
        expected = gradients(whole(shape, mixed), tokens)
        model = part(shape, shard.name, weights, "bfloat16")
        held = {p.dtype for name, p in model.named_parameters() if name not in shard.shapes() and p.ndim > 1}
        assert held == {torch.bfloat16}
        for name, gradient in gradients(model, tokens).items():
            assert torch.allclose(gradient, expected[name], rtol=1e-5, atol=1e-6), name


def test_under_autocast_a_narrow_rest_works_as_well(tokens: torch.Tensor) -> None:
    shape = spec("gpt2", tied=True)
    model = part(shape, "blocks:1-2", seeded_weights(shape, 5), "bfloat16")
    expected = gradients(model, tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradients(model, tokens)
    for name, gradient in found.items():
        assert gradient.dtype == torch.float32
        assert float((gradient - expected[name]).norm()) <= 0.1 * float(expected[name].norm()) + 1e-6, name


def test_dp_sgd_bounds_each_example_over_the_shard_alone(tokens: torch.Tensor) -> None:
    shape = spec("llama", tied=True)
    model = part(shape, "blocks:2-3", seeded_weights(shape, 5), "float32")
    assert trainable(model) == model.ordered()
    clip = 1e-3
    sums, _ = clipped_sum(model, next_token_loss, [tokens[:1]], clip)
    norm = float(torch.sqrt(sum((part.square().sum() for part in sums), torch.zeros((), dtype=torch.float64))))
    assert norm == pytest.approx(clip, rel=1e-4)
    alone = gradients(model, tokens[:1])
    scale = norm / float(torch.sqrt(sum((g.double().square().sum() for g in alone.values()), torch.tensor(0.0))))
    for found, gradient in zip(sums, alone.values(), strict=True):
        assert torch.allclose(found, gradient.double() * scale, rtol=1e-4, atol=1e-12)


def run(job: TrainJob, engine: FakeEngine) -> dict[str, Array]:
    """The update a round seals, decoded as the shard's and nothing else."""
    TrainingRound(job, KEY, engine, rooms_for(job)).run()
    path = Path(job.round_dir) / "plain"
    path.write_bytes(vault.decrypt_file(Path(job.round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT))
    with open_weights(path, parse_shard(job.model, job.shard).shapes()) as stored:
        return dict(stored)


@pytest.mark.parametrize("name", SHARDS)
@pytest.mark.parametrize("unit", PLANS)
def test_a_round_trains_and_uploads_its_shard_only(make_job: MakeJob, unit: str, name: str) -> None:
    job, engine = make_job(unit, shard=name), FakeEngine()
    update = run(job, engine)
    assert all(array.any() for array in update.values())
    if unit == "record":
        (record,) = engine.of(DPRecord)
        assert record.noise_draws == 5 * parse_shard(SPEC, name).size()


def test_both_shards_of_a_round_see_the_same_whole_model(make_job: MakeJob) -> None:
    """One step at a tiny rate is a step along the gradient, so the shards' updates are parts of the whole's."""
    training = msgspec.structs.replace(make_job("none").training, local_steps=1, learning_rate=1e-6)
    changes: dict[str, Any] = {"training": training, "local_steps": 1, "frozen_dtype": "float32"}
    expected = run(make_job("none", folder="whole", **changes), FakeEngine())
    for name in SHARDS:
        found = run(make_job("none", shard=name, folder=name.replace(":", ""), **changes), FakeEngine())
        for key, array in found.items():
            assert np.allclose(array, expected[key], rtol=1e-2, atol=2e-8), key


@pytest.mark.parametrize("unit", ["none", "record"])
def test_a_killed_shard_round_ends_in_the_same_update(make_job: MakeJob, unit: str) -> None:
    expected = run(make_job(unit, shard="embedding", folder="undisturbed"), FakeEngine())
    job = make_job(unit, shard="embedding", folder="killed", checkpoint_interval_s=0.0)
    for at in (9, 3):
        with pytest.raises(Killed):
            TrainingRound(job, KEY, FakeEngine(kill_at_look=at), rooms_for(job)).run()
    found = run(job, FakeEngine())
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def in_parts(folder: Path, shape: ModelSpec, learning: str) -> tuple[BasePart, ...]:
    """Base weights as files of their own, those that do not learn in bfloat16."""
    weights, parts = seeded_weights(shape, 1), []
    for unit in units(shape):
        narrow = unit not in parse_shard(shape, learning).units()
        path = folder / unit.name.replace(":", "-")
        path.write_bytes(encode_weights({name: weights[name] for name in unit.shapes()}, narrow=narrow))
        parts.append(BasePart(unit=unit.name, path=str(path), sha256=file_sha256(path), narrow=narrow))
    return tuple(parts)


@pytest.mark.parametrize("name", SHARDS)
def test_base_weights_may_come_unit_by_unit(make_job: MakeJob, tmp_path: Path, name: str) -> None:
    job = make_job("none", shard=name, folder="parts", base_parts=in_parts(tmp_path, SPEC, name))
    expected = run(make_job("none", shard=name, folder="whole"), FakeEngine())
    found = run(job, FakeEngine())
    assert all(np.array_equal(found[key], expected[key]) for key in expected)


def test_a_missing_or_damaged_part_is_named(make_job: MakeJob, tmp_path: Path) -> None:
    parts = in_parts(tmp_path, SPEC, "embedding")
    with pytest.raises(ModelError, match="not all there"):
        read_base(make_job("none", shard="embedding", base_parts=parts[:1]))
    Path(parts[1].path).write_bytes(b"something else")
    with pytest.raises(ModelError, match="not those of this round"):
        read_base(make_job("none", shard="embedding", base_parts=parts))
    with pytest.raises(ModelError, match="does not have"):
        build_model(make_job("none", shard="blocks:0-7"))


def test_a_shard_is_refused_less_memory_than_the_whole(make_job: MakeJob) -> None:
    from core.model.presets import preset
    from core.model.recipes import default_training

    job = make_job("none", model=preset("1.3b"), training=default_training("1.3b", "none"))
    needed = {
        name: plan.check_memory(msgspec.structs.replace(job, shard=name, memory_bytes=1 << 40))
        for name in ("full", "embedding", "blocks:22-23")
    }
    assert needed["full"] > 24 * num_parameters(job.model)
    assert needed["blocks:22-23"] < needed["embedding"] < 0.5 * needed["full"]
    with pytest.raises(ModelError, match="needs about"):
        plan.check_memory(msgspec.structs.replace(job, shard="full", memory_bytes=4 << 30))


_CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
import msgspec
import torch
from support.tiny_round import KEY, FakeEngine, job_maker, rooms_for
from core.config.model import ModelSpec
from core.model.checkpoint_io import encode_weights, file_sha256
from core.model.initialise import seeded_weights
from core.training.round import TrainingRound
torch.set_num_threads(1)
folder = Path(sys.argv[1])
spec = ModelSpec(preset="t", vocab_size=1024, num_layers=4, d_model=512, num_heads=8, d_ff=1408, max_seq_len=32)
base = folder / "large"
base.write_bytes(encode_weights(seeded_weights(spec, 1)))
make = job_maker(folder)
training = msgspec.structs.replace(make("none").training, local_steps=1, batch_size=2)
def peak(shard):
    job = make(
        "none", model=spec, shard=shard, base_path=str(base), base_sha256=file_sha256(base), training=training,
        local_steps=1, folder=shard.replace(":", ""),
    )
    Path("/proc/self/clear_refs").write_text("5")
    TrainingRound(job, KEY, FakeEngine(), rooms_for(job)).run()
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) << 10
print(peak("blocks:3-3"), peak("full"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_shard_takes_less_memory_than_the_whole(tmp_path: Path) -> None:
    """One child measures both, the shard first; the difference is far beyond what the first could leave behind."""
    shape = ModelSpec(
        preset="t", vocab_size=1_024, num_layers=4, d_model=512, num_heads=8, d_ff=1_408, max_seq_len=32
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", _CHILD, str(tmp_path)], check=True, capture_output=True, text=True)
    shard, full = map(int, done.stdout.split())
    frozen = num_parameters(shape) - parse_shard(shape, "blocks:3-3").size()
    assert full - shard > 16 * frozen, (full, shard, frozen)
    for peak, name in ((full, "full"), (shard, "blocks:3-3")):
        part = parse_shard(shape, name)
        estimate = memory_bytes(shape, 2, 8, trained=part.size(), blocks_in_graph=part.blocks_in_graph)
        assert peak <= estimate <= 2 * peak, (name, peak, estimate)
