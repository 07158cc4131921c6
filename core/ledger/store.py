"""The ledger: what was done, what was charged, and the promise that it never goes back.

Order of a release: ``begin_release`` → ``charge`` (durable before it returns) → work → ``seal`` → upload. After a
charge and after a seal, the head of the chain is written to the anchor outside, so that everything that may have left
this machine is known there too. At opening, an anchor that is behind is repaired; one that is ahead of the ledger, or
beside it, means that the file went back in time: nothing is spent any more, while everything can still be read.

Not promised: who restores a whole machine, keyring included, is not noticed; and the owner can always erase both.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.api.errors import LedgerRolledBack, PrivacyError
from core.ledger import export
from core.ledger.audit import problems
from core.ledger.book import Clock
from core.ledger.charges import ChargeBook, Line
from core.ledger.contribution import ContributionBook
from core.ledger.database import Connect, Database, connect
from core.ledger.entries import Head
from core.ledger.rows import HeadAnchor, Release
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
        self._refuse_if_blocked()
        charge_id = self._charge(release_id, sorted(lines, key=lambda line: line[0]))
        self._move_anchor()
        return charge_id

    def can_afford(self, lines: Iterable[Line]) -> bool:
        """Whether ``charge`` would pass now. Nothing is written."""
        return not self.rolled_back and not self.damage and super().can_afford(lines)

    def seal(self, release_id: int, sha256: str, size_bytes: int, dense_bytes: int, path: str) -> Release:
        """Note the finished bytes of a charged release; only these may ever be sent for it.

        Raises:
            PrivacyError: it was not charged.
            ReleaseMismatch: other bytes were sealed before.
            LedgerRolledBack: the ledger went back in time.
        """
        self._refuse_if_blocked()
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

    def _move_anchor(self) -> None:
        if self._anchor is None or self.rolled_back or self.damage:
            return
        with self._anchor_lock:
            head = self._head()
            if head != self._anchored:
                self._anchor.write(head.encode())
                self._anchored = head

    def _refuse_if_blocked(self) -> None:
        if self.rolled_back:
            raise LedgerRolledBack(
                "The privacy ledger is older than the one this machine had, so nothing more is spent.",
                "Put the newer ledger.db back. What was charged since then is unknown without it.",
            )
        if self.damage:
            raise PrivacyError(
                f"The privacy ledger does not add up: {self.damage[0]}.",
                "Nothing more is spent. Put back a newer or undamaged ledger.db.",
            )
