"""Ending a round: mean, outer step, durable checkpoint, and only then the signed receipts.

Killed anywhere before the last transaction, the same updates give the same checkpoint again, bit for bit.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from core.aggregation import MeanAccumulator
from core.api.errors import StorageError, UpdateError
from core.coordinator.admission import Updates
from core.coordinator.home import Federation
from core.coordinator.lottery import damping
from core.coordinator.model_files import ModelFiles
from core.coordinator.outer_optimizer import partial_step
from core.coordinator.schema import Assignment, Checkpoint, Round
from core.coordinator.store import Store
from core.federation.protocol import Receipt
from core.update import Array, ModelUpdate


class UpdateLost(StorageError):
    """An accepted update is missing or damaged; its volunteer must be asked for it again."""

    def __init__(self, assignment: Assignment, why: str) -> None:
        super().__init__(f"The stored update was lost: {why}")
        self.assignment = assignment


class Closer:
    """Ends rounds of one federation."""

    def __init__(self, federation: Federation, store: Store, updates: Updates, beat: Callable[[], None]) -> None:
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
        totals = self._added(accepted)
        before = self._store.latest_checkpoint()
        base = self._files.weights(current.base_hash)
        try:
            delta = self._mean(totals)
            step = partial_step(self._config.outer, base, delta, self._files.momentum(before.momentum))
        except UpdateError as error:
            self.give_up(current, error.message)
            return
        sha256, size_bytes = self._files.put_weights(step.weights)
        momentum = "" if step.momentum is None else self._files.put_momentum(step.momentum)
        self._beat()
        now = time.time()
        checkpoint = Checkpoint(
            server_round=current.server_round, sha256=sha256, size_bytes=size_bytes, momentum=momentum, created_at=now
        )
        losses = [item.loss for item in accepted if item.loss is not None]
        closed = dataclasses.replace(
            current,
            state="closed",
            closed_at=now,
            volunteers=len(accepted),
            upload_bytes=sum(item.size_bytes for item in accepted),
            dense_bytes=sum(4 * sum(map(math.prod, self._updates.shapes(item.shard).values())) for item in accepted),
            training_loss=sum(losses) / len(losses) if losses else None,
            pseudo_gradient_norm=step.metrics["pseudo_gradient_norm"],
            model_norm=step.metrics["model_norm"],
        )
        receipts = [(item.key_id, self.receipt(item, sha256)) for item in accepted]
        self._store.close_round(closed, checkpoint, receipts)
        self._forget(accepted, before.momentum, keep=momentum)

    def _added(self, accepted: Sequence[Assignment]) -> dict[str, MeanAccumulator]:
        """Shard → sum over those who trained it."""
        totals: dict[str, MeanAccumulator] = {}
        for item in accepted:
            total = totals.setdefault(item.shard, MeanAccumulator(self._updates.shapes(item.shard)))
            try:
                payload = self._federation.home.private.read(item.update_sha256)
                total.add(self._updates.decode(payload, item.shard))
            except (StorageError, UpdateError) as error:
                raise UpdateLost(item, error.message) from error
            self._beat()
        return totals

    def _mean(self, totals: Mapping[str, MeanAccumulator]) -> ModelUpdate:
        """The mean of each shard that somebody trained, in layout order; few trainers move a shard by a part of it."""
        found: dict[str, Array] = {}
        for total in totals.values():
            mean = total.mean().arrays
            if self._config.shard.mode != "full":
                share = np.float32(damping(total.count))
                mean = {name: share * array for name, array in mean.items()}
            found |= mean
        return ModelUpdate({name: found[name] for name in self._files.shapes if name in found})

    def give_up(self, current: Round, reason: str) -> None:
        """End a round without a checkpoint; what had been accepted is told that it was not used."""
        accepted = [item for item in self._store.assignments(current.server_round) if item.state == "accepted"]
        receipts = []
        for item in accepted:
            unused = dataclasses.replace(item, state="late", reason=f"The round was given up: {reason}")
            receipts.append((item.key_id, self.receipt(unused)))
        closed = dataclasses.replace(current, state="void", closed_at=time.time(), reason=reason)
        self._store.close_round(closed, None, receipts)
        self._forget(accepted, "", keep="")

    def sweep(self) -> None:
        """Remove what a crash left behind: volunteers' updates of ended rounds, momentum that no checkpoint names."""
        self._sweep_but({self._store.latest_checkpoint().momentum})

    def _sweep_but(self, kept: set[str]) -> None:
        current = self._store.open_round()
        assignments = self._store.assignments(current.server_round) if current else []
        kept |= {item.update_sha256 for item in assignments if item.state == "accepted"}
        for path in (self._federation.home.root / "private").iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _forget(self, accepted: Sequence[Assignment], momentum: str, *, keep: str) -> None:
        """Remove single volunteers' updates and the last momentum, now that the checkpoint is durable."""
        private = self._federation.home.private
        for item in accepted:
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
