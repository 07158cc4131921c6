"""Which file the reader is at, on disk, so that it is known after the reader's death.

A parser in native code can end the process or never return. Before a file, or a member of an archive, is opened, its
hashed name is written into ``at-work`` beside the shards: one small write, without waiting for the disk, because a
process that dies leaves what it wrote to the system. Whoever started the reader then starts it again without that file.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

NAME: Final = "at-work"
_LENGTH: Final = 32
_NOTHING: Final = " " * _LENGTH
_DIGITS: Final = frozenset("0123456789abcdef")

FAILED: Final = "made the reader fail"
HUNG: Final = "kept the reader busy for too long"
"""Reasons why a file is not opened again; the second one may be a matter of the day and is tried again next time."""


class AtWork:
    """The note, kept open while the reader works."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.done()

    def begin(self, name: str) -> None:
        """``name``, 32 hexadecimal digits, is about to be opened."""
        os.pwrite(self._descriptor, name.encode(), 0)

    def done(self) -> None:
        """Nothing is open."""
        os.pwrite(self._descriptor, _NOTHING.encode(), 0)

    def close(self) -> None:
        """The reader ends as it should."""
        os.close(self._descriptor)
        with contextlib.suppress(OSError):
            self._path.unlink()


def blamed(folder: Path) -> str:
    """The name of what a dead reader had open; empty if nothing."""
    try:
        name = (folder / NAME).read_bytes()[:_LENGTH].decode("ascii", "replace")
    except OSError:
        return ""
    return name if len(name) == _LENGTH and set(name) <= _DIGITS else ""
