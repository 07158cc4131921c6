"""The ledger: what was done, what was charged, and the promise that it never goes back.

Order of a release: ``begin_release`` → ``charge`` (durable before it returns) → work → ``seal`` → upload. After a
charge and after a seal, the head of the chain is written to the anchor outside, so that everything that may have left
this machine is known there too. At opening, an anchor that is behind is repaired; one that is ahead of the ledger, or
beside it, means that the file went back in time: nothing is spent any more, while everything can still be read. So it
is where a federation saw charges that this file does not have (``newer_elsewhere``), which needs no keyring.

Not promised: who restores a whole machine, keyring included, is not noticed; and the owner can always erase both.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.api.errors import KeystoreError, LedgerRolledBack, PrivacyError
from core.ledger import export
from core.ledger.audit import problems
from core.ledger.book import Clock
from core.ledger.charges import ChargeBook, Line
from core.ledger.contribution import ContributionBook
from core.ledger.database import Connect, Database, connect
from core.ledger.entries import Head
from core.ledger.rows import BudgetRow, HeadAnchor, Release
from core.ledger.schema import prepare


class Ledger(ChargeBook, ContributionBook):
    """Everything the engine must never forget. One connection, safe to call from any thread."""

    def __init__(self, database: Database, anchor: HeadAnchor | None, clock: Clock) -> None:
        super().__init__(database, clock)
        self.rolled_back = False
        """Whether the file is older than its anchor; spending is refused then."""
        self.anchor_was_missing = False
        """Whether an anchor was expected and had to be made anew at opening, as after a change of keyring."""
        self.damage: list[str] = []
        """What did not add up at opening; spending is refused unless it is empty."""
        self.newer_elsewhere: dict[str, str] = {}
        """Federations, by id, that saw a ledger with charges which this one does not have; spending is refused until
        the newer one is back or they are left."""
        self._anchor = anchor
        self._anchor_lock = threading.Lock()
        self._anchored: Head | None = None

    @classmethod
    def open(
        cls, path: Path | str, anchor: HeadAnchor | None, *, clock: Clock = time.time, connector: Connect = connect
    ) -> Ledger:
        """Open or create the ledger and check it against its chain and its anchor.

        Args:
            path: ``ledger.db``; its folder must exist.
            anchor: where the head is kept outside; None only where nothing is ever spent, as in a test.
            clock: Unix time; nothing about privacy depends on it.
            connector: how to connect; fault tests give another one.

        Raises:
            StorageError: the file is damaged, of a newer version, or cannot be written.
            KeystoreError: the anchor does not answer.
        """
        # The anchor is read first: another process may commit and move it while this one looks at the ledger.
        raw = anchor.read() if anchor else None
        database = Database(Path(path), connector)
        try:
            prepare(database)
            ledger = cls(database, anchor, clock)
            with database.transaction():
                if ledger._head().seq == 0:
                    ledger._append("open", {"id": secrets.token_hex(16)})
            ledger.damage = problems(database, documents=False)
            ledger._meet_anchor(raw)
        except BaseException:
            database.close()
            raise
        return ledger

    def _meet_anchor(self, raw: bytes | None) -> None:
        if self._anchor is None:
            return
        if raw is None:
            self.anchor_was_missing = self._head().seq > 1
        else:
            try:
                known = Head.decode(raw)
            except ValueError:
                self.damage.append("the head kept in the keyring cannot be read")
                return
            found = self._db.row("SELECT hash FROM entries WHERE seq = ?", (known.seq,))
            self.rolled_back = found is None or found[0] != known.digest
            self._anchored = known
        self._move_anchor()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; harmless when closed."""
        self._db.close()

    def charge(self, release_id: int, lines: Iterable[Line]) -> int:
        """Charge a release, once, for all of its corpora; durable here and anchored outside when this returns.

        The same release and lines again give the same charge. Unit ``none`` charges no budget and ends the guarantee
        of the text. Nothing is ever refunded.

        Args:
            release_id: from ``begin_release``.
            lines: (corpus id, mechanism) for each corpus of the release.

        Returns:
            The charge's number.

        Raises:
            BudgetExhausted: a budget does not admit it; nothing was written.
            ReleaseMismatch: the release was charged for something else.
            LedgerRolledBack: the ledger went back in time.
            PrivacyError: the ledger does not add up, or a corpus has no budget or was not read.
            StorageError: the disk refused; nothing was written.
            KeystoreError: the charge stands, but its head could not be kept outside; call again.
        """
        self.refuse_if_blocked()
        charge_id = self._charge(release_id, sorted(lines, key=lambda line: line[0]))
        self._move_anchor()
        return charge_id

    def check(self, lines: Iterable[Line]) -> None:
        """Say why ``charge`` would not pass now, if so. Nothing is written.

        Raises:
            BudgetExhausted: a budget does not admit it.
            PrivacyError: something else forbids it, the ledger's own state first of all.
        """
        self.refuse_if_blocked()
        super().check(lines)

    @property
    def blocked(self) -> bool:
        """Whether nothing may be spent, whatever the budgets say."""
        return self.rolled_back or bool(self.damage) or bool(self.newer_elsewhere)

    def set_budget(self, corpus_id: str, unit: str, epsilon: float, delta: float) -> BudgetRow:
        """As of the book, and the head moves along outside, so that an older limit cannot be put back unnoticed."""
        row = super().set_budget(corpus_id, unit, epsilon, delta)
        self._follow()
        return row

    def bind_lineage(self, corpus_id: str, digests: Iterable[str]) -> int:
        """As of the book, and the head moves along outside, so that texts that were one stay one."""
        lineage = super().bind_lineage(corpus_id, digests)
        self._follow()
        return lineage

    def end_guarantee(self, corpus_id: str) -> None:
        """As of the book, and the head moves along outside, so that what ended stays so."""
        super().end_guarantee(corpus_id)
        self._follow()

    def leave_federation(self, federation_id: str) -> None:
        """As of the book; what that federation said of this ledger does not count any more."""
        super().leave_federation(federation_id)
        self.newer_elsewhere.pop(federation_id, None)

    def seal(self, release_id: int, sha256: str, size_bytes: int, dense_bytes: int, path: str) -> Release:
        """Note the finished bytes of a charged release; only these may ever be sent for it.

        Raises:
            PrivacyError: it was not charged.
            ReleaseMismatch: other bytes were sealed before.
            LedgerRolledBack: the ledger went back in time.
        """
        self.refuse_if_blocked()
        release = self._seal(release_id, sha256, size_bytes, dense_bytes, path)
        self._move_anchor()
        return release

    def export_json(self) -> Iterator[bytes]:
        """The whole ledger as one JSON document, in pieces; see ``export``."""
        return export.as_json(self._db, self)

    def export_report(self) -> str:
        """The whole ledger in words; see ``export``."""
        return export.as_report(self._db, self)

    def verify_chain(self) -> list[str]:
        """Check every entry and every table; one sentence for each thing that does not add up."""
        return problems(self._db)

    def head(self) -> Head:
        """The newest entry."""
        return self._head()

    def _follow(self) -> None:
        """Move the anchor where nothing leaves the machine: a keyring that does not answer is caught up with later."""
        with contextlib.suppress(KeystoreError):
            self._move_anchor()

    def _move_anchor(self) -> None:
        if self._anchor is None or self.rolled_back or self.damage:
            return
        with self._anchor_lock:
            head = self._head()
            if head != self._anchored:
                self._anchor.write(head.encode())
                self._anchored = head

    def refuse_if_blocked(self) -> None:
        """Say why nothing may be spent at all, if that is so.

        Raises:
            LedgerRolledBack: it went back in time.
            PrivacyError: it does not add up.
        """
        if self.rolled_back:
            raise LedgerRolledBack(
                "The privacy ledger is older than the one this machine had, so nothing more is spent.",
                "Put the newer ledger.db back. What was charged since then is unknown without it.",
            )
        if self.newer_elsewhere:
            name = next(iter(self.newer_elsewhere.values()))
            raise LedgerRolledBack(
                f"{name} has seen a newer privacy ledger of this machine, so nothing more is spent.",
                "Put the newer ledger.db back. If you never restored an older one, leave that federation.",
            )
        if self.damage:
            raise PrivacyError(
                f"The privacy ledger does not add up: {self.damage[0]}.",
                "Nothing more is spent. Put back a newer or undamaged ledger.db.",
            )
