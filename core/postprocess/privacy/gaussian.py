"""Gaussian noise from a cryptographic generator: AES-256-CTR keyed by the operating system, Box–Muller in float64.

The stream is a pure function of (key, position), so an interval of DP-SGD can be replayed exactly after a crash, and
nobody who does not hold the key can tell it from random. A key is used for one interval or one release, then dropped.

Guarantees: values are finite; the largest magnitude is √(2·53·ln 2) ≈ 8.57 standard deviations, because uniforms are
taken from (0, 1] with 53 bits. Two streams under different keys are independent.
"""

from __future__ import annotations

import os

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

KEY_BYTES = 32
_BLOCK = 16
_CHUNK = 1 << 18
_UNIT = 1.0 / (1 << 53)


def fresh_key() -> bytes:
    """32 bytes from the operating system."""
    return os.urandom(KEY_BYTES)


class CsprngNormal:
    """A keyed stream of uniforms and normals with a position that can be stored and restored.

    Args:
        key: 32 bytes, secret.
        position: 64-bit words already used; 0 for a new stream.
    """

    def __init__(self, key: bytes, position: int = 0) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a noise key has {KEY_BYTES} bytes, not {len(key)}")
        if position < 0:
            raise ValueError("a position is not negative")
        self._key = key
        self._words = position

    def __repr__(self) -> str:
        return f"CsprngNormal(position={self._words})"

    @property
    def position(self) -> int:
        """64-bit words used so far."""
        return self._words

    def _take(self, count: int) -> NDArray[np.uint64]:
        first, odd = divmod(self._words, 2)
        blocks = (odd + count + 1) // 2
        cipher = Cipher(algorithms.AES(self._key), modes.CTR(first.to_bytes(_BLOCK, "big")))
        raw = cipher.encryptor().update(bytes(blocks * _BLOCK))
        self._words += count
        return np.frombuffer(raw, dtype="<u8")[odd : odd + count]

    def uniform(self, count: int) -> NDArray[np.float64]:
        """``count`` float64 values in [0, 1) with 53 bits each."""
        return (self._take(count) >> np.uint64(11)).astype(np.float64) * _UNIT

    def normal(self, count: int) -> NDArray[np.float64]:
        """``count`` standard normals in float64; an even number of words is used."""
        out = np.empty(count + count % 2, dtype=np.float64)
        for start in range(0, out.size, _CHUNK):
            pairs = min(_CHUNK, out.size - start) // 2
            words = self._take(2 * pairs) >> np.uint64(11)
            radius = np.sqrt(-2.0 * np.log((words[:pairs].astype(np.float64) + 1.0) * _UNIT))
            angle = words[pairs:].astype(np.float64) * (2.0 * np.pi * _UNIT)
            np.multiply(radius, np.cos(angle), out=out[start : start + pairs])
            np.multiply(radius, np.sin(angle), out=out[start + pairs : start + 2 * pairs])
        return out[:count]
