"""Limits on the reading of one file: time, memory, signs of progress, and a note of what is at work.

Time is checked at every pulse. What does not pulse, because native code loops, is ended by an alarm of the kernel that
ends the process; it needs no Python and no lock, and the note says which file it was.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from typing import Final

from core.data import generation
from core.data.at_work import AtWork
from core.data.corpora import Found, Unusable
from core.data.formats.intake import TookTooLong, Watch

RESERVE_BYTES: Final = 64 << 20
"""Enough to write a shard."""
FILE_S, FILE_S_PER_MIB = 25.0, 10.0
"""Most time for one file, and for each MiB that is read or unpacked of it."""
HANG_S: Final = 20.0
"""Longest time without a pulse."""
MAX_ASIDE: Final = 50
_LOOK_EVERY_S: Final = 0.002


class FileWatch(Watch):
    """Watches one file of the owner's.

    Args:
        file: which.
        note: where it is written down; none while files are only hashed.
        excluded: hashed names of what is not opened again, with the reason.
        tell: shows progress, given the bytes read so far; may raise to stop.
        alarm: sets the time after which the process ends; 0 disarms.
    """

    def __init__(
        self,
        file: Found,
        note: AtWork | None,
        excluded: Mapping[str, str],
        tell: Callable[[int], None],
        alarm: Callable[[float], None],
    ) -> None:
        self._path = file.path
        self._note = note
        self._excluded = excluded
        self._tell = tell
        self._alarm = alarm
        self._began = self._looked = time.monotonic()
        self._bytes = 0
        self.parts: list[tuple[str, str]] = []
        self.parts_total = 0
        self.has_members = False
        """Whether it is an archive, of which the owner may have chosen parts."""

    def __enter__(self) -> FileWatch:
        self._alarm(HANG_S)
        if self._note is not None:
            self._note.begin(generation.path_hash(self._path))
        return self

    def __exit__(self, *_: object) -> None:
        self._alarm(0)
        if self._note is not None:
            self._note.done()

    @property
    def excluded(self) -> str:
        """Why this file is not opened again; empty if it may be."""
        return self._excluded.get(generation.path_hash(self._path), "")

    def pulse(self, more: int = 0) -> None:
        """See ``Watch``."""
        self._bytes += more
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        self._alarm(HANG_S)
        self._tell(self._bytes)
        check_memory()
        if now - self._began > FILE_S + FILE_S_PER_MIB * self._bytes / (1 << 20):
            raise TookTooLong("took too long to read")

    def enter(self, member: str) -> None:
        """See ``Watch``."""
        self.has_members = True
        name = generation.path_hash(f"{self._path}\0{member}")
        if reason := self._excluded.get(name):
            raise Unusable(reason)
        if self._note is not None:
            self._note.begin(name)

    def aside(self, member: str, reason: str) -> None:
        """See ``Watch``."""
        self.has_members = self.has_members or bool(member)
        self.parts_total += 1
        if len(self.parts) < MAX_ASIDE:
            self.parts.append((member, reason))


def check_memory() -> None:
    """Stop while there is room left: native code that runs out of memory ends the process, not the file.

    Raises:
        MemoryError: less than ``RESERVE_BYTES`` are left below the limit of the address space.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    with open("/proc/self/statm", "rb") as stream:
        used = int(stream.read().split()[0]) * resource.getpagesize()
    if limit - used < RESERVE_BYTES:
        raise MemoryError
