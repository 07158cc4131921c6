"""What protecting whole documents costs a step, in time and memory, beside the plain step on the same sequences.

Preset ``10m`` with its own settings for private units, 64 documents of 256 tokens, one thread, seconds of processor
time, the two in turn; draw, noise and optimiser are in it. The plain step takes eight sequences at once, as plans
choose on a processor. Memory is the peak of a process that does nothing else, interpreter and torch included.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final, Literal

from core.bench.rows import Row
from core.bench.train import Race, Step
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.jobs import TrainingPlan
from core.model.presets import preset
from core.model.recipes import default_training
from core.postprocess.privacy.dp_sgd import add_noise, clipped_sum
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training.anchors import own_step, private_step
from core.training.loss import default_rows
from core.training.plan import use_threads

PRESET: Final = "10m"
TRAINING: Final = default_training(PRESET, "document")
AT_ONCE: Final = 8
_TIME_GATE, _MEMORY_GATE = 1.15, 0.6
_CHILD_TIMEOUT_S: Final = 300
Dtype = Literal["float32", "bfloat16"]


def measure(name: str = PRESET, training: TrainingConfig = TRAINING, repetitions: int = 1) -> list[Row]:
    """Time in both number formats, and memory where the system tells it; a step is long enough to need no warm-up."""
    use_threads(1)
    rows = [_time(preset(name), training, dtype, repetitions) for dtype in ("float32", "bfloat16")]
    return [*rows, _memory(name, training)]


def steps(spec: ModelSpec, training: TrainingConfig, dtype: Dtype) -> dict[str, Step]:
    """The two steps by name."""
    plan = TrainingPlan(
        micro_batch=AT_ONCE, dtype=dtype, attention="math" if dtype == "bfloat16" else "fused",
        loss_rows=default_rows(spec),
    )  # fmt: skip
    return {
        "plain": own_step(spec, training, plan),
        "document": private_step(spec, training, plan, clipped_sum, add_noise, CsprngNormal),
    }


def _what(name: str, training: TrainingConfig) -> str:
    return f"{name}, {training.batch_size} × {training.seq_len}"


def _time(spec: ModelSpec, training: TrainingConfig, dtype: Dtype, repetitions: int) -> Row:
    race = Race()
    race.run(steps(spec, training, dtype), repetitions, warm_up=0)
    best, _ = race.ratio("document", "plain")
    return Row(
        metric=f"document step / plain step, time ({_what(spec.preset, training)}, {dtype})",
        unit="×",
        value=best,
        anchor=f"plain 1×, {min(race.seconds['plain']):.2f} s",
        gate=f"≤ {_TIME_GATE}×",
        holds=best <= _TIME_GATE,
    )


def _memory(name: str, training: TrainingConfig) -> Row:
    plain, document = (_peak_of(name, training, kind) for kind in ("plain", "document"))
    metric = f"document step / plain step, peak memory ({name}, {training.seq_len} tokens, float32)"
    if plain is None or document is None:
        return Row(metric=metric, unit="×", gate=f"≤ {_MEMORY_GATE}×")
    return Row(
        metric=metric,
        unit="×",
        value=document / plain,
        anchor=f"plain 1×, {plain / 1e6:,.0f} MB",
        gate=f"≤ {_MEMORY_GATE}×",
        holds=document <= _MEMORY_GATE * plain,
    )


def _peak_of(name: str, training: TrainingConfig, kind: str) -> int | None:
    """Peak of a child over one step; ``None`` where the system does not say."""
    if sys.platform != "linux":
        return None
    # Two micro-batches: the second has the sum of the first beside it, as every later one.
    shape = [str(training.seq_len), str(min(training.batch_size, 2 * AT_ONCE))]
    command = [sys.executable, "-m", "core.bench.private_step", name, kind, *shape]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_CHILD_TIMEOUT_S, check=False)
    return int(done.stdout) if done.returncode == 0 else None


def _run(name: str, kind: str, seq_len: str, batch_size: str) -> int:
    use_threads(1)
    training = TrainingConfig(
        seq_len=int(seq_len), batch_size=int(batch_size), local_steps=1, learning_rate=TRAINING.learning_rate
    )
    step = steps(preset(name), training, "float32")[kind]
    step()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) << 10


if __name__ == "__main__":
    print(_run(*sys.argv[1:]))
