"""The folder of all runtimes: held by one at a time, and cleared of what nobody needs any more."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from core.api.errors import EngineError, StorageError
from core.api.runtime import current

# How often, and how long apart, a process without arguments is looked at before it counts as one that hides them.
_LOOKS: Final = 10
_LOOK_S: Final = 0.02


def remove(root: Path) -> bool:
    """Remove every runtime of this user; ``False`` if there was none.

    Raises:
        EngineError: one is in use, or is being installed.
    """
    if not root.exists():
        return False
    with alone(root):
        if any(_in_use(folder) for folder in _environments(root)):
            raise EngineError("The compute runtime is at work.", "Stop training and every coordinator first.")
        shutil.rmtree(root)
    return True


def discard_unused(root: Path) -> None:
    """Remove environments that are neither in use nor current, such as one whose installation was killed."""
    kept = current(root)
    for folder in _environments(root):
        if folder.resolve() != kept and not _in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)


def tree_bytes(folder: Path) -> int:
    """What the files below a folder hold; 0 where there is none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold the folder of all runtimes for oneself.

    Raises:
        EngineError: somebody else installs or removes.
        StorageError: the folder cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(root / "install.lock", timeout=0, mode=0o600)
        lock.acquire()
    except Timeout as error:
        raise EngineError("The compute runtime is being installed already.", "Wait until that is done.") from error
    except OSError as error:
        raise StorageError(f"The folder {root} cannot be written: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


def _environments(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and not path.is_symlink() and path.name != "downloads"]


def _in_use(folder: Path) -> bool:
    """Whether a process runs from an environment (Linux; elsewhere an open file refuses to be removed)."""
    start = os.fsencode(f"{folder}{os.sep}")
    unread = list(Path("/proc").glob("[0-9]*"))
    for look in range(_LOOKS):
        time.sleep(_LOOK_S if look else 0)
        silent, unread = unread, []
        for process in silent:
            with contextlib.suppress(OSError):
                said = (process / "cmdline").read_bytes()
                if start in said:
                    return True
                # One that is just being started has a program and no arguments yet; a thread of the kernel has neither.
                if not said and os.readlink(process / "exe"):
                    unread.append(process)
        if not unread:
            break
    return False
