"""Ending a round: a step, a durable checkpoint, and only then the signed receipts.

How the step is taken is ``steps``' business. What a blow-up is, ``stability`` says: such a round ends like any other,
and its checkpoint is not built upon. Late updates are kept until a round takes them in, or none can any more.

Killed anywhere before the last transaction, the same updates give the same checkpoint again, bit for bit.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from core.api.errors import UpdateError
from core.config.federation import FederationConfig
from core.coordinator.home import Federation
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.learning.stability import blow_up
from core.coordinator.learning.standing import Standing, held_out_score, standing_of
from core.coordinator.learning.steps import Ingredients, Stepped, Steps
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Assignment, Checkpoint, Round
from core.coordinator.records.store import Store
from core.federation.protocol import Receipt
from core.model.shard import FULL

TOO_LATE: Final = "The update came too late to be folded into a round."
_RECENT: Final = 4
"""Checkpoints whose state the last round may have made superfluous; what is older went before, or is swept."""


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
        self._steps = Steps(federation, self._files, updates, beat)
        self._beat = beat

    def close(self, current: Round) -> None:
        """Aggregate, make the checkpoint durable, then sign receipts.

        Raises:
            UpdateLost: an accepted update cannot be read any more; nothing was changed.
        """
        found, dropped = self._ingredients(current)
        try:
            stepped = self._steps.take(current, self._store.latest_checkpoint(), found)
        except UpdateError as error:
            self._without(current, found.late, error.message)
            return
        rejected = self._rejected(current, stepped)
        checkpoint = Checkpoint(
            server_round=current.server_round, created_at=time.time(), parent=current.base_hash, rejected=rejected,
            momentum=stepped.momentum, second_moment=stepped.second_moment, **stepped.published._asdict(),
        )  # fmt: skip
        made = checkpoint.state
        if rejected:
            checkpoint = dataclasses.replace(checkpoint, momentum="", second_moment="", residual="")
        closed = self._closed(current, found, stepped, rejected)
        receipts = [(item.key_id, self.receipt(item, checkpoint.sha256)) for item in found.fresh]
        folded = _folded(found.late, current.server_round, found.standing)
        late = [(item, self.receipt(item, checkpoint.sha256)) for item in folded]
        self._store.close_round(closed, checkpoint, receipts, late + self._too_late(dropped))
        self._forget([*found.fresh, *found.late, *dropped], made)

    def _ingredients(self, current: Round) -> tuple[Ingredients, list[Assignment]]:
        """What the round is made of, by durable rows alone, and late updates that are too late for it."""
        number = current.server_round
        accepted = [item for item in self._store.assignments(number) if item.state == "accepted"]
        if begins_from_client(self._config, self._store, number):
            return Ingredients(fresh=accepted), self._store.kept()
        terms = self._config.aggregation
        late, dropped = self._late(number)
        standing = standing_of(self._store, terms, number, accepted, late)
        return Ingredients(
            fresh=accepted, late=late, terms=terms, standing=standing, outer=self._config.outer, rate=current.outer_lr
        ), dropped

    def _rejected(self, current: Round, stepped: Stepped) -> str:
        """Why what a step came to is not built upon; empty where it is."""
        earlier = [item for item in self._store.rounds() if item.server_round < current.server_round]
        measured = stepped.norms.all
        return blow_up(self._config.stability, earlier, measured.get("pseudo_gradient", 0.0), measured["model"])

    def _without(self, current: Round, late: Sequence[Assignment], why: str) -> None:
        """No step could be made of these updates: not of the late ones, or else not of the round's own."""
        for item in late:
            self.drop_late(item, f"It could not be folded in: {why}")
        if late:
            self.close(current)
            return
        unstable = why if self._config.stability.blow_up else ""
        self.give_up(dataclasses.replace(current, rejected=unstable), why)
        self.sweep()

    def _closed(self, current: Round, found: Ingredients, stepped: Stepped, rejected: str) -> Round:
        """A round with what its cohort sent and said, and what came of it."""
        fresh, measured = found.fresh, stepped.norms.all
        losses = [item.loss for item in fresh if item.loss is not None]
        held_out, spread = held_out_score(fresh)
        dense = sum(4 * sum(map(math.prod, self._updates.shapes(item.shard).values())) for item in fresh)
        return dataclasses.replace(
            current,
            state="closed",
            closed_at=time.time(),
            volunteers=len(fresh),
            upload_bytes=sum(item.size_bytes for item in fresh),
            dense_bytes=dense,
            training_loss=sum(losses) / len(losses) if losses else None,
            pseudo_gradient_norm=measured.get("pseudo_gradient", 0.0),
            model_norm=measured["model"],
            norms=msgspec.json.encode(stepped.norms).decode(),
            rejected=rejected,
            reason=" ".join(filter(None, (rejected, stepped.notes))),
            late=len(found.late),
            norm_bound=None if found.standing is None else found.standing.bounds.get(FULL),
            held_out=held_out,
            held_out_spread=spread,
        )

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
        self._forget([item])

    def drop_all_late(self) -> None:
        """No further round will be closed; whoever waits for one is told."""
        for item in self._store.kept():
            self.drop_late(item, TOO_LATE)

    def _late(self, server_round: int) -> tuple[list[Assignment], list[Assignment]]:
        """What was kept of earlier rounds: to be folded into this one, and too old for it."""
        oldest = server_round - self._config.schedule.late_rounds
        kept = self._store.kept()
        return [i for i in kept if i.server_round >= oldest], [i for i in kept if i.server_round < oldest]

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
        self._forget([*accepted, *dropped])

    # What is kept

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
        kept |= {item.update_sha256 for item in self._store.kept()}
        for path in (self._federation.home.root / "private").iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _forget(self, updates: Sequence[Assignment], made: Iterable[str] = (), *, keep: str = "") -> None:
        """Remove single volunteers' updates and state that is needed no more, now that the round is durable."""
        private, kept = self._federation.home.private, self._kept() | {"", keep}
        recent = self._store.checkpoints()[-_RECENT:]
        stale = {item.update_sha256 for item in updates} | set(made)
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


def _folded(items: Sequence[Assignment], into: int, standing: Standing | None) -> list[Assignment]:
    found = []
    for item in items:
        weight = 1.0 if standing is None else standing.weight(item)
        reason = f"It came late and was folded into round {into} at weight {weight:.3f}."
        found.append(dataclasses.replace(item, state="accepted", kept=0, folded=into, reason=reason))
    return found
