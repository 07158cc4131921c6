"""torch's own collectives and ``fully_shard`` between two gloo processes; nothing private, so on the plain loopback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.api.errors import ModelError
from core.training import collective

RANK = """
import sys
sys.path[:0] = [sys.argv[3], sys.argv[4]]
from pathlib import Path
import numpy as np, torch
from support.tiny_round import SPEC
from core.model.initialise import seeded_weights
from core.model.transformer import Transformer, next_token_loss
from core.training.collective import CollectiveReducer, form, leave
from core.training.optimizer import AdamW
from core.training.sharded import Shards, warm_up
from core.config.learning import TrainingConfig

rank = int(sys.argv[1])
mesh = form(rank, 2, "cpu", Path(sys.argv[2]), anywhere=True)
warm_up(mesh, "cpu")
reducer = CollectiveReducer()
tensor = torch.full((3, 5), float(rank + 1), dtype=torch.float64)
reducer.reduce([tensor])
assert float(tensor[0, 0]) == (3.0 if rank == 0 else 2.0), tensor
reducer.spread([tensor])
assert float(tensor[2, 4]) == 3.0, tensor

def blank():
    model = Transformer(SPEC)
    model.load_arrays(seeded_weights(SPEC, 1))
    training = TrainingConfig(seq_len=8, batch_size=5, local_steps=1, learning_rate=1e-2, adam_eps=1e-3)
    return model, AdamW(model.ordered(), training)

(model, optimizer), (alone, reference) = blank(), blank()
shards = Shards(SPEC, mesh, "cpu")
held = sum(p.to_local().numel() for p in shards.model.parameters())
assert held < 0.6 * sum(p.numel() for p in alone.parameters()), "each holds about half"
for step in range(3):
    windows = np.random.default_rng(step).integers(0, 64, (5, 9))
    shards.take(reducer, model.ordered() if rank == 0 else None)
    loss = shards.compute(windows[rank::2], 2, 2, 5, lambda _: None)
    total = torch.tensor([loss])
    reducer.reduce([total])
    gradients = [torch.zeros_like(p) for p in model.ordered()]
    shards.give(reducer, gradients if rank == 0 else None)
    if rank == 0:
        expected = next_token_loss(alone, torch.from_numpy(windows))
        assert abs(float(total) / 5 - float(expected.detach())) < 1e-5
        reference.step(torch.autograd.grad(expected, alone.ordered()), 1e-2)
        optimizer.step(gradients, 1e-2)
        apart = max(float((a - b).detach().abs().max()) for a, b in zip(model.ordered(), alone.ordered()))
        assert apart < 1e-5, apart
leave()
print("equal")
"""


def test_weights_after_steps_of_a_model_held_together_are_those_of_one_process(tmp_path: Path) -> None:
    root = Path(__file__).parents[4]
    command = [sys.executable, "-W", "error", "-c", RANK]
    paths = [str(tmp_path / "meet"), str(root), str(root / "tests")]
    ranks = [
        subprocess.Popen([*command, str(rank), *paths], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    try:
        for process in ranks:
            out, errors = process.communicate(timeout=120)
            assert out == "equal\n", errors[-2_000:]
    finally:
        for process in ranks:
            process.kill()
            process.wait()


def test_private_text_is_never_near_an_open_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collective, "only_loopback", lambda: False)
    with pytest.raises(ModelError, match="closed network"):
        collective.form(0, 1, "cpu", tmp_path / "meet")
