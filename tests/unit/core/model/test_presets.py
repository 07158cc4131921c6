from __future__ import annotations

import subprocess
import sys
import time
from typing import get_args

import numpy as np
import pytest

from core.api.errors import UsageError
from core.config.base import UnitOfPrivacy
from core.model.initialise import seeded_weights
from core.model.presets import PRESETS, Device, memory_bytes, num_parameters, preset
from core.model.recipes import default_outer, default_rounds, default_training


@pytest.mark.parametrize(("name", "low", "high"), [("tiny", 0.85e6, 1.15e6), ("10m", 9e6, 11e6)])
def test_presets_have_the_size_of_their_name(name: str, low: float, high: float) -> None:
    spec = preset(name)
    assert low < num_parameters(spec) < high
    assert num_parameters(spec) == sum(array.size for array in seeded_weights(spec, 0).values())
    assert spec.vocab_size == 4_096


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(UsageError, match="70b"):
        preset("70b")


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("unit", get_args(UnitOfPrivacy))
def test_default_training_fits_the_model(name: str, unit: UnitOfPrivacy) -> None:
    training = default_training(name, unit)
    assert training.seq_len <= preset(name).max_seq_len
    assert 16 <= training.batch_size <= 512


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("75m-gpt2", 75_902_848), ("125m-gpt2", 125_311_488), ("350m-gpt2", 355_985_408),
        ("1.3b-gpt2", 1_315_950_592), ("3b-gpt2", 2_651_837_440),
    ],
)  # fmt: skip
def test_the_seeds_sizes_are_exact(name: str, count: int) -> None:
    assert num_parameters(preset(name)) == count


@pytest.mark.parametrize("name", [name for name in PRESETS if not name.endswith("-gpt2")])
def test_both_shapes_of_a_preset_are_about_as_large_as_its_name_says(name: str) -> None:
    number, unit = float(name.split("-")[0].rstrip("mb").replace("tiny", "0.95")), 1e9 if name.endswith("b") else 1e6
    for spec in (preset(name), preset(f"{name}-gpt2")):
        # The seeds' own 3B has 2.65 billion.
        assert 0.88 * number * unit < num_parameters(spec) < 1.06 * number * unit


def test_heads_of_75m_hd64_are_64_wide() -> None:
    wide, seeds = preset("75m-hd64"), preset("75m")
    assert (wide.d_model // wide.num_heads, seeds.d_model // seeds.num_heads) == (64, 56)
    assert num_parameters(wide) == num_parameters(seeds)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("75m", (40, 1e-6, 4e-4, 88_000, 256)), ("125m", (25, 1e-5, 3e-4, 15_000, 256)),
        ("350m", (40, 0.1, 3e-4, 13_400, 256)), ("1.3b", (16, 0.1, 2e-4, 24_800, 512)),
    ],
)  # fmt: skip
def test_the_seeds_hyper_parameters_are_the_defaults(name: str, expected: tuple[float, ...]) -> None:
    for either in (name, f"{name}-gpt2"):
        training, outer = default_training(either, "none"), default_outer(either)
        found = (
            default_rounds(either), training.final_learning_rate_ratio, training.learning_rate, training.decay_steps,
            training.batch_size,
        )  # fmt: skip
        assert found == expected
        assert (training.beta1, training.beta2, training.seq_len) == (0.9, 0.95, 2_048)
        assert (outer.optimizer, outer.learning_rate, outer.momentum) == ("fedmom", 0.2, 0.9)


def test_gpt2_starts_with_biases_at_zero_norms_at_one_and_narrow_residual_projections() -> None:
    weights = seeded_weights(PRESETS["tiny-gpt2"], 3)
    block = "transformer.h.1."
    for name, array in weights.items():
        if name.endswith(".bias"):
            assert not array.any(), name
        elif array.ndim == 1:
            assert (array == 1).all(), name
        else:
            wanted = 0.01 if name.endswith("c_proj.weight") else 0.02
            assert float(array.std()) == pytest.approx(wanted, rel=0.02), name
    assert not np.array_equal(weights[f"{block}mlp.c_fc.weight"], weights["transformer.h.0.mlp.c_fc.weight"])


def test_the_seed_decides_the_weights_and_blocks_do_not_move_each_other() -> None:
    spec = PRESETS["tiny"]
    one, again, other = seeded_weights(spec, 1), seeded_weights(spec, 1), seeded_weights(spec, 2)
    name = "model.layers.1.mlp.up_proj.weight"
    assert np.array_equal(one[name], again[name])
    assert not np.array_equal(one[name], other[name])
    assert abs(float(one[name].std()) - 0.02) < 5e-4
    assert abs(float(one["model.layers.1.mlp.down_proj.weight"].std()) - 0.01) < 5e-4
    assert float(one["model.norm.weight"].min()) == float(one["model.norm.weight"].max()) == 1.0


def test_the_torch_free_files_load_no_torch() -> None:
    code = (
        "import sys, core.model.presets, core.model.layout, core.model.initialise, core.model.checkpoint_io, "
        "core.model.export, core.model.recipes; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code], check=False).returncode == 0


_PROBE = """
import torch
from core.model.initialise import seeded_weights
from core.model.presets import preset
from core.model.transformer import Transformer, next_token_loss
from core.config.learning import TrainingConfig
from core.training.optimizer import AdamW
torch.set_num_threads(1)
spec = preset({name!r})
base = seeded_weights(spec, 0)
model = Transformer(spec)
model.load_arrays(base)
optimizer = AdamW(model.ordered(), TrainingConfig(seq_len=8, batch_size=1, local_steps=1, learning_rate=1e-3))
tokens = torch.randint(0, spec.vocab_size, ({batch}, {length} + 1))
for _ in range(2):
    optimizer.step(torch.autograd.grad(next_token_loss(model, tokens), model.ordered()), 1e-3)
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) << 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(("name", "batch", "length"), [("tiny", 8, 256), ("10m", 2, 64), ("tiny-gpt2", 4, 256)])
def test_the_closed_form_is_above_what_training_takes_but_not_absurdly(name: str, batch: int, length: int) -> None:
    code = _PROBE.format(name=name, batch=batch, length=length)
    peak = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    estimate = memory_bytes(preset(name), batch, length)
    assert peak <= estimate <= 3 * peak, (peak / 2**20, estimate / 2**20)


def test_a_model_larger_than_the_machine_is_refused_by_arithmetic() -> None:
    began = time.process_time()
    for spec in (preset("3b"), preset("3b-gpt2"), preset("30b")):
        assert memory_bytes(spec, 1, 2_048, private=False) > 40e9
        assert memory_bytes(spec, 1, 2_048, device="gpu", activation_width=2) > 40e9
    assert time.process_time() - began < 0.5


def test_what_does_not_learn_costs_two_bytes_and_what_does_at_least_sixteen() -> None:
    spec = preset("1.3b")
    narrow, none = (memory_bytes(spec, 1, 512, trained=0, frozen_width=width) for width in (2, 0))
    assert narrow - none == 2 * num_parameters(spec)
    for device in get_args(Device):
        for private in (True, False):
            one = memory_bytes(spec, 1, 512, trained=1_000_000, frozen_width=0, device=device, private=private)
            two = memory_bytes(spec, 1, 512, trained=2_000_000, frozen_width=0, device=device, private=private)
            assert two - one >= 16_000_000
