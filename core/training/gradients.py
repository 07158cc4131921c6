"""Ways to a gradient: the interface, and the one of units ``none`` and ``corpus``, which reads packed windows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.api.errors import ModelError
from core.jobs import TrainingPlan
from core.model.transformer import Transformer
from core.training.ladder import Ladder, OutOfMemory
from core.training.state import FED, PartialStep, RoundState, StepFacts

Tokens = NDArray[np.integer[Any]]
Pulse = Callable[[float], None]
"""Called often with the done share of the current step; raises ``Interrupted`` when the owner paused."""


class WindowStream(Protocol):
    """Packed windows in a fixed, resumable order."""

    def next_batch(self, count: int) -> Tokens:
        """(count, seq_len + 1) token ids."""

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is."""


class StepResult(msgspec.Struct, kw_only=True):
    """What one step computed before the optimiser moves."""

    gradients: list[Tensor]
    loss: float | None
    tokens: int
    noise_draws: int = 0
    noise_energy: float = 0.0


class Gradients(Protocol):
    """One way to a gradient."""

    def compute(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        """The next step's gradient at the model's weights; changes neither model nor state."""

    def finished(self, state: RoundState) -> None:
        """The step is done: move streams and keys forward in ``state``."""

    @property
    def done(self) -> int:
        """How much of its step ``compute`` has done that ``partial`` would give, when ``pulse`` is called."""

    def partial(self) -> PartialStep | None:
        """That part; ``None`` if there is nothing yet, or it cannot be kept."""

    def resume(self, partial: PartialStep) -> None:
        """Let the next ``compute`` go on from there; it ends with the numbers of one that was not broken off."""


class PackedGradients:
    """Mean gradient over packed windows, accumulated over micro-batches, with a bound on its global norm.

    Where the device runs out of memory, because a neighbour took some, the micro-batch is halved and repeated.
    """

    def __init__(self, stream: WindowStream, batch_size: int, plan: TrainingPlan, grad_clip: float) -> None:
        self.stream = stream
        self.batch_size = batch_size
        self.micro_batch = plan.micro_batch
        self.grad_clip = grad_clip
        self._ladder = Ladder(plan)
        self.fed = b""
        """The windows of the step."""
        self._sum = _Sum()
        self._before: PartialStep | None = None

    def compute(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        """See ``Gradients``.

        Raises:
            ModelError: the gradient is not finite, so the round would ruin the model, or not even one sequence fits.
        """
        windows = self.stream.next_batch(self.batch_size)
        self.fed = windows.tobytes()
        self._sum = self._taken_up(model)
        while True:
            self._accumulate(model, windows, pulse)
            total, losses = self._sum.total, self._sum.losses
            norms = torch.stack([torch.linalg.vector_norm(part) for part in total])
            norm = float(torch.linalg.vector_norm(norms.double()))
            self._sum = _Sum()
            if np.isfinite(norm):
                break
            if not self._ladder.drop():
                raise ModelError("Training diverged: a gradient was not finite.", "The learning rate may be too high.")
        if norm > self.grad_clip:
            torch._foreach_mul_(total, self.grad_clip / norm)
        return StepResult(gradients=total, loss=_mean(losses), tokens=windows.size - len(windows))

    def _accumulate(self, model: Transformer, windows: Tokens, pulse: Pulse) -> None:
        """Add up the mean gradient, and keep (sequences, loss) of each micro-batch, still on the device."""
        device, now = model.ordered()[0].device, self._sum
        while now.done < len(windows):
            part = windows[now.done : now.done + self.micro_batch]
            try:
                loss, gradients = self._ladder.gradients(model, to_tensor(part, device))
            except OutOfMemory:
                self._halve()
                continue
            share = len(part) / len(windows)
            if not now.total:
                now.total = list(gradients) if share == 1.0 else list(torch._foreach_mul(gradients, share))
            else:
                torch._foreach_add_(now.total, gradients, alpha=share)
            now.losses.append((len(part), loss))
            now.done += len(part)
            _wait(loss)
            pulse(now.done / len(windows))

    def _halve(self) -> None:
        if self.micro_batch == 1:
            raise ModelError("There is not enough memory for even one sequence.", "Close other programs.")
        self.micro_batch //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def finished(self, state: RoundState) -> None:
        """Remember where the stream is, what it has fed, and how it was computed."""
        before = str(state.stream.get(FED, ""))
        state.stream = self.stream.state_dict()
        state.stream[FED] = hashlib.sha256(before.encode() + self.fed).hexdigest()[:32]
        state.plan = self.plan

    @property
    def plan(self) -> TrainingPlan:
        """How the next micro-batch is computed."""
        return msgspec.structs.replace(self._ladder.plan, micro_batch=self.micro_batch)

    @property
    def done(self) -> int:
        """See ``Gradients``; windows."""
        return self._sum.done

    def partial(self) -> PartialStep | None:
        """See ``Gradients``."""
        now = self._sum
        if not now.done:
            return None
        losses = [(count, float(loss)) for count, loss in now.losses]
        facts = StepFacts(
            done=now.done, fraction=now.done / self.batch_size, losses=losses, plan=self.plan, fed=_hash(self.fed)
        )  # fmt: skip
        return PartialStep(facts=facts, sums=now.total)

    def resume(self, partial: PartialStep) -> None:
        """See ``Gradients``; a sum over other windows than the next ones is of no use and forgotten."""
        self._before = partial

    def _taken_up(self, model: Transformer) -> _Sum:
        before, self._before = self._before, None
        if before is None or before.facts.fed != _hash(self.fed):
            return _Sum()
        device, facts = model.ordered()[0].device, before.facts
        losses = [(count, torch.tensor(loss, device=device)) for count, loss in facts.losses]
        return _Sum(done=facts.done, total=[part.to(device) for part in before.sums], losses=losses)


@dataclass
class _Sum:
    """A step's micro-batches so far."""

    done: int = 0
    total: list[Tensor] = field(default_factory=list)
    losses: list[tuple[int, Tensor]] = field(default_factory=list)


def _mean(losses: list[tuple[int, Tensor]]) -> float:
    """Mean over sequences; the only place where a step waits for its losses."""
    values = torch.stack([loss for _, loss in losses]).double().cpu().tolist()
    return float(sum(count * value for (count, _), value in zip(losses, values, strict=True))) / sum(
        n for n, _ in losses
    )


def _hash(fed: bytes) -> str:
    return hashlib.sha256(fed).hexdigest()


def _wait(result: Tensor) -> None:
    """Let no more than one micro-batch queue up on a GPU, or a pause would not be felt until the queue is empty."""
    if result.is_cuda:
        torch.cuda.current_stream(result.device).synchronize()


def to_tensor(tokens: Tokens, device: torch.device) -> Tensor:
    """Token ids on the device."""
    return torch.from_numpy(np.ascontiguousarray(tokens, dtype=np.int64)).to(device)
