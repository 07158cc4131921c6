"""One engine per folder: a file lock that dies with its process, and the pid for the sentence."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock, Timeout

from core.api.errors import EngineError, StorageError


def prepare_home(home: Path) -> None:
    """Create the engine's folders, readable by their owner only.

    Raises:
        StorageError: the folder cannot be created or written.
    """
    try:
        for folder in (home, *(home / name for name in ("store", "rounds", "blobs", "logs", "run"))):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.name == "posix" and folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"The folder {home} cannot be used: {error.strerror}.", "Choose another with --home or HEDGEROW_HOME."
        ) from error


class EngineLock:
    """Held as long as the engine lives; the kernel lets go of it when the process dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path, timeout=0, mode=0o600)
        self._pid_file = path.with_suffix(".pid")

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            EngineError: another engine has it.
        """
        try:
            self._lock.acquire()
        except Timeout as error:
            raise EngineError(
                f"Another engine is already running on {self._pid_file.parent}{self._holder()}.",
                "Use that one, or quit it first.",
            ) from error
        self._pid_file.write_text(str(os.getpid()))

    def _holder(self) -> str:
        try:
            return f" (process {int(self._pid_file.read_text())})"
        except (OSError, ValueError):
            return ""

    def release(self) -> None:
        """Let go."""
        self._pid_file.unlink(missing_ok=True)
        self._lock.release()
