"""``hedgerow bench train``: our loop beside nanoGPT's and transformers', and the batch search.

Everything runs in one process, interleaved, on one thread, over the same made-up batches. On a processor the unit is
the second of processor time, because other work may share the machine; ratios are those of the shortest times, with
those of the medians beside them. GPU rows are measured where there is a GPU, else they say *not run*.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from core.bench.rows import Row
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.jobs import ProbeJob, TrainingPlan
from core.model.presets import memory_bytes, preset
from core.training.anchors import nanogpt_step, own_step, plain_step, transformers_step
from core.training.batch_size import Found, calc_batch_size, sizes
from core.training.compiled.compiler import compile_into, find_compiler
from core.training.loss import default_rows
from core.training.plan import use_threads
from core.training.races import DtypeRace, race_attention, race_dtypes, step_flops
from core.training.rehearsal import Rehearsal, memory_budget
from core.training.utilisation import measure_gpu

SHAPES = ("10m-gpt2", "10m")
TRAINING = TrainingConfig(seq_len=256, batch_size=4, local_steps=1, learning_rate=1e-3)
SEARCH = TrainingConfig(seq_len=128, batch_size=16, local_steps=1, learning_rate=1e-3)
COMPILED = ("tiny", "10m")
REPETITIONS = 6
Step = Callable[[], object]


@dataclass
class Race:
    """Seconds of processor time of each step of several loops, taken in turn."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def run(self, steps: dict[str, Step], repetitions: int, warm_up: int = 1) -> None:
        """Each loop once to warm up, then so often, in turn."""
        for repetition in range(1 - warm_up, 1 + repetitions):
            for name, step in steps.items():
                began = time.process_time()
                step()
                if repetition:
                    self.seconds.setdefault(name, []).append(time.process_time() - began)

    def __str__(self) -> str:
        shortest = {name: f"{min(taken):.3f} s" for name, taken in self.seconds.items()}
        return ", ".join(f"{name} {taken}" for name, taken in shortest.items())

    def ratio(self, anchor: str, name: str) -> tuple[float, float]:
        """How many times faster than the anchor: by shortest, by median."""
        slow, fast = self.seconds[anchor], self.seconds[name]
        return min(slow) / min(fast), statistics.median(slow) / statistics.median(fast)


def measure(
    shapes: Sequence[str] = SHAPES, repetitions: int = REPETITIONS, compiled: Sequence[str] = COMPILED
) -> list[Row]:
    """Everything, in about two minutes on two quiet cores; half a minute of them is the compiler's."""
    use_threads(1)
    rows: list[Row] = []
    for shape in shapes:
        rows += _speed(preset(shape), repetitions)
    for shape in compiled:
        rows.append(_compiled(preset(shape), repetitions))
    return [*rows, *_search(), *_gpu()]


def _speed(spec: ModelSpec, repetitions: int) -> list[Row]:
    gemm = race_dtypes(spec, TRAINING.seq_len, "cpu", time.process_time)
    careful = TrainingPlan(micro_batch=TRAINING.batch_size, loss_rows=default_rows(spec))
    plan = msgspec.structs.replace(careful, dtype=gemm.chosen)
    plan = msgspec.structs.replace(plan, attention=race_attention(spec, TRAINING.seq_len, plan).chosen)
    steps: dict[str, Step] = {
        "ours": own_step(spec, TRAINING, plan),
        "ours, float32": own_step(spec, TRAINING, careful),
        "nanoGPT-like": nanogpt_step(spec, TRAINING) if spec.architecture == "gpt2" else plain_step(spec, TRAINING),
    }
    other = transformers_step(spec, TRAINING)
    if other is not None:
        steps["transformers"] = other
    race = Race()
    race.run(steps, repetitions)
    print(f"{spec.preset}: {race}", file=sys.stderr)
    tokens = TRAINING.batch_size * TRAINING.seq_len
    speed = tokens / min(race.seconds["ours"])
    how = f"{spec.preset}, {plan.dtype}, attention {plan.attention}"
    return [
        Row(metric=f"ours ({how})", unit="tokens/CPU-s", value=speed),
        _against(race, spec, "nanoGPT-like", "ours", gate=1.0, aim="≥ 2.5× with native bf16"),
        _against(race, spec, "nanoGPT-like", "ours, float32", gate=1.0, aim=""),
        *_transformers(race, spec),
        _utilisation(spec, speed, gemm),
    ]


def _compiled(spec: ModelSpec, repetitions: int) -> Row:
    """Our step with its blocks compiled ahead beside the same step as it comes, one plan, one run."""
    metric = f"ours, compiled / uncompiled ({spec.preset})"
    compiler = find_compiler()
    if compiler is None:
        return Row(metric=metric, unit="×", anchor="this machine has no C++ compiler")
    plan = TrainingPlan(micro_batch=TRAINING.batch_size, loss_rows=default_rows(spec))
    plan = msgspec.structs.replace(plan, dtype=race_dtypes(spec, TRAINING.seq_len, "cpu", time.process_time).chosen)
    plan = msgspec.structs.replace(plan, attention=race_attention(spec, TRAINING.seq_len, plan).chosen)
    race = Race()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        fast = compile_into(Path(folder), compiler, spec, TRAINING.seq_len, plan)
        took_s = time.perf_counter() - began
        steps: dict[str, Step] = {
            "uncompiled": own_step(spec, TRAINING, plan),
            "compiled": own_step(spec, TRAINING, fast),
        }
        race.run(steps, repetitions)
    print(f"{spec.preset}: {race}, {plan.dtype}, attention {plan.attention}", file=sys.stderr)
    best, median = race.ratio("uncompiled", "compiled")
    anchor = f"uncompiled 1×, {plan.dtype}; by medians {median:.2f}×; compiling took {took_s:.0f} s"
    return Row(metric=metric, unit="×", value=best, anchor=anchor)


def _against(race: Race, spec: ModelSpec, anchor: str, name: str, gate: float, aim: str) -> Row:
    best, median = race.ratio(anchor, name)
    return Row(
        metric=f"{name} / {anchor} loop ({spec.preset})",
        unit="×",
        value=best,
        anchor=f"eager float32 1×; by medians {median:.2f}×",
        gate=f"≥ {gate:.2f}×",
        aim=aim,
        holds=best >= gate,
    )


def _transformers(race: Race, spec: ModelSpec) -> list[Row]:
    if "transformers" not in race.seconds:
        return [Row(metric=f"ours / transformers loop ({spec.preset})", unit="×", gate="≥ 1.10×", aim="≥ 1.30×")]
    return [
        _against(race, spec, "transformers", name, gate=gate, aim=aim)
        for name, gate, aim in (("ours", 1.10, "≥ 1.30×"), ("ours, float32", 1.0, ""))
    ]


def _utilisation(spec: ModelSpec, tokens_per_s: float, gemm: DtypeRace) -> Row:
    share = 100 * tokens_per_s * step_flops(spec, TRAINING.seq_len) / gemm.flops_per_s
    return Row(
        metric=f"share of the speed of the model's own matrix products ({spec.preset})",
        unit="%",
        value=share,
        anchor=f"{gemm.flops_per_s / 1e9:.0f} GFLOP/s in this run",
        gate="GPU ≥ 75 %",
        aim="≥ 88 %",
    )


def _search() -> list[Row]:
    """The batch search against every power of two, measured by the same steps."""
    spec = preset("tiny")
    job = ProbeJob(model=spec, training=SEARCH, unit="none")
    dtype = race_dtypes(spec, SEARCH.seq_len, "cpu", time.process_time).chosen
    plan = TrainingPlan(dtype=dtype, loss_rows=default_rows(spec))
    plan = msgspec.structs.replace(plan, attention=race_attention(spec, SEARCH.seq_len, plan).chosen)
    budget = memory_budget("cpu", 0)
    with Rehearsal(job, "cpu", budget, clock=time.process_time) as rehearsal:

        def speed_of(count: int) -> float:
            return rehearsal.measure(msgspec.structs.replace(plan, micro_batch=count)).tokens_per_s

        found = calc_batch_size(
            lambda count: rehearsal.measure(msgspec.structs.replace(plan, micro_batch=count)),
            lambda count: memory_bytes(spec, count, SEARCH.seq_len, private=False),
            initial_guess=4,
            largest=SEARCH.batch_size,
            budget_bytes=budget,
        )
        swept = {count: max(speed_of(count), speed_of(count)) for count in sizes(SEARCH.batch_size)}
    return _found(found, 100 * swept[found.micro_batch] / max(swept.values()))


def _found(found: Found, share: float) -> list[Row]:
    probes, none = len(found.probes), found.out_of_memory
    anchor = "bisection 8.3 probes, 2.7 OOM"
    metric = "batch search (tiny)"
    return [
        Row(
            metric=f"{metric}: probes", unit="1", value=probes, anchor=anchor, gate="≤ 5", aim="≤ 3", holds=probes <= 5
        ),
        Row(metric=f"{metric}: out of memory", unit="1", value=none, anchor=anchor, gate="0", holds=none == 0),
        Row(
            metric=f"{metric}: speed of the choice ({found.micro_batch})",
            unit="% of the best",
            value=share,
            anchor="all powers of two, same run",
            gate="≥ 85 %",
            aim="≥ 95 %",
            holds=share >= 85,
        ),
    ]


def _gpu() -> list[Row]:
    """MFU where there is a GPU whose peak is known; the gates are those of one H200."""
    rows = []
    for name, gate, aim in (("125m-gpt2", 40, 50), ("350m-gpt2", 45, 55), ("1.3b-gpt2", 50, 60)):
        found = measure_gpu(preset(name), seq_len=2_048)
        on = found.device if found is not None else "one H200"
        mfu = None if found is None else found.mfu_percent
        anchor = "llm-foundry 42 % (H100), 56 % (A100)"
        holds = None if mfu is None else mfu >= gate
        rows.append(
            Row(
                metric=f"MFU on {on}, bf16, T=2048, {name.removesuffix('-gpt2')}",
                unit="%",
                value=mfu,
                anchor=anchor,
                gate=f"{gate} %",
                aim=f"{aim} %",
                holds=holds,
            )
        )
    return rows
