"""Content-addressed files: ``DIR/blobs/<sha256>`` (served) and ``DIR/private/<sha256>`` (never served).

A blob is written to a temporary name, synced, renamed and the folder synced, so a name that exists is complete even
after a power cut. Reading checks the hash again: a damaged disk is named, never passed on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from core.api.errors import StorageError

_RESTORE = "Restore the folder from a backup."
HASH_PATTERN = re.compile(r"[0-9a-f]{64}")


class OpenFile:
    """A file of which any part can be read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = os.fstat(stream.fileno()).st_size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop``.

        Raises:
            StorageError: the disk cannot read them.
        """
        try:
            self._stream.seek(start)
            found = self._stream.read(stop - start)
        except OSError as error:
            raise StorageError(f"{self._stream.name} cannot be read: {error.strerror}.", _RESTORE) from error
        if len(found) != stop - start:
            raise StorageError(f"{self._stream.name} was cut while it was read.", _RESTORE)
        return found


class BlobStore:
    """One folder of content-addressed files, 0700, files 0600."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        """Where a blob lies, whether or not it exists.

        Raises:
            ValueError: not 64 lower-case hex digits.
        """
        if not HASH_PATTERN.fullmatch(sha256):
            raise ValueError("a blob is named by 64 lower-case hex digits")
        return self._root / sha256

    def has(self, sha256: str) -> bool:
        """Whether the blob exists."""
        return self.path(sha256).is_file()

    def put(self, data: bytes) -> str:
        """Store ``data`` durably and return its hash; storing it twice is harmless.

        Raises:
            StorageError: the disk refused.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.path(sha256)
        if target.is_file() and target.stat().st_size == len(data) and _file_sha256(target) == sha256:
            return sha256
        try:
            write_durably(target, data)
        except OSError as error:
            raise StorageError(
                f"The disk refused to store {target.name[:12]}…: {error.strerror}.", "Free some space."
            ) from error
        return sha256

    def put_parts(self, parts: Iterable[bytes | memoryview]) -> tuple[str, int]:
        """As ``put``, for content that is never whole in memory; returns hash and size in bytes.

        Raises:
            StorageError: the disk refused.
        """
        digest, size = hashlib.sha256(), 0
        try:
            descriptor, name = tempfile.mkstemp(prefix=".new-", dir=self._root)
        except OSError as error:
            raise StorageError(f"{self._root} cannot be written: {error.strerror}.", "Free some space.") from error
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                for part in parts:
                    digest.update(part)
                    size += len(part)
                    stream.write(part)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, self.path(digest.hexdigest()))
            sync_folder(self._root)
        except OSError as error:
            raise StorageError(
                f"The disk refused to store a file of {self._root}: {error.strerror}.", "Free some space."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        return digest.hexdigest(), size

    def adopt(self, path: Path) -> Path:
        """Have the file at ``path``, named by its hash and durable already, as a blob; it stays where it is as well.

        Raises:
            FileNotFoundError: it is not there any more.
            StorageError: the disk refused.
        """
        target = self.path(path.name)
        try:
            if target.is_file() and target.stat().st_size == path.stat().st_size:
                return target
            temporary = self._root / f".new-{path.name}"
            temporary.unlink(missing_ok=True)
            try:
                os.link(path, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(path, temporary)
                sync_file(temporary)
            os.replace(temporary, target)
            sync_folder(self._root)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StorageError(
                f"The disk refused to store {target.name[:12]}…: {error.strerror}.", "Free some space."
            ) from error
        return target

    @contextlib.contextmanager
    def opened(self, sha256: str) -> Iterator[OpenFile]:
        """A blob to be read piece by piece, checked against its name first.

        Raises:
            StorageError: missing or damaged.
        """
        try:
            stream = self.path(sha256).open("rb")
        except OSError as error:
            raise self._missing(sha256) from error
        with stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                raise self._damaged(sha256)
            yield OpenFile(stream)

    def read(self, sha256: str) -> bytes:
        """The bytes of a blob, checked against its name.

        Raises:
            StorageError: missing or damaged.
        """
        try:
            data = self.path(sha256).read_bytes()
        except OSError as error:
            raise self._missing(sha256) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise self._damaged(sha256)
        return data

    def check(self, sha256: str) -> None:
        """Check a blob against its name without holding it in memory.

        Raises:
            StorageError: missing or damaged.
        """
        try:
            found = _file_sha256(self.path(sha256))
        except OSError as error:
            raise self._missing(sha256) from error
        if found != sha256:
            raise self._damaged(sha256)

    def _missing(self, sha256: str) -> StorageError:
        return StorageError(f"The file {sha256[:12]}… is missing from {self._root}.", _RESTORE)

    def _damaged(self, sha256: str) -> StorageError:
        return StorageError(f"The file {sha256[:12]}… in {self._root} is damaged.", _RESTORE)

    def remove(self, sha256: str) -> None:
        """Forget a blob; a missing one is fine."""
        self.path(sha256).unlink(missing_ok=True)


def write_durably(path: Path, data: bytes) -> None:
    """Write a private file atomically: complete or not at all, also after a power cut."""
    descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
