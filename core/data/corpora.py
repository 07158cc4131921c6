"""Finding the files of a corpus: regular files only, never through a symbolic link, each refusal with its reason.

Folders are walked by descriptors with ``O_NOFOLLOW``, so nothing that is swapped during the walk leads outside. Hidden
files and generated folders are left out. The order is the sorted path, the same on every run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TEXT_SUFFIXES = frozenset({".txt", ".md", ".markdown", ".rst", ".text", ""})
"""Formats read today. A file without a suffix is looked at and taken if it is text."""
GENERATED = frozenset({"__pycache__", "node_modules", "build", "dist", "target", "venv", "site-packages"})
MAX_DEPTH = 64


class Found(NamedTuple):
    """One file, opened; the caller closes the descriptor."""

    path: str
    descriptor: int
    size: int


class Refused(NamedTuple):
    """One source set aside before it was opened."""

    path: str
    reason: str


def find_files(paths: tuple[str, ...], max_file_bytes: int) -> Iterator[Found | Refused]:
    """Every usable file under the given files and folders.

    Args:
        paths: what the owner pointed at; a path that is itself a link is refused by name.
        max_file_bytes: larger files are refused.
    """
    for path in paths:
        yield from _entry(path, None, Path(path).name, max_file_bytes, 0, chosen=True)


def _entry(
    path: str, parent: int | None, name: str, limit: int, depth: int, *, chosen: bool = False
) -> Iterator[Found | Refused]:
    target = path if parent is None else name
    try:
        # O_NONBLOCK: opening a FIFO without a writer would wait for ever.
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    except OSError as error:
        yield Refused(path, _why(path, error, parent, name))
        return
    handed_over = False
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            yield from _folder(path, descriptor, limit, depth)
        elif not stat.S_ISREG(status.st_mode):
            yield Refused(path, "is not a regular file")
        elif not chosen and Path(name).suffix.lower() not in TEXT_SUFFIXES:
            yield Refused(path, f"format {Path(name).suffix.lower()} is not read yet")
        elif status.st_size > limit:
            yield Refused(path, f"is larger than {limit >> 20} MiB")
        elif status.st_size == 0:
            yield Refused(path, "is empty")
        else:
            handed_over = True
            yield Found(path, descriptor, status.st_size)
    finally:
        if not handed_over:
            os.close(descriptor)


def _folder(path: str, descriptor: int, limit: int, depth: int) -> Iterator[Found | Refused]:
    if depth >= MAX_DEPTH:
        yield Refused(path, f"is nested deeper than {MAX_DEPTH} folders")
        return
    try:
        names = sorted(os.listdir(descriptor))
    except OSError as error:
        yield Refused(path, f"cannot be listed: {error.strerror}")
        return
    for name in names:
        if not name.startswith(".") and name not in GENERATED:
            yield from _entry(os.path.join(path, name), descriptor, name, limit, depth + 1)


def _why(path: str, error: OSError, parent: int | None, name: str) -> str:
    try:
        status = os.stat(path if parent is None else name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            return "is a symbolic link"
        if stat.S_ISSOCK(status.st_mode):
            return "is not a regular file"
    except OSError:
        return "is not there any more" if parent is not None else "is not there"
    return f"cannot be opened: {error.strerror}"
