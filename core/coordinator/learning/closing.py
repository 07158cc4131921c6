"""Ending a round: mean, outer step, durable checkpoint, and only then the signed receipts.

Whatever the size of the model, a few slices of it are in memory (``averaging``).

Killed anywhere before the last transaction, the same updates give the same checkpoint again, bit for bit.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import msgspec

from core.api.errors import StorageError, UpdateError
from core.config import FederationConfig, OuterConfig
from core.coordinator.home import Federation
from core.coordinator.learning.averaging import Mean, OuterStepSlices, UpdateLost, centre_of
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.learning.standing import Standing, held_out_score, standing_of
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Assignment, Checkpoint, Round
from core.coordinator.records.store import Store
from core.federation.protocol import Receipt
from core.model.shard import FULL
from core.postprocess.compression.codec import EncodedUpdate

AS_IT_IS = OuterConfig(optimizer="fedavg", learning_rate=1.0, momentum=0.0)
"""The outer step that makes one client's weights the model."""
TOO_LATE = "The update came too late to be folded into a round."


def begins_from_client(config: FederationConfig, store: Store, server_round: int) -> bool:
    """Whether a round asks one volunteer for the first weights, since none before it was closed with some."""
    return config.initialisation.source == "sampled-client" and not any(
        item.state == "closed" and item.server_round < server_round for item in store.rounds()
    )


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
        first = begins_from_client(self._config, self._store, current.server_round)
        folded, dropped = ([], self._store.kept()) if first else self._late(current.server_round)
        terms, outer = (None, AS_IT_IS) if first else (self._config.aggregation, self._config.outer)
        number = current.server_round
        standing = None if terms is None else standing_of(self._store, terms, number, accepted, folded)
        before = self._store.latest_checkpoint()
        with ExitStack() as files:
            base = files.enter_context(self._files.opened(current.base_hash))
            old = files.enter_context(self._files.opened_momentum(before.momentum))
            mean = Mean(
                self._open(files, accepted),
                list(self._files.shapes),
                damped=self._config.shard.mode != "full",
                terms=terms,
                late=self._open(files, folded),
                standing=standing,
                centre=centre_of(outer, old),
                beat=self._beat,
            )
            step = OuterStepSlices(outer, base, mean, old, self._beat)
            momentum = ""
            try:
                if step.keeps_momentum:
                    momentum = self._files.put_momentum(step.momentum)
                with self._files.opened_momentum(momentum) as after:
                    sha256, size_bytes = self._files.put_weights(step.weights(after))
            except UpdateError as error:
                self._without(current, folded, error.message)
                return
        now = time.time()
        checkpoint = Checkpoint(
            server_round=current.server_round, sha256=sha256, size_bytes=size_bytes, momentum=momentum, created_at=now
        )
        held_out, spread = held_out_score(accepted)
        closed = dataclasses.replace(
            self._figures(current, accepted),
            pseudo_gradient_norm=mean.norm.value(),
            model_norm=step.norm.value(),
            reason=" ".join(mean.notes),
            late=len(folded),
            norm_bound=None if standing is None else standing.bounds.get(FULL),
            held_out=held_out,
            held_out_spread=spread,
        )
        receipts = [(item.key_id, self.receipt(item, sha256)) for item in accepted]
        late = [(item, self.receipt(item, sha256)) for item in self._folded(folded, current.server_round, standing)]
        self._store.close_round(closed, checkpoint, receipts, late + self._too_late(dropped))
        self._forget([*accepted, *folded, *dropped], before.momentum, keep=momentum)

    def _without(self, current: Round, folded: Sequence[Assignment], why: str) -> None:
        """No step could be made of these updates: not of the late ones, or else not of the round's own."""
        for item in folded:
            self.drop_late(item, f"It could not be folded in: {why}")
        if folded:
            self.close(current)
        else:
            self.give_up(current, why)
            self.sweep()

    def _figures(self, current: Round, accepted: Sequence[Assignment]) -> Round:
        """A closed round with what its cohort sent and said."""
        losses = [item.loss for item in accepted if item.loss is not None]
        return dataclasses.replace(
            current,
            state="closed",
            closed_at=time.time(),
            volunteers=len(accepted),
            upload_bytes=sum(item.size_bytes for item in accepted),
            dense_bytes=sum(4 * sum(map(math.prod, self._updates.shapes(item.shard).values())) for item in accepted),
            training_loss=sum(losses) / len(losses) if losses else None,
        )

    def _open(self, files: ExitStack, items: Sequence[Assignment]) -> list[tuple[Assignment, EncodedUpdate]]:
        """Updates in their files, to be read as their values are asked for."""
        updates = []
        for item in items:
            try:
                source = files.enter_context(self._federation.home.private.opened(item.update_sha256))
                updates.append((item, self._updates.open(source, item.shard)))
            except (StorageError, UpdateError) as error:
                raise UpdateLost(item, error.message) from error
            self._beat()
        return updates

    # Late updates

    def keeps(self, item: Assignment) -> bool:
        """Whether an update that has just come late can still be folded into a round."""
        current = self._store.open_round()
        last = self._store.rounds()[-1].server_round
        into = last + 1 if current is None else current.server_round
        return (
            item.server_round < into <= item.server_round + self._config.schedule.late_rounds
            and into <= self._config.schedule.rounds
            and not begins_from_client(self._config, self._store, item.server_round)
        )

    def drop_late(self, item: Assignment, reason: str) -> None:
        """A late update cannot be folded in after all; its volunteer is told so."""
        dropped = dataclasses.replace(item, kept=0, reason=reason)
        self._store.settle(dropped, self.receipt(dropped))
        self._forget([item], "", keep="")

    def drop_all_late(self) -> None:
        """No further round will be closed; whoever waits for one is told."""
        for item in self._store.kept():
            self.drop_late(item, TOO_LATE)

    def _late(self, server_round: int) -> tuple[list[Assignment], list[Assignment]]:
        """What was kept of earlier rounds: to be folded into this one, and too old for it."""
        oldest = server_round - self._config.schedule.late_rounds
        kept = self._store.kept()
        return [i for i in kept if i.server_round >= oldest], [i for i in kept if i.server_round < oldest]

    @staticmethod
    def _folded(items: Sequence[Assignment], into: int, standing: Standing | None) -> list[Assignment]:
        found = []
        for item in items:
            weight = 1.0 if standing is None else standing.weight(item)
            reason = f"It came late and was folded into round {into} at weight {weight:.3f}."
            found.append(dataclasses.replace(item, state="accepted", kept=0, folded=into, reason=reason))
        return found

    def _too_late(self, items: Sequence[Assignment]) -> list[tuple[Assignment, Receipt]]:
        told = [dataclasses.replace(item, kept=0, reason=TOO_LATE) for item in items]
        return [(item, self.receipt(item)) for item in told]

    def give_up(self, current: Round, reason: str) -> None:
        """End a round without a checkpoint; what had been accepted is told that it was not used."""
        accepted = [item for item in self._store.assignments(current.server_round) if item.state == "accepted"]
        receipts = []
        for item in accepted:
            unused = dataclasses.replace(item, state="late", reason=f"The round was given up: {reason}")
            receipts.append((item.key_id, self.receipt(unused)))
        closed = dataclasses.replace(current, state="void", closed_at=time.time(), reason=reason)
        following = current.server_round + 1
        last = following > self._config.schedule.rounds
        dropped = self._store.kept() if last else self._late(following)[1]
        self._store.close_round(closed, None, receipts, self._too_late(dropped))
        self._forget([*accepted, *dropped], "", keep="")

    def sweep(self) -> None:
        """Remove what a crash left behind: volunteers' updates of ended rounds, momentum that no checkpoint names."""
        self._sweep_but({self._store.latest_checkpoint().momentum})

    def _sweep_but(self, kept: set[str]) -> None:
        current = self._store.open_round()
        assignments = self._store.assignments(current.server_round) if current else []
        kept |= {item.update_sha256 for item in assignments if item.state == "accepted"}
        kept |= {item.update_sha256 for item in self._store.kept()}
        for path in (self._federation.home.root / "private").iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _forget(self, accepted: Sequence[Assignment], momentum: str, *, keep: str) -> None:
        """Remove single volunteers' updates and the last momentum, now that the checkpoint is durable."""
        private = self._federation.home.private
        for item in accepted:
            if item.update_sha256 != keep:  # the mean of one machine of a household may be its very bytes
                private.remove(item.update_sha256)
        if momentum and momentum != keep:
            private.remove(momentum)

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
