"""An open file of the owner's: what it is known by, and its bytes; only small files are held in memory."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from typing import BinaryIO, Final, cast

from core.data.corpora import Found, Opener, Stamp, Unusable, reason_of
from core.data.formats.intake import Watch

HELD_BYTES: Final = 8 << 20
SETTLED_S = 2.0
"""A file younger than this may change once more without its stamp showing it."""
_CHUNK_BYTES: Final = 1 << 20
_SPARSE_RATIO: Final = 64
"""A file whose blocks on the disk are so much less than its length is mostly holes."""


class _Reads(io.RawIOBase):
    """A descriptor as a stream; what goes wrong on the disk costs the file."""

    def __init__(self, descriptor: int) -> None:
        self._file = io.FileIO(descriptor, closefd=False)

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise Unusable(reason_of(error)) from error

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class Content:
    """One open file.

    Args:
        descriptor: of a regular file.
        most: bytes that it may have.

    Raises:
        Unusable: it is larger, or mostly holes.
    """

    def __init__(self, descriptor: int, most: int) -> None:
        status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._most = most
        self._held: bytes | None = None
        self.size = status.st_size
        self.stamp = _settled(status)
        if self.size > most:
            raise self._too_large()
        if self.size > HELD_BYTES and status.st_blocks * 512 * _SPARSE_RATIO < self.size:
            raise Unusable("mostly holes, a sparse file")

    def digest(self, watch: Watch) -> bytes:
        """SHA-256 of the bytes; a small file is in memory afterwards.

        Raises:
            Unusable: it cannot be read, or grew beyond its limit.
        """
        stream, digest, done = self._stream(), hashlib.sha256(), 0
        parts: list[bytes] = []
        while part := stream.read(_CHUNK_BYTES):
            watch.pulse(len(part))
            digest.update(part)
            done += len(part)
            if done > self._most:
                raise self._too_large()
            if done <= HELD_BYTES:
                parts.append(part)
        self._held = b"".join(parts) if done <= HELD_BYTES else None
        return digest.digest()

    def source(self) -> bytes | BinaryIO:
        """The bytes where they are in memory, else a stream at its start."""
        return self._stream() if self._held is None else self._held

    def settled_stamp(self) -> bytes:
        """The stamp it had when it was opened, if it still has it and any change would show in it; else nothing."""
        return self.stamp if self.stamp == _settled(os.fstat(self._descriptor)) else b""

    def _too_large(self) -> Unusable:
        return Unusable(f"larger than {self._most / (1 << 20):,.6g} MiB")

    def _stream(self) -> BinaryIO:
        stream = _Reads(self._descriptor)
        stream.seek(0)
        return cast(BinaryIO, stream)


@contextmanager
def opened(opener: Opener, file: Found, most: int) -> Iterator[Content]:
    """Open a file of the corpus.

    Raises:
        Unusable: it is gone, larger than ``most`` bytes, mostly holes, or cannot be read.
    """
    descriptor = opener.open(file)
    try:
        yield Content(descriptor, most)
    finally:
        os.close(descriptor)


def _settled(status: os.stat_result) -> bytes:
    stamp = Stamp.of(status)
    young = time.time_ns() - max(stamp.mtime_ns, stamp.ctime_ns) < SETTLED_S * 1e9
    return b"" if young else " ".join(map(str, astuple(stamp))).encode()
