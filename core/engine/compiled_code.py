"""Code compiled ahead, kept in ``compiled/`` of the engine's home: native code that trainers load.

Only what this engine's own compiler child left in the folder that was made for it is ever kept, under the hash of its
bytes; the plan holds that hash and the trainer loads nothing else. Who can write here can make a trainer run code, so
nobody but the owner may: folder and files that others could write to, or that are somebody else's, count as absent.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from core import vault
from core.api.errors import StorageError
from core.jobs import CodeRef

MOST: Final = 8
"""Packages kept; the least recently used go first."""
MAX_BYTES: Final = 64 << 20
LEFT: Final = "code"
"""Name under which the compiler leaves its package."""
_WORK: Final = "work-"


class CompiledCode:
    """The packages of one engine."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "compiled"

    @contextlib.contextmanager
    def workplace(self) -> Iterator[Path]:
        """An empty folder for one compiler, removed with all that it wrote; what others left behind goes as well.

        Raises:
            StorageError: the folder cannot be made, or is not the owner's alone.
        """
        try:
            self.folder.mkdir(exist_ok=True, mode=0o700)
            if not _own(self.folder, stat.S_ISDIR):
                raise StorageError(
                    f"Others could write to {self.folder}.", "Remove the folder, or its rights for others."
                )
            for left in self.folder.glob(f"{_WORK}*"):
                shutil.rmtree(left, ignore_errors=True)
            place = Path(tempfile.mkdtemp(prefix=_WORK, dir=self.folder))
        except OSError as error:
            raise vault.storage_error(self.folder, error) from error
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def take(self, place: Path) -> CodeRef:
        """Keep what a compiler left in its folder.

        Raises:
            StorageError: there is nothing, it is no plain file or too large, or it cannot be kept.
        """
        left = place / LEFT
        try:
            with os.fdopen(os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise StorageError(f"{left} is no plain file.", "It was not kept.")
                raw = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise vault.storage_error(left, error) from error
        if not 0 < len(raw) <= MAX_BYTES:
            raise StorageError(f"The compiler left {len(raw):,} bytes of code.", "It was not kept.")
        digest = hashlib.sha256(raw).hexdigest()
        path = self.folder / digest[:32]
        vault.write_atomic(path, raw)
        self._forget_old(path)
        return CodeRef(path=str(path), sha256=digest)

    def is_there(self, code: CodeRef) -> bool:
        """Whether a package may be offered to a trainer; it is then the most recently used."""
        path = Path(code.path)
        if path.parent != self.folder or not (_own(self.folder, stat.S_ISDIR) and _own(path, stat.S_ISREG)):
            return False
        with contextlib.suppress(OSError):
            os.utime(path)
        return True

    def _forget_old(self, newest: Path) -> None:
        with contextlib.suppress(OSError):
            found = sorted((p for p in self.folder.iterdir() if p.is_file()), key=lambda p: p.stat().st_mtime)
            for old in [path for path in found if path != newest][: max(0, len(found) - MOST)]:
                old.unlink(missing_ok=True)


def _own(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether it is of this kind, this user's, and nobody else's to write."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return kind(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
