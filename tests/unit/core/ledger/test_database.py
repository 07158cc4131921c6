"""Bad files and bad disks: a sentence, and the file as it was."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from support.ledger_kit import charge, prepared

from core.api.errors import StorageError
from core.ledger import database, schema
from core.ledger.database import Database
from core.ledger.store import Ledger


def test_a_file_that_is_no_database_is_named_and_left(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database, " * 200)
    with pytest.raises(StorageError, match=r"ledger\.db is damaged"):
        Ledger.open(path, None)
    assert path.read_bytes() == b"not a database, " * 200


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE cookies (name TEXT)")
    connection.close()
    with pytest.raises(StorageError, match="is not a privacy ledger"):
        Ledger.open(path, None)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("cookies",)]


def test_a_newer_ledger_is_refused_politely_and_left(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    prepared(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="written by a newer Hedgerow") as raised:
        Ledger.open(path, None)
    assert "Update Hedgerow" in raised.value.hint
    assert path.read_bytes() == before


def test_damaged_pages_are_noticed_at_opening_or_reading(tmp_path: Path) -> None:
    """Flip runs of bytes all over the file: a named error, or every figure as before; never another figure."""
    path = tmp_path / "ledger.db"
    with prepared(path) as ledger:
        for number in range(5):
            charge(ledger, number)
        expected = ledger.budgets()
    good, noticed, harmless = path.read_bytes(), 0, 0
    for position in range(20, len(good), len(good) // 120):
        run = bytes(byte ^ 0x5A for byte in good[position : position + 128])
        path.write_bytes(good[:position] + run + good[position + len(run) :])
        for leftover in tmp_path.glob("ledger.db-*"):
            leftover.unlink()
        try:
            with Ledger.open(path, None) as ledger:
                if ledger.damage or ledger.verify_chain():
                    noticed += 1
                else:
                    harmless += 1
                    assert ledger.budgets() == expected
        except (StorageError, ValueError):
            noticed += 1
    assert noticed > 10
    assert noticed + harmless >= 120


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened"):
        Ledger.open(tmp_path / "missing" / "ledger.db", None)


def test_a_network_drive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = f"proc /proc proc rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda self: mounts)
    with pytest.raises(StorageError, match=r"network drive \(nfs4\)"):
        Ledger.open(tmp_path / "ledger.db", None)


def test_a_ledger_in_use_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "ledger.db"
    ledger = prepared(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="in use by another program"):
        charge(ledger, 0)
    other.execute("ROLLBACK")
    assert charge(ledger, 0) == 1


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    db.run("CREATE TABLE t (a INTEGER NOT NULL) STRICT")

    def fail() -> None:
        with db.transaction():
            db.run("INSERT INTO t VALUES (1)")
            with db.transaction():
                db.run("INSERT INTO t VALUES (NULL)")

    with pytest.raises(ValueError, match="refused a row"):
        fail()
    assert db.rows("SELECT * FROM t") == []
    with db.transaction():
        db.run("INSERT INTO t VALUES (2)")
    assert db.row("SELECT * FROM t") == (2,)
    assert db.row("SELECT * FROM t WHERE a = 3") is None


def test_an_older_ledger_is_copied_and_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with prepared(path) as ledger:
        charge(ledger, 0)
        head = ledger.head()
    db = Database(path)
    schema.prepare(db, [*schema.MIGRATIONS, "CREATE TABLE later (a INTEGER) STRICT;\n"])
    assert db.rows("PRAGMA user_version") == [(len(schema.MIGRATIONS) + 1,)]
    assert db.rows("SELECT * FROM later") == []
    db.close()
    kept = tmp_path / f"ledger.db.version-{len(schema.MIGRATIONS)}"
    with Ledger.open(kept, None) as copy:
        assert copy.head() == head
        assert copy.verify_chain() == []
    assert os.stat(kept).st_mode & 0o077 == 0


def test_a_migration_that_fails_leaves_the_old_version(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    prepared(path).close()
    db = Database(path)
    with pytest.raises(StorageError):
        schema.prepare(db, [*schema.MIGRATIONS, "CREATE TABLE later (a INTEGER) STRICT;\nNONSENSE;\n"])
    assert db.rows("PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
    assert db.rows("SELECT 1 FROM sqlite_schema WHERE name = 'later'") == []
    db.close()
    assert Ledger.open(path, None).verify_chain() == []
