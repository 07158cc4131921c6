"""Ending a round: mean, outer step, durable checkpoint, and only then the signed receipts.

Whatever the size of the model, a few slices of it are in memory (``stepping``); a Flower strategy alone holds its
cohort. What a blow-up is, ``stability`` says: such a round ends like any other, and its checkpoint is not built upon.

Killed anywhere before the last transaction, the same updates give the same checkpoint again, bit for bit.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Final, NamedTuple

import msgspec

from core.api.errors import StorageError, UpdateError
from core.coordinator.home import Federation
from core.coordinator.learning.averaging import Mean, UpdateLost
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.learning.norms import Norms, norms
from core.coordinator.learning.publishing import Published, publish
from core.coordinator.learning.stability import blow_up
from core.coordinator.learning.stepping import GivenStep, Moments, OuterStepSlices
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Assignment, Checkpoint, Round
from core.coordinator.records.store import Store
from core.federation.protocol import Receipt
from core.postprocess.compression.codec import EncodedUpdate

_RECENT: Final = 4
"""Checkpoints whose state the last round may have made superfluous; what is older went before, or is swept."""


class Stepped(NamedTuple):
    """What a step left in files: the checkpoint, and the moments after it (empty where none are kept)."""

    published: Published
    momentum: str
    second_moment: str
    norms: Norms


class Closer:
    """Ends rounds of one federation."""

    def __init__(self, federation: Federation, store: Store, updates: UpdateReader, beat: Callable[[], None]) -> None:
        self._federation = federation
        self._config = federation.config
        self._store = store
        self._files = ModelFiles(federation)
        self._updates = updates
        self._beat = beat

    def close(self, current: Round) -> None:
        """Aggregate, make the checkpoint durable, then sign receipts.

        Raises:
            UpdateLost: an accepted update cannot be read any more; nothing was changed.
        """
        accepted = [item for item in self._store.assignments(current.server_round) if item.state == "accepted"]
        before = self._store.latest_checkpoint()
        take_step = self._strategy_step if self._config.outer.optimizer == "strategy" else self._outer_step
        try:
            with ExitStack() as files:
                stepped = take_step(files, current, accepted, before)
        except UpdateError as error:
            unstable = error.message if self._config.stability.blow_up else ""
            self.give_up(dataclasses.replace(current, rejected=unstable), error.message)
            self.sweep()
            return
        rejected = blow_up(
            self._config.stability, self._earlier(current), stepped.norms.all.get("pseudo_gradient", 0.0),
            stepped.norms.all["model"],
        )  # fmt: skip
        now = time.time()
        checkpoint = Checkpoint(
            server_round=current.server_round, created_at=now, parent=current.base_hash, rejected=rejected,
            momentum=stepped.momentum, second_moment=stepped.second_moment, **stepped.published._asdict(),
        )  # fmt: skip
        made = checkpoint.state
        if rejected:
            checkpoint = dataclasses.replace(checkpoint, momentum="", second_moment="", residual="")
        losses = [item.loss for item in accepted if item.loss is not None]
        closed = dataclasses.replace(
            current,
            state="closed",
            closed_at=now,
            volunteers=len(accepted),
            upload_bytes=sum(item.size_bytes for item in accepted),
            dense_bytes=sum(4 * sum(map(math.prod, self._updates.shapes(item.shard).values())) for item in accepted),
            training_loss=sum(losses) / len(losses) if losses else None,
            pseudo_gradient_norm=stepped.norms.all.get("pseudo_gradient", 0.0),
            model_norm=stepped.norms.all["model"],
            norms=msgspec.json.encode(stepped.norms).decode(),
            rejected=rejected,
            reason=rejected,
        )
        receipts = [(item.key_id, self.receipt(item, checkpoint.sha256)) for item in accepted]
        self._store.close_round(closed, checkpoint, receipts)
        self._forget(accepted, made)

    def _outer_step(
        self, files: ExitStack, current: Round, accepted: Sequence[Assignment], before: Checkpoint
    ) -> Stepped:
        """Mean and outer step, slice by slice; raises UpdateError where it cannot be taken, UpdateLost as ``close``."""
        base = files.enter_context(self._files.opened(current.base_hash))
        old = self._moments(files, before.momentum, before.second_moment)
        mean = self._mean(files, accepted, damped=self._config.shard.mode != "full")
        step = OuterStepSlices(self._config.outer, base, mean, old, self._beat, current.outer_lr)
        momentum = self._files.put_state(step.momentum) if step.keeps_momentum else ""
        second = self._files.put_state(step.second_moment) if step.keeps_second_moment else ""
        with ExitStack() as made:
            stepped = step.weights(self._moments(made, momentum, second))
            published = publish(self._files, base, stepped, before.residual)
        found = norms(self._config.model, mean.norm, step.momentum_norm, step.norm)
        return Stepped(published, momentum, second, found)

    def _strategy_step(
        self, files: ExitStack, current: Round, accepted: Sequence[Assignment], before: Checkpoint
    ) -> Stepped:
        """A Flower strategy's step, the cohort in memory; raises as ``_outer_step`` does."""
        from core.coordinator.learning import strategy  # nobody else shall load Flower's strategies

        base = self._files.weights(current.base_hash)
        private, outer = self._federation.home.private, self._config.outer
        replies = []
        for item, update in self._opened(files, accepted):
            try:
                trained = {name: base[name] - values.reshape(base[name].shape) for name, values in update.arrays()}
            except (StorageError, UpdateError) as error:
                raise UpdateLost(item, error.message) from error
            replies.append((trained, item.loss))
            self._beat()
        state = private.read(before.momentum) if before.momentum else b""
        given = strategy.aggregate(strategy.load(outer.strategy), current.server_round, base, replies, state)
        rate = outer.learning_rate if current.outer_lr is None else current.outer_lr
        step = GivenStep(outer, base, given.weights, rate)
        with self._files.opened(current.base_hash) as stored:
            published = publish(self._files, stored, step.weights, before.residual)
        remembered = private.put(given.state) if given.state else ""
        found = norms(self._config.model, step.delta_norm, step.momentum_norm, step.norm)
        return Stepped(published, remembered, "", found)

    def _earlier(self, current: Round) -> list[Round]:
        return [item for item in self._store.rounds() if item.server_round < current.server_round]

    def _moments(self, files: ExitStack, *hashes: str) -> Moments:
        return Moments(*(files.enter_context(self._files.opened_state(one)) for one in hashes))

    def _opened(self, files: ExitStack, accepted: Sequence[Assignment]) -> list[tuple[Assignment, EncodedUpdate]]:
        """What was accepted, to be read from the files as it is asked for."""
        updates = []
        for item in accepted:
            try:
                source = files.enter_context(self._federation.home.private.opened(item.update_sha256))
                updates.append((item, self._updates.open(source, item.shard)))
            except (StorageError, UpdateError) as error:
                raise UpdateLost(item, error.message) from error
            self._beat()
        return updates

    def _mean(self, files: ExitStack, accepted: Sequence[Assignment], *, damped: bool) -> Mean:
        """The mean of what was accepted, read from the files as it is asked for."""
        return Mean(self._opened(files, accepted), list(self._files.shapes), damped=damped)

    def give_up(self, current: Round, reason: str) -> None:
        """End a round without a checkpoint; what had been accepted is told that it was not used."""
        accepted = [item for item in self._store.assignments(current.server_round) if item.state == "accepted"]
        receipts = []
        for item in accepted:
            unused = dataclasses.replace(item, state="late", reason=f"The round was given up: {reason}")
            receipts.append((item.key_id, self.receipt(unused)))
        closed = dataclasses.replace(current, state="void", closed_at=time.time(), reason=reason)
        self._store.close_round(closed, None, receipts)
        self._forget(accepted)

    def sweep(self) -> None:
        """Remove what a crash left behind: volunteers' updates of ended rounds, state that is needed no more."""
        self._sweep_but(self._kept())

    def _kept(self) -> set[str]:
        """Private blobs that a next step may start from: those of the base, and while it may be refused its base's."""
        usable = [item for item in self._store.checkpoints() if not item.rejected]
        newest = usable[-2:] if self._config.stability.held_out_gate else usable[-1:]
        return {name for item in newest for name in item.state}

    def _sweep_but(self, kept: set[str]) -> None:
        current = self._store.open_round()
        assignments = self._store.assignments(current.server_round) if current else []
        kept |= {item.update_sha256 for item in assignments if item.state == "accepted"}
        for path in (self._federation.home.root / "private").iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _forget(self, accepted: Sequence[Assignment], made: Iterable[str] = (), *, keep: str = "") -> None:
        """Remove single volunteers' updates and state that is needed no more, now that the round is durable."""
        private, kept = self._federation.home.private, self._kept() | {"", keep}
        recent = self._store.checkpoints()[-_RECENT:]
        stale = {item.update_sha256 for item in accepted} | set(made)
        stale |= {name for item in recent for name in item.state}
        for name in stale - kept:
            private.remove(name)

    def receipt(self, item: Assignment, checkpoint_hash: str = "") -> Receipt:
        """What became of an assignment, signed with the federation key."""
        receipt = Receipt(
            update_sha256=item.update_sha256,
            server_round=item.server_round,
            state=item.state,
            reason=item.reason,
            checkpoint_hash=checkpoint_hash,
        )
        return msgspec.structs.replace(receipt, signature=self._federation.key.sign(receipt.signed_bytes()))
