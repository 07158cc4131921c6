"""The loop of local steps: take gradients, step the inner optimiser, and stop only where the privacy unit allows it.

Two ways to a gradient share the loop. ``PackedGradients`` (units ``none`` and ``corpus``) reads windows and bounds the
global norm. ``PrivateGradients`` (units ``record`` and ``document``) is DP-SGD (Abadi et al., 2016): a Poisson draw,
each example's gradient bounded on its own, Gaussian noise, division by the *expected* size of the draw.

Guarantees of ``PrivateGradients``:
    - Each example is drawn independently with the plan's probability; a large draw is never cut, only slower.
    - An empty draw still adds noise and counts as a step; a gradient that is not finite becomes the zero vector.
    - The number of steps is the plan's. Neither time nor tokens end the round early.
    - Draws and noise are a function of the step's key alone, so repeating a step releases nothing new.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import vault
from core.api.errors import CoordinatorError, ModelError
from core.jobs import PrivacyPlan, TrainingPlan, TrainJob
from core.model.transformer import Transformer
from core.training.document_loss import per_document
from core.training.ladder import Ladder, OutOfMemory
from core.training.optimizer import AdamW, learning_rate

Tokens = NDArray[np.integer[Any]]
Pulse = Callable[[float], None]
"""Called often with the done share of the current step; raises ``Interrupted`` when the owner paused."""
Running = tuple[list[Tensor], list[float]]
"""float64 sums of clipped gradients, and losses."""
AddNoise = Callable[[Sequence[Tensor], float, float, Any], int]
"""``add_noise`` of the same file: sums on the CPU, C, σ, source → number of values drawn."""


class Interrupted(Exception):
    """The owner paused. Weights, moments and state are those of the last finished step."""


class ClippedSum(Protocol):
    """``clipped_sum`` of ``core.postprocess.privacy.dp_sgd``, which this room may not import."""

    def __call__(
        self,
        model: Transformer,
        loss_fn: Callable[[Any, Tensor], Tensor],
        examples: Iterable[Tensor],
        clip_norm: float,
        *,
        into: Running | None = None,
    ) -> Running:
        """Add each example's bounded gradient to ``into``; whoever reads it there sees all examples asked for."""


class NormalSource(Protocol):
    """A cryptographic source of random numbers."""

    def normal(self, count: int) -> NDArray[np.float64]:
        """Standard normal values."""

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Values in [0, 1)."""


class WindowStream(Protocol):
    """Packed windows in a fixed, resumable order."""

    def next_batch(self, count: int) -> Tokens:
        """(count, seq_len + 1) token ids."""

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is."""


class RecordSource(Protocol):
    """Records or documents that a step draws from."""

    def draw(self, source: NormalSource) -> Sequence[Tokens]:
        """A plain Poisson draw; a record holds at least two tokens of one document.

        A document comes as windows of that shape, one a row; shorter rows end in negative ids.
        """


class RoundState(msgspec.Struct, kw_only=True):
    """How far a round is. But for ``seconds`` it changes at step boundaries only, so it can be saved at any moment."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Computing time over all restarts, a broken-off step included."""
    loss_total: float = 0.0
    """Sum of the steps' mean losses, in nats per token."""
    loss_steps: int = 0
    """Steps that had an example to take a loss from."""
    last_loss: float | None = None
    noise_draws: int = 0
    stream: dict[str, Any] = {}
    plan: TrainingPlan | None = None
    """How the numbers are computed, rungs that failed left out; a resumed round goes on with it."""
    step_key: bytes = b""
    """Drives draws and noise of the next step, and through a one-way step of all later ones."""
    strategy: str = ""
    """How several devices share this round, once that is chosen; see ``core.training.parallel``."""
    nodes: int = 0
    """Devices that train apart in it, each on its partition; 0 where they train as one."""
    origin: dict[str, Any] = {}
    """Where the whole stream was when such nodes began."""

    @property
    def mean_loss(self) -> float | None:
        """Mean over the steps that had one."""
        return self.loss_total / self.loss_steps if self.loss_steps else None


class StepFacts(msgspec.Struct, kw_only=True, frozen=True):
    """How far a step is that was broken off."""

    done: int
    """Windows, or examples of the draw, in the sum."""
    fraction: float
    """The same as a share of the step."""
    losses: list[tuple[int, float]]
    """(sequences, mean loss) of each micro-batch or example."""
    plan: TrainingPlan
    """How they were computed, and the rest is to be."""
    fed: str = ""
    """Hash of the whole step's windows; the sum belongs to no others."""


class PartialStep(msgspec.Struct, kw_only=True, frozen=True):
    """The part of a step that is done. Under DP-SGD it is as secret as the text: nothing here has noise yet."""

    facts: StepFacts
    sums: list[Tensor]
    """Sum over what is done, in layout order: float32 shares of the mean, or float64 clipped gradients."""


class StepResult(msgspec.Struct, kw_only=True):
    """What one step computed before the optimiser moves."""

    gradients: list[Tensor]
    loss: float | None
    tokens: int
    noise_draws: int = 0


class Gradients(Protocol):
    """One way to a gradient."""

    def compute(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        """The next step's gradient at the model's weights; changes neither model nor state."""

    def finished(self, state: RoundState) -> None:
        """The step is done: move streams and keys forward in ``state``."""

    def partial(self) -> PartialStep | None:
        """What ``compute`` has done of its step so far, when ``pulse`` is called; ``None`` if it cannot be kept."""

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
        self._fed = b""
        self._sum = _Sum()
        self._before: PartialStep | None = None

    def compute(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        """See ``Gradients``.

        Raises:
            ModelError: the gradient is not finite, so the round would ruin the model, or not even one sequence fits.
        """
        windows = self.stream.next_batch(self.batch_size)
        self._fed = windows.tobytes()
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
                loss, gradients = self._ladder.gradients(model, _tensor(part, device))
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
        state.stream[FED] = hashlib.sha256(before.encode() + self._fed).hexdigest()[:32]
        state.plan = self._plan()

    def _plan(self) -> TrainingPlan:
        return msgspec.structs.replace(self._ladder.plan, micro_batch=self.micro_batch)

    def partial(self) -> PartialStep | None:
        """See ``Gradients``."""
        now = self._sum
        if not now.done:
            return None
        losses = [(count, float(loss)) for count, loss in now.losses]
        facts = StepFacts(
            done=now.done, fraction=now.done / self.batch_size, losses=losses, plan=self._plan(), fed=_hash(self._fed)
        )  # fmt: skip
        return PartialStep(facts=facts, sums=now.total)

    def resume(self, partial: PartialStep) -> None:
        """See ``Gradients``; a sum over other windows than the next ones is of no use and forgotten."""
        self._before = partial

    def _taken_up(self, model: Transformer) -> _Sum:
        before, self._before = self._before, None
        if before is None or before.facts.fed != _hash(self._fed):
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


class PrivateGradients:
    """DP-SGD over records or documents; see the module for what it guarantees."""

    def __init__(
        self,
        records: RecordSource,
        plan: PrivacyPlan,
        batch_size: int,
        clipped_sum: ClippedSum,
        add_noise: AddNoise,
        source: Callable[[bytes], NormalSource],
        training_plan: TrainingPlan | None = None,
    ) -> None:
        """Bind the mechanism.

        Args:
            records: what to draw from.
            plan: clip norm, noise multiplier and probability, fixed at consent.
            batch_size: the expected draw by which the noisy sum is divided; public.
            clipped_sum: bounds and adds per-example gradients.
            add_noise: adds the Gaussian to the sum.
            source: a CSPRNG for a 32-byte key.
            training_plan: how losses are computed; eager and float32 without one. Never compiled: the bound rests on
                each example's own gradient, and compiled code has one shape.
        """
        self.records = records
        self.plan = plan
        self.batch_size = batch_size
        self.clipped_sum = clipped_sum
        self.add_noise = add_noise
        self.source = source
        self._ladder = Ladder(msgspec.structs.replace(training_plan or TrainingPlan(), compiled=False, code=None))
        self._running: Running = ([], [])
        self._at = (0, 0)
        self._before: PartialStep | None = None

    def compute(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        """See ``Gradients``."""
        examples = self.records.draw(self.source(vault.derive(state.step_key, _DRAW)))
        tokens = sum(int((rows >= 0).sum()) - len(rows) for rows in map(np.atleast_2d, examples))

        device = model.ordered()[0].device
        begin = self._take_up(device)

        def paced() -> Iterator[Tensor]:
            for number in range(begin, len(examples)):
                self._at = number, len(examples)
                pulse(number / len(examples))
                yield _tensor(np.atleast_2d(examples[number]), device)

        sums, losses = self.clipped_sum(model, self.loss, paced(), self.plan.clip_norm, into=self._running)
        self._running, self._at = ([], []), (0, 0)
        noise = self.source(vault.derive(state.step_key, _NOISE))
        sums = [summed.cpu() for summed in sums]
        drawn = self.add_noise(sums, self.plan.clip_norm, self.plan.noise_multiplier, noise)
        gradients = [(summed / self.batch_size).to(device, torch.float32) for summed in sums]
        mean = sum(losses) / len(losses) if losses else None
        return StepResult(gradients=gradients, loss=mean, tokens=tokens, noise_draws=drawn)

    def partial(self) -> PartialStep | None:
        """See ``Gradients``. The step's key is still the state's, so draw and noise come out as they would have."""
        (sums, losses), (done, size) = self._running, self._at
        if not sums or not done:
            return None
        facts = StepFacts(
            done=done, fraction=done / size, losses=[(1, loss) for loss in losses], plan=self._ladder.plan
        )  # fmt: skip
        return PartialStep(facts=facts, sums=sums)

    def resume(self, partial: PartialStep) -> None:
        """See ``Gradients``; the same key and text give the same draw."""
        self._before = partial

    def _take_up(self, device: torch.device) -> int:
        """Set the running sum; returns how many examples are in it."""
        before, self._before = self._before, None
        if before is None:
            self._running = [], []
            return 0
        self._running = [part.to(device) for part in before.sums], [loss for _, loss in before.facts.losses]
        return before.facts.done

    @property
    def loss(self) -> Callable[[Any, Tensor], Tensor]:
        """Of one example, normalised within it."""
        return per_document(self._ladder.loss) if self.plan.unit == "document" else self._ladder.loss

    def finished(self, state: RoundState) -> None:
        """Replace the key by the next one, from which the last cannot be found again."""
        state.plan = self._ladder.plan
        state.step_key = vault.derive(state.step_key, _NEXT)


FED: Final = "fed"
"""Beside the stream's own state: a running hash over every window that was fed, in order."""
_DRAW: Final = b"dp-sgd draw"
_NOISE: Final = b"dp-sgd noise"
_NEXT: Final = b"dp-sgd next step"


class LocalTrainer:
    """Runs the local steps of one round over a model, from wherever ``state`` is."""

    def __init__(
        self, job: TrainJob, model: Transformer, optimizer: AdamW, gradients: Gradients, state: RoundState
    ) -> None:
        self.job = job
        self.model = model
        self.optimizer = optimizer
        self.gradients = gradients
        self.state = state

    def run(self, pulse: Pulse, on_step: Callable[[RoundState], None]) -> RoundState:
        """Train to the end of the round.

        Args:
            pulse: see ``Pulse``.
            on_step: called after each finished step, when model, optimiser and state agree.

        Raises:
            Interrupted: from ``pulse``; the last finished step stands, and ``gradients`` knows the part after it.
            CoordinatorError: unit ``none`` reached its bound before the first step.
            ModelError: the weights are not finite at the end.
        """
        began = 0.0

        def count() -> None:
            nonlocal began
            now = time.monotonic()
            self.state.seconds += now - began
            began = now

        def timed(fraction: float) -> None:
            """What happens between micro-steps, such as a rest, is not computing."""
            nonlocal began
            count()
            try:
                pulse(fraction)
            finally:
                began = time.monotonic()

        while self.state.step < self.job.local_steps and self._may_start():
            began = time.monotonic()
            try:
                self._finish(self.gradients.compute(self.model, self.state, timed))
            finally:
                count()
            on_step(self.state)
        if self.state.step == 0:
            raise CoordinatorError("The round's time or token budget ended before the first step.")
        if not all(bool(torch.isfinite(p).all()) for p in self.model.ordered()):
            raise ModelError("Training diverged: the weights are not finite.", "The learning rate may be too high.")
        return self.state

    def _may_start(self) -> bool:
        """Only unit ``none`` looks at clocks and counters: elsewhere they would depend on the text."""
        job, state = self.job, self.state
        if job.privacy.unit != "none":
            return True
        step_tokens = job.training.batch_size * job.training.seq_len
        in_time = not job.deadline_at or time.time() < job.deadline_at
        budget = job.token_budget // max(1, state.nodes)
        return in_time and (not job.token_budget or state.tokens + step_tokens <= budget)

    def _finish(self, result: StepResult) -> None:
        state = self.state
        self.optimizer.step(result.gradients, learning_rate(self.job.training, self.job.step_clock + state.step))
        self.gradients.finished(state)
        state.step += 1
        state.tokens += result.tokens
        state.noise_draws += result.noise_draws
        if result.loss is not None:
            state.last_loss = result.loss
            state.loss_total += result.loss
            state.loss_steps += 1


def noise_variance(plan: PrivacyPlan, batch_size: int) -> float:
    """Variance per value of the noise in a DP-SGD gradient, (σC/B)²; 0 for other units."""
    if not plan.per_example:
        return 0.0
    return (plan.noise_multiplier * plan.clip_norm / batch_size) ** 2


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


def _tensor(tokens: Tokens, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(tokens, dtype=np.int64)).to(device)
