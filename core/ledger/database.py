"""One SQLite connection, one lock: WAL, every commit synced, one transaction or none, and sentences instead of codes.

``synchronous=FULL`` is what makes a commit survive a power cut; a test cuts the power and fails with anything less.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from core.api.errors import StorageError

BUSY_TIMEOUT_S: Final = 5.0
PRAGMAS: Final = ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON", "trusted_schema = OFF")
_CUT_SHORT: Final = (sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)
_NETWORK_FILE_SYSTEMS: Final = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs", "fuse.sshfs",
}  # fmt: skip


class Cursor(Protocol):
    """What an executed statement gives back."""

    def fetchall(self) -> list[Any]:
        """All rows."""


class Connection(Protocol):
    """The part of a DB-API connection that the ledger uses; autocommit, usable from any thread."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """Run one statement."""

    def close(self) -> None:
        """Close."""


Connect = Callable[[Path], Connection]


def connect(path: Path) -> Connection:
    """The connection used outside of fault tests: the standard library's."""
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)


class Database:
    """Statements and transactions on one file. Every failure of SQLite becomes a ``StorageError``."""

    def __init__(self, path: Path, connector: Connect = connect) -> None:
        """Open or create the file with owner-only permissions.

        Raises:
            StorageError: the folder cannot be written, the drive is a network drive, or the file is damaged.
        """
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        _refuse_network_drive(path)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StorageError(
                f"The privacy ledger {path} cannot be opened: {error.strerror}.", "Check the folder's permissions."
            ) from error
        try:
            self._connection = connector(path)
        except sqlite3.Error as error:
            raise _converted(path, error) from error
        try:
            self._configure()
        except BaseException:
            self.close()
            raise

    def _configure(self) -> None:
        self.rows(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1_000)}")
        check = self.rows("PRAGMA quick_check(1)")
        if check != [("ok",)]:
            raise _damaged(self.path)
        if self.rows("PRAGMA journal_mode = WAL") != [("wal",)]:
            raise StorageError(f"The drive of {self.path} cannot keep a safe ledger (no WAL).", "Use a local drive.")
        for pragma in PRAGMAS:
            self.rows(f"PRAGMA {pragma}")

    def close(self) -> None:
        """Close the connection; harmless when closed."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return all of its rows."""
        with self._lock:
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise _converted(self.path, error) from error

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement for its effect."""
        self.rows(sql, parameters)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it returns. An inner transaction joins the outer one.

        Raises:
            StorageError: the disk is full or refuses; nothing of it was written.
        """
        with self._lock:
            if self._depth:
                yield
                return
            self._depth = 1
            try:
                self.run("BEGIN IMMEDIATE")
                yield
                self.run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    with contextlib.suppress(StorageError):
                        self.run("ROLLBACK")
                raise
            finally:
                self._depth = 0

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads that see one state, whatever other processes write meanwhile; inside a transaction it is that one's.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            if self._depth:
                yield
                return
            self._depth = 1
            try:
                self.run("BEGIN")
                yield
            finally:
                if self._connection.in_transaction:
                    with contextlib.suppress(StorageError):
                        self.run("ROLLBACK")
                self._depth = 0


def _converted(path: Path, error: sqlite3.Error) -> Exception:
    if isinstance(error, sqlite3.IntegrityError):
        return ValueError(f"the ledger refused a row: {error}")
    if isinstance(error, sqlite3.ProgrammingError):
        return StorageError(f"The privacy ledger {path} is closed.", "Restart the engine.")
    return _sentence(path, error)


def _sentence(path: Path, error: sqlite3.Error) -> StorageError:
    full_code = getattr(error, "sqlite_errorcode", 0)
    code = full_code & 0xFF
    if code == sqlite3.SQLITE_FULL or full_code == sqlite3.SQLITE_IOERR_SHMSIZE:  # no room for the index of the WAL
        return StorageError(f"The disk is full: {path} could not be written.", "Free some space; nothing was lost.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or full_code in _CUT_SHORT:
        return _damaged(path)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageError(f"{path} is in use by another program.", "Stop the other engine, then try again.")
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    return StorageError(f"The disk refused {path} ({name}).", "Check free space, permissions and the disk.")


def _damaged(path: Path) -> StorageError:
    return StorageError(
        f"The privacy ledger {path} is damaged, so nothing can be spent.",
        "Put back the newest copy you have; a copy that is too old is noticed.",
    )


def _refuse_network_drive(path: Path) -> None:
    """WAL needs shared memory and honest locks; network drives have neither."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return
    folder = path.parent.resolve()
    best, kind = -1, ""
    for line in mounts:
        parts = line.split()
        if len(parts) < 3:
            continue
        point = Path(parts[1].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), parts[2]
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StorageError(
            f"{folder} is on a network drive ({kind}), where a ledger is not safe.", "Use a local drive."
        )
