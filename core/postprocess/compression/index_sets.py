"""Which k of n positions were kept, in a number of bits that depends on n and k alone.

| code | bits for a set | 64 of 4,096 |
|---|---|---|
| ``combinadic`` | ⌈log₂ C(n, k)⌉, the least that any code of fixed length can have | 472 |
| ``elias-fano`` | k·l + k + ⌊(n−1)/2ˡ⌋ with l = ⌊log₂(n/k)⌋ | 511 |
| ``packed`` | k·⌈log₂ n⌉ | 768 |

*Combinadic* (Lehmer 1964): the set c₁ < … < c_k has the rank Σ C(cᵢ, i), and every rank below C(n, k) is one set.
Ranks have hundreds of bits: they are rows of 32-bit limbs, and all sets of a run are ranked together. *Elias–Fano*
(Elias 1974): l low bits of every position as they are, the high parts as gaps in unary. Every set has one writing;
the decoders refuse all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.api.errors import UpdateError
from core.postprocess.compression.base import Bits

Sets = NDArray[np.int64]
"""[S, k] positions, each row ascending."""
Limbs = NDArray[np.uint64]
"""[…, limbs] numbers of 32 bits each, the lowest first."""
_LIMB: Final = 32
_MASK: Final = np.uint64(0xFFFFFFFF)
_SHIFT: Final = np.uint64(_LIMB)


class IndexCode(NamedTuple):
    """One way to write sets of k of n positions."""

    wire_id: int
    bits: Callable[[int, int], int]
    """(n, k) → bits of one set."""
    write: Callable[[Sets, int], Bits]
    """(sets [S, k], n) → [S, bits]."""
    read: Callable[[Bits, int, int], Sets]
    """([S, bits], n, k) → sets [S, k]; raises ``UpdateError`` where that is no set's writing."""


@lru_cache(maxsize=64)
def combinadic_bits(n: int, k: int) -> int:
    """Bits of the highest rank."""
    return (math.comb(n, k) - 1).bit_length()


@lru_cache(maxsize=2)
def _table(n: int, k: int) -> tuple[NDArray[np.uint32], ...]:
    """C(c, i) for 0 ≤ c < n as rows of limbs [n, limbs], for i from 1 to k, each in as few limbs as it needs."""
    rows = []
    row = np.ones((n, 1), np.uint64)  # C(c, 0)
    for i in range(1, k + 1):
        limbs = max(1, -(-math.comb(n - 1, i).bit_length() // _LIMB))
        wider = np.zeros((n, limbs), np.uint64)
        kept = min(limbs, row.shape[1])
        np.cumsum(row[:-1, :kept], axis=0, out=wider[1:, :kept])  # C(c, i) is the sum of C(c', i−1) over c' < c
        row = _carried(wider)
        rows.append(row.astype(np.uint32))
    return tuple(rows)


def _carried(numbers: Limbs) -> Limbs:
    """The same numbers with every limb below 2³²."""
    for at in range(numbers.shape[1] - 1):
        numbers[:, at + 1] += numbers[:, at] >> _SHIFT
        numbers[:, at] &= _MASK
    return numbers


def _to_bits(ranks: Limbs, bits: int) -> Bits:
    """[S, limbs] as [S, bits], the highest bit first."""
    big = np.ascontiguousarray(ranks[:, ::-1].astype(">u4")).view(np.uint8)
    return np.unpackbits(big, axis=1)[:, 8 * big.shape[1] - bits :]


def _to_limbs(bits: Bits, limbs: int) -> Limbs:
    wide = np.zeros((len(bits), limbs * _LIMB), np.uint8)
    wide[:, wide.shape[1] - bits.shape[1] :] = bits
    big = np.packbits(wide, axis=1).view(">u4")
    return big[:, ::-1].astype(np.uint64)


def _at_most(left: NDArray[np.uint64] | NDArray[np.uint32], right: Limbs) -> NDArray[np.bool_]:
    """Whether ``left`` ≤ ``right``, by their highest limb that differs; both [S, limbs]."""
    differs = (left != right)[:, ::-1]
    highest = left.shape[1] - 1 - np.argmax(differs, axis=1)
    rows = np.arange(len(left))
    return np.asarray(left[rows, highest] <= right[rows, highest])


def _write_combinadic(sets: Sets, n: int) -> Bits:
    k = sets.shape[1]
    bits = combinadic_bits(n, k)
    table = _table(n, k)
    ranks = np.zeros((len(sets), max(1, -(-bits // _LIMB), table[-1].shape[1])), np.uint64)
    for i, row in enumerate(table):
        ranks[:, : row.shape[1]] += row[sets[:, i]]
    return _to_bits(_carried(ranks), bits)


def _read_combinadic(raw: Bits, n: int, k: int) -> Sets:
    bits, table = combinadic_bits(n, k), _table(n, k)
    limbs = max(1, -(-bits // _LIMB), table[-1].shape[1])
    ranks = _to_limbs(raw, limbs)
    last = math.comb(n, k) - 1
    highest = np.array([[(last >> (_LIMB * at)) & 0xFFFFFFFF for at in range(limbs)]], np.uint64)
    if not _at_most(ranks, np.broadcast_to(highest, ranks.shape)).all():
        raise UpdateError("The update names a set of positions that does not exist.")
    sets = np.empty((len(raw), k), np.int64)
    above = np.full(len(raw), n, np.int64)
    for i in range(k, 0, -1):
        row = table[i - 1]
        ranks = ranks[:, : row.shape[1]]  # what is left of the rank is less than C(above, i)
        low, high = np.full(len(raw), i - 1, np.int64), above
        while True:  # the highest position whose number is at most the rank lies in [low, high)
            if not (high - low > 1).any():
                break
            middle = (low + high) >> 1
            fits = _at_most(row[middle], ranks)
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        sets[:, i - 1] = above = low
        ranks = _less(ranks, row[low])
    return sets


def _less(ranks: Limbs, taken: NDArray[np.uint32]) -> Limbs:
    """``ranks − taken``, which is never below zero."""
    left = np.empty_like(ranks)
    borrow = np.zeros(len(ranks), np.uint64)
    for at in range(ranks.shape[1]):
        value = ranks[:, at] + (_MASK + np.uint64(1)) - taken[:, at] - borrow
        left[:, at], borrow = value & _MASK, np.uint64(1) - (value >> _SHIFT)
    return left


def _low_bits(n: int, k: int) -> int:
    return max(0, (n // k).bit_length() - 1)


def elias_fano_bits(n: int, k: int) -> int:
    """Low bits, and the high parts in unary."""
    low = _low_bits(n, k)
    return k * low + k + ((n - 1) >> low)


def _write_elias_fano(sets: Sets, n: int) -> Bits:
    k = sets.shape[1]
    low = _low_bits(n, k)
    upper = np.zeros((len(sets), k + ((n - 1) >> low)), np.uint8)
    np.put_along_axis(upper, (sets >> low) + np.arange(k), 1, axis=1)
    return np.concatenate([_spread(sets, low), upper], axis=1)


def _read_elias_fano(raw: Bits, n: int, k: int) -> Sets:
    low = _low_bits(n, k)
    upper = raw[:, k * low :]
    if (np.sum(upper, axis=1, dtype=np.int64) != k).any():
        raise UpdateError("The update names another number of positions than the federation's.")
    high = np.nonzero(upper)[1].reshape(len(raw), k) - np.arange(k)
    return _ascending((high << low) | _gathered(raw[:, : k * low], k, low), n)


def _write_packed(sets: Sets, n: int) -> Bits:
    return _spread(sets, (n - 1).bit_length())


def _read_packed(raw: Bits, n: int, k: int) -> Sets:
    return _ascending(_gathered(raw, k, (n - 1).bit_length()), n)


def _spread(numbers: Sets, bits: int) -> Bits:
    """The lowest bits of [S, k] numbers as [S, k·bits], the highest of them first."""
    shifts = np.arange(bits - 1, -1, -1)
    return ((numbers[:, :, None] >> shifts) & 1).astype(np.uint8).reshape(len(numbers), -1)


def _gathered(raw: Bits, k: int, bits: int) -> Sets:
    """The inverse of ``_spread``."""
    numbers = np.zeros((len(raw), k), np.int64)
    spread = raw.reshape(len(raw), k, bits)
    for at in range(bits):
        numbers = (numbers << 1) | spread[:, :, at]
    return numbers


def _ascending(sets: Sets, n: int) -> Sets:
    if (sets[:, -1] >= n).any() or (sets[:, 1:] <= sets[:, :-1]).any():
        raise UpdateError("The update names positions that are out of order or outside the model.")
    return sets


INDEX_CODES: Final[dict[str, IndexCode]] = {
    "combinadic": IndexCode(1, combinadic_bits, _write_combinadic, _read_combinadic),
    "elias-fano": IndexCode(2, elias_fano_bits, _write_elias_fano, _read_elias_fano),
    "packed": IndexCode(3, lambda n, k: k * (n - 1).bit_length(), _write_packed, _read_packed),
}
"""Every value of ``CodecConfig.index_code``."""
