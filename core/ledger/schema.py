"""Tables of ``ledger.db`` and how an older file becomes a current one.

``entries`` is the truth; the other tables of privacy are what it says, written in the same transaction, so that they
can be asked. Version numbers only grow, and a file of a newer version is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from core.api.errors import StorageError
from core.ledger.database import Database

APPLICATION_ID: Final = 0x48474C31
_VERSION_1: Final = """
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TABLE lineages (
    lineage_id INTEGER PRIMARY KEY, merged_into INTEGER REFERENCES lineages, ended_by_none INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE documents (
    digest BLOB PRIMARY KEY, lineage_id INTEGER NOT NULL REFERENCES lineages, seq INTEGER NOT NULL REFERENCES entries
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_by_lineage ON documents (lineage_id);
CREATE INDEX documents_by_entry ON documents (seq);
CREATE TABLE corpora (
    corpus_id TEXT PRIMARY KEY, name TEXT NOT NULL, paths BLOB NOT NULL, lineage_id INTEGER REFERENCES lineages,
    added_at REAL NOT NULL, removed_at REAL, facts BLOB NOT NULL
) STRICT;
CREATE TABLE budgets (
    lineage_id INTEGER NOT NULL REFERENCES lineages, unit TEXT NOT NULL, epsilon REAL NOT NULL, delta REAL NOT NULL,
    PRIMARY KEY (lineage_id, unit)
) STRICT;
CREATE TABLE federations (
    federation_id TEXT PRIMARY KEY, joined_at REAL NOT NULL, left_at REAL, high_water_round INTEGER NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE TABLE releases (
    release_id INTEGER PRIMARY KEY, federation_id TEXT NOT NULL REFERENCES federations, run_id TEXT NOT NULL,
    server_round INTEGER NOT NULL, attributes BLOB NOT NULL, state TEXT NOT NULL, begun_at REAL NOT NULL,
    sealed_at REAL, sent_at REAL, finished_at REAL, sha256 TEXT NOT NULL DEFAULT '',
    size_bytes INTEGER NOT NULL DEFAULT 0, dense_bytes INTEGER NOT NULL DEFAULT 0, path TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '', transport BLOB,
    UNIQUE (federation_id, run_id, server_round)
) STRICT;
CREATE TABLE charges (
    charge_id INTEGER PRIMARY KEY, release_id INTEGER NOT NULL UNIQUE REFERENCES releases,
    seq INTEGER NOT NULL UNIQUE REFERENCES entries, unit TEXT NOT NULL, lines BLOB NOT NULL, epsilon_after REAL,
    epsilon_cost REAL, delta REAL
) STRICT;
CREATE TABLE charge_lines (
    charge_id INTEGER NOT NULL REFERENCES charges, line INTEGER NOT NULL, corpus_id TEXT NOT NULL REFERENCES corpora,
    lineage_id INTEGER NOT NULL REFERENCES lineages, unit TEXT NOT NULL, spec BLOB NOT NULL,
    PRIMARY KEY (charge_id, line)
) STRICT;
CREATE INDEX charge_lines_by_lineage ON charge_lines (lineage_id);
CREATE TABLE contributions (
    contribution_id INTEGER PRIMARY KEY, release_id INTEGER NOT NULL REFERENCES releases, at REAL NOT NULL,
    tokens INTEGER NOT NULL, seconds REAL NOT NULL, energy_wh REAL NOT NULL, measured INTEGER NOT NULL
) STRICT;
CREATE INDEX contributions_by_release ON contributions (release_id);
"""
_VERSION_2: Final = """
ALTER TABLE corpora ADD COLUMN choice BLOB NOT NULL DEFAULT X'7B7D';
"""
"""What of a corpus is read and how much it weighs; texts of before keep what held then, an empty object."""
_VERSION_3: Final = """
ALTER TABLE federations ADD COLUMN weight REAL NOT NULL DEFAULT 1.0;
"""
"""The owner's weight of a federation beside others; those joined before keep the one that all had."""
MIGRATIONS: Final[tuple[str, ...]] = (_VERSION_1, _VERSION_2, _VERSION_3)
"""Step n leads from version n to n + 1; never edited once released."""


def prepare(database: Database, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Check what file this is and bring it to the current version, with a copy of the old one beside it.

    Raises:
        StorageError: it is no ledger, or one of a newer Hedgerow; it is left as it was.
    """
    path = database.path
    version, application = _number(database, "user_version"), _number(database, "application_id")
    empty = not database.rows("SELECT 1 FROM sqlite_schema LIMIT 1")
    if application != APPLICATION_ID and not (empty and version == 0):
        raise StorageError(f"{path} is not a privacy ledger.", "Move it away; Hedgerow does not touch it.")
    if version > len(migrations):
        raise StorageError(
            f"{path} was written by a newer Hedgerow (version {version}, this one knows {len(migrations)}).",
            "Update Hedgerow; the ledger was left as it is.",
        )
    if version == len(migrations):
        return
    if version:
        _copy(database, path.with_name(f"{path.name}.version-{version}"))
    with database.transaction():
        for number in range(_number(database, "user_version"), len(migrations)):
            for statement in migrations[number].split(";\n"):
                if statement.strip():
                    database.run(statement)
        database.run(f"PRAGMA application_id = {APPLICATION_ID}")
        database.run(f"PRAGMA user_version = {len(migrations)}")


def _number(database: Database, pragma: str) -> int:
    return int(database.rows(f"PRAGMA {pragma}")[0][0])


def _copy(database: Database, target: Path) -> None:
    """A consistent copy, made anew if an earlier attempt left one."""
    target.unlink(missing_ok=True)
    database.run("VACUUM INTO ?", (str(target),))
    target.chmod(0o600)
