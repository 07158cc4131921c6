"""One rank's part of a step: its windows of the batch and their gradient, and how long a step takes.

Every rank passes over the whole batch and reads its share of it, so all know where the stream is, and a checkpoint
keeps one place whatever the number of ranks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from core.api.errors import ModelError
from core.jobs import TrainJob
from core.model.transformer import Transformer
from core.training.gradients import PackedGradients, Pulse, StepResult, Tokens, WindowStream
from core.training.state import RoundState

Stream = dict[str, Any]


class SharedStream(WindowStream, Protocol):
    """A stream that several devices may read; ``PackedStream`` is one."""

    def next_share(self, count: int, rank: int, size: int) -> Tokens:
        """This rank's windows of the next ``count``; passes over all of them."""

    def partition(self, index: int, count: int) -> WindowStream:
        """One interleaved part, from where this stream is."""

    def load_state_dict(self, state: Stream) -> None:
        """Go to a stored place."""


class _Share:
    """The windows of one step at one rank, in place of the stream."""

    def __init__(self, windows: Tokens, state: Stream) -> None:
        self._windows = windows
        self._state = state

    def next_batch(self, count: int) -> Tokens:
        """The first of those that are left."""
        taken, self._windows = self._windows[:count], self._windows[count:]
        return taken

    def state_dict(self) -> Stream:
        """Where the whole stream is after the step."""
        return self._state


def compute_part(
    inner: PackedGradients, windows: Tokens, after: Stream, batch_size: int, model: Transformer, state: RoundState,
    pulse: Pulse,
) -> StepResult:  # fmt: skip
    """The gradient of this rank's windows; it counts with their share of the batch, so that the step's is the sum.

    Args:
        inner: computes it; its batch, bound and stream are set here.
        windows: this rank's, perhaps none.
        after: where the whole stream is after the step.
        batch_size: windows of the whole batch.
        model: with the step's weights.
        state: of the round.
        pulse: see ``Pulse``.

    Returns:
        As of the rank's own windows, but gradients that are to be summed over ranks.
    """
    inner.stream = _Share(windows, after)
    if not len(windows):
        zeros = [torch.zeros_like(parameter) for parameter in model.ordered()]
        return StepResult(gradients=zeros, loss=None, tokens=0)
    inner.batch_size, inner.grad_clip = len(windows), math.inf
    result = inner.compute(model, state, pulse)
    scale = len(windows) / batch_size
    result.gradients = [gradient.mul_(scale).contiguous() for gradient in result.gradients]
    return result


def bound_norm(gradients: Sequence[Tensor], bound: float) -> None:
    """Scale all gradients together to at most ``bound``, as ``PackedGradients`` does on one device.

    Raises:
        ModelError: they are not finite.
    """
    norm = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g).double() for g in gradients])))
    if not np.isfinite(norm):
        raise ModelError("Training diverged: a gradient was not finite.", "The learning rate may be too high.")
    if norm > bound:
        for gradient in gradients:
            gradient.mul_(bound / norm)


def micro_step_seconds(job: TrainJob, inner: PackedGradients, model: Transformer, state: RoundState) -> float:
    """Time of one micro-batch of random tokens, computed as the round's will be; the first of two is not counted."""
    before = inner.stream, inner.batch_size
    count = inner.batch_size = min(inner.micro_batch, inner.batch_size)
    windows = np.random.default_rng(0).integers(0, job.model.vocab_size, (count, job.training.seq_len + 1))
    took = 0.0
    for _ in range(2):
        inner.stream = _Share(windows, {})
        began = time.perf_counter()
        inner.compute(model, state, lambda _: None)
        took = time.perf_counter() - began
    inner.stream, inner.batch_size = before
    return took
