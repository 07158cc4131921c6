"""What a corpus is made of, in counts alone: languages, sizes and formats."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from typing import Final

from core.data.corpora import Found
from core.jobs import Share

SIZE_LIMITS: Final = (1_000, 10_000, 100_000, 1_000_000)
"""Bytes of text; a document counts below the first limit that is above it, or above all."""
MOST_SHARES: Final = 12
OTHER: Final = "other"
NO_SUFFIX: Final = "none"
_LONGEST_SUFFIX: Final = 8


class Tally:
    """Counts documents one by one."""

    def __init__(self) -> None:
        self._documents: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self.sizes = [0] * (len(SIZE_LIMITS) + 1)

    def add(self, language: str, text_bytes: int) -> None:
        """One document."""
        self._documents[language] += 1
        self._bytes[language] += text_bytes
        self.sizes[sum(text_bytes >= limit for limit in SIZE_LIMITS)] += 1

    def languages(self) -> tuple[Share, ...]:
        """By language, the largest first; an empty name is the unknown."""
        return shares((name, count, self._bytes[name]) for name, count in self._documents.items())


def formats(files: Iterable[Found]) -> tuple[Share, ...]:
    """Files and their sizes by the ends of their names, the largest first."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in files:
        suffix = os.path.splitext(file.parts[-1] if file.parts else file.root)[1][1:].lower()
        if not suffix:
            suffix = NO_SUFFIX
        elif not suffix.isascii() or not suffix.isalnum() or len(suffix) > _LONGEST_SUFFIX:
            suffix = OTHER  # a part of a name, perhaps, which is nobody's business
        counts[suffix] += 1
        sizes[suffix] += file.size
    return shares((name, count, sizes[name]) for name, count in counts.items())


def shares(rows: Iterable[tuple[str, int, int]]) -> tuple[Share, ...]:
    """(name, count, bytes) as shares, the largest first, and the smallest together where there are many."""
    found = [Share(name=name, count=count, bytes=size) for name, count, size in rows]
    found.sort(key=lambda share: (share.name == OTHER, -share.bytes, share.name))
    if len(found) > MOST_SHARES:
        rest = found[MOST_SHARES - 1 :]
        other = Share(name=OTHER, count=sum(s.count for s in rest), bytes=sum(s.bytes for s in rest))
        found = [*found[: MOST_SHARES - 1], other]
    return tuple(found)
