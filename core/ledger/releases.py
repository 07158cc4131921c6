"""Federations and releases: one answer to one round, and where that answer stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from core.api.errors import CoordinatorError, PrivacyError, ReleaseMismatch, UsageError
from core.ledger.book import Book
from core.ledger.entries import Head
from core.ledger.rows import OPEN_STATES, FederationRow, Release, ReleaseAttributes, ReleaseState

_SELECT: Final = (
    "SELECT r.release_id, r.federation_id, r.run_id, r.server_round, r.attributes, r.state, c.charge_id,"
    " COALESCE(c.unit, ''), r.begun_at, r.sealed_at, r.sent_at, r.finished_at, r.sha256, r.size_bytes, r.dense_bytes,"
    " r.path, r.reason, c.epsilon_after, c.epsilon_cost, c.delta"
    " FROM releases r LEFT JOIN charges c ON c.release_id = r.release_id"
)
_CHARGE_HEADS: Final = (
    "SELECT e.seq, e.hash FROM charges c JOIN releases r ON r.release_id = c.release_id JOIN entries e ON e.seq = c.seq"
)
_FINAL: Final = ("accepted", "refused", "late", "abandoned")
MAX_WEIGHT: Final = 100.0
_AFTER_FINAL: Final[dict[str, tuple[str, ...]]] = {"late": ("accepted", "refused"), "refused": ("accepted",)}
"""A late update may still be folded in, and a receipt overrules an earlier refusal; nothing else ends twice."""


class ReleaseBook(Book):
    """The rounds this machine was asked for, by federation."""

    def save_federation(self, row: FederationRow) -> None:
        """Note or change a federation. Its newest round never goes down."""
        content = msgspec.json.encode(row)
        self._db.run(
            "INSERT INTO federations (federation_id, joined_at, left_at, high_water_round, content)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (federation_id) DO UPDATE SET"
            " left_at = excluded.left_at, content = excluded.content,"
            " high_water_round = MAX(high_water_round, excluded.high_water_round)",
            (row.federation_id, row.joined_at, row.left_at, row.high_water_round, content),
        )

    def federations(self) -> list[FederationRow]:
        """Every federation ever joined, those left included, oldest first."""
        rows = self._db.rows(
            "SELECT content, left_at, high_water_round FROM federations ORDER BY joined_at, federation_id"
        )
        return [_federation(row) for row in rows]

    def federation(self, federation_id: str) -> FederationRow:
        """One federation.

        Raises:
            UsageError: it was never joined.
        """
        row = self._db.row(
            "SELECT content, left_at, high_water_round FROM federations WHERE federation_id = ?", (federation_id,)
        )
        if row is None:
            raise UsageError(
                f"This machine never joined the federation {federation_id}.", "List yours with: hedgerow federations"
            )
        return _federation(row)

    def leave_federation(self, federation_id: str) -> None:
        """Mark a federation as left; its invite and weight are forgotten, releases and charges stay, open releases are
        abandoned.

        Raises:
            UsageError: it was never joined.
        """
        with self._db.transaction():
            row = self.federation(federation_id)
            if row.left_at is None:
                self.save_federation(msgspec.structs.replace(row, left_at=self._clock(), invite=""))
                self._db.run("UPDATE federations SET weight = 1.0 WHERE federation_id = ?", (federation_id,))
            for release in self.open_releases():
                if release.federation_id == federation_id:
                    self.mark(release.release_id, "abandoned", reason="You left the federation.")

    def set_weight(self, federation_id: str, weight: float) -> None:
        """Keep the owner's weight of a federation beside others, durably.

        Args:
            federation_id: one that this machine is in.
            weight: 0 to 100; 1 for a federation that nothing was said of, and 0 for one that rests.

        Raises:
            UsageError: this machine is in no such federation.
            ValueError: the weight is out of range.
        """
        if not 0.0 <= weight <= MAX_WEIGHT:
            raise ValueError(f"a weight cannot be {weight}")
        with self._db.transaction():
            if federation_id not in self.weights():
                raise UsageError("This machine is in no such federation.", "`hedgerow federations` shows all.")
            self._db.run("UPDATE federations SET weight = ? WHERE federation_id = ?", (float(weight), federation_id))

    def weights(self) -> dict[str, float]:
        """The owner's weight of every federation that was not left."""
        return dict(self._db.rows("SELECT federation_id, weight FROM federations WHERE left_at IS NULL"))

    def charge_head(self, release_id: int) -> Head:
        """The entry that charged a release.

        Raises:
            PrivacyError: it was not charged.
        """
        row = self._db.row(f"{_CHARGE_HEADS} WHERE c.release_id = ?", (release_id,))
        if row is None:
            raise PrivacyError(f"Release {release_id} was not charged.")
        return Head(*row)

    def charge_heads(self, federation_id: str) -> Iterator[Head]:
        """The entries that charged releases of a federation, newest first."""
        for row in self._db.rows(f"{_CHARGE_HEADS} WHERE r.federation_id = ? ORDER BY e.seq DESC", (federation_id,)):
            yield Head(*row)

    def begin_release(
        self, federation_id: str, run_id: str, server_round: int, attributes: ReleaseAttributes
    ) -> Release:
        """Open the release of one round, or find it again.

        Raises:
            ReleaseMismatch: this round was begun with other attributes.
            CoordinatorError: the round is older than one already begun or of another run, or the federation was left.
            UsageError: the federation was never joined.
            ValueError: the round is negative.
        """
        if server_round < 0:
            raise ValueError(f"server_round is {server_round}, but must not be negative")
        key = (federation_id, run_id, server_round)
        with self._db.transaction():
            found = self._db.row(f"{_SELECT} WHERE r.federation_id = ? AND r.run_id = ? AND r.server_round = ?", key)
            if found:
                release = _release(found)
                if release.attributes != attributes:
                    raise ReleaseMismatch(
                        f"Round {server_round} was already begun with {_difference(release.attributes, attributes)}.",
                        "Nothing was sent a second time. Tell the federation's operator.",
                    )
                return release
            federation = self.federation(federation_id)
            if federation.left_at is not None:
                raise CoordinatorError(f"You left {federation.name}, so round {server_round} is not answered.")
            if run_id != federation.run_id:
                raise CoordinatorError(
                    f"{federation.name} asked for a round of another run than the one you agreed to.",
                    "Nothing was computed. Tell the federation's operator.",
                )
            newest = federation.high_water_round
            if server_round < newest:
                raise CoordinatorError(
                    f"{federation.name} asked for round {server_round} after round {newest}.",
                    "Older rounds are not answered. Tell the federation's operator.",
                )
            self._db.run(
                "INSERT INTO releases (release_id, federation_id, run_id, server_round, attributes, state, begun_at)"
                " VALUES (?, ?, ?, ?, ?, 'assigned', ?)",
                (self._next_id("releases", "release_id"), *key, msgspec.json.encode(attributes), self._clock()),
            )
            self._db.run(
                "UPDATE federations SET high_water_round = MAX(high_water_round, ?) WHERE federation_id = ?",
                (server_round, federation_id),
            )
            row = self._db.rows(f"{_SELECT} WHERE r.federation_id = ? AND r.run_id = ? AND r.server_round = ?", key)[0]
            return _release(row)

    def release(self, release_id: int) -> Release:
        """One release.

        Raises:
            UsageError: there is none of that number.
        """
        row = self._db.row(f"{_SELECT} WHERE r.release_id = ?", (release_id,))
        if row is None:
            raise UsageError(f"There is no upload with the number {release_id}.", "List yours with: hedgerow uploads")
        return _release(row)

    def open_releases(self) -> list[Release]:
        """Every release that is not finished, oldest first: what a restart goes on with."""
        marks = ", ".join("?" * len(OPEN_STATES))
        rows = self._db.rows(f"{_SELECT} WHERE r.state IN ({marks}) ORDER BY r.release_id", OPEN_STATES)
        return [_release(row) for row in rows]

    def uploads(self, limit: int = 50) -> list[Release]:
        """Every update that left or is about to, newest first; abandoned ones never left."""
        rows = self._db.rows(
            f"{_SELECT} WHERE r.sealed_at IS NOT NULL AND r.state != 'abandoned' ORDER BY r.release_id DESC LIMIT ?",
            (limit,),
        )
        return [_release(row) for row in rows]

    def refused(self, federation_id: str, limit: int = 16) -> tuple[str, ...]:
        """SHA-256 of a federation's updates that its coordinator refused, the newest so many first."""
        rows = self._db.rows(
            "SELECT sha256 FROM releases WHERE federation_id = ? AND sealed_at IS NOT NULL AND state = 'refused'"
            " ORDER BY release_id DESC LIMIT ?",
            (federation_id, limit),
        )
        return tuple(row[0] for row in rows)

    def newest_bases(self, federation_id: str, limit: int) -> list[tuple[int, str]]:
        """(round, hash of the weights it began with) of a federation's newest rounds, newest first."""
        rows = self._db.rows(
            "SELECT server_round, attributes FROM releases WHERE federation_id = ? ORDER BY release_id DESC LIMIT ?",
            (federation_id, limit),
        )
        return [(row[0], msgspec.json.decode(row[1], type=ReleaseAttributes).base_hash) for row in rows]

    def mark(
        self, release_id: int, state: ReleaseState, *, reason: str | None = None, sent_at: float | None = None
    ) -> Release:
        """Note where a release stands. The same state again is harmless.

        Raises:
            UsageError: there is none of that number.
            ValueError: it has ended, or it is to be sent without having been sealed.
        """
        with self._db.transaction():
            old = self.release(release_id)
            if old.state in _FINAL and state != old.state and state not in _AFTER_FINAL.get(old.state, ()):
                raise ValueError(f"release {release_id} is {old.state} and cannot become {state}")
            if state in ("sealed", "uploading", "sent", "accepted") and old.sealed_at is None:
                raise ValueError(f"release {release_id} was not sealed and cannot become {state}")
            if state in ("assigned", "training") and old.sealed_at is not None:
                raise ValueError(f"release {release_id} was sealed and cannot become {state}")
            now = self._clock()
            sent = sent_at if sent_at is not None else (now if state == "sent" and old.sent_at is None else old.sent_at)
            finished = now if state in _FINAL and state != old.state else old.finished_at
            self._db.run(
                "UPDATE releases SET state = ?, reason = ?, sent_at = ?, finished_at = ? WHERE release_id = ?",
                (state, old.reason if reason is None else reason, sent, finished, release_id),
            )
        return self.release(release_id)

    def _seal(self, release_id: int, sha256: str, size_bytes: int, dense_bytes: int, path: str) -> Release:
        with self._db.transaction():
            old = self.release(release_id)
            if old.charge_id is None:
                raise PrivacyError(
                    f"Round {old.server_round} was not charged, so its update cannot be sealed.", "Nothing was sent."
                )
            if old.sealed_at is not None:
                if old.sha256 != sha256:
                    raise ReleaseMismatch(
                        f"Round {old.server_round} already has a sealed update; another one is refused.",
                        "The first one is sent again instead.",
                    )
                return old
            if old.state not in ("assigned", "training"):
                raise ValueError(f"release {release_id} is {old.state} and cannot be sealed")
            self._append(
                "seal", {"release": release_id, "sha256": sha256, "size_bytes": size_bytes, "charge": old.charge_id}
            )
            self._db.run(
                "UPDATE releases SET state = 'sealed', sealed_at = ?, sha256 = ?, size_bytes = ?, dense_bytes = ?,"
                " path = ? WHERE release_id = ?",
                (self._clock(), sha256, size_bytes, dense_bytes, path, release_id),
            )
        return self.release(release_id)

    def drop_sealed_bytes(self, release_id: int) -> None:
        """Note that the sealed bytes were removed to keep the disk limit; hash and sizes stay."""
        self._db.run("UPDATE releases SET path = '' WHERE release_id = ?", (release_id,))

    def set_transport(self, release_id: int, journal: dict[str, Any]) -> None:
        """Keep the state of an upload session, durably.

        Raises:
            UsageError: there is no such release.
        """
        with self._db.transaction():
            self.release(release_id)
            self._db.run(
                "UPDATE releases SET transport = ? WHERE release_id = ?", (msgspec.json.encode(journal), release_id)
            )

    def transport(self, release_id: int) -> dict[str, Any] | None:
        """The journal of the upload session, or None."""
        row = self._db.row("SELECT transport FROM releases WHERE release_id = ?", (release_id,))
        return None if row is None or row[0] is None else msgspec.json.decode(row[0], type=dict[str, Any])


def _difference(old: ReleaseAttributes, new: ReleaseAttributes) -> str:
    words = {"base_hash": "other base weights", "shard": "another shard", "corpora": "other text"}
    for field, sentence in words.items():
        if getattr(old, field) != getattr(new, field):
            return sentence
    return "other terms"


def _federation(row: tuple[Any, ...]) -> FederationRow:
    stored = msgspec.json.decode(row[0], type=FederationRow)
    return msgspec.structs.replace(stored, left_at=row[1], high_water_round=row[2])


def _release(row: tuple[Any, ...]) -> Release:
    values = dict(zip(Release.__struct_fields__, row, strict=True))
    return Release(**{**values, "attributes": msgspec.json.decode(row[4], type=ReleaseAttributes)})
