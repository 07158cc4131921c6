"""Keyed digests of a corpus' documents, in a file beside its shards: for the ledger, and for readers of other corpora.

Millions of them do not fit a line of a pipe. ``digests`` is encrypted with the store key and holds 32 bytes a
document: first those that are packed here, then those that were dropped because another corpus has them. Both belong
to the lineage: who shares a document shares a budget, also where only one of the two trains with it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import vault
from core.api.errors import StorageError

NAME: Final = "digests"
SIZE: Final = 32
_CONTEXT: Final = b"document-digests"
_COUNT: Final = struct.Struct(">Q")


class Digests(NamedTuple):
    """What one corpus holds; each is a run of 32-byte digests."""

    packed: bytes
    dropped: bytes

    @classmethod
    def of(cls, packed: Sequence[bytes] | NDArray[Any], dropped: Sequence[bytes] | NDArray[Any]) -> Digests:
        """From digests in any order; sorted, so that the order of files is not told."""
        return cls(*(np.sort(np.asarray(part, dtype=f"S{SIZE}")).tobytes() for part in (packed, dropped)))


def store(folder: Path, key: bytes, digests: Digests) -> Path:
    """Make the file say this, if it does not yet.

    Raises:
        StorageError: the disk is full.
    """
    path = folder / NAME
    try:
        if path.exists() and load(path, key) == digests:
            return path
    except StorageError:
        pass  # written anew
    count = _COUNT.pack(len(digests.packed) // SIZE)
    vault.encrypt_file(path, key, (count, digests.packed, digests.dropped), _CONTEXT)
    return path


def load(path: Path | str, key: bytes) -> Digests:
    """Read the file of a corpus.

    Raises:
        StorageError: it is missing, damaged, or of another key.
    """
    with vault.open_encrypted(path, key, _CONTEXT) as file:
        cut = _cut(file, path)
        return Digests(file.read(_COUNT.size, cut), file.read(cut, file.size))


def batches(path: Path | str, key: bytes, size: int) -> Iterator[list[str]]:
    """All digests in the file of a corpus, in hexadecimal, a bounded number at a time; the file is never held whole.

    Raises:
        StorageError: it is missing, damaged, or of another key; perhaps only after some.
    """
    with vault.open_encrypted(path, key, _CONTEXT) as file:
        _cut(file, path)
        for start in range(_COUNT.size, file.size, size * SIZE):
            run = file.read(start, start + size * SIZE)
            yield [run[at : at + SIZE].hex() for at in range(0, len(run), SIZE)]


def _cut(file: vault.EncryptedFile, path: Path | str) -> int:
    """Where the digests of dropped documents begin."""
    cut = _COUNT.size + _COUNT.unpack(file.read(0, _COUNT.size))[0] * SIZE if file.size >= _COUNT.size else -1
    if not _COUNT.size <= cut <= file.size or (file.size - cut) % SIZE:
        raise StorageError(f"{path} is damaged or was written with another key.", "It is not used.")
    return cut


class Elsewhere:
    """Which documents other corpora hold already: sorted, 32 bytes each, whatever their number.

    Args:
        paths: their files; one that cannot be read is passed over, for a document must not be lost to a damaged list.
        key: the store key.
    """

    def __init__(self, paths: Sequence[str] = (), key: bytes = b"") -> None:
        parts = [np.frombuffer(packed, dtype=f"S{SIZE}") for packed in self._read(paths, key)]
        self._all: NDArray[Any] = np.sort(np.concatenate(parts)) if parts else np.zeros(0, dtype=f"S{SIZE}")

    @staticmethod
    def _read(paths: Sequence[str], key: bytes) -> Iterator[bytes]:
        for path in paths:
            try:
                yield load(path, key).packed
            except StorageError:
                continue

    def __contains__(self, digest: object) -> bool:
        return bool(len(self._all)) and isinstance(digest, bytes) and bool(self.hold(digest)[0])

    def hold(self, digests: bytes) -> NDArray[np.bool_]:
        """Whether they hold each of these, which are one behind the other."""
        asked = np.frombuffer(digests, dtype=f"S{SIZE}")
        if not len(self._all):
            return np.zeros(len(asked), dtype=np.bool_)
        at = np.minimum(np.searchsorted(self._all, asked), len(self._all) - 1)
        found: NDArray[np.bool_] = self._all[at] == asked
        return found
