"""``coordinator.db``: enrolments, rounds, assignments, checkpoints, receipts. SQLite WAL, ``synchronous=FULL``.

Gateway, ServerApp and service each open the file; every change is one ``BEGIN IMMEDIATE`` transaction, so what was
written before a message was pushed is still there after any crash. The ServerApp *claims* the database when it starts:
a former one that was thought dead can no longer write.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Sequence

import msgspec

from core.api.errors import InviteError, StorageError
from core.coordinator.records.database import Database, insert
from core.coordinator.records.schema import (
    Assignment,
    Checkpoint,
    Errand,
    Mean,
    RollRow,
    Round,
    Sign,
    Volunteer,
)
from core.federation.identity import key_id as key_id_of
from core.federation.protocol import MAX_DELTAS, Capability, Delta, Receipt

SERVER_APP = "server_app"
PRESENT = "present"
"""Named value: how many volunteers are there now, as the conductor sees it."""
_AWAITED = (
    "FROM assignments JOIN rounds USING (server_round) JOIN volunteers USING (key_id) WHERE left_at IS NULL "
    "AND assignments.state IN ('assigned', 'failed') AND (rounds.state = 'open' OR deadline_at > ?)"
)


def token_hash(token: bytes) -> str:
    """What is stored of an enrolment token."""
    return hashlib.sha256(b"hedgerow-token-1" + token).hexdigest()


class Store(Database):
    """One process's view of ``coordinator.db``; safe to use from several threads."""

    # Enrolment

    def add_token(self, token: bytes, uses: int, expires_at: float) -> None:
        """Store a new enrolment token by its hash."""
        with self._write() as db:
            row = (token_hash(token), uses, expires_at, time.time())
            db.execute("INSERT INTO tokens (token_hash, uses, expires_at, created_at) VALUES (?, ?, ?, ?)", row)

    def bind(self, public_key: bytes, token: bytes, now: float, capability: Capability = "any") -> Volunteer:
        """Bind a public key to a token, once; a repeat by the same key gives the same volunteer and costs no use.

        Raises:
            InviteError: unknown, expired or used-up token, or a key that has left.
        """
        key_id, digest = key_id_of(public_key), token_hash(token)
        with self._write() as db:
            known = self.volunteer(key_id)
            if known is not None and known.left_at is not None:
                raise InviteError("This key has left the federation for good.", "Join again with a new invite.")
            if known is not None:
                return known
            row = db.execute("SELECT * FROM tokens WHERE token_hash = ?", (digest,)).fetchone()
            if row is None:
                raise InviteError("This federation never gave out that invite.", "Ask the operator for a new invite.")
            if now >= row["expires_at"]:
                raise InviteError("The invite has expired.", "Ask the operator for a new invite.")
            if row["used"] >= row["uses"]:
                raise InviteError("The invite is used up.", "Ask the operator for a new invite.")
            db.execute("UPDATE tokens SET used = used + 1 WHERE token_hash = ?", (digest,))
            db.execute(
                "INSERT INTO volunteers (key_id, public_key, token_hash, enrolled_at, capability) "
                "VALUES (?, ?, ?, ?, ?)",
                (key_id, public_key, digest, now, capability),
            )
            self._log(db, "volunteer", {"volunteer": key_id[:12], "state": "enrolled"})
        found = self.volunteer(key_id)
        assert found is not None
        return found

    def set_node_id(self, key_id: str, node_id: str) -> None:
        """Note Flower's id of a volunteer; it changes when ``state.db`` is lost."""
        with self._write() as db:
            db.execute("UPDATE volunteers SET node_id = ? WHERE key_id = ?", (node_id, key_id))

    def volunteer(self, key_id: str) -> Volunteer | None:
        """One volunteer, present or gone."""
        rows = self._read("SELECT * FROM volunteers WHERE key_id = ?", (key_id,))
        return Volunteer(**rows[0]) if rows else None

    def volunteers(self, *, gone: bool = False) -> list[Volunteer]:
        """Volunteers that are enrolled, or with ``gone`` those that have left."""
        query = "SELECT * FROM volunteers WHERE (left_at IS NOT NULL) = ? ORDER BY key_id"
        return [Volunteer(**row) for row in self._read(query, (gone,))]

    def roll(self, most: int) -> list[RollRow]:
        """Everybody who ever joined, newest first, with what became of their work."""
        rows = self._read(
            "SELECT volunteers.key_id, enrolled_at, left_at, COUNT(assignments.key_id) AS updates, "
            "COALESCE(MAX(assignments.server_round), 0) AS last_round FROM volunteers LEFT JOIN assignments "
            "ON assignments.key_id = volunteers.key_id AND assignments.state IN ('accepted', 'late') "
            "GROUP BY volunteers.key_id ORDER BY enrolled_at DESC, volunteers.key_id LIMIT ?",
            (most,),
        )
        return [RollRow(**row) for row in rows]

    def keep_ledger(self, key_id: str, server_round: int, commitment: bytes) -> None:
        """Keep a volunteer's commitment to its ledger, unless one of a later round is there."""
        with self._write() as db:
            db.execute(
                "UPDATE volunteers SET ledger = ?, ledger_round = ? WHERE key_id = ? AND ledger_round <= ?",
                (commitment, server_round, key_id, server_round),
            )

    def leave(self, key_id: str, now: float) -> None:
        """Note that a volunteer left; its key can never come back."""
        with self._write() as db:
            done = db.execute("UPDATE volunteers SET left_at = ? WHERE key_id = ? AND left_at IS NULL", (now, key_id))
            if done.rowcount:
                self._log(db, "volunteer", {"volunteer": key_id[:12], "state": "left"})

    # Checkpoints

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Record a checkpoint whose blob is already durable."""
        with self._write() as db:
            insert(db, "checkpoints", checkpoint)

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, oldest first; never empty after ``create``."""
        return [Checkpoint(**row) for row in self._read("SELECT * FROM checkpoints ORDER BY server_round")]

    def latest_checkpoint(self) -> Checkpoint:
        """The newest checkpoint that was not rejected.

        Raises:
            StorageError: there is none.
        """
        rows = self._read("SELECT * FROM checkpoints WHERE rejected = '' ORDER BY server_round DESC LIMIT 1")
        if not rows:
            raise StorageError(f"{self._path} names no checkpoint.", "Restore the folder from a backup.")
        return Checkpoint(**rows[0])

    def deltas_to(self, sha256: str) -> list[Delta]:
        """The differences that lead to a checkpoint from its forebears, newest first."""
        found: list[Delta] = []
        while len(found) < MAX_DELTAS:
            query = "SELECT parent, delta FROM checkpoints WHERE sha256 = ? ORDER BY server_round DESC LIMIT 1"
            rows = self._read(query, (sha256,))
            if not rows or not rows[0]["delta"]:
                break
            found.append(Delta(rows[0]["parent"], rows[0]["delta"]))
            sha256 = rows[0]["parent"]
        return found

    def reject(self, server_round: int, reason: str) -> None:
        """Take a round's checkpoint out of use for good; a second time changes nothing."""
        with self._write() as db:
            done = db.execute(
                "UPDATE checkpoints SET rejected = ? WHERE server_round = ? AND rejected = ''", (reason, server_round)
            )
            if done.rowcount:
                db.execute(
                    "UPDATE rounds SET rejected = ?, reason = ? WHERE server_round = ?", (reason, reason, server_round)
                )
                self._log_rejection(db, server_round, reason)

    def _log_rejection(self, db: sqlite3.Connection, server_round: int, reason: str) -> None:
        row = db.execute("SELECT base_hash FROM rounds WHERE server_round = ?", (server_round,)).fetchone()
        restored = "" if row is None else row["base_hash"]
        self._log(db, "checkpoint_rejected", {"round": server_round, "reason": reason, "restored": restored})

    def set_evaluation(self, server_round: int, loss: float | None, bits_per_byte: float | None, outcome: str) -> None:
        """Note how good a checkpoint is on the coordinator's own text, or why that could not be measured."""
        with self._write() as db:
            db.execute(
                "UPDATE checkpoints SET loss = ?, bits_per_byte = ?, evaluation = ? WHERE server_round = ?",
                (loss, bits_per_byte, outcome, server_round),
            )

    # Rounds

    def begin_round(self, opened: Round, assignments: Sequence[Assignment]) -> None:
        """Make a round and all its assignments durable, before anything is pushed."""
        with self._write() as db:
            before = db.execute("SELECT outer_lr FROM rounds ORDER BY server_round DESC LIMIT 1").fetchone()
            insert(db, "rounds", opened)
            for assignment in assignments:
                insert(db, "assignments", assignment)
            body = {"round": opened.server_round, "base": opened.base_hash, "deadline_at": opened.deadline_at}
            cohort = [assignment.key_id[:12] for assignment in assignments]
            self._log(db, "round_started", body | {"volunteers": len(assignments), "cohort": cohort})
            if before is not None and before["outer_lr"] is not None and before["outer_lr"] != opened.outer_lr:
                rates = {"before": before["outer_lr"], "outer_lr": opened.outer_lr}
                self._log(db, "outer_rate", {"round": opened.server_round, **rates})

    def rounds(self) -> list[Round]:
        """All rounds, oldest first."""
        return [Round(**row) for row in self._read("SELECT * FROM rounds ORDER BY server_round")]

    def round(self, server_round: int) -> Round | None:
        """One round."""
        rows = self._read("SELECT * FROM rounds WHERE server_round = ?", (server_round,))
        return Round(**rows[0]) if rows else None

    def open_round(self) -> Round | None:
        """The round in progress."""
        rows = self._read("SELECT * FROM rounds WHERE state = 'open' ORDER BY server_round DESC LIMIT 1")
        return Round(**rows[0]) if rows else None

    def assignments(self, server_round: int) -> list[Assignment]:
        """All assignments of a round, in the order of key ids."""
        rows = self._read("SELECT * FROM assignments WHERE server_round = ? ORDER BY key_id", (server_round,))
        return [Assignment(**row) for row in rows]

    def outcomes(self) -> dict[int, dict[str, int]]:
        """Round → state of an assignment → how many there are."""
        found: dict[int, dict[str, int]] = {}
        query = "SELECT server_round, state, count(*) AS number FROM assignments GROUP BY server_round, state"
        for row in self._read(query):
            found.setdefault(row["server_round"], {})[row["state"]] = row["number"]
        return found

    def awaited(self, key_id: str, late_s: float, now: float) -> list[Assignment]:
        """Assignments of one present volunteer whose update may still come.

        Args:
            key_id: whose.
            late_s: how long after its round's deadline a message may still be answered.
            now: Unix seconds.
        """
        rows = self._read(
            f"SELECT assignments.* {_AWAITED} AND key_id = ? ORDER BY server_round", (now - late_s, key_id)
        )
        return [Assignment(**row) for row in rows]

    def awaited_volunteers(self, late_s: float, now: float) -> frozenset[str]:
        """Key ids of everybody of whom an update may still come."""
        return frozenset(row["key_id"] for row in self._read(f"SELECT key_id {_AWAITED}", (now - late_s,)))

    def accepted_updates(self) -> dict[str, str]:
        """Update hash → key id of everything that was good."""
        rows = self._read("SELECT update_sha256, key_id FROM assignments WHERE state IN ('accepted', 'late')")
        return {row["update_sha256"]: row["key_id"] for row in rows}

    def needs(self, update_sha256: str) -> bool:
        """Whether an update is to be averaged or folded in."""
        query = (
            "SELECT 1 FROM assignments JOIN rounds USING (server_round) WHERE update_sha256 = ? "
            "AND (kept = 1 OR (assignments.state = 'accepted' AND rounds.state = 'open'))"
        )
        return bool(self._read(query, (update_sha256,)))

    def accepted_norms(self, shard: str, first: int, last: int) -> list[float]:
        """Norms of accepted updates of a shard, of rounds from ``first`` to ``last`` that were not given up."""
        rows = self._read(
            "SELECT norm FROM assignments JOIN rounds USING (server_round) WHERE assignments.state = 'accepted' "
            "AND rounds.state <> 'void' AND norm IS NOT NULL AND shard = ? AND server_round BETWEEN ? AND ? "
            "ORDER BY server_round, key_id",
            (shard, first, last),
        )
        return [row["norm"] for row in rows]

    def accepted_before(self, server_round: int) -> dict[str, int]:
        """Key id → updates that counted in rounds before this one."""
        rows = self._read(
            "SELECT key_id, COUNT(*) AS updates FROM assignments JOIN rounds USING (server_round) "
            "WHERE assignments.state = 'accepted' AND rounds.state = 'closed' AND server_round < ? GROUP BY key_id",
            (server_round,),
        )
        return {row["key_id"]: row["updates"] for row in rows}

    def kept(self) -> list[Assignment]:
        """Late updates that wait to be folded in, oldest round first, then in the order of key ids."""
        rows = self._read("SELECT * FROM assignments WHERE kept = 1 ORDER BY server_round, key_id")
        return [Assignment(**row) for row in rows]

    def reissue(self, server_round: int, key_id: str, nonce: bytes) -> None:
        """A fresh nonce for a volunteer that is asked again, durable before the message goes out."""
        with self._write() as db:
            db.execute(
                "UPDATE assignments SET state = 'assigned', nonce = ?, attempt = attempt + 1, retry_at = 0 "
                "WHERE server_round = ? AND key_id = ?",
                (nonce, server_round, key_id),
            )

    def settle(self, assignment: Assignment, receipt: Receipt | None = None) -> None:
        """Store what became of an assignment, with its receipt if it is final, and tell about it."""
        with self._write() as db:
            self._settle(db, assignment, receipt)

    def _settle(self, db: sqlite3.Connection, assignment: Assignment, receipt: Receipt | None) -> None:
        columns = (
            "state", "retry_at", "update_sha256", "size_bytes", "loss", "reason", "steps", "tokens", "norm", "kept",
            "folded", "held_out", "seconds",
        )  # fmt: skip
        sets = ", ".join(f"{name} = ?" for name in columns)
        values = [getattr(assignment, name) for name in columns]
        db.execute(
            f"UPDATE assignments SET {sets} WHERE server_round = ? AND key_id = ?",  # noqa: S608
            [*values, assignment.server_round, assignment.key_id],
        )
        if receipt is not None:
            _insert_receipt(db, assignment.key_id, receipt)
        body = {
            "round": assignment.server_round,
            "volunteer": assignment.key_id[:12],
            "state": assignment.state,
            "upload_bytes": assignment.size_bytes,
            "sha256": assignment.update_sha256,
            "reason": assignment.reason,
        }
        self._log(db, "update", body)

    def extend(self, server_round: int, deadline_at: float, more: Sequence[Assignment], *, count: bool = True) -> None:
        """Another deadline, and more volunteers, for a round that has too few updates."""
        with self._write() as db:
            db.execute(
                "UPDATE rounds SET deadline_at = ?, extensions = extensions + ? WHERE server_round = ?",
                (deadline_at, int(count), server_round),
            )
            for assignment in more:
                insert(db, "assignments", assignment)

    def close_round(
        self,
        closed: Round,
        outcome: Checkpoint | Mean | None,
        receipts: Sequence[tuple[str, Receipt]],
        late: Sequence[tuple[Assignment, Receipt]] = (),
    ) -> None:
        """End a round with all that follows from it, at once: checkpoint or mean, receipts, figures, late updates."""
        with self._write() as db:
            columns = (
                "state", "closed_at", "volunteers", "upload_bytes", "dense_bytes", "training_loss",
                "pseudo_gradient_norm", "model_norm", "reason", "norms", "rejected", "late", "norm_bound", "held_out",
                "held_out_spread",
            )  # fmt: skip
            sets = ", ".join(f"{name} = ?" for name in columns)
            values = [getattr(closed, name) for name in columns]
            db.execute(f"UPDATE rounds SET {sets} WHERE server_round = ?", [*values, closed.server_round])  # noqa: S608
            if outcome is not None:
                insert(db, "checkpoints" if isinstance(outcome, Checkpoint) else "means", outcome)
            for key_id, receipt in receipts:
                _insert_receipt(db, key_id, receipt)
            for assignment, receipt in late:
                self._settle(db, assignment, receipt)
            self._log(db, "round_closed" if outcome else "round_void", {"round": closed.server_round})
            if closed.rejected:
                self._log_rejection(db, closed.server_round, closed.rejected)

    # Receipts

    def receipt(self, update_sha256: str, key_id: str, now: float) -> Receipt | None:
        """The receipt of one volunteer's update, noting that it was fetched."""
        query = "SELECT body FROM receipts WHERE update_sha256 = ? AND key_id = ?"
        rows = self._read(query, (update_sha256, key_id))
        if not rows:
            return None
        with self._write() as db:
            db.execute(
                "UPDATE receipts SET fetched_at = ? WHERE update_sha256 = ? AND key_id = ? AND fetched_at IS NULL",
                (now, update_sha256, key_id),
            )
        return msgspec.json.decode(rows[0]["body"], type=Receipt)

    def receipts_waiting(self) -> int:
        """Receipts that present volunteers have not fetched yet."""
        query = (
            "SELECT count(*) FROM receipts JOIN volunteers USING (key_id) WHERE fetched_at IS NULL AND left_at IS NULL"
        )
        return int(self._read(query)[0][0])

    # A household's errands

    def add_errand(self, errand: Errand) -> None:
        """Write down what the larger federation asks for; the same round again changes nothing."""
        with self._write() as db:
            if db.execute("SELECT 1 FROM errands WHERE server_round = ?", (errand.server_round,)).fetchone() is None:
                insert(db, "errands", errand)
                self._log(db, "errand", {"round": errand.server_round, "deadline_at": errand.deadline_at})

    def errand(self, server_round: int) -> Errand | None:
        """One errand."""
        rows = self._read("SELECT * FROM errands WHERE server_round = ?", (server_round,))
        return Errand(**rows[0]) if rows else None

    def newest_errand(self) -> Errand | None:
        """The newest errand, begun or not."""
        rows = self._read("SELECT * FROM errands ORDER BY server_round DESC LIMIT 1")
        return Errand(**rows[0]) if rows else None

    def mean(self, server_round: int) -> Mean | None:
        """What a household's round came to."""
        rows = self._read("SELECT * FROM means WHERE server_round = ?", (server_round,))
        return Mean(**rows[0]) if rows else None

    # Signs of life

    def beat(self, sign: Sign) -> None:
        """Write a sign of life."""
        with self._write() as db:
            db.execute("DELETE FROM signs WHERE name = ?", (sign.name,))
            insert(db, "signs", sign)

    def sign(self, name: str) -> Sign | None:
        """The last sign of life of a process."""
        rows = self._read("SELECT * FROM signs WHERE name = ?", (name,))
        return Sign(**rows[0]) if rows else None


def _insert_receipt(db: sqlite3.Connection, key_id: str, receipt: Receipt) -> None:
    db.execute(
        "INSERT OR REPLACE INTO receipts (update_sha256, key_id, server_round, body) VALUES (?, ?, ?, ?)",
        (receipt.update_sha256, key_id, receipt.server_round, msgspec.json.encode(receipt)),
    )
