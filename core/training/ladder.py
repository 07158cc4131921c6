"""Loss and gradients of one micro-batch on the fastest rung that works: compiled → eager bfloat16 → eager float32.

Nothing is compiled here: the first rung runs code that was compiled ahead, and where that is missing, changed or unfit
it is a rung that failed.

A rung that raises is left for good and the same micro-batch is computed on the next one; the last rung's error is the
round's. Lack of memory is no fault of a rung: it becomes ``OutOfMemory``, for the caller to take fewer sequences at a
time. Weights, moments and sums stay float32 on every rung; only the matrix products are narrower.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, TypeVar

import msgspec
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from core.jobs import TrainingPlan
from core.model.transformer import Transformer
from core.training.chunk_loss import padded_loss
from core.training.compiled.blocks import CodeUnfit, CompiledBlocks
from core.training.loss import blockwise_loss

_NO_MEMORY: Final = ("out of memory", "not enough memory", "can't allocate memory")


T = TypeVar("T")


class OutOfMemory(Exception):
    """The device had no room for this micro-batch."""


def rungs(plan: TrainingPlan) -> list[TrainingPlan]:
    """The plan and what is tried after it, each slower and safer than the one before."""
    found = [plan]
    if plan.compiled:
        found.append(msgspec.structs.replace(plan, compiled=False))
    if (plan.dtype, plan.attention) != ("float32", "fused"):
        found.append(msgspec.structs.replace(found[-1], dtype="float32", attention="fused"))
    return found


class Ladder:
    """Computes micro-batches; ``plan`` is the rung it stands on."""

    def __init__(self, plan: TrainingPlan) -> None:
        self._rungs = rungs(plan)
        self._blocks: CompiledBlocks | None = None

    @property
    def plan(self) -> TrainingPlan:
        """How the next micro-batch is computed."""
        return self._rungs[0]

    def drop(self) -> bool:
        """Leave this rung; ``False`` where it is the last."""
        if len(self._rungs) == 1:
            return False
        del self._rungs[0]
        return True

    def loss(self, model: Transformer, tokens: Tensor) -> Tensor:
        """Mean nats per predicted token of (sequences, time) token ids.

        Raises:
            OutOfMemory: fewer sequences may fit.
        """
        return self._climb_down(lambda: self._loss(model, tokens))

    def padded_loss(self, model: Transformer, tokens: Tensor) -> Tensor:
        """Mean nats per predicted token of one example as (windows, time) ids, padded, for ``torch.func``.

        Raises:
            OutOfMemory: fewer examples at once may fit.
        """

        def work() -> Tensor:
            with arithmetic(self.plan, tokens.device.type) as dtype:
                return padded_loss(model, tokens, self.plan.loss_rows, dtype)

        return self._climb_down(work)

    def gradients(self, model: Transformer, tokens: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Loss, detached and still on the device, and its gradient by each parameter in layout order.

        Raises:
            OutOfMemory: fewer sequences may fit.
        """

        def both() -> tuple[Tensor, tuple[Tensor, ...]]:
            loss = self._loss(model, tokens)
            return loss.detach(), torch.autograd.grad(loss, model.ordered())

        return self._climb_down(both)

    def _climb_down(self, work: Callable[[], T]) -> T:
        while True:
            try:
                return work()
            except Exception as error:
                if ran_out_of_memory(error):
                    raise OutOfMemory from error
                # Of most errors the kind only: their words could quote the text.
                known = f": {error}" if isinstance(error, CodeUnfit) else "."
                sys.stderr.write(f"A way to compute failed ({type(error).__name__}){known}\n")
                if not self.drop():
                    raise

    def _loss(self, model: Transformer, tokens: Tensor) -> Tensor:
        plan = self.plan
        hidden = partial(model.hidden, run=self._code(model).run) if plan.compiled else model.hidden
        with arithmetic(plan, tokens.device.type) as dtype:
            return blockwise_loss(model, hidden, tokens, plan.loss_rows, dtype)

    def _code(self, model: Transformer) -> CompiledBlocks:
        if self._blocks is None:
            self._blocks = CompiledBlocks.load(self.plan, model.spec)
        return self._blocks


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether torch could not allocate, on any device, or a rung said so."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError | OutOfMemory):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


@contextlib.contextmanager
def arithmetic(plan: TrainingPlan, device_type: str) -> Iterator[torch.dtype]:
    """Number format and attention as planned, for what is computed inside; gives the type of matrix products."""
    dtype = torch.bfloat16 if plan.dtype == "bfloat16" else torch.float32
    with torch.autocast(device_type, dtype, enabled=dtype != torch.float32), attention(plan.attention):
        yield dtype


@contextlib.contextmanager
def attention(kind: str) -> Iterator[None]:
    """Choose attention's kernel: ``fused`` leaves it to torch, ``math`` spells it out in matrix products.

    On a CPU the fused kernel's backward pass is the slower one in bfloat16 up to some hundred tokens.
    """
    if kind == "fused":
        yield
        return
    before = bool(torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed())  # type: ignore[no-untyped-call]
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)  # the switch is the CPU's too, whatever its name
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(before)
