"""DP-SGD (Abadi et al., 2016), the way to a gradient of units ``record`` and ``document``.

A Poisson draw, each example's gradient bounded on its own, Gaussian noise, division by the *expected* size of the draw.

Guarantees:
    - Each example is drawn independently with the plan's probability; a large draw is never cut, only slower.
    - An empty draw still adds noise and counts as a step; a gradient that is not finite becomes the zero vector.
    - Draws and noise are a function of the step's key alone, so repeating a step releases nothing new.
    - What is held of a broken-off step counts for its own examples in their order, and is forgotten for any other.

Where the clipped sum takes chunks, examples are padded to few shapes and ordered by them, the largest first; a chunk
never crosses a shape, so what is done is at any time a first part of that order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import vault
from core.api.errors import ModelError
from core.jobs import PrivacyPlan, TrainingPlan
from core.model.transformer import Transformer
from core.subspace import Subspace, noise_shares
from core.training.chunk_loss import padded
from core.training.document_loss import per_document
from core.training.gradients import Pulse, StepResult, Tokens, to_tensor
from core.training.ladder import Ladder, ran_out_of_memory
from core.training.state import PartialStep, RoundState, StepFacts
from core.training.subspaces import Choose, ReducedModel, lifted, reduced

Running = tuple[list[Tensor], list[float]]
"""float64 sums of clipped gradients, and losses."""
AddNoise = Callable[[Sequence[Tensor], float, float, Any], tuple[int, float]]
"""``add_noise`` of ``core.postprocess.privacy.dp_sgd``: sums on the CPU, C, σ, source → number of values and the
sum of their squares as added."""
_DRAW: Final = b"dp-sgd draw"
_NOISE: Final = b"dp-sgd noise"
_NEXT: Final = b"dp-sgd next step"


class ClippedSum(Protocol):
    """``clipped_sum`` of ``core.postprocess.privacy.dp_sgd``, which this room may not import."""

    def __call__(
        self,
        model: Any,
        loss_fn: Callable[[Any, Tensor], Tensor],
        examples: Iterable[Tensor],
        clip_norm: float,
        on_example: Callable[[int], None] | None = None,
        into: Running | None = None,
    ) -> Running:
        """Add each example's bounded gradient to ``into``; whoever reads it there sees those ``on_example`` told of."""


@runtime_checkable
class Chunks(Protocol):
    """A clipped sum that takes several examples at once; ``size`` shrinks where memory runs out."""

    size: int


class NormalSource(Protocol):
    """A cryptographic source of random numbers."""

    def normal(self, count: int) -> NDArray[np.float64]:
        """Standard normal values."""

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Values in [0, 1)."""


class RecordSource(Protocol):
    """Records or documents that a step draws from."""

    def draw(self, source: NormalSource) -> Sequence[Tokens]:
        """A plain Poisson draw; a record holds at least two tokens of one document.

        A document comes as windows of that shape, one a row; shorter rows end in negative ids.
        """


class PrivateGradients:
    """DP-SGD over records or documents."""

    def __init__(
        self,
        records: RecordSource,
        plan: PrivacyPlan,
        batch_size: int,
        clipped_sum: ClippedSum,
        add_noise: AddNoise,
        source: Callable[[bytes], NormalSource],
        training_plan: TrainingPlan | None = None,
        subspace: Choose | None = None,
        clock: int = 0,
    ) -> None:
        """Bind the mechanism.

        Args:
            records: what to draw from.
            plan: clip norm, noise multiplier and probability, fixed at consent.
            batch_size: the expected draw by which the noisy sum is divided; public.
            clipped_sum: bounds and adds per-example gradients, one by one or in chunks.
            add_noise: adds the Gaussian to the sum.
            source: a CSPRNG for a 32-byte key.
            training_plan: how losses are computed; eager and float32 without one. Never compiled: the bound rests on
                each example's own gradient, and compiled code has one shape.
            subspace: finds the public subspace of a step, if only that is released.
            clock: federation steps before this round, from which the subspace's public seeds follow.
        """
        self.records = records
        self.plan = plan
        self.batch_size = batch_size
        self.clipped_sum = clipped_sum
        self.add_noise = add_noise
        self.source = source
        self._chunks = clipped_sum if isinstance(clipped_sum, Chunks) else None
        self._ladder = Ladder(msgspec.structs.replace(training_plan or TrainingPlan(), compiled=False, code=None))
        self._running: Running = ([], [])
        self._at = (0, 0)
        self._fed = ""
        self._before: PartialStep | None = None
        self._subspace = subspace
        self._clock = clock

    def compute(self, model: Transformer, state: RoundState, pulse: Pulse) -> StepResult:
        """See ``Gradients``.

        Raises:
            ModelError: not even one example fits into memory.
        """
        examples = self._examples(model, state)
        tokens = sum(int((rows >= 0).sum()) - len(rows) for rows in examples)

        device = model.ordered()[0].device
        begin = self._take_up(device)
        self._at = begin, len(examples)

        def paced() -> Iterator[Tensor]:
            for number in range(begin, len(examples)):
                pulse(number / len(examples))
                yield to_tensor(examples[number], device)

        def on_example(done: int) -> None:
            self._at = begin + done, len(examples)

        try:
            learner, loss, found = self._learner(model, state)
            sums, losses = self.clipped_sum(
                learner, loss, paced(), self.plan.clip_norm, on_example=on_example, into=self._running
            )
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
            raise ModelError("There is not enough memory for even one example.", "Close other programs.") from error
        self._running, self._at = ([], []), (0, 0)
        noise = self.source(vault.derive(state.step_key, _NOISE))
        sums = [summed.cpu() for summed in sums]
        drawn, energy = self.add_noise(sums, self.plan.clip_norm, self.plan.noise_multiplier, noise)
        lift = sums if found is None else lifted(found, sums)
        gradients = [(summed / self.batch_size).to(device, torch.float32) for summed in lift]
        mean = sum(losses) / len(losses) if losses else None
        return StepResult(gradients=gradients, loss=mean, tokens=tokens, noise_draws=drawn, noise_energy=energy)

    def _examples(self, model: Transformer, state: RoundState) -> list[Tokens]:
        """The step's draw as it is computed: whole, or padded and ordered for chunks."""
        drawn = [np.atleast_2d(rows) for rows in self.records.draw(self.source(vault.derive(state.step_key, _DRAW)))]
        if self._chunks is not None:
            longest = model.spec.max_seq_len
            drawn = sorted((padded(rows, longest) for rows in drawn), key=lambda rows: rows.shape[::-1], reverse=True)
        self._fed = _hash(drawn)
        return drawn

    def _learner(
        self, model: Transformer, state: RoundState
    ) -> tuple[Any, Callable[[Any, Tensor], Tensor], Subspace | None]:
        """What is differentiated, the loss of an example by it, and the subspace if there is one."""
        if self._subspace is None:
            return model, self.loss, None
        found = self._subspace(model, self._clock + state.step, self._ladder.loss)
        return ReducedModel(model, found), reduced(self.loss), found

    @property
    def computes(self) -> TrainingPlan:
        """How the next example is computed; in chunks, how many at once."""
        plan = self._ladder.plan
        return plan if self._chunks is None else msgspec.structs.replace(plan, micro_batch=self._chunks.size)

    @property
    def done(self) -> int:
        """See ``Gradients``; examples."""
        return self._at[0] if self._running[0] else 0

    def partial(self) -> PartialStep | None:
        """See ``Gradients``. The step's key is still the state's, so draw and noise come out as they would have."""
        (sums, losses), (done, size) = self._running, self._at
        if not sums or not done or self._subspace is not None:
            return None  # a subspace found again may differ in its last digits, and old sums would lie in the old one
        facts = StepFacts(
            done=done, fraction=done / size, losses=[(1, loss) for loss in losses], plan=self.computes, fed=self._fed
        )  # fmt: skip
        return PartialStep(facts=facts, sums=sums)

    def resume(self, partial: PartialStep) -> None:
        """See ``Gradients``; the same key and text give the same draw."""
        self._before = partial

    def _take_up(self, device: torch.device) -> int:
        """Set the running sum; returns how many examples are in it."""
        before, self._before = self._before, None
        if before is None or before.facts.fed != self._fed:
            self._running = [], []
            return 0
        self._running = [part.to(device) for part in before.sums], [loss for _, loss in before.facts.losses]
        return before.facts.done

    @property
    def loss(self) -> Callable[[Any, Tensor], Tensor]:
        """Of one example, normalised within it."""
        if self._chunks is not None:
            return self._ladder.padded_loss
        return per_document(self._ladder.loss) if self.plan.unit == "document" else self._ladder.loss

    def finished(self, state: RoundState) -> None:
        """Replace the key by the next one, from which the last cannot be found again."""
        state.plan = self.computes
        state.step_key = vault.derive(state.step_key, _NEXT)


def _hash(examples: Sequence[Tokens]) -> str:
    """Of the examples in their order, shapes included."""
    found = hashlib.sha256()
    for rows in examples:
        found.update(repr((rows.shape, rows.dtype.str)).encode())
        found.update(np.ascontiguousarray(rows).tobytes())
    return found.hexdigest()


def noise_variance(plan: PrivacyPlan, batch_size: int, shapes: Mapping[str, tuple[int, ...]]) -> list[float]:
    """Mean variance per value of the noise in a DP-SGD gradient, for each parameter; 0 for other units.

    It is (σC/B)², less where the noise lies in a subspace.
    """
    if not plan.per_example:
        return [0.0] * len(shapes)
    whole = (plan.noise_multiplier * plan.clip_norm / batch_size) ** 2
    return [whole * share for share in noise_shares(shapes, plan.subspace)]
