"""Before a round: how many sequences go through the model at once, and whether the round fits this machine at all.

The micro-batch changes only how gradients are accumulated, never the batch. Where the engine sent no measured plan, the
plan depends on nothing but the job; whichever it is, a round keeps it in its checkpoints, so that a resumed round adds
the same numbers in the same order.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch

from core.api.errors import ModelError
from core.jobs import TrainingPlan, TrainJob
from core.model.presets import memory_bytes, num_parameters
from core.model.shard import parse_shard
from core.training.loss import default_rows

_MICRO_STEP_FLOPS = 8e9
"""Work between two looks at the pause button; about 0.2 s on one CPU core."""
EXAMPLES_AT_ONCE = 8
"""Under DP-SGD on a device that one example leaves idle; halved where memory runs out. Chosen, not measured."""
_MEMINFO = Path("/proc/meminfo")


def micro_batch(job: TrainJob) -> int:
    """Sequences per forward and backward pass; under DP-SGD those of one example, which is bounded alone."""
    if job.privacy.per_example:
        return job.privacy.windows_per_document if job.privacy.unit == "document" else 1
    flops = 6.0 * num_parameters(job.model) * job.training.seq_len
    fitting = max(1, int(_MICRO_STEP_FLOPS / flops))
    count = min(job.training.batch_size, 1 << (fitting.bit_length() - 1))
    while count > 1 and 0 < job.memory_bytes < _needed(job, count):
        count //= 2
    return count


def plan_of(job: TrainJob) -> TrainingPlan:
    """The measured plan if it belongs to the device that is there, else the careful one: eager, float32."""
    device = usable_device(job.device)
    plan = TrainingPlan(device=device, micro_batch=micro_batch(job), loss_rows=default_rows(job.model))
    if job.plan is not None and job.plan.device == device:
        plan = job.plan
    if job.privacy.per_example and device != "cpu":
        plan = msgspec.structs.replace(plan, micro_batch=EXAMPLES_AT_ONCE)
    return plan


def check_memory(job: TrainJob) -> int:
    """Refuse a round that needs more memory than the owner allows or the machine has free.

    Returns:
        The estimate in bytes.

    Raises:
        ModelError: it does not fit; nothing was allocated.
    """
    needed = _needed(job, micro_batch(job))
    allowed = job.memory_bytes or available_bytes()
    if allowed and needed > allowed:
        raise ModelError(
            f"Training {job.model.preset} needs about {needed / 1e9:.1f} GB of memory, but {allowed / 1e9:.1f} GB "
            f"{'are allowed' if job.memory_bytes else 'are free'}.",
            "Raise the memory limit or close other programs." if job.memory_bytes else "Close other programs.",
        )
    return needed


def _needed(job: TrainJob, batch: int) -> int:
    shard = parse_shard(job.model, job.shard)
    return memory_bytes(
        job.model, batch, job.training.seq_len, trained=shard.size(), blocks_in_graph=shard.blocks_in_graph,
        frozen_width=2 if job.frozen_dtype == "bfloat16" else 4, private=job.privacy.unit != "none",
    )  # fmt: skip


def available_bytes() -> int:
    """Memory a new program could get without swapping; 0 where the system does not say."""
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0


def usable_device(wanted: str) -> str:
    """``wanted`` if torch can compute there, else ``cpu``: a card this build cannot drive must not cost the round."""
    if wanted == "cpu":
        return "cpu"
    try:
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError):  # an AssertionError is how a build without CUDA says so
        return "cpu"
    return wanted


def use_threads(count: int) -> None:
    """Bind torch to ``count`` threads; sums are only repeatable under an equal count."""
    torch.set_num_threads(max(1, count))
