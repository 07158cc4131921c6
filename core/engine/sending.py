"""Sending a sealed update: bytes from the file, a seal for the message that asked, the session from the journal."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from core import vault
from core.api.errors import StorageError, UpdateError
from core.engine import journal as journals
from core.engine import progress, rounds
from core.engine.journal import Journal
from core.engine.membership import Membership
from core.engine.room import Desk
from core.federation.fleet import Session
from core.federation.identity import federation_id
from core.federation.protocol import ReplySeal, allowed_metrics, metrics_hash
from core.jobs import Sealed
from core.ledger.rows import OPEN_STATES, Release


class Outcome(Enum):
    """How an attempt to send ended."""

    SENT = auto()
    ASKED_AGAIN = auto()
    """Another message for the same round came meanwhile; that one is to be answered."""
    TOO_LATE = auto()


class Sender:
    """Sends the updates of one joining; never anything else than what was sealed."""

    def __init__(self, desk: Desk, member: Membership) -> None:
        self._desk = desk
        self._member = member

    def keep_metrics(self, release: Release, sealed: Sealed) -> None:
        """What may be said beside the update, by the schema; written down before the update counts as sealed."""
        known = {"steps": sealed.steps, "tokens": sealed.tokens, "loss": sealed.mean_loss, "seconds": sealed.seconds}
        allowed = allowed_metrics(self._member.config.privacy.unit)
        journal = journals.load(self._desk.ledger, release.release_id)
        assert journal is not None
        journal.metrics = {name: float(v) for name in allowed if (v := known[name]) is not None}
        journals.save(self._desk.ledger, release.release_id, journal)

    async def send(self, release: Release) -> Outcome:
        """Send, going on with an open session if there is one.

        Raises:
            RunEnded: nobody waits for this message any more; keep the update for the next one.
            UpdateError: the sealed bytes are gone or damaged.
            Unreachable: call again.
        """
        ledger, fleet = self._desk.ledger, self._member.fleet
        journal = journals.load(ledger, release.release_id)
        payload = await self._payload(release)
        assert journal is not None
        self._show(release, journal, "uploading", total_bytes=len(payload))
        session = journal.session
        if session is None or session.delivery != journal.delivery or session.expired:
            seal = self._seal(journal, release)
            session = await fleet.announce(journal.delivery, payload, journal.metrics, seal)
            if not self._note(release, session):
                return Outcome.ASKED_AGAIN
        if session.too_late:
            return Outcome.TOO_LATE
        if release.state == "sealed":
            ledger.mark(release.release_id, "uploading")
        for done, total in fleet.steps(session, payload):
            self._desk.board.update(done_bytes=done, total_bytes=total)
            await fleet.push_next(session, payload)
            if not self._note(release, session):
                return Outcome.ASKED_AGAIN
        if release.state in OPEN_STATES:
            ledger.mark(release.release_id, "sent")
        self._show(release, journal, "receipt", done_bytes=len(payload), total_bytes=len(payload))
        return Outcome.SENT

    def _show(self, release: Release, journal: Journal, phase: str, **fields: object) -> None:
        progress.show(self._desk.board, self._member, release, journal.instruction, phase, **fields)

    def _note(self, release: Release, session: Session) -> bool:
        """Keep the session; ``False`` if the round was asked again meanwhile."""
        newest = journals.load(self._desk.ledger, release.release_id)
        if newest is None or newest.delivery != session.delivery:
            return False
        newest.session = session
        journals.save(self._desk.ledger, release.release_id, newest)
        return True

    async def _payload(self, release: Release) -> bytes:
        if not release.path:
            raise UpdateError(f"The update of round {release.server_round} is no longer kept on this machine.")
        try:
            return await asyncio.to_thread(vault.decrypt_file, release.path, self._desk.key, rounds.SEALED_CONTEXT)
        except StorageError as error:
            raise UpdateError(error.message, "The round is given up; its charge stays.") from error

    def _seal(self, journal: Journal, release: Release) -> dict[str, object]:
        instruction = journal.instruction
        seal = ReplySeal(
            federation_id=federation_id(self._member.row.federation_key),
            run_id=instruction.run_id,
            server_round=instruction.server_round,
            nonce=instruction.nonce,
            manifest_hash=instruction.manifest_hash,
            base_hash=instruction.base_hash,
            shard=instruction.shard,
            update_sha256=release.sha256,
            metrics_sha256=metrics_hash(journal.metrics),
            public_key=self._member.key.public_pem,
        )
        return seal.signed_by(self._member.key).to_record()
