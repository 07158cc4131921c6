"""The roll of a corpus' documents: each once, in the order in which they are first met, known by a number from then on.

Millions of records must fit where a few thousand files do, so what is known of one lies in columns: its digest, its
words and its language, and a table of numbers to find it by. That is about 50 bytes of memory for a document, and 37
where it is stored.
"""

from __future__ import annotations

from array import array
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

DIGEST_BYTES: Final = 32
NOBODY: Final = -1
_FEWEST_SLOTS: Final = 1 << 10
_UNKNOWN_LANGUAGE: Final = 0xFF
"""No language was looked for."""

Numbers = NDArray[np.uint32]


class Columns(NamedTuple):
    """What of a roll is stored; see ``Roll``."""

    digests: bytes
    words: bytes
    languages: bytes
    names: tuple[str, ...]


class Roll:
    """Documents by number, and numbers by digest.

    Args:
        digests: of documents known already, ``DIGEST_BYTES`` each and all different.
        words: of each, as little-endian 32-bit numbers.
        languages: of each, as a place among ``names``.
        names: languages, as ``core.data.language`` calls them.
    """

    def __init__(
        self, digests: bytes = b"", words: bytes = b"", languages: bytes = b"", names: tuple[str, ...] = ()
    ) -> None:
        self.digests = bytearray(digests)
        self.words = array("I", numbers(words).tobytes())
        self.languages = bytearray(languages)
        self.names = list(names)
        self._slots = array("i")
        """Open addressing; built when it is first asked, because a roll is often only carried on."""

    def __len__(self) -> int:
        return len(self.words)

    def digest(self, number: int) -> bytes:
        """Digest of a document."""
        return bytes(self.digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES])

    def find(self, digest: bytes) -> int:
        """Number of a document, or ``NOBODY``."""
        slot = self._slot(digest)
        return self._slots[slot]

    def enter(self, digest: bytes, words: int) -> int:
        """Number of a document, which is entered if it is new."""
        slot = self._slot(digest)
        if (number := self._slots[slot]) != NOBODY:
            return number
        number = self._slots[slot] = len(self.words)
        self.digests += digest
        self.words.append(min(words, 0xFFFFFFFF))
        self.languages.append(_UNKNOWN_LANGUAGE)
        if 3 * len(self.words) > 2 * len(self._slots):
            self._spread()
        return number

    def language(self, number: int) -> str | None:
        """Language of a document, ``None`` where it was not looked for yet."""
        place = self.languages[number]
        return None if place == _UNKNOWN_LANGUAGE else self.names[place]

    def set_language(self, number: int, name: str) -> None:
        """Note the language of a document."""
        if name not in self.names:
            self.names.append(name)
        self.languages[number] = self.names.index(name)

    def columns(self, these: Numbers) -> Columns:
        """What is known of these documents, in this order."""
        return Columns(
            np.frombuffer(self.digests, dtype=f"V{DIGEST_BYTES}")[these].tobytes(),
            numbers(self.words)[these].tobytes(),
            np.frombuffer(self.languages, dtype=np.uint8)[these].tobytes(),
            tuple(self.names),
        )

    def _slot(self, digest: bytes) -> int:
        """Where a digest's number is, or would be. Digests are keyed, so nobody can choose them to collide."""
        if not self._slots:
            self._spread()
        slots, digests, mask = self._slots, self.digests, len(self._slots) - 1
        slot = int.from_bytes(digest[:8], "little") & mask
        while (number := slots[slot]) != NOBODY:
            at = number * DIGEST_BYTES
            if digests[at : at + DIGEST_BYTES] == digest:
                break
            slot = (slot + 1) & mask
        return slot

    def _spread(self) -> None:
        """Lay the table out anew, at most a third full."""
        size = _FEWEST_SLOTS
        while size < 3 * len(self.words):
            size *= 2
        slots = self._slots = array("i", [NOBODY]) * size
        mask = size - 1
        first = (np.frombuffer(self.digests, dtype="<u8")[:: DIGEST_BYTES // 8] & np.uint64(mask)).astype(np.uint32)
        for number in range(len(first)):
            slot = int(first[number])
            while slots[slot] != NOBODY:
                slot = (slot + 1) & mask
            slots[slot] = number


def numbers(raw: bytes | bytearray | array[int]) -> Numbers:
    """Numbers as they are stored, little-endian and 32 bits each, as an array."""
    found: NDArray[Any] = np.frombuffer(raw, dtype="<u4")
    return found.astype(np.uint32, copy=False)


def first_of_each(these: Numbers) -> NDArray[np.bool_]:
    """Which of ``these`` come for the first time. (``np.unique`` imports more of numpy, too late for a sandbox.)"""
    order = np.argsort(these, kind="stable")
    new = np.ones(len(these), dtype=np.bool_)
    new[1:] = these[order[1:]] != these[order[:-1]]
    first = np.zeros(len(these), dtype=np.bool_)
    first[order[new]] = True
    return first
