"""Finding the files of a corpus, and opening them without being led elsewhere.

Folders are walked by descriptor and every component is opened with ``O_NOFOLLOW``: whoever swaps a folder for a link
while the walk is on gets an error, not a file outside. Links, pipes, sockets and devices are never opened. The order
is that of the bytes of the names, so the same folder is always read in the same order.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.api.errors import CorpusError
from core.data.formats.names import looks_readable
from core.data.patterns import Wanted

MAX_DEPTH: Final = 64
MAX_FILES: Final = 1_000_000
_OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FOLDER: Final = _OPEN | getattr(os, "O_DIRECTORY", 0)

OnSkip = Callable[[str, str], None]
"""Called with a path and the reason why it is set aside."""


class Unusable(Exception):
    """One file is set aside; the reason is a few words without anything of its text."""


@dataclass(frozen=True)
class Found:
    """One file to read: the folder the owner chose, and the way from there."""

    root: str
    parts: tuple[str, ...]
    """Names below ``root``; empty where the owner chose the file itself."""
    size: int = 0
    """Bytes it had when it was found."""

    @property
    def path(self) -> str:
        """The whole path. A name that is no UTF-8 keeps its bytes; see ``shown``."""
        return os.path.join(self.root, *self.parts)


@dataclass(frozen=True)
class Stamp:
    """What a file system says about a file; equal stamps mean an unchanged file, unless it is very young."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp in an answer of ``stat``."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def find(paths: Sequence[str], skip: OnSkip, wanted: Wanted | None = None) -> list[Found]:
    """Every file under ``paths`` of a format that is read, each once however often it is named or linked.

    Args:
        paths: folders or files the owner chose; a link is followed here, and only here.
        skip: told of everything that is set aside.
        wanted: the owner's choice of what lies in a folder; without one, all but hidden and generated files.

    Raises:
        CorpusError: there are too many files.
    """
    found: list[Found] = []
    wanted = wanted or Wanted()
    seen: set[tuple[int, int]] = set()
    for path in paths:
        root = os.path.realpath(path)
        try:
            status = os.stat(root)
            descriptor = os.open(root, _FOLDER) if stat.S_ISDIR(status.st_mode) else -1
        except OSError as error:
            skip(path, reason_of(error))
            continue
        if descriptor >= 0:
            with _closing(descriptor):
                found.extend(_bounded(_walk(descriptor, Found(root, ()), seen, skip, wanted), len(found)))
        elif _usable(status, root, seen, skip):
            found.append(Found(root, (), status.st_size))
    return found


def _bounded(files: Iterator[Found], before: int) -> Iterator[Found]:
    for number, file in enumerate(files, before + 1):
        if number > MAX_FILES:
            raise CorpusError(
                f"There are more than {MAX_FILES:,} text files.", "Add parts of the folder as several corpora."
            )
        yield file


def _walk(descriptor: int, here: Found, seen: set[tuple[int, int]], skip: OnSkip, wanted: Wanted) -> Iterator[Found]:
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    try:
        names = sorted(os.listdir(descriptor), key=os.fsencode)
    except OSError as error:
        skip(here.path, reason_of(error))
        return
    for name in names:
        child = Found(here.root, (*here.parts, name))
        try:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except OSError as error:
            skip(child.path, reason_of(error))
            continue
        folder = stat.S_ISDIR(status.st_mode)
        if refused := wanted.refuses(child.parts, folder):
            skip(child.path, refused)
        elif folder:
            yield from _enter(descriptor, child, seen, skip, wanted)
        elif not stat.S_ISLNK(status.st_mode) and not looks_readable(name):
            skip(child.path, "not a format that is read")
        elif _usable(status, child.path, seen, skip):
            yield replace(child, size=status.st_size)


def _enter(descriptor: int, child: Found, seen: set[tuple[int, int]], skip: OnSkip, wanted: Wanted) -> Iterator[Found]:
    if len(child.parts) >= MAX_DEPTH:
        skip(child.path, f"more than {MAX_DEPTH} folders deep")
    else:
        try:
            inner = os.open(child.parts[-1], _FOLDER, dir_fd=descriptor)
        except OSError as error:
            skip(child.path, reason_of(error))
            return
        with _closing(inner):
            yield from _walk(inner, child, seen, skip, wanted)


def _usable(status: os.stat_result, path: str, seen: set[tuple[int, int]], skip: OnSkip) -> bool:
    """Whether this is a regular file that was not met before under another name."""
    if stat.S_ISLNK(status.st_mode):
        skip(path, "a link, which is not followed")
    elif not stat.S_ISREG(status.st_mode):
        skip(path, "not a regular file")
    elif (status.st_dev, status.st_ino) in seen:
        skip(path, "the same file as one before")
    else:
        seen.add((status.st_dev, status.st_ino))
        return True
    return False


def shown(path: str) -> str:
    """A path that can be written into a message, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace")


class Opener:
    """Opens found files one after the other; the folder of the last one stays open for the next."""

    def __init__(self) -> None:
        self._folder: tuple[str, tuple[str, ...]] | None = None
        self._descriptor = -1

    def open(self, file: Found) -> int:
        """A descriptor of a regular file, opened without following a link on the way.

        Raises:
            Unusable: it is gone, not readable, or not a regular file any more.
        """
        try:
            if file.parts:
                descriptor = os.open(file.parts[-1], _OPEN, dir_fd=self._enter(file.root, file.parts[:-1]))
            else:
                descriptor = os.open(file.root, _OPEN)
        except OSError as error:
            raise Unusable(reason_of(error)) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Unusable("not a regular file")
        return descriptor

    def _enter(self, root: str, parts: tuple[str, ...]) -> int:
        if self._folder == (root, parts):
            return self._descriptor
        self.close()
        descriptor = os.open(root, _FOLDER)
        for part in parts:
            outer = descriptor
            with _closing(outer):
                descriptor = os.open(part, _FOLDER, dir_fd=outer)
        self._folder, self._descriptor = (root, parts), descriptor
        return descriptor

    def close(self) -> None:
        """Let go of the last folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._folder, self._descriptor = None, -1


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)


def reason_of(error: OSError) -> str:
    """Why a file cannot be read, in a few words."""
    if error.errno in (errno.ENOENT, errno.ESTALE):
        return "not there any more"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "may not be read"
    if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
        return "a link, which is not followed"
    return f"could not be read ({error.strerror or type(error).__name__})"
