"""A step's gradient over all devices of a client: of whole models side by side, or of one that they hold together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch

from core.model.transformer import Transformer
from core.training.gradients import PackedGradients, Pulse, StepResult
from core.training.orders import PackedStep, ShardedStep
from core.training.sharded import Shards
from core.training.sharing import SharedStream, bound_norm, compute_part
from core.training.state import PartialStep, RoundState

if TYPE_CHECKING:
    from core.training.crew import Crew


class CrewGradients:
    """Packed windows over several devices: as one, step by step, or each on its own to the round's end.

    How, is chosen at the first step and then part of the round's state.
    """

    def __init__(self, inner: PackedGradients, crew: Crew, device: str) -> None:
        self.inner = inner
        self.crew = crew
        self.device = device
        self.batch_size = inner.batch_size
        self.grad_clip = inner.grad_clip
        self.stream = cast(SharedStream, inner.stream)
        self._apart = False

    def compute(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        """See ``Gradients``.

        Raises:
            ModelError: the gradient is not finite.
            SiblingGone: a sibling has ended.
        """
        if not state.strategy:
            self._begin(model, state)
        self._apart = state.strategy == "local"
        if self._apart:
            if self.inner.stream is self.stream:
                self.inner.stream = self.stream.partition(0, state.nodes)
                self.crew.start_nodes(state)
            return self.inner.compute(model, state, pulse)
        return self._together(model, state, pulse)

    def _begin(self, model: Transformer, state: RoundState) -> None:
        state.strategy = self.crew.choose(self.inner, model, state, self.device)
        if state.strategy == "local":
            state.nodes, state.origin = self.crew.size, self.stream.state_dict()

    def _together(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        crew = self.crew
        with crew.waiting():
            crew.order(PackedStep(stream=self.stream.state_dict()))
            crew.reducer.spread(model.ordered())
        windows = self.stream.next_share(self.batch_size, 0, crew.size)
        part = compute_part(
            self.inner, windows, self.stream.state_dict(), self.batch_size, model, state, pulse
        )  # fmt: skip
        with crew.waiting():
            crew.reducer.reduce(part.gradients)
            done = crew.done()
        bound_norm(part.gradients, self.grad_clip)
        loss_sum = (part.loss or 0.0) * len(windows) + sum(answer.loss_sum for answer in done)
        tokens = part.tokens + sum(answer.tokens for answer in done)
        return StepResult(gradients=part.gradients, loss=loss_sum / self.batch_size, tokens=tokens)

    def finished(self, state: RoundState) -> None:
        """Remember where the stream is."""
        self.inner.finished(state)

    def partial(self) -> PartialStep | None:
        """Of a node that trains apart; of a step shared with siblings, whose sums are in no checkpoint, nothing."""
        return self.inner.partial() if self._apart else None

    def resume(self, partial: PartialStep) -> None:
        """See ``Gradients``; where the next step is shared, the part is computed again."""
        self.inner.resume(partial)


class ShardedGradients:
    """Packed windows through a model that all devices hold together; the leader's own copy is in main memory."""

    def __init__(self, inner: PackedGradients, crew: Crew, shards: Shards) -> None:
        self.inner = inner
        self.crew = crew
        self.shards = shards
        self.stream = cast(SharedStream, inner.stream)
        self.micro_batch = min(inner.micro_batch, *(node.micro_batch for node in crew.siblings))

    def compute(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        """See ``Gradients``.

        Raises:
            ModelError: the gradient is not finite.
            SiblingGone: a sibling has ended.
        """
        crew, batch_size = self.crew, self.inner.batch_size
        state.strategy = "fsdp"
        micro_steps = math.ceil(math.ceil(batch_size / crew.size) / self.micro_batch)
        crew.order(
            ShardedStep(stream=self.stream.state_dict(), micro_batch=self.micro_batch, micro_steps=micro_steps)
        )  # fmt: skip
        self.shards.take(crew.reducer, model.ordered())
        windows = self.stream.next_share(batch_size, 0, crew.size)
        loss_sum = self.shards.compute(windows, self.micro_batch, micro_steps, batch_size, pulse)
        gradients = [torch.zeros_like(parameter) for parameter in model.ordered()]
        self.shards.give(crew.reducer, gradients)
        done = crew.done()
        bound_norm(gradients, self.inner.grad_clip)
        loss_sum += sum(answer.loss_sum for answer in done)
        tokens = windows.size - len(windows) + sum(answer.tokens for answer in done)
        return StepResult(gradients=gradients, loss=loss_sum / batch_size, tokens=tokens)

    def finished(self, state: RoundState) -> None:
        """Remember where the stream is."""
        self.inner.finished(state)

    def partial(self) -> PartialStep | None:
        """Nothing: each rank has the gradient of its own part of the model."""
        return None

    def resume(self, partial: PartialStep) -> None:
        """The step begins again."""
