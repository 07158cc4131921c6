"""A step's gradient over all devices of a client: of whole models side by side, or of one that they hold together."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

import msgspec
import torch
from torch import Tensor

from core.model.transformer import Transformer
from core.training.gradients import PackedGradients, Pulse, StepResult
from core.training.orders import PackedStep, ShardedStep
from core.training.sharded import Shards
from core.training.sharing import SharedStream, Stream, bound_norm, compute_part
from core.training.state import PartialStep, RoundState, StepFacts

if TYPE_CHECKING:
    from core.training.crew import Crew


SECTION_S: Final = 20.0
"""About the time of a section of a long step. After each the gradient is added up, so sections should not be short."""


class CrewGradients:
    """Packed windows over several devices: as one, step by step, or each on its own to the round's end.

    How, is chosen at the first step and then part of the round's state. What devices that train as one have of a step
    is in no checkpoint until it is added up, so a long step is cut into sections.
    """

    def __init__(self, inner: PackedGradients, crew: Crew, device: str) -> None:
        self.inner = inner
        self.crew = crew
        self.device = device
        self.batch_size = inner.batch_size
        self.grad_clip = inner.grad_clip
        self.stream = cast(SharedStream, inner.stream)
        self._apart = False
        self._sum = _Sum()
        self._began: Stream = {}
        self._before: PartialStep | None = None

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
                if self._before is not None:
                    self.inner.resume(self._before)
            return self.inner.compute(model, state, pulse)
        return self._together(model, state, pulse)

    def _begin(self, model: Transformer, state: RoundState) -> None:
        state.strategy, step_s = self.crew.choose(self.inner, model, state, self.device)
        if state.strategy == "local":
            state.nodes, state.origin = self.crew.size, self.stream.state_dict()
        elif step_s > SECTION_S:
            state.section = max(self.crew.size, int(self.batch_size * SECTION_S / step_s))

    def _together(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        now = self._sum = self._taken_up(model)
        while now.done < self.batch_size:
            self._section(now, model, state, pulse)
            if now.done < self.batch_size:
                pulse(now.done / self.batch_size)
        self._sum = _Sum()
        self.inner.fed = now.fed
        bound_norm(now.total, self.grad_clip)
        return StepResult(gradients=now.total, loss=now.loss_sum / self.batch_size, tokens=now.tokens)

    def _section(self, now: _Sum, model: Transformer, state: RoundState, pulse: Pulse) -> None:
        """Add the next windows of the batch, a share of them at each rank."""
        crew, before = self.crew, now.done
        count = min(state.section or self.batch_size, self.batch_size - before)
        with crew.waiting():
            crew.order(PackedStep(stream=self.stream.state_dict(), windows=count, fresh=not now.spread))
            if not now.spread:
                crew.reducer.spread(model.ordered())
                now.spread = True
        windows = self.stream.next_share(count, 0, crew.size)
        part = compute_part(
            self.inner, windows, self.stream.state_dict(), self.batch_size, model, state,
            lambda fraction: pulse((before + fraction * count) / self.batch_size),
        )  # fmt: skip
        with crew.waiting():
            crew.reducer.reduce(part.gradients)
            done = crew.done()
        now.add(part.gradients)
        now.loss_sum += (part.loss or 0.0) * len(windows) + sum(answer.loss_sum for answer in done)
        now.tokens += part.tokens + sum(answer.tokens for answer in done)
        now.fed += windows.tobytes()
        now.done += count

    def finished(self, state: RoundState) -> None:
        """Remember where the stream is."""
        self.inner.finished(state)

    @property
    def done(self) -> int:
        """See ``Gradients``; windows of all ranks, or of a node that trains apart."""
        return self.inner.done if self._apart else self._sum.done

    def partial(self) -> PartialStep | None:
        """See ``Gradients``. Of a step that is shared, the sections that are added up, by any number of ranks."""
        if self._apart:
            return self.inner.partial()
        now = self._sum
        if not now.done:
            return None
        facts = StepFacts(
            done=now.done, fraction=now.done / self.batch_size, losses=[(now.tokens, now.loss_sum)],
            plan=self.inner.plan, fed=_place(self._began),
        )  # fmt: skip
        return PartialStep(facts=facts, sums=now.total)

    def resume(self, partial: PartialStep) -> None:
        """See ``Gradients``; a part that was computed alone, where the step is now shared, is computed again."""
        self._before = partial

    def _taken_up(self, model: Transformer) -> _Sum:
        before, self._before = self._before, None
        self._began = self.stream.state_dict()
        if before is None or before.facts.fed != _place(self._began):
            return _Sum()
        facts, device = before.facts, model.ordered()[0].device
        fed = self.stream.next_share(facts.done, 0, self.crew.size).tobytes()
        ((tokens, loss_sum),) = facts.losses
        total = [part.to(device) for part in before.sums]
        return _Sum(done=facts.done, total=total, loss_sum=loss_sum, tokens=tokens, fed=fed)


@dataclass
class _Sum:
    """The sections of a step so far, over all ranks."""

    done: int = 0
    total: list[Tensor] = field(default_factory=list)
    loss_sum: float = 0.0
    tokens: int = 0
    fed: bytes = b""
    """What the leader itself was fed."""
    spread: bool = False
    """Whether the siblings have the step's weights."""

    def add(self, gradients: list[Tensor]) -> None:
        """One section's gradient, in its share of the batch."""
        if self.total:
            torch._foreach_add_(self.total, gradients)
        else:
            self.total = gradients


def _place(stream: Stream) -> str:
    """Which windows a shared step began with; never that of a step computed alone."""
    return f"shared {hashlib.sha256(msgspec.json.encode(stream, order='sorted')).hexdigest()}"


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

    @property
    def done(self) -> int:
        """See ``Gradients``."""
        return 0

    def partial(self) -> PartialStep | None:
        """Nothing: each rank has the gradient of its own part of the model."""
        return None

    def resume(self, partial: PartialStep) -> None:
        """The step begins again."""
