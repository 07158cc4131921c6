"""What every part of the ledger shares: the database, the clock, and adding an entry to the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.ledger.database import Database
from core.ledger.entries import GENESIS, Head, encode_body, entry_hash

Clock = Callable[[], float]


class Book:
    """Base of the parts. ``Ledger`` inherits from all of them, so they share one database and one lock."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def _head(self) -> Head:
        """The newest entry; read inside the transaction that appends, because another process may have appended."""
        found = self._db.row("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1")
        return Head(found[0], found[1]) if found else Head(0, GENESIS)

    def _append(self, kind: str, content: dict[str, Any]) -> int:
        """Add an entry inside the open transaction and return its number."""
        head = self._head()
        body = encode_body({**content, "at": self._clock()})
        seq = head.seq + 1
        self._db.run(
            "INSERT INTO entries (seq, kind, body, hash) VALUES (?, ?, ?, ?)",
            (seq, kind, body, entry_hash(seq, head.digest, kind, body)),
        )
        return seq

    def _next_id(self, table: str, column: str) -> int:
        """A number never used before in a table whose rows are never deleted."""
        return int(self._db.rows(f"SELECT COALESCE(MAX({column}), 0) + 1 FROM {table}")[0][0])  # noqa: S608
