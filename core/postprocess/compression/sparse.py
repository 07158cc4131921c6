"""Sparse codecs: of every chunk the few largest values, each as a sign and one of two magnitudes.

::

    a chunk's record: lower magnitude, bfloat16 · higher magnitude, bfloat16 · k signs · k sizes · index set

Bits, the highest first, records one after the other without gaps, zeros after the last. ``topk`` keeps the k largest
magnitudes, of equal ones the first; ``dct`` does the same with the cosine transform of tiles. The two magnitudes
are the best two (2-means, exactly, over the sorted magnitudes). The last chunk may be short: it keeps its share of k,
at least one, and is never transformed. (Chunked top-k with two-bit values: SparseLoCo, arXiv 2508.15706.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.api.errors import UpdateError
from core.config.exchange import CodecConfig
from core.postprocess.compression import transform
from core.postprocess.compression.base import Bits, Flat, Read
from core.postprocess.compression.index_sets import INDEX_CODES, IndexCode
from core.postprocess.compression.quantization import checked_scales, from_bf16, to_bf16

_SCALE_BITS: Final = 32
_RUN: Final = 1 << 20
"""Values worked on at a time, about."""


class Layout(NamedTuple):
    """How a vector falls into chunks."""

    size: int
    """Values of a whole chunk."""
    kept: int
    """Values kept of a whole chunk."""
    whole: int
    """Whole chunks."""
    last_size: int
    """Values of the short chunk at the end; 0 if there is none."""
    last_kept: int

    def record_bits(self, code: IndexCode) -> tuple[int, int]:
        """Bits of a whole chunk's record and of the last one's."""
        last = _SCALE_BITS + 2 * self.last_kept + code.bits(self.last_size, self.last_kept) if self.last_size else 0
        return _SCALE_BITS + 2 * self.kept + code.bits(self.size, self.kept), last


def layout(count: int, config: CodecConfig) -> Layout:
    """The chunks of so many values."""
    size, kept = config.chunk_size, config.kept
    whole, last = divmod(count, size)
    return Layout(size, kept, whole, last, -(-kept * last // size))


def largest(chunks: Flat, kept: int) -> NDArray[np.int64]:
    """Where the largest magnitudes of each row of [S, size] are, ascending; of equal ones the first."""
    sizes = np.abs(chunks)
    at = sizes.shape[1] - kept
    border = np.partition(sizes, at, axis=1)[:, at : at + 1]
    above, equal = sizes > border, sizes == border
    room = kept - np.sum(above, axis=1, keepdims=True)
    chosen = above | (equal & (np.cumsum(equal, axis=1, dtype=np.int32) <= room))
    return np.nonzero(chosen)[1].reshape(len(chunks), kept)


def two_means(sizes: Flat) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """The two magnitudes that lose least of each row of [S, k], as bfloat16 bits [S, 2], and who has the higher one."""
    k = sizes.shape[1]
    order = np.argsort(-sizes, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(sizes, order, axis=1), axis=1, dtype=np.float64)
    counts, total = np.arange(1, k + 1, dtype=np.float64), sums[:, -1:]
    rest = total - sums
    gains = sums * sums / counts  # all in one group, at the last place
    gains[:, :-1] += rest[:, :-1] * rest[:, :-1] / counts[::-1][1:]
    high_count = np.argmax(gains, axis=1)[:, None] + 1
    picked = np.take_along_axis(sums, high_count - 1, axis=1)
    high = picked / high_count
    low = np.where(high_count < k, (total - picked) / np.maximum(k - high_count, 1), high)
    bits = to_bf16(np.concatenate([np.minimum(low, high), high], axis=1).astype(np.float32))
    is_high = np.empty(sizes.shape, bool)
    np.put_along_axis(is_high, order, np.arange(k)[None, :] < high_count, axis=1)
    return bits, is_high & (bits[:, :1] < bits[:, 1:])


def _records(chunks: Flat, kept: int, code: IndexCode) -> Bits:
    """[S, bits of a record]."""
    positions = largest(chunks, kept)
    values = np.take_along_axis(chunks, positions, axis=1)
    scales, is_high = two_means(np.abs(values))
    magnitudes = np.where(is_high, from_bf16(scales[:, 1:]), from_bf16(scales[:, :1]))
    negative = (values < 0) & (magnitudes > 0)
    big = np.ascontiguousarray(scales.astype(">u2")).view(np.uint8)
    index = code.write(positions, chunks.shape[1])
    return np.concatenate([np.unpackbits(big, axis=1), negative, is_high, index], axis=1, dtype=np.uint8)


class Found(NamedTuple):
    """Records read: positions [S, k], ±1 or 0 [S, k], who has the higher magnitude [S, k], magnitudes [S, 2]."""

    positions: NDArray[np.int64]
    signs: NDArray[np.float64]
    is_high: NDArray[np.bool_]
    scales: Flat


def _parsed(records: Bits, size: int, kept: int, code: IndexCode) -> Found:
    big = np.packbits(records[:, :_SCALE_BITS], axis=1)
    scales = checked_scales(big.view(">u2").astype(np.uint16))
    negative = records[:, _SCALE_BITS : _SCALE_BITS + kept].astype(bool)
    is_high = records[:, _SCALE_BITS + kept : _SCALE_BITS + 2 * kept].astype(bool)
    low, high = scales[:, :1], scales[:, 1:]
    both = is_high.any(axis=1, keepdims=True) & ~is_high.all(axis=1, keepdims=True)
    if (low > high).any() or (both != (low < high)).any() or (is_high & (low == high)).any():
        raise UpdateError("The update holds magnitudes that no encoder writes.")
    zero = np.where(is_high, high, low) == 0
    if (negative & zero).any():
        raise UpdateError("The update holds a sign that no encoder writes.")
    positions = code.read(records[:, _SCALE_BITS + 2 * kept :], size, kept)
    return Found(positions, np.where(zero, 0.0, np.where(negative, -1.0, 1.0)), is_high, scales)


def _placed(found: Found, size: int) -> Flat:
    """Chunks [S, size] with the kept values in their places and zeros elsewhere."""
    chunks = np.zeros((len(found.positions), size), np.float32)
    low, high = found.scales[:, :1], found.scales[:, 1:]
    values = np.where(found.is_high, high, low) * found.signs.astype(np.float32)
    np.put_along_axis(chunks, found.positions, values + np.float32(0), axis=1)  # no negative zero
    return chunks


def _transformed_back(found: Found, size: int) -> Flat:
    """Chunks [S, size] of coefficients; see ``transform`` for why each magnitude is summed by itself."""
    total = np.zeros((len(found.positions), size), np.float64)
    for at, chosen in ((0, ~found.is_high), (1, found.is_high)):
        signs = np.zeros((len(found.positions), size), np.float64)
        np.put_along_axis(signs, found.positions, found.signs * chosen, axis=1)
        total += transform.inverse(signs) * found.scales[:, at : at + 1].astype(np.float64)
    return total.astype(np.float32)


def _same(chunks: Flat) -> Flat:
    return chunks


class Sparse:
    """A codec that keeps the largest values of each chunk, of the values themselves or of their transform."""

    def __init__(self, before: Callable[[Flat], Flat] = _same, back: Callable[[Found, int], Flat] = _placed) -> None:
        self._before, self._back = before, back

    def payload_size(self, count: int, config: CodecConfig) -> int:
        """Bytes of so many values."""
        found = layout(count, config)
        whole, last = found.record_bits(INDEX_CODES[config.index_code])
        return -(-(found.whole * whole + last) // 8)

    def write(self, values: Flat, config: CodecConfig) -> bytes:
        """Records, run by run."""
        parts, left = [], np.empty(0, np.uint8)
        for records in self._runs(values, config):
            bits = np.concatenate([left, records.ravel()])
            whole = bits.size - bits.size % 8
            parts.append(np.packbits(bits[:whole]).tobytes())
            left = bits[whole:]
        return b"".join([*parts, np.packbits(left).tobytes()])

    def _runs(self, values: Flat, config: CodecConfig) -> Iterator[Bits]:
        found, code = layout(values.size, config), INDEX_CODES[config.index_code]
        end = found.whole * found.size
        run = found.size * max(1, _RUN // found.size)
        for start in range(0, end, run):
            chunks = values[start : min(end, start + run)].reshape(-1, found.size)
            yield _records(self._before(chunks), found.kept, code)
        if found.last_size:
            yield _records(values[end:].reshape(1, -1), found.last_kept, code)

    def read(self, read: Read, start: int, stop: int, count: int, config: CodecConfig) -> Flat:
        """The values of the touched chunks alone are decoded.

        Raises:
            UpdateError: a record or the padding is one that no encoder writes.
        """
        found, code = layout(count, config), INDEX_CODES[config.index_code]
        record, last_record = found.record_bits(code)
        first, after = start // found.size, -(-stop // found.size)
        whole = min(after, found.whole)
        first_bit = first * record
        end_bit = whole * record + (last_record if after > found.whole else 0)
        raw = np.frombuffer(read(first_bit // 8, -(-end_bit // 8)), np.uint8)
        bits = np.unpackbits(raw)[first_bit % 8 :]
        if stop == count and bits[end_bit - first_bit :].any():
            raise UpdateError("The update has padding that is not zero.")
        out = np.empty(min(count, after * found.size) - first * found.size, np.float32)
        split = (whole - first) * record
        if whole > first:
            records = bits[:split].reshape(-1, record)
            out[: (whole - first) * found.size] = self._back(
                _parsed(records, found.size, found.kept, code), found.size
            ).ravel()
        if after > found.whole:
            records = bits[split : split + last_record].reshape(1, -1)
            last = _placed(_parsed(records, found.last_size, found.last_kept, code), found.last_size)
            out[(whole - first) * found.size :] = last.ravel()
        return out[start - first * found.size : stop - first * found.size]


TOPK: Final = Sparse()
DCT: Final = Sparse(transform.forward, _transformed_back)
