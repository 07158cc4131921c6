"""Sending a sealed update: bytes from the file, a seal for the message that asked, the session from the journal.

A small update travels inside its reply. A large one goes up before it, block by block from the encrypted file, and the
reply names it; the gateway knows how much is there, so a cut or a crash costs at most the piece that was on its way.
"""

from __future__ import annotations

import asyncio
import time
from enum import Enum, auto

from core import vault
from core.api.errors import UpdateError
from core.engine import journal as journals
from core.engine import ledger_seen, progress, rounds
from core.engine.governor import TICK_S
from core.engine.journal import Journal
from core.engine.membership import Membership
from core.engine.room import Desk
from core.engine.work import Work
from core.federation.fleet import Session
from core.federation.identity import federation_id
from core.federation.protocol import (
    HELD_OUT,
    MAX_MESSAGE_UPDATE,
    ReplySeal,
    SpooledUpdate,
    allowed_metrics,
    metrics_hash,
)
from core.jobs import Sealed
from core.ledger.rows import OPEN_STATES, Release
from core.postprocess.compression.codec import source_sha256


class Outcome(Enum):
    """How an attempt to send ended."""

    SENT = auto()
    ASKED_AGAIN = auto()
    """Another message for the same round came meanwhile; that one is to be answered."""
    TOO_LATE = auto()
    SWALLOWED = auto()
    """The reply was announced before, but the answer was lost: nobody can tell whether it is waited for. The SuperLink
    forgets it after a while, and the round is asked again."""
    HELD = auto()
    """The owner's rules forbid to go on now; what was sent stays there."""


class _Held(Exception):
    """Raised between two pieces."""


class Sender:
    """Sends the updates of one joining; never anything else than what was sealed."""

    def __init__(self, desk: Desk, member: Membership, work: Work) -> None:
        self._desk = desk
        self._member = member
        self._work = work

    def keep_metrics(self, release: Release, sealed: Sealed) -> None:
        """What may be said beside the update, by the schema; written down before the update counts as sealed."""
        config = self._member.config
        allowed = allowed_metrics(config.privacy.unit, scored=config.schedule.evaluates(release.server_round))
        journal = journals.load(self._desk.ledger, release.release_id)
        assert journal is not None
        known: dict[str, float | None] = {
            "steps": sealed.steps, "tokens": sealed.tokens, "loss": sealed.mean_loss, "seconds": sealed.seconds,
            HELD_OUT: journal.held_out,
        }  # fmt: skip
        journal.metrics = {name: float(v) for name in allowed if (v := known[name]) is not None}
        journals.save(self._desk.ledger, release.release_id, journal)

    async def send(self, release: Release) -> Outcome:
        """Send, going on with an open session if there is one.

        Raises:
            RunEnded: nobody waits for this message any more; keep the update for the next one.
            UpdateError: the sealed bytes are gone, damaged or others.
            StorageError: no room at the coordinator; call again later.
            Unreachable: call again.
        """
        if not release.path:
            raise UpdateError(f"The update of round {release.server_round} is no longer kept on this machine.")
        try:
            with vault.open_encrypted(release.path, self._desk.key, rounds.SEALED_CONTEXT) as sealed:
                if (await asyncio.to_thread(source_sha256, sealed)).hex() != release.sha256:
                    raise UpdateError(
                        f"The file of round {release.server_round} is not the update that was sealed.",
                        "It is not sent, and the round is given up; its charge stays.",
                    )
                limit = min(MAX_MESSAGE_UPDATE, int(self._desk.config.node.message_update_mb * (1 << 20)))
                if sealed.size <= limit:
                    return await self._reply(release, await asyncio.to_thread(sealed.read, 0, sealed.size))
                return await self._spooled(release, sealed)
        except vault.DamagedFile as error:
            raise UpdateError(error.message, "The round is given up; its charge stays.") from error

    async def _spooled(self, release: Release, sealed: vault.EncryptedFile) -> Outcome:
        """Hand over a large update first, then the reply that names it."""
        ledger, board = self._desk.ledger, self._desk.board
        journal = journals.load(ledger, release.release_id)
        assert journal is not None
        if self._open_session(journal) is None:
            self._show(release, journal, "uploading", total_bytes=sealed.size)
            if release.state == "sealed":
                release = ledger.mark(release.release_id, "uploading")
            looked_at = time.monotonic()

            async def before(done: int, total: int) -> None:
                nonlocal looked_at
                progress.update(board, release, done_bytes=done, total_bytes=total, eta_s=self._left_s(total - done))
                if done < total and time.monotonic() - looked_at >= TICK_S:
                    await self._work.look()
                    looked_at = time.monotonic()
                if done < total and not self._work.may_send:
                    raise _Held

            try:
                # That nobody waits for it is no reason to be silent: the answer to the reply says what became of it.
                await self._member.gateway.put_blob(release.sha256, sealed.size, sealed.read, before)
            except _Held:
                return Outcome.HELD
        return await self._reply(release, SpooledUpdate(sha256=release.sha256, size_bytes=sealed.size))

    async def _reply(self, release: Release, payload: bytes | SpooledUpdate) -> Outcome:
        """Announce the reply to the newest message, and send its parts."""
        ledger, fleet = self._desk.ledger, self._member.fleet
        journal = journals.load(ledger, release.release_id)
        assert journal is not None
        body = payload if isinstance(payload, bytes) else b""
        self._show(release, journal, "uploading", total_bytes=release.size_bytes)
        session = self._open_session(journal)
        if session is None:
            seal, message_id = self._seal(journal, release), journal.delivery.message_id
            repeated, journal.announced = journal.announced == message_id, message_id
            journals.save(ledger, release.release_id, journal)
            session = await fleet.announce(journal.delivery, payload, journal.metrics, seal)
            if session.too_late and repeated:
                return Outcome.SWALLOWED
            if not self._note(release, session):
                return Outcome.ASKED_AGAIN
        if session.too_late:
            return Outcome.TOO_LATE
        if release.state == "sealed":
            ledger.mark(release.release_id, "uploading")
        for done, total in fleet.steps(session, body):
            if body:
                left_s = self._left_s(total - done)
                progress.update(self._desk.board, release, done_bytes=done, total_bytes=total, eta_s=left_s)
            await fleet.push_next(session, body)
            if not self._note(release, session):
                return Outcome.ASKED_AGAIN
        self._answered(release, session)
        if release.state in OPEN_STATES:
            ledger.mark(release.release_id, "sent")
        self._show(release, journal, "receipt", done_bytes=release.size_bytes, total_bytes=release.size_bytes)
        return Outcome.SENT

    def _left_s(self, count: int) -> float | None:
        """Seconds that so many bytes will take, as far as the line is known."""
        rate = self._member.transport.traffic.line.up_bytes_per_s
        return count / rate if rate else None

    @staticmethod
    def _open_session(journal: Journal) -> Session | None:
        session = journal.session
        return None if session is None or session.delivery != journal.delivery or session.expired else session

    def _show(self, release: Release, journal: Journal, phase: str, **fields: object) -> None:
        progress.show(self._desk.board, self._member, release, journal.instruction, phase, **fields)

    def _answered(self, release: Release, session: Session) -> None:
        journal = journals.load(self._desk.ledger, release.release_id)
        assert journal is not None
        journal.answered = session.delivery.message_id
        journals.save(self._desk.ledger, release.release_id, journal)

    def _note(self, release: Release, session: Session) -> bool:
        """Keep the session; ``False`` if the round was asked again meanwhile."""
        newest = journals.load(self._desk.ledger, release.release_id)
        if newest is None or newest.delivery != session.delivery:
            return False
        newest.session = session
        journals.save(self._desk.ledger, release.release_id, newest)
        return True

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
            ledger=ledger_seen.commitment(
                self._desk.ledger, self._desk.key, self._member.row.federation_id, release.release_id
            ),
            public_key=self._member.key.public_pem,
        )
        return seal.signed_by(self._member.key).to_record()
