"""Whose fault it was that a reader died: a file's, which is then left out, or nobody's.

The reader notes what it has open (``core.data.at_work``). A signal that a process brings on itself, or the alarm that
ends a reader which no longer moves, is that file's fault at once. Silence, or a kill from outside such as the system's
when memory is short, may be chance; it is the file's fault only when it happens a second time over the same one.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

from core.data import at_work
from core.engine.children import ChildDied

MAX_EXCLUDED: Final = 100
MAX_DEATHS: Final = 2
"""Deaths that no file is to blame for."""
_OWN_FAULT: Final = frozenset(
    int(number)
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP)
)


class Blame:
    """What one reading has cost so far.

    Args:
        folder: where the reader keeps its note.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._deaths = 0
        self._suspect = ""
        self._excluded: dict[str, str] = {}

    @property
    def excluded(self) -> tuple[tuple[str, str], ...]:
        """Hashed names of files to leave out, each with the reason."""
        return tuple(self._excluded.items())

    def may_try_again(self, died: ChildDied) -> bool:
        """Find what is to blame; False where trying again would only repeat it."""
        name = at_work.blamed(self._folder)
        hung = died.signal == signal.SIGALRM
        if name and name not in self._excluded and (hung or died.signal in _OWN_FAULT or name == self._suspect):
            self._excluded[name] = at_work.HUNG if hung else at_work.FAILED
            self._suspect = ""
            return len(self._excluded) <= MAX_EXCLUDED
        self._suspect = name
        self._deaths += 1
        return self._deaths < MAX_DEATHS
