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
from core.coordinator.home import Federation
from core.coordinator.learning.averaging import Mean, OuterStepSlices, UpdateLost
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.learning.publishing import publish
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Assignment, Checkpoint, Round
from core.coordinator.records.store import Store
from core.federation.protocol import Receipt


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
        with ExitStack() as files:
            base = files.enter_context(self._files.opened(current.base_hash))
            old = files.enter_context(self._files.opened_state(before.momentum))
            mean = self._mean(files, accepted, damped=self._config.shard.mode != "full")
            step = OuterStepSlices(self._config.outer, base, mean, old, self._beat)
            momentum = ""
            try:
                if step.keeps_momentum:
                    momentum = self._files.put_state(step.momentum)
                with self._files.opened_state(momentum) as after:
                    published = publish(self._files, base, step.weights(after), before.residual)
            except UpdateError as error:
                self.give_up(current, error.message)
                self.sweep()
                return
        now = time.time()
        checkpoint = Checkpoint(
            server_round=current.server_round, momentum=momentum, created_at=now, parent=current.base_hash,
            **published._asdict(),
        )  # fmt: skip
        losses = [item.loss for item in accepted if item.loss is not None]
        closed = dataclasses.replace(
            current,
            state="closed",
            closed_at=now,
            volunteers=len(accepted),
            upload_bytes=sum(item.size_bytes for item in accepted),
            dense_bytes=sum(4 * sum(map(math.prod, self._updates.shapes(item.shard).values())) for item in accepted),
            training_loss=sum(losses) / len(losses) if losses else None,
            pseudo_gradient_norm=mean.norm.value(),
            model_norm=step.norm.value(),
        )
        receipts = [(item.key_id, self.receipt(item, published.sha256)) for item in accepted]
        self._store.close_round(closed, checkpoint, receipts)
        self._forget(accepted, before.state, keep=checkpoint.state)

    def _mean(self, files: ExitStack, accepted: Sequence[Assignment], *, damped: bool) -> Mean:
        """The mean of what was accepted, read from the files as it is asked for."""
        updates = []
        for item in accepted:
            try:
                source = files.enter_context(self._federation.home.private.opened(item.update_sha256))
                updates.append((item, self._updates.open(source, item.shard)))
            except (StorageError, UpdateError) as error:
                raise UpdateLost(item, error.message) from error
            self._beat()
        return Mean(updates, list(self._files.shapes), damped=damped)

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
        """Remove what a crash left behind: volunteers' updates of ended rounds, state that no checkpoint names."""
        self._sweep_but(set(self._store.latest_checkpoint().state))

    def _sweep_but(self, kept: set[str]) -> None:
        current = self._store.open_round()
        assignments = self._store.assignments(current.server_round) if current else []
        kept |= {item.update_sha256 for item in assignments if item.state == "accepted"}
        for path in (self._federation.home.root / "private").iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _forget(self, accepted: Sequence[Assignment], state: Sequence[str] = (), *, keep: Sequence[str] = ()) -> None:
        """Remove single volunteers' updates and the last step's state, now that the checkpoint is durable."""
        private = self._federation.home.private
        for sha256 in (*(item.update_sha256 for item in accepted), *state):
            if sha256 not in keep:  # the mean of one machine of a household may be its very bytes
                private.remove(sha256)

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
