"""Dense codecs: every value is kept, at full, half or a few bits. Deterministic, fixed rate.

| codec | a value | a block's scale | decoded |
|---|---|---|---|
| ``fp32`` | 4 bytes | – | exactly |
| ``bf16`` | 2 bytes, nearest, ties to even | – | within 2⁻⁸ of it |
| ``int8`` | code −127…127 | max/127, float32 | scale · code; within scale/2 |
| ``int4`` | code −7…7, two a byte | max/7, bfloat16 | scale · code; within scale/2 |
| ``int2`` | sign and size, four a byte | least squares, bfloat16 | scale · ±0.4528 or ±1.5104 |
| ``sign`` | sign, eight a byte | mean magnitude, bfloat16 | ±scale |

Blocks run over the flat vector in layout order; the last one may be short. Scales come first, then codes, the first
value in a byte's lowest bits; unused bits of the last byte are 0. Zero of either sign counts as positive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.api.errors import UpdateError
from core.config.exchange import CodecConfig
from core.postprocess.compression.base import Flat, Read

LEVELS = 127
INT4_LEVELS = 7
INT2_LEVELS = np.array([0.4528, 1.5104, -0.4528, -1.5104], np.float32)
"""The four levels that lose least of a normal distribution of variance 1 (Max 1960), by their code."""
_INT2_THRESHOLD = 0.9816
_BF16_LARGEST = 0x7F7F
_RUN = 1 << 20
"""Values worked on at a time, about."""
Codes = NDArray[np.uint8]


def blocks(count: int, block: int) -> int:
    """Blocks that so many values fill."""
    return -(-count // block)


def to_bf16(values: NDArray[np.floating]) -> NDArray[np.uint16]:
    """The nearest bfloat16, ties to even, as its bits; what would round up to infinity becomes the largest."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(rounded & 0x7FFF > _BF16_LARGEST, (rounded & 0x8000) | _BF16_LARGEST, rounded).astype(np.uint16)


def from_bf16(bits: NDArray[np.uint16]) -> Flat:
    """bfloat16 bits as float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def checked_scales(bits: NDArray[np.uint16]) -> Flat:
    """Scales from their bfloat16 bits.

    Raises:
        UpdateError: one is negative or not finite.
    """
    if bits.size and int(bits.max()) > _BF16_LARGEST:
        raise UpdateError("The update holds a scale that is negative or not finite.")
    return from_bf16(bits)


def quantize_int8(values: Flat, block_size: int) -> tuple[Flat, NDArray[np.int8]]:
    """Scales per block and one int8 per value, rounded half to even.

    Args:
        values: flat finite float32 vector.
        block_size: values that share a scale.
    """
    padded = _padded(values, block_size)
    largest = np.max(np.abs(padded), axis=1)
    scales = np.where(largest > 0, largest / np.float32(LEVELS), np.float32(0)).astype(np.float32)
    divisors = np.where(scales > 0, scales, np.float32(1))
    codes = np.clip(np.rint(padded / divisors[:, None]), -LEVELS, LEVELS).astype(np.int8)
    return scales, codes.ravel()[: values.size]


def dequantize_int8(scales: Flat, codes: NDArray[np.int8], block_size: int, skip: int = 0) -> Flat:
    """The inverse up to rounding; flat float32. ``skip`` values of the first scale's block come before the codes."""
    return codes.astype(np.float32) * np.repeat(scales, block_size)[skip : skip + codes.size]


def write_fp32(values: Flat, _config: CodecConfig) -> bytes:
    """Four bytes a value."""
    return values.astype("<f4").tobytes()


def read_fp32(read: Read, start: int, stop: int, _count: int, _config: CodecConfig) -> Flat:
    """The inverse of ``write_fp32``."""
    return np.frombuffer(read(4 * start, 4 * stop), dtype="<f4").astype(np.float32)


def write_bf16(values: Flat, _config: CodecConfig) -> bytes:
    """Two bytes a value."""
    return to_bf16(values).astype("<u2").tobytes()


def read_bf16(read: Read, start: int, stop: int, _count: int, _config: CodecConfig) -> Flat:
    """The inverse of ``write_bf16``."""
    return from_bf16(np.frombuffer(read(2 * start, 2 * stop), dtype="<u2").astype(np.uint16))


def int8_size(count: int, config: CodecConfig) -> int:
    """Bytes of so many values."""
    return 4 * blocks(count, config.block_size) + count


def write_int8(values: Flat, config: CodecConfig) -> bytes:
    """Scales, then a byte a value."""
    scales, codes = quantize_int8(values, config.block_size)
    return scales.astype("<f4").tobytes() + codes.tobytes()


def read_int8(read: Read, start: int, stop: int, count: int, config: CodecConfig) -> Flat:
    """The inverse of ``write_int8``.

    Raises:
        UpdateError: a code or a scale is one that no encoder writes.
    """
    block = config.block_size
    first, split = start // block, 4 * blocks(count, block)
    scales = np.frombuffer(read(4 * first, 4 * blocks(stop, block)), dtype="<f4").astype(np.float32)
    codes = np.frombuffer(read(split + start, split + stop), dtype=np.int8)
    if codes.size and int(codes.min()) < -LEVELS:
        raise UpdateError("The update holds a code that no encoder writes.")
    if scales.size and (not np.isfinite(scales).all() or float(scales.min()) < 0):
        raise UpdateError("The update holds a scale that is negative or not finite.")
    with np.errstate(over="ignore"):
        return dequantize_int8(scales, codes, block, skip=start - first * block)


class Packed:
    """A codec of a few bits a value with a bfloat16 scale per block; ``int4``, ``int2`` and ``sign`` fill it in."""

    bits: int

    def quantize(self, padded: Flat, sizes: NDArray[np.int64]) -> tuple[NDArray[np.uint16], Codes]:
        """Scales and codes of whole blocks [B, block]; ``sizes`` [B] of their values are real, the others 0."""
        raise NotImplementedError

    def decoded(self, codes: Codes) -> Flat:
        """What the codes are times their scale.

        Raises:
            UpdateError: a code is one that no encoder writes.
        """
        raise NotImplementedError

    def payload_size(self, count: int, config: CodecConfig) -> int:
        """Bytes of so many values."""
        return 2 * blocks(count, config.block_size) + -(-count * self.bits // 8)

    def write(self, values: Flat, config: CodecConfig) -> bytes:
        """Scales, then codes."""
        block = config.block_size
        run = 8 * block * max(1, _RUN // (8 * block))  # so that every part of the codes ends with a byte
        scales, codes = [], []
        for start in range(0, values.size, run):
            part = values[start : start + run]
            padded = _padded(part, block)
            sizes = np.full(len(padded), block, np.int64)
            sizes[-1] = part.size - block * (len(padded) - 1)
            bits, found = self.quantize(padded, sizes)
            scales.append(bits.astype("<u2").tobytes())
            codes.append(pack(found.ravel()[: part.size], self.bits))
        return b"".join(scales + codes)

    def read(self, read: Read, start: int, stop: int, count: int, config: CodecConfig) -> Flat:
        """The inverse of ``write`` up to rounding.

        Raises:
            UpdateError: a scale, a code or a padding bit is one that no encoder writes.
        """
        block = config.block_size
        first, split, per = start // block, 2 * blocks(count, block), 8 // self.bits
        bits = np.frombuffer(read(2 * first, 2 * blocks(stop, block)), dtype="<u2").astype(np.uint16)
        from_byte = start // per
        raw = np.frombuffer(read(split + from_byte, split + -(-stop // per)), np.uint8)
        codes = unpack(raw, self.bits)
        if stop == count and codes[stop - from_byte * per :].any():
            raise UpdateError("The update has padding that is not zero.")
        codes = codes[start - from_byte * per : stop - from_byte * per]
        skip = start - first * block
        with np.errstate(over="ignore"):
            return self.decoded(codes) * np.repeat(checked_scales(bits), block)[skip : skip + codes.size]


class Int4(Packed):
    """Codes −7…7, written as 1…15."""

    bits = 4

    def quantize(self, padded: Flat, sizes: NDArray[np.int64]) -> tuple[NDArray[np.uint16], Codes]:
        """Linear, symmetric, half to even; see ``Packed``."""
        bits = to_bf16(np.max(np.abs(padded), axis=1) / np.float32(INT4_LEVELS))
        scales = from_bf16(bits)[:, None]
        codes = np.rint(padded / np.where(scales > 0, scales, np.float32(1)))
        codes *= scales > 0
        return bits, (np.clip(codes, -INT4_LEVELS, INT4_LEVELS) + 8).astype(np.uint8)

    def decoded(self, codes: Codes) -> Flat:
        """The codes themselves; see ``Packed``."""
        if codes.size and int(codes.min()) == 0:
            raise UpdateError("The update holds a code that no encoder writes.")
        return codes.astype(np.float32) - np.float32(8)


class Int2(Packed):
    """A bit for the size, a bit for the sign."""

    bits = 2

    def quantize(self, padded: Flat, sizes: NDArray[np.int64]) -> tuple[NDArray[np.uint16], Codes]:
        """Lloyd–Max by the block's rms, then the scale that loses least; see ``Packed``."""
        wide = padded.astype(np.float64)
        rms = np.sqrt(np.sum(wide * wide, axis=1) / sizes)
        codes = (np.abs(wide) > _INT2_THRESHOLD * rms[:, None]).astype(np.uint8) | ((padded < 0).astype(np.uint8) << 1)
        levels = INT2_LEVELS[codes].astype(np.float64)
        real = np.arange(padded.shape[1])[None, :] < sizes[:, None]
        scales = np.sum(levels * wide, axis=1) / np.sum(levels * levels * real, axis=1)
        return to_bf16(scales), codes

    def decoded(self, codes: Codes) -> Flat:
        """The levels; see ``Packed``."""
        return INT2_LEVELS[codes]


class Sign(Packed):
    """One bit: 1 is negative."""

    bits = 1

    def quantize(self, padded: Flat, sizes: NDArray[np.int64]) -> tuple[NDArray[np.uint16], Codes]:
        """Sign and mean magnitude (Bernstein et al. 2018); see ``Packed``."""
        means = np.sum(np.abs(padded), axis=1, dtype=np.float64) / sizes
        return to_bf16(means), (padded < 0).astype(np.uint8)

    def decoded(self, codes: Codes) -> Flat:
        """±1; see ``Packed``."""
        return np.float32(1) - np.float32(2) * codes.astype(np.float32)


def pack(codes: Codes, bits: int) -> bytes:
    """Codes of 1, 2 or 4 bits in bytes, the first in the lowest bits, zeros after the last."""
    per = 8 // bits
    padded = np.zeros((-(-codes.size // per), per), np.uint8)
    padded.ravel()[: codes.size] = codes
    shifts = (np.arange(per) * bits).astype(np.uint8)
    return bytes(np.bitwise_or.reduce(padded << shifts, axis=1).astype(np.uint8).tobytes())


def unpack(raw: Codes, bits: int) -> Codes:
    """The inverse of ``pack``, with the zeros after the last."""
    shifts = (np.arange(8 // bits) * bits).astype(np.uint8)
    return ((raw[:, None] >> shifts) & np.uint8((1 << bits) - 1)).ravel()


def _padded(values: Flat, block: int) -> Flat:
    padded = np.zeros((blocks(values.size, block), block), np.float32)
    padded.ravel()[: values.size] = values
    return padded
