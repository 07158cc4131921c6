"""Large updates on their way in: ``DIR/uploads/<key id>/<sha256>``, with ``.part`` as long as it is not whole.

The gateway writes, the conductor reads. A name without ``.part`` is complete, durable and of that hash. Every node has
a folder of its own, so that none can get at, or use up the room of, another's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from core.api.errors import StorageError
from core.coordinator.records.blobs import sync_file, sync_folder

PART: Final = ".part"


class Spool:
    """The folder of all nodes' uploads."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, key_id: str, sha256: str) -> Path:
        """Where a complete upload lies; callers have checked that both names are hashes."""
        return self._root / key_id / sha256

    def offset(self, key_id: str, sha256: str) -> int:
        """Bytes of an upload that are there."""
        path = self.path(key_id, sha256)
        for candidate in (path, path.with_name(sha256 + PART)):
            with suppress(FileNotFoundError):
                return candidate.stat().st_size
        return 0

    def find(self, key_id: str, sha256: str) -> Path | None:
        """A complete upload."""
        path = self.path(key_id, sha256)
        return path if path.is_file() else None

    def keep_newest(self, key_id: str, sha256: str, count: int) -> None:
        """Forget a node's other uploads, except the ``count`` that were written last."""
        others = {path.name.removesuffix(PART): _written(path) for path in self._files(key_id)}
        others.pop(sha256, None)
        for name in sorted(others, key=lambda one: -others[one])[count:]:
            self.remove(key_id, name)

    def write(self, key_id: str, sha256: str, start: int, data: bytes | bytearray) -> None:
        """Write at ``start``, where the upload ends.

        Raises:
            StorageError: the disk refused; what was there is still there.
        """
        part = self.path(key_id, sha256 + PART)
        try:
            for folder in (self._root, part.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.seek(start)
                stream.write(data)
        except OSError as error:
            raise StorageError(
                f"The coordinator's disk refused the update: {error.strerror}.", "It is tried again."
            ) from error

    def cut(self, key_id: str, sha256: str, length: int) -> None:
        """Forget everything of an unfinished upload beyond ``length``."""
        with suppress(FileNotFoundError):
            os.truncate(self.path(key_id, sha256 + PART), length)

    def finish(self, key_id: str, sha256: str) -> bool:
        """Make an upload whose bytes are all there complete; ``False``, and it is gone, if they are of another hash.

        Raises:
            StorageError: the disk refused.
        """
        path = self.path(key_id, sha256)
        part = path.with_name(sha256 + PART)
        try:
            with part.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != sha256:
                part.unlink()
                return False
            sync_file(part)
            os.replace(part, path)
            sync_folder(path.parent)
            sync_folder(self._root)
        except OSError as error:
            raise StorageError(
                f"The coordinator's disk refused the update: {error.strerror}.", "It is tried again."
            ) from error
        return True

    def remove(self, key_id: str, sha256: str) -> None:
        """Forget an upload, whole or not; a missing one is fine."""
        path = self.path(key_id, sha256)
        for gone in (path, path.with_name(sha256 + PART)):
            gone.unlink(missing_ok=True)

    def keep_only(self, key_ids: Collection[str]) -> None:
        """Forget the uploads of everybody else."""
        for folder in self._folders():
            if folder.name not in key_ids:
                shutil.rmtree(folder, ignore_errors=True)

    def arriving(self, since: float) -> frozenset[str]:
        """Key ids of the nodes whose uploads have grown after ``since`` (Unix seconds)."""
        return frozenset(
            folder.name
            for folder in self._folders()
            if any(_written(path) > since for path in self._files(folder.name))
        )

    def arrived(self, key_id: str, since: float) -> bool:
        """Whether a node's upload became whole after ``since`` (Unix seconds): its reply follows at once."""
        return any(path.suffix != PART and _written(path) > since for path in self._files(key_id))

    def size(self) -> int:
        """Bytes of everything that is there."""
        total = 0
        for folder in self._folders():
            for path in self._files(folder.name):
                with suppress(FileNotFoundError):
                    total += path.stat().st_size
        return total

    def _folders(self) -> list[Path]:
        return [path for path in self._root.iterdir() if path.is_dir()] if self._root.is_dir() else []

    def _files(self, key_id: str) -> list[Path]:
        folder = self._root / key_id
        try:
            return list(folder.iterdir())
        except FileNotFoundError:
            return []


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
