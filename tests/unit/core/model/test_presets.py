from __future__ import annotations

import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

from core.api.errors import ModelError, UsageError
from core.config import ModelSpec, UnitOfPrivacy
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.presets import PRESETS, default_training, memory_bytes, num_parameters, preset


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


def test_gpt2_is_refused_by_name() -> None:
    spec = ModelSpec(
        architecture="gpt2", preset="x", vocab_size=256, num_layers=1, d_model=16, num_heads=2, d_ff=16, max_seq_len=8
    )
    with pytest.raises(ModelError, match="gpt2"):
        parameter_shapes(spec)


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
        "core.model.export; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code], check=False).returncode == 0


_PROBE = """
import torch
from core.model.initialise import seeded_weights
from core.model.presets import preset
from core.model.transformer import Transformer, next_token_loss
from core.config import TrainingConfig
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
@pytest.mark.parametrize(("name", "batch", "length"), [("tiny", 8, 256), ("10m", 2, 64)])
def test_the_closed_form_is_above_what_training_takes_but_not_absurdly(name: str, batch: int, length: int) -> None:
    code = _PROBE.format(name=name, batch=batch, length=length)
    peak = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    estimate = memory_bytes(preset(name), batch, length)
    assert peak <= estimate <= 3 * peak, (peak / 2**20, estimate / 2**20)
