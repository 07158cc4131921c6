"""A keyed order of window indices without a table: a Feistel network with cycle walking, O(1) state."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

_ROUNDS: Final = 6
_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_HIGH, _HALF = np.uint64(29), np.uint64(32)


class Permutation:
    """A bijection of ``range(size)`` keyed by bytes."""

    def __init__(self, size: int, key: bytes) -> None:
        if size < 1:
            raise ValueError("a permutation needs at least one index")
        self.size = size
        half = max((size - 1).bit_length() + 1, 2) // 2
        self._half = np.uint64(half)
        self._mask = np.uint64((1 << half) - 1)
        digest = hashlib.shake_256(b"hedgerow-permutation" + key).digest(8 * _ROUNDS)
        self._keys = np.frombuffer(digest, dtype="<u8").astype(np.uint64)

    def __call__(self, index: int) -> int:
        """The place of ``index``."""
        return int(self.places(index, 1)[0])

    def places(self, start: int, count: int) -> NDArray[np.int64]:
        """The places of ``count`` indices from ``start`` on, all inside the range."""
        found = self._network(np.arange(start, start + count, dtype=np.uint64))
        # Walk each cycle until it falls inside the range: at most four times the range, so a few steps.
        while (outside := np.flatnonzero(found >= self.size)).size:
            found[outside] = self._network(found[outside])
        return found.astype(np.int64)

    def _network(self, values: NDArray[np.uint64]) -> NDArray[np.uint64]:
        left, right = values >> self._half, values & self._mask
        for key in self._keys:
            mixed = (right ^ key) * _FIRST  # unsigned arrays wrap around, as the network wants
            mixed ^= mixed >> _HIGH
            mixed *= _SECOND
            mixed ^= mixed >> _HALF
            left, right = right, left ^ (mixed & self._mask)
        return left << self._half | right
