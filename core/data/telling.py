"""What the engine is told while a corpus is read: how far that is, and what is set aside. Never any text."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from core import jobs
from core.data.corpora import shown
from core.data.packing import Totals
from core.jobs import Job

PROGRESS_EVERY_S: Final = 0.25
SURE_AFTER_S: Final = 1.0
"""Before that, the pace says nothing about the time left."""
MAX_SKIPPED_MESSAGES: Final = 1_000
_MOST_REASONS: Final = 100


class Telling:
    """Keeps count of one reading.

    Args:
        send: takes messages for the engine.
    """

    def __init__(self, send: Callable[[Job], None]) -> None:
        self._send = send
        self.totals: Callable[[], Totals] = lambda: Totals(0, 0, 0, 0, 0, 0)
        """What is packed so far."""
        self.skipped = 0
        self.reasons: Counter[str] = Counter()
        """How often each of the first reasons was given."""
        self.files_done = 0
        self.files_total = 0
        self._bytes_done = 0
        self._bytes_total = 0
        self._size = 0
        self._told_at = 0.0
        self._began_at = time.monotonic()

    def begin(self, bytes_total: int) -> None:
        """The files are known; their bytes are read from now on."""
        self._bytes_total, self._began_at = bytes_total, time.monotonic()
        self.tell(now=True)

    def file(self, size: int) -> None:
        """A file of so many bytes is at work."""
        self._size = size

    def file_done(self) -> None:
        """It is read, or set aside."""
        self.files_done += 1
        self._bytes_done, self._size = self._bytes_done + self._size, 0
        self.tell()

    def skip(self, path: str, reason: str) -> None:
        """Something is set aside; all is counted, and the first are named."""
        self.skipped += 1
        if reason in self.reasons or len(self.reasons) < _MOST_REASONS:
            self.reasons[reason] += 1
        if self.skipped <= MAX_SKIPPED_MESSAGES:
            self._send(jobs.Skipped(path=shown(path), reason=reason))

    def tell(self, within: int = 0, now: bool = False) -> None:
        """Progress, a few times a second; ``within`` are bytes read of the file at work."""
        if now or time.monotonic() - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            totals = self.totals()
            done = self._bytes_done + min(within // 2, self._size)  # every byte is read twice, first for its hash
            spent = self._told_at - self._began_at
            sure = done and spent > SURE_AFTER_S
            self._send(
                jobs.ReadProgress(
                    files_done=self.files_done, files_total=self.files_total, text_bytes=totals.text_bytes,
                    tokens=totals.tokens, bytes_done=done, bytes_total=self._bytes_total,
                    eta_s=spent * (self._bytes_total / done - 1) if sure else None,
                )
            )  # fmt: skip
