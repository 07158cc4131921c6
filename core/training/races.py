"""Short races on a model's own shapes: number format, attention kernel, rows of the loss. Interleaved, the best counts.

Nothing is decided by the name of a processor: bfloat16 was measured 4.7 times faster and 5.6 times slower than float32
on processors that differ in one instruction set.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import torch
import torch.nn.functional as functional
from torch import Tensor

from core.config.model import ModelSpec
from core.jobs import TrainingPlan
from core.model.layout import parameter_shapes
from core.training.ladder import attention
from core.training.loss import default_rows, linear_cross_entropy

_REPETITIONS: Final = 3
WORTH: Final = 1.05
"""What is not plain must be this much faster to be chosen."""
_RACE_TOKENS: Final = 512
_RACE_FLOPS: Final = 2e10
"""About what one repetition may cost; large models race on fewer tokens."""
_LONGEST_MATH: Final = 1_024
"""Attention in matrix products holds every score; beyond this many tokens it is not even tried."""


K = TypeVar("K")


@dataclass(frozen=True)
class DtypeRace:
    """Which number format the matrix products take."""

    chosen: Literal["float32", "bfloat16"]
    seconds_per_token: float
    """All matrix products of one token, forwards and backwards, in the chosen format."""
    flops_per_s: float
    """What the device reached in them: the yardstick for utilisation."""
    sentence: str


@dataclass(frozen=True)
class AttentionRace:
    """Which attention kernel."""

    chosen: Literal["fused", "math"]
    sentence: str


@dataclass(frozen=True)
class LossRace:
    """How many predictions the loss takes at a time; 0 means all."""

    rows: int
    sentence: str


def matrix_shapes(spec: ModelSpec) -> Counter[tuple[int, ...]]:
    """Shapes of the matrices a token is multiplied by, with how many there are; a tied head counts once."""
    looked_up = ("wpe.weight",) if spec.tie_embeddings else ("wpe.weight", "wte.weight", "embed_tokens.weight")
    shapes = parameter_shapes(spec).items()
    return Counter(shape for name, shape in shapes if len(shape) == 2 and not name.endswith(looked_up))


def step_flops(spec: ModelSpec, seq_len: int) -> float:
    """Floating-point operations of one trained token, attention not halved for causality, as nanoGPT counts them."""
    products = sum(count * rows * columns for (rows, columns), count in matrix_shapes(spec).items())
    return 6.0 * products + 12.0 * spec.num_layers * spec.d_model * seq_len


def race_dtypes(
    spec: ModelSpec, seq_len: int, device: str, clock: Callable[[], float] = time.perf_counter
) -> DtypeRace:
    """Time the model's matrix products, forwards and backwards, in float32 and bfloat16."""
    shapes = matrix_shapes(spec)
    weight_flops = 6.0 * sum(count * rows * columns for (rows, columns), count in shapes.items())
    tokens = max(16, min(_RACE_TOKENS, seq_len, int(_RACE_FLOPS / weight_flops)))
    seconds = dict.fromkeys((torch.float32, torch.bfloat16), 0.0)
    for (rows, columns), count in shapes.items():
        runs = {dtype: _products(tokens, rows, columns, dtype, device) for dtype in seconds}
        for dtype, best in fastest(runs, device, clock).items():
            seconds[dtype] += count * best
    wide, narrow = seconds[torch.float32], seconds[torch.bfloat16]
    chosen: Literal["float32", "bfloat16"] = "bfloat16" if narrow * WORTH < wide else "float32"
    best = min(narrow, wide) if chosen == "bfloat16" else wide
    return DtypeRace(
        chosen, best / tokens, weight_flops * tokens / best,
        f"Matrix products in {chosen}: in bfloat16 they took {1e3 * narrow:.1f} ms, in float32 {1e3 * wide:.1f} ms.",
    )  # fmt: skip


def _products(tokens: int, rows: int, columns: int, dtype: torch.dtype, device: str) -> Callable[[], object]:
    inputs = torch.randn(tokens, columns, dtype=dtype, device=device)
    weight = torch.randn(rows, columns, dtype=dtype, device=device)
    slope = torch.randn(tokens, rows, dtype=dtype, device=device)
    return lambda: (inputs @ weight.t(), slope @ weight, slope.t() @ inputs)


def race_attention(spec: ModelSpec, seq_len: int, plan: TrainingPlan) -> AttentionRace:
    """Time attention over one sequence, forwards and backwards. A GPU's fused kernel is taken without a race."""
    if plan.device != "cpu" or seq_len > _LONGEST_MATH:
        return AttentionRace("fused", "Attention by the fused kernel.")
    shape = (1, spec.num_heads, seq_len, spec.d_model // spec.num_heads)
    dtype = torch.bfloat16 if plan.dtype == "bfloat16" else torch.float32
    query, key, value = (torch.randn(shape, dtype=dtype).requires_grad_() for _ in range(3))

    def run(kind: str) -> None:
        with attention(kind):
            out = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        torch.autograd.grad(out.sum(), (query, key, value))

    best = fastest({kind: lambda kind=kind: run(kind) for kind in ("fused", "math")}, plan.device)  # type: ignore[misc]
    chosen: Literal["fused", "math"] = "math" if best["math"] * WORTH < best["fused"] else "fused"
    return AttentionRace(
        chosen,
        f"Attention {'in matrix products' if chosen == 'math' else 'by the fused kernel'}: for one sequence "
        f"{1e3 * best['math']:.1f} ms in matrix products, {1e3 * best['fused']:.1f} ms fused.",
    )


def race_loss(spec: ModelSpec, tokens: int, plan: TrainingPlan) -> LossRace:
    """Time the head with its loss for a micro-batch of ``tokens``: block by block, and all at once."""
    rows = default_rows(spec)
    if tokens <= rows:
        return LossRace(rows, f"The loss takes up to {rows} predictions at a time.")
    tokens = min(tokens, 4 * rows)
    dtype = torch.bfloat16 if plan.dtype == "bfloat16" else torch.float32
    hidden = torch.randn(tokens, spec.d_model, device=plan.device).requires_grad_()
    head = (0.02 * torch.randn(spec.vocab_size, spec.d_model, device=plan.device)).requires_grad_()
    targets = torch.randint(spec.vocab_size, (tokens,), device=plan.device)

    def run(size: int) -> Tensor:
        loss = linear_cross_entropy(hidden, head, targets, size, dtype)
        return torch.autograd.grad(loss, (hidden, head))[0]

    best = fastest({size: lambda size=size: run(size) for size in (rows, 0)}, plan.device)  # type: ignore[misc]
    words = f"{1e3 * best[rows]:.1f} ms for {tokens:,}, {1e3 * best[0]:.1f} ms all at once"
    if best[0] * WORTH < best[rows]:
        return LossRace(0, f"The loss takes all predictions at once: {rows} at a time took {words}.")
    return LossRace(rows, f"The loss takes {rows} predictions at a time: {words}.")


def fastest(
    runs: dict[K, Callable[[], object]], device: str, clock: Callable[[], float] = time.perf_counter
) -> dict[K, float]:
    """Least seconds of each run, interleaved, after one run to warm up."""
    best = dict.fromkeys(runs, float("inf"))
    for repetition in range(1 + _REPETITIONS):
        for name, run in runs.items():
            synchronise(device)
            began = clock()
            run()
            synchronise(device)
            if repetition:
                best[name] = min(best[name], clock() - began)
    return best


def synchronise(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
