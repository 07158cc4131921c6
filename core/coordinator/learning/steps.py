"""From a round's updates to a checkpoint in files: by mean and outer optimiser, or as a Flower strategy has it.

Whatever the size of the model, a few slices of it are in memory (``stepping``); a Flower strategy alone holds its
cohort.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, NamedTuple

from core.api.errors import StorageError, UpdateError
from core.config.learning import AggregationTerms, OuterConfig
from core.coordinator.home import Federation
from core.coordinator.learning.averaging import Mean, UpdateLost, centre_of
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.learning.norms import Norms, norms
from core.coordinator.learning.publishing import Published, publish
from core.coordinator.learning.standing import Standing
from core.coordinator.learning.stepping import GivenStep, Moments, OuterStepSlices
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Assignment, Checkpoint, Round
from core.postprocess.compression.codec import EncodedUpdate

AS_IT_IS: Final = OuterConfig(optimizer="fedavg", learning_rate=1.0, momentum=0.0)
"""The outer step that makes one client's weights the model."""


@dataclass(frozen=True, kw_only=True)
class Ingredients:
    """What one step is made of."""

    fresh: Sequence[Assignment]
    """Accepted updates of the round itself."""
    late: Sequence[Assignment] = ()
    """Those of earlier rounds that are folded in beside them."""
    terms: AggregationTerms | None = None
    """How they are combined; ``None`` is the plain mean."""
    standing: Standing | None = None
    """How much each counts; ``None``: all in full."""
    outer: OuterConfig = AS_IT_IS
    rate: float | None = None
    """The server learning rate of this round; that of ``outer`` without it."""


class Stepped(NamedTuple):
    """What a step left in files: the checkpoint, and the moments after it (empty where none are kept)."""

    published: Published
    momentum: str
    second_moment: str
    norms: Norms
    notes: str
    """What could not be done as the terms say, in sentences."""


class Steps:
    """Takes the outer steps of one federation."""

    def __init__(
        self, federation: Federation, files: ModelFiles, updates: UpdateReader, beat: Callable[[], None]
    ) -> None:
        self._config = federation.config
        self._private = federation.home.private
        self._files = files
        self._updates = updates
        self._beat = beat

    def take(self, current: Round, before: Checkpoint, found: Ingredients) -> Stepped:
        """One step from ``before``. The same ingredients give the same bits.

        Raises:
            UpdateError: no weights come of it that are finite.
            UpdateLost: an update cannot be read any more.
        """
        with ExitStack() as files:
            if found.outer.optimizer == "strategy":
                return self._strategys(files, current, before, found)
            return self._optimisers(files, current, before, found)

    def _optimisers(self, files: ExitStack, current: Round, before: Checkpoint, found: Ingredients) -> Stepped:
        """Mean and outer step, slice by slice."""
        base = files.enter_context(self._files.opened(current.base_hash))
        old = self._moments(files, before.momentum, before.second_moment)
        mean = self.mean(files, found, old, damped=self._config.shard.mode != "full")
        step = OuterStepSlices(found.outer, base, mean, old, self._beat, found.rate)
        momentum = self._files.put_state(step.momentum) if step.keeps_momentum else ""
        second = self._files.put_state(step.second_moment) if step.keeps_second_moment else ""
        with ExitStack() as made:
            stepped = step.weights(self._moments(made, momentum, second))
            published = publish(self._files, base, stepped, before.residual)
        measured = norms(self._config.model, mean.norm, step.momentum_norm, step.norm)
        return Stepped(published, momentum, second, measured, " ".join(mean.notes))

    def _strategys(self, files: ExitStack, current: Round, before: Checkpoint, found: Ingredients) -> Stepped:
        """A Flower strategy's step, the cohort in memory."""
        from core.coordinator.learning import strategy  # nobody else shall load Flower's strategies

        base, outer = self._files.weights(current.base_hash), found.outer
        replies = []
        for item, update in self.opened(files, found.fresh):
            try:
                trained = {name: base[name] - values.reshape(base[name].shape) for name, values in update.arrays()}
            except (StorageError, UpdateError) as error:
                raise UpdateLost(item, error.message) from error
            replies.append((trained, item.loss))
            self._beat()
        state = self._private.read(before.momentum) if before.momentum else b""
        given = strategy.aggregate(strategy.load(outer.strategy), current.server_round, base, replies, state)
        rate = outer.learning_rate if found.rate is None else found.rate
        step = GivenStep(outer, base, given.weights, rate)
        with self._files.opened(current.base_hash) as stored:
            published = publish(self._files, stored, step.weights, before.residual)
        remembered = self._private.put(given.state) if given.state else ""
        measured = norms(self._config.model, step.delta_norm, step.momentum_norm, step.norm)
        return Stepped(published, remembered, "", measured, "")

    def mean(self, files: ExitStack, found: Ingredients, old: Moments, *, damped: bool) -> Mean:
        """What the updates come to, read from the files as it is asked for; raises UpdateLost."""
        return Mean(
            self.opened(files, found.fresh),
            list(self._files.shapes),
            damped=damped,
            terms=found.terms,
            late=self.opened(files, found.late),
            standing=found.standing,
            centre=centre_of(found.outer, old.first),
            beat=self._beat,
        )

    def _moments(self, files: ExitStack, *hashes: str) -> Moments:
        return Moments(*(files.enter_context(self._files.opened_state(one)) for one in hashes))

    def opened(self, files: ExitStack, items: Sequence[Assignment]) -> list[tuple[Assignment, EncodedUpdate]]:
        """Updates in their files, to be read as their values are asked for; raises UpdateLost."""
        updates = []
        for item in items:
            try:
                source = files.enter_context(self._private.opened(item.update_sha256))
                updates.append((item, self._updates.open(source, item.shard)))
            except (StorageError, UpdateError) as error:
                raise UpdateLost(item, error.message) from error
            self._beat()
        return updates
