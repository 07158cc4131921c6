"""What rounds leave on the disk, and when it goes."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.ledger.rows import Release
from core.ledger.store import Ledger

SEALED_NAME = "update.sealed"


def state_folder(home: Path, federation_id: str) -> Path:
    """Where the trainer keeps what carries over between a federation's rounds."""
    return home / "rounds" / "state" / federation_id


def forget_state(home: Path, ledger: Ledger) -> None:
    """Remove what carries over between rounds wherever it belongs to text that was removed, or to a federation left.

    Called when a text is removed, when a round ends, since a trainer may have written after that, and at start.
    """
    corpora = {row.corpus_id for row in ledger.corpora()}
    for row in ledger.federations():
        if row.left_at is not None or not set(row.plans) <= corpora:
            folder = state_folder(home, row.federation_id)
            for path in folder.iterdir() if folder.is_dir() else ():  # a trainer may be at work in the folder itself
                if path.is_dir():  # of a node that trained apart
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def forget(home: Path, release: Release) -> None:
    """Remove what a finished round leaves behind, its sealed update excepted."""
    folder = home / "rounds" / str(release.release_id)
    if not folder.exists():
        return
    for path in folder.iterdir():
        if path.is_dir():  # of a node that trained apart
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != SEALED_NAME or release.state == "abandoned":
            path.unlink(missing_ok=True)


def drop_old(home: Path, ledger: Ledger, limit_bytes: float) -> None:
    """Keep sealed updates up to the owner's disk limit; older ones are reduced to hash and summary."""
    used = 0
    for release in ledger.uploads(100_000):
        if not release.path:
            continue
        used += release.size_bytes
        if used > limit_bytes and release.finished_at is not None:
            shutil.rmtree(home / "rounds" / str(release.release_id), ignore_errors=True)
            ledger.drop_sealed_bytes(release.release_id)
