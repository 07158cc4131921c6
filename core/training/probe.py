"""Look once how this machine computes this model best: ``python -I -m core.training.probe --in-fd A --out-fd B``.

A child of the engine, like the trainer, but on made-up tokens: it is given no key, no text and no weights. It races
number formats, attention kernels and loss blocks on the model's own shapes, then seeks the batch size with whole
training steps, and sends the plan up. If it crashes, a plan is missing and nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence

import msgspec

from core.api.errors import EngineError, HedgerowError, SandboxError
from core.jobs import Failed, Paused, Probed, ProbeJob, Ready, TrainingPlan
from core.model.presets import memory_bytes
from core.model.shard import EMBEDDING, parse_shard
from core.sandbox import lock_down
from core.training.batch_size import calc_batch_size
from core.training.channel import Channel
from core.training.plan import EXAMPLES_AT_ONCE, usable_device, use_threads
from core.training.races import race_attention, race_dtypes, race_loss
from core.training.rehearsal import Rehearsal, memory_budget
from core.training.state import Interrupted

_MICRO_STEP_S = 0.2
"""What the first guess aims at; long enough for the overhead of a step to vanish, short enough for a pause."""
_GPU_TOKENS = 16_384
"""First guess on a GPU, in tokens, where memory allows."""


def make_plan(job: ProbeJob, check_pause: Callable[[], None] = lambda: None) -> TrainingPlan:
    """Measure, and say what was found.

    Raises:
        Interrupted: from ``check_pause``.
    """
    began, device = time.monotonic(), usable_device(job.device)
    spec, seq_len = job.model, job.training.seq_len
    dtype = race_dtypes(spec, seq_len, device)
    plan, sentences = TrainingPlan(device=device, dtype=dtype.chosen), [dtype.sentence]
    check_pause()
    attention = race_attention(spec, seq_len, plan)
    plan = msgspec.structs.replace(plan, attention=attention.chosen)
    check_pause()
    per_sequence_s = seq_len * dtype.seconds_per_token
    guess = 1 if job.unit in ("document", "record") else _first_guess(job, device, per_sequence_s)
    loss = race_loss(spec, guess * seq_len, plan)
    plan = msgspec.structs.replace(plan, loss_rows=loss.rows)
    check_pause()
    budget, shard = memory_budget(device, job.memory_bytes), parse_shard(spec, job.shard)
    with Rehearsal(job, device, budget, check_pause) as rehearsal:
        found = calc_batch_size(
            lambda count: rehearsal.measure(msgspec.structs.replace(plan, micro_batch=count)),
            lambda count: memory_bytes(
                spec,
                count,
                seq_len,
                trained=shard.size(),
                blocks_in_graph=shard.blocks_in_graph,
                activation_width=2 if plan.dtype == "bfloat16" else 4,
                device="cpu" if device == "cpu" else "gpu",
                private=job.unit != "none",
            ),
            initial_guess=guess,
            largest=1 if job.unit in ("document", "record") else job.training.batch_size,
            budget_bytes=budget,
            may_go_on=lambda: time.monotonic() - began < job.max_seconds,
        )
    chosen = next(probe for probe in found.probes if probe.micro_batch == found.micro_batch or len(found.probes) == 1)
    one = _each_alone(device) if job.unit in ("document", "record") else found.why
    return msgspec.structs.replace(
        plan,
        micro_batch=found.micro_batch,
        tokens_per_s=chosen.tokens_per_s,
        peak_bytes=chosen.peak_bytes,
        bytes_per_sequence=found.bytes_per_sequence,
        budget_bytes=budget,
        probes=found.probes,
        explanation=(*sentences, attention.sentence, loss.sentence, one, _not_compiled(job, device)),
    )


def _each_alone(device: str) -> str:
    """Why so many examples at once where each is bounded on its own."""
    if device == "cpu":
        return "One example at a time, because each is bounded on its own."
    return (
        f"One example was measured; training takes up to {EXAMPLES_AT_ONCE} at a time, fewer where memory runs out, "
        "and bounds each on its own."
    )


def _not_compiled(job: ProbeJob, device: str) -> str:
    """The last sentence, which ``core.training.compiled.compiler`` replaces where it is run."""
    if job.shard == EMBEDDING:
        return "Not compiled: no block learns."
    if job.unit == "record":
        return "Not compiled: each example has its own shape."
    if device != "cpu":
        return "Not compiled: so far code is compiled ahead for processors only."
    return "Not compiled yet: that is tried between two rounds where it can pay."


def _first_guess(job: ProbeJob, device: str, per_sequence_s: float) -> int:
    """Sequences to begin with: as many as fill a micro-step on a CPU, as memory should hold on a GPU."""
    if device != "cpu":
        return max(1, min(job.training.batch_size, _GPU_TOKENS // job.training.seq_len))
    return max(1, min(job.training.batch_size, int(_MICRO_STEP_S / max(per_sequence_s, 1e-9))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one job; the exit code is 0 when it was done or paused, 1 when it failed."""
    parser = argparse.ArgumentParser(prog="core.training.probe", allow_abbrev=False)
    for name in ("--in-fd", "--out-fd"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--key-fd", type=int, help="closed unread: a probe sees nothing that needs a key")
    options = parser.parse_args(arguments)
    if options.key_fd is not None:
        os.close(options.key_fd)
    channel = Channel(options.in_fd, options.out_fd)
    try:
        job = channel.read_probe()
        use_threads(job.threads)
        try:
            level = lock_down(read_paths=(), write_paths=())
        except SandboxError:
            level = "none"  # made-up tokens only: there is nothing to keep in
        channel.start()
        channel.send(Ready(sandbox=level, pid=os.getpid()))
        channel.send(Probed(plan=make_plan(job, channel.check_pause)))
    except Interrupted:
        channel.send(Paused(step=0, seconds=0.0))
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001 - the border: whatever it is, one sentence goes up
        return _fail(channel, error)
    return 0


def _fail(channel: Channel, error: Exception) -> int:
    sys.stderr.write("".join(traceback.format_exception(error)))
    known = error if isinstance(error, HedgerowError) else EngineError(f"The probe failed ({type(error).__name__}).")
    try:
        channel.send(Failed(code=known.code, message=known.message, hint=known.hint))
    except (OSError, ValueError):
        return 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
