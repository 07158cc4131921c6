"""How a round is done, behind one interface: the speaking around it does not care who computes.

``MachineWork`` trains on the devices of this machine. A household does the same round in its own federation.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Protocol

from core.api.errors import CoordinatorError, CorpusError
from core.engine import asking, generations, shares, slots
from core.engine import journal as journals
from core.engine.editions import check_edition
from core.engine.journal import Journal
from core.engine.membership import Membership
from core.engine.room import Room
from core.engine.rounds import Round
from core.engine.training_plans import TrainingPlans
from core.jobs import CorpusRef, Sealed
from core.ledger.rows import Release

OnSealed = Callable[[Sealed], None]


class Work(Protocol):
    """Does the rounds of one joining."""

    @property
    def allowed(self) -> bool:
        """Whether a round may begin at this moment."""

    @property
    def may_send(self) -> bool:
        """Whether a finished update may be sent at this moment."""

    async def look(self) -> None:
        """Find out anew what is allowed."""

    async def do(self, release: Release, journal: Journal, on_sealed: OnSealed) -> bool:
        """From an assignment to a sealed update; ``False`` if it has to wait or was paused on the way.

        Args:
            release: the round's row in the ledger.
            journal: what the round was asked with, and what it is pinned to.
            on_sealed: called with what may be said beside the update, before the ledger calls it sealed.

        Raises:
            Unreachable: try again.
            ChildDied: it may be tried again a few times.
            HedgerowError: the round cannot be done.
        """

    def ended(self, release: Release) -> None:
        """Let go of what a round that is over held."""

    async def between(self) -> None:
        """Do what makes later rounds faster, while there is none."""


class MachineWork:
    """Rounds on this machine's devices, on its owner's text, under its owner's limits."""

    def __init__(self, room: Room, member: Membership) -> None:
        self._room = room
        self._member = member

    @property
    def allowed(self) -> bool:
        """Whether the governor lets a round begin, and the owner's weight does not have this federation rest."""
        weight = self._room.ledger.weights().get(self._member.row.federation_id, 1.0)
        return self._room.governor.allowed and weight > 0

    @property
    def may_send(self) -> bool:
        """Whether the owner's rule about the network lets an update go."""
        return self._room.governor.may_send

    async def look(self) -> None:
        """Have the governor look."""
        await self._room.governor.look()

    async def do(self, release: Release, journal: Journal, on_sealed: OnSealed) -> bool:
        """Download, read, train and seal, in the one place to train.

        Raises:
            Rests: the owner's weight has this federation rest, and the round was not begun.
        """
        work = Round(self._room, self._member, release, journal.instruction)
        if release.charge_id is None:
            check_time(self._member, journal)
            work.afford()
        if not self._text_is_there() or not (journal.corpora or self._room.corpora.settle(self._member.plans)):
            return False
        begun = release.state == "training"
        async with self._room.governor.turn(self._member.row.federation_id, begun), contextlib.aclosing(work):
            if release.charge_id is None:
                check_time(self._member, journal)
            base = await work.download()
            public = await work.download_public()
            await work.prepare(read=not journal.corpora)
            if not (journal.corpora or self._room.corpora.settle(self._member.plans)):
                return False
            done = await work.train(base, self._pin(release, journal), public, on_sealed)
            if done and self._asks_again_soon(journal):
                self._room.governor.expect(self._member.row.federation_id)
        if not done:
            self._room.board.show(None)
        else:
            self._room.corpora.between_rounds()
        return done

    def ended(self, release: Release) -> None:
        """Forget what was counted, and the generation that the round was pinned to."""
        self._room.governor.forget_seconds(release.release_id)
        self._room.corpora.forget_old()

    async def between(self) -> None:
        """Compile for the plan of this federation, once."""
        plans = TrainingPlans(self._room.home, self._room.config, self._room.governor)
        await plans.improve(self._member.config, self._member.plan.mechanism().unit)

    def _asks_again_soon(self, journal: Journal) -> bool:
        """Whether the next round can be here in a moment: there is one, and the update need not wait to set out."""
        schedule, now = self._member.config.schedule, time.time()
        wait = slots.opens_in(self._member.plan.unit, schedule, now, now)
        return journal.instruction.server_round < schedule.rounds and wait < shares.EXPECTED_S

    def _pin(self, release: Release, journal: Journal) -> tuple[CorpusRef, ...]:
        """The shards this round trains with: those it began with, whatever was read since."""
        if not journal.corpora:
            rows = [self._room.corpora.row(corpus_id) for corpus_id in sorted(self._member.plans)]
            editions = [self._room.editions.row(row, self._member.config) for row in rows]
            read = [check_edition(found, row.name) for found, row in zip(editions, rows, strict=True)]
            journal.corpora = generations.now(read)
            journals.save(self._room.ledger, release.release_id, journal)
        return journal.corpora

    def _text_is_there(self) -> bool:
        """Whether every corpus offered is ready.

        Raises:
            CorpusError: one was removed.
        """
        self._room.corpora.watch()
        states = {info.corpus_id: info.state for info in self._room.corpora.infos(0)}
        if not set(self._member.plans) <= set(states):
            raise CorpusError(
                f"The text offered to {self._member.row.name} was removed.", "Leave and join again with other text."
            )
        return all(states[corpus_id] == "ready" for corpus_id in self._member.plans)


def check_time(member: Membership, journal: Journal) -> None:
    """Refuse to begin a round that is over.

    Raises:
        CoordinatorError: no point in starting any more.
    """
    if asking.late(journal.instruction, member.transport.now(), journal.delivery.expires_at):
        number = journal.instruction.server_round
        raise CoordinatorError(f"Round {number} of {member.row.name} was over before it could be begun.")
