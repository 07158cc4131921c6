"""The connection under ``coordinator.db``: transactions, the ServerApp's claim, named values and events."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.api.errors import CoordinatorError, StorageError
from core.coordinator.records.schema import MIGRATIONS, SCHEMA_VERSION, TABLES, Event

BUSY_TIMEOUT_S = 10.0


class Database:
    """SQLite in WAL mode with ``synchronous=FULL``; safe to use from several threads and processes."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open the database.

        Raises:
            StorageError: missing, damaged, or of another version.
        """
        self._path = path
        self._lock = threading.RLock()
        self._claim = ""
        if path.exists() is create:
            raise StorageError(f"{path} {'exists already' if create else 'is missing'}.", "Check the folder.")
        self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        with self._errors():
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
                self._db.execute(f"PRAGMA {pragma}").fetchall()
            if create:
                self._db.executescript(f"BEGIN; {TABLES} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
                path.chmod(0o600)
            version = self._migrated()
        if version != SCHEMA_VERSION:
            raise StorageError(
                f"{path} has version {version}, this Hedgerow reads {SCHEMA_VERSION}.", "Update Hedgerow."
            )

    def _migrated(self) -> int:
        """Bring an older database up to date in one transaction; returns its version."""
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version not in MIGRATIONS:
            return version
        self._db.execute("BEGIN IMMEDIATE")
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])  # another process may have been faster
        while version in MIGRATIONS:
            for statement in MIGRATIONS[version].split(";"):
                self._db.execute(statement)
            version += 1
            self._db.execute(f"PRAGMA user_version={version}")
        self._db.execute("COMMIT")
        return version

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    def check(self) -> None:
        """Look for damage.

        Raises:
            StorageError: the file is damaged.
        """
        found = [row[0] for row in self._read("PRAGMA quick_check(1)")]
        if found != ["ok"]:
            raise StorageError(f"{self._path} is damaged: {found[0][:200]}.", "Restore the folder from a backup.")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            hint = "Free some space." if "full" in str(error) else "Restore the folder from a backup."
            raise StorageError(f"{self._path} cannot be used: {error}.", hint) from error

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction, refused to a ServerApp whose claim was taken over."""
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if self._claim and self._meta("claim") != self._claim:
                    raise CoordinatorError("Another ServerApp has taken over this federation.")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _read(self, query: str, arguments: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock, self._errors():
            return self._db.execute(query, arguments).fetchall()

    def _meta(self, key: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return "" if row is None else str(row[0])

    def meta(self, key: str) -> str:
        """A named value, empty if never set."""
        with self._lock, self._errors():
            return self._meta(key)

    def set_meta(self, key: str, value: str) -> None:
        """Set a named value."""
        with self._write() as db:
            db.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
            )

    def take_claim(self) -> None:
        """Become the only ServerApp that may write; every earlier one is refused from now on."""
        claim = secrets.token_hex(16)
        self.set_meta("claim", claim)
        self._claim = claim

    def log_event(self, kind: str, body: dict[str, Any]) -> None:
        """Append an event."""
        with self._write() as db:
            self._log(db, kind, body)

    def _log(self, db: sqlite3.Connection, kind: str, body: dict[str, Any]) -> None:
        db.execute("INSERT INTO events (at, kind, body) VALUES (?, ?, ?)", (time.time(), kind, json.dumps(body)))

    def events_after(self, seq: int) -> list[Event]:
        """Events after ``seq``, in order."""
        rows = self._read("SELECT * FROM events WHERE seq > ? ORDER BY seq", (seq,))
        return [Event(row["seq"], row["at"], row["kind"], json.loads(row["body"])) for row in rows]

    def last_event(self) -> int:
        """Number of the newest event, 0 if there is none."""
        return int(self._read("SELECT coalesce(max(seq), 0) FROM events")[0][0])


def insert(db: sqlite3.Connection, table: str, record: Any) -> None:
    """Insert a record whose fields are the table's columns."""
    fields = vars(record)
    columns, marks = ", ".join(fields), ", ".join("?" for _ in fields)
    db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(fields.values()))  # noqa: S608
