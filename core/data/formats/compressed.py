"""gz and zst: one thing, packed. A packed tar counts as one archive, not as two.

A stream that is cut, or has rubbish after its end, gives what came before; only then it is said to be damaged.
"""

from __future__ import annotations

import dataclasses
import gzip
import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import zstandard

from core.data.corpora import Unusable
from core.data.formats.ceiling import Capped
from core.data.formats.intake import Intake, buffered
from core.data.formats.names import unpacked

_WINDOW_BYTES: Final = 128 << 20
"""Most memory that unpacking may take; ``zstd --long`` writes up to this."""


class _Unpacking(Protocol):
    def read1(self, size: int = -1, /) -> bytes: ...


class _UntilDamage:
    """Reads until the end or the first damage, which looks like the end and is kept for later.

    Args:
        inner: the decompressor.
        expected: how much must come at least.
    """

    def __init__(self, inner: _Unpacking, expected: int) -> None:
        self._inner = inner
        self._left = expected
        self.damaged = False

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes."""
        if self.damaged:
            return b""
        try:
            part = self._inner.read1(size)
        except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError):
            part = b""
            self.damaged = True
        self._left -= len(part)
        self.damaged = self.damaged or (not part and self._left > 0)
        return part


def read_gz(intake: Intake) -> Iterator[str]:
    """The documents of what is packed.

    Raises:
        Unusable: it is damaged or a bomb; what came before is good.
    """
    with gzip.GzipFile(fileobj=intake.stream, mode="rb") as stream:
        yield from _inner(intake, stream)


def read_zst(intake: Intake) -> Iterator[str]:
    """The documents of what is packed; see ``read_gz``."""
    opener = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    with opener.stream_reader(intake.stream, read_across_frames=True, closefd=False) as stream:
        yield from _inner(intake, stream, _declared(intake.head()))


def _declared(head: bytes) -> int:
    """How much the first frame says that it holds; one that is cut off ends without an error."""
    size = int(zstandard.get_frame_parameters(head).content_size)
    return 0 if size in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR) else size


def _inner(intake: Intake, unpacking: _Unpacking, expected: int = 0) -> Iterator[str]:
    until = _UntilDamage(unpacking, expected)
    stream = buffered(Capped(until, intake.ceiling), intake.watch)
    inner = dataclasses.replace(intake, name=unpacked(intake.name), stream=stream, levels=intake.levels - 1)
    head = inner.head()
    if not head and until.damaged:
        raise Unusable("cut or damaged")
    if head[257:262] == b"ustar":
        inner = dataclasses.replace(inner, levels=intake.levels)
    yield from intake.reader(inner)
    if until.damaged:
        raise Unusable("cut or damaged; what came before is used")
