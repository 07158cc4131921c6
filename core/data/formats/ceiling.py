"""How much may come out of a file that is packed: decompressors are read through ``Capped``."""

from __future__ import annotations

import io
from typing import BinaryIO, Final, Protocol

from core.data.corpora import Unusable

MAX_RATIO: Final = 200
"""Most output for a byte of input; text seldom packs better than 20 to 1."""
FREE_BYTES: Final = 16 << 20
"""Output that is allowed whatever the ratio."""
MAX_BYTES: Final = 256 << 30


class WholeFile(Unusable):
    """It costs the whole file, not only the member of it that noticed."""


class Ceiling:
    """The most that may come out of one file, whatever is packed in it how often.

    Args:
        packed_bytes: length of the file; 0 where it is not known.
    """

    def __init__(self, packed_bytes: int) -> None:
        self._most = min(FREE_BYTES + MAX_RATIO * packed_bytes, MAX_BYTES)
        self._out = 0

    def add(self, more: int) -> None:
        """Count bytes that came out.

        Raises:
            WholeFile: they are too many.
        """
        self._out += more
        if self._out > self._most:
            raise WholeFile(f"unpacks to more than {MAX_RATIO} times its size")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Capped:
    """What comes out of a decompressor, until it is too much."""

    def __init__(self, inner: _Readable, ceiling: Ceiling) -> None:
        self._inner = inner
        self._ceiling = ceiling

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes.

        Raises:
            WholeFile: it is a bomb.
        """
        part = self._inner.read(size)
        self._ceiling.add(len(part))
        return part


def size_of(stream: BinaryIO | io.BufferedReader) -> int:
    """Length of a stream that can seek, which is left at its start."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size
