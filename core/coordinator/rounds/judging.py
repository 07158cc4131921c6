"""What came back for a letter: found, judged by ``admission``, and its verdict made durable.

An update that went up before its reply is first of all had under the conductor's own roof: its sender may write into
the spool at any time, and must find nothing there that changes what is being judged.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.coordinator.home import Federation
from core.coordinator.learning.closing import Closer
from core.coordinator.learning.standing import longest
from core.coordinator.records.blobs import OpenFile
from core.coordinator.records.schema import Assignment
from core.coordinator.records.store import Store
from core.coordinator.rounds.admission import Admission, Admitted, Expected, Forged, Missing, RawReply, Refused, Verdict
from core.coordinator.rounds.decisions import retry_delay_s
from core.coordinator.rounds.letters import Answer, Letter
from core.federation.protocol import HELD_OUT
from core.postprocess.compression.codec import Held, Source

MAX_QUARANTINED = 64
MAX_QUARANTINED_BYTES = 2 << 30
MAX_TOKENS = 1e15
"""Of one update, in the volunteer's own words; more is not believed."""


class Judge:
    """Judges the answers of one federation."""

    def __init__(self, federation: Federation, store: Store, admission: Admission, closer: Closer) -> None:
        self._root = federation.home.root
        self._private = federation.home.private
        self._spool = federation.home.spool
        self._quarantined = federation.home.quarantine
        self._store = store
        self._admission = admission
        self._closer = closer
        self._terms = federation.config.aggregation

    def take(self, answer: Answer) -> None:
        """Judge one answer and make the verdict durable."""
        letter = answer.letter
        found = [item for item in self._store.assignments(letter.server_round) if item.key_id == letter.key_id]
        current = self._store.round(letter.server_round)
        volunteer = self._store.volunteer(letter.key_id)
        if not found or current is None or volunteer is None or found[0].state in ("accepted", "refused", "late"):
            return
        item, late = found[0], current.state != "open"
        if answer.reply is None:
            if not late and item.nonce == letter.nonce:
                self.fail(item, answer.error, forged=False)
            return
        expected = Expected(
            server_round=letter.server_round,
            key_id=letter.key_id,
            public_key=volunteer.public_key,
            nonce=letter.nonce,
            base_hash=current.base_hash,
            shard=item.shard,
            local_steps=int(letter.record.get("local_steps", 0)),
            longest=longest(self._store, self._terms, letter.server_round, item.shard),
        )
        with self._update(letter, answer.reply) as source:
            verdict = self._admission.examine(expected, answer.reply, source, self._store.accepted_updates())
        self._settle(item, verdict, answer.reply, letter, late=late)
        self._clear(letter, answer.reply, verdict)

    def fail(self, item: Assignment, reason: str, *, forged: bool) -> None:
        """This message led to nothing; another may."""
        retry_at = time.time() + retry_delay_s(item.attempt, forged)
        self._store.settle(dataclasses.replace(item, state="failed", reason=reason, retry_at=retry_at))

    @contextmanager
    def _update(self, letter: Letter, reply: RawReply) -> Iterator[Source | None]:
        """The update, wherever it lies."""
        if isinstance(reply.payload, bytes):
            yield Held(reply.payload)
            return
        path = self._adopted(letter.key_id, reply.payload.sha256)
        if path is None:
            yield None
            return
        with path.open("rb") as stream:
            yield OpenFile(stream)

    def _adopted(self, key_id: str, sha256: str) -> Path | None:
        path = self._spool.find(key_id, sha256)
        try:
            return None if path is None else self._private.adopt(path)
        except FileNotFoundError:  # its sender has begun another one in this moment
            return None

    def _settle(self, item: Assignment, verdict: Verdict, reply: RawReply, letter: Letter, *, late: bool) -> None:
        if isinstance(verdict, Forged | Missing):
            if not late and item.nonce == letter.nonce:
                self.fail(item, verdict.reason, forged=isinstance(verdict, Forged))
            return
        if verdict.ledger:
            self._store.keep_ledger(item.key_id, item.server_round, verdict.ledger)
        if isinstance(verdict, Refused):
            self._quarantine(reply)
            refused = dataclasses.replace(
                item, state="refused", reason=verdict.reason, update_sha256=verdict.update_sha256,
                size_bytes=verdict.size_bytes,
            )  # fmt: skip
            self._store.settle(refused, self._closer.receipt(refused))
            return
        assert isinstance(verdict, Admitted)
        good = dataclasses.replace(
            item, state="accepted", update_sha256=verdict.update_sha256, reason="", size_bytes=verdict.size_bytes,
            loss=verdict.metrics.get("loss"), steps=int(verdict.metrics["steps"]), norm=verdict.norm,
            tokens=int(min(verdict.metrics.get("tokens", 0), MAX_TOKENS)), held_out=verdict.metrics.get(HELD_OUT),
            seconds=verdict.metrics.get("seconds"),
        )  # fmt: skip
        kept = late and self._closer.keeps(item)
        if late and not kept:
            good = dataclasses.replace(good, state="late", reason="The round was closed before the update came.")
            self._store.settle(good, self._closer.receipt(good))
            return
        if isinstance(reply.payload, bytes):
            self._private.put(reply.payload)
        if kept:  # no receipt before it is in a checkpoint
            good = dataclasses.replace(
                good, state="late", kept=1, reason="It came late and is folded into a later round."
            )
        self._store.settle(good)

    def _clear(self, letter: Letter, reply: RawReply, verdict: Verdict) -> None:
        """Forget an update that went up before, as far as it is not needed; one that was forged may come once more."""
        if isinstance(reply.payload, bytes):
            return
        sha256 = reply.payload.sha256
        if not self._store.needs(sha256):
            self._private.remove(sha256)
        if not isinstance(verdict, Forged):
            self._spool.remove(letter.key_id, sha256)

    def _quarantine(self, reply: RawReply) -> None:
        if isinstance(reply.payload, bytes):
            self._quarantined.put(reply.payload)
        else:
            self._quarantined.adopt(self._private.path(reply.payload.sha256))
        used, folder = 0, self._root / "quarantine"
        for number, path in enumerate(sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)):
            used += path.stat().st_size
            if number >= MAX_QUARANTINED or used > MAX_QUARANTINED_BYTES:
                path.unlink(missing_ok=True)
