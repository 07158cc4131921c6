"""What a shard costs beside the whole model: bytes down and up, counted on real files, and memory, measured in a child.

Preset ``10m`` in four shards. Memory is what training steps take, without the runtime they start from.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.bench.rows import Row
from core.config.exchange import CodecConfig
from core.config.learning import TrainingConfig
from core.jobs import PrivacyPlan, TrainingPlan, TrainJob
from core.model.checkpoint_io import encode_weights, file_sha256, write_weights
from core.model.initialise import seeded_weights
from core.model.presets import preset
from core.model.shard import Shard, divide, full, units
from core.postprocess.compression.codec import encode
from core.training.base import build_model, read_base
from core.training.gradients import PackedGradients
from core.training.optimizer import AdamW
from core.training.plan import use_threads
from core.training.state import RoundState
from core.training.trainer import LocalTrainer
from core.update import Array, ModelUpdate

PRESET = "10m"
SHARDS = 4
SEQ_LEN = 64


def measure() -> list[Row]:
    """Rows of the whole model and of each shard."""
    spec = preset(PRESET)
    weights = seeded_weights(spec, 1)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base.safetensors"
        write_weights(base, weights)
        dense, whole_memory = base.stat().st_size, _memory(base, "full")
        whole_up = _upload(full(spec))
        rows = [
            Row(metric=f"whole {PRESET}: download", unit="MB", value=dense / 1e6),
            Row(metric=f"whole {PRESET}: upload, int8", unit="MB", value=whole_up / 1e6),
            Row(metric=f"whole {PRESET}: memory of training", unit="MB", value=_megabytes(whole_memory)),
        ]
        for shard in divide(spec, SHARDS):
            share, up = shard.size() / full(spec).size(), _upload(shard)
            gate = f"≤ {share:.0%} and a header"
            rows += [
                _row(shard, "download", _download(shard, weights) / 1e6, dense / 1e6),
                _row(shard, "upload, int8", up / 1e6, whole_up / 1e6, gate, up <= share * whole_up + 512),
                _memory_row(shard, _memory(base, shard.name), whole_memory),
            ]
    return rows


def _download(shard: Shard, weights: dict[str, Array]) -> int:
    learning = set(shard.units())
    return sum(
        len(encode_weights({name: weights[name] for name in unit.shapes()}, narrow=unit not in learning))
        for unit in units(shard.spec)
    )


def _upload(shard: Shard) -> int:
    update = ModelUpdate({name: np.zeros(shape, np.float32) for name, shape in shard.shapes().items()})
    return len(encode(update, CodecConfig()))


def _row(shard: Shard, what: str, value: float, whole: float, gate: str = "", holds: bool | None = None) -> Row:
    return Row(
        metric=f"{shard.name}: {what}", unit="MB", value=value, anchor=f"whole {whole:,.1f}", gate=gate, holds=holds
    )


def _memory_row(shard: Shard, memory: int | None, whole: int | None) -> Row:
    if memory is None or whole is None:
        return Row(metric=f"{shard.name}: memory of training", unit="MB")
    return _row(shard, "memory of training", memory / 1e6, whole / 1e6, "below the whole", memory < whole)


def _megabytes(size: int | None) -> float | None:
    return None if size is None else size / 1e6


def _memory(base: Path, shard: str) -> int | None:
    """Bytes a child's peak grew by over two steps; ``None`` where the system does not say."""
    if sys.platform != "linux":
        return None
    command = [sys.executable, "-m", "core.bench.shards", str(base), shard]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return int(done.stdout) if done.returncode == 0 else None


class _Zeros:
    """Windows of one token."""

    def next_batch(self, count: int) -> NDArray[np.int64]:
        """(count, seq_len + 1) token ids."""
        return np.zeros((count, SEQ_LEN + 1), np.int64)

    def state_dict(self) -> dict[str, Any]:
        """There is nowhere to be."""
        return {}


def _train(base: str, shard: str) -> int:
    """The child: the real loop over one shard for two steps of one sequence."""
    job = TrainJob(
        federation_id="bench", run_id="bench", server_round=1, round_dir="", state_dir="", base_path=base,
        base_sha256=file_sha256(base), model=preset(PRESET),
        training=TrainingConfig(seq_len=SEQ_LEN, batch_size=1, local_steps=2, learning_rate=1e-3),
        codec=CodecConfig(), privacy=PrivacyPlan(unit="none"), corpora=(), tokenizer_path="", step_clock=0,
        local_steps=2, shard=shard,
    )  # fmt: skip
    use_threads(1)
    before = _peak()
    learning, model = read_base(job), build_model(job)
    model.load_arrays(learning)
    gradients = PackedGradients(_Zeros(), 1, TrainingPlan(), 1.0)
    optimizer = AdamW(model.ordered(), job.training)
    LocalTrainer(job, model, optimizer, gradients, RoundState()).run(lambda _: None, lambda _: None)
    return _peak() - before


def _peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) << 10


if __name__ == "__main__":
    print(_train(*sys.argv[1:]))
