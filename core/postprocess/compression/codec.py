"""An update as bytes and back: a versioned, bounded wire format over a registry of codecs.

::

    magic "HGUP" · version u8 · codec u8 · reserved u16 = 0 · block size u32 · values u64 · layout hash 32
    payload (length fixed by codec, block size and number of values) · sha256 of everything before it, 32

All integers little-endian. The receiver knows the layout from the manifest, so the whole length is known before a
byte is read, nothing is allocated from what the sender claims, and a byte more or less is refused.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.api.errors import UpdateError
from core.config import CodecConfig
from core.postprocess.compression.quantization import LEVELS, dequantize_int8, quantize_int8
from core.update import ModelUpdate, layout_hash

MAGIC = b"HGUP"
VERSION = 1
DIGEST_BYTES = 32
_HEADER = struct.Struct("<4sBBHIQ32s")

Flat = NDArray[np.float32]


class Codec(NamedTuple):
    """One way to write a flat vector."""

    wire_id: int
    fixed_rate: bool
    """Whether the size depends on layout and settings alone; under DP nothing else may be used."""
    payload_size: Callable[[int, int], int]
    """(values, block size) → bytes."""
    write: Callable[[Flat, int], bytes]
    read: Callable[[memoryview, int, int], Flat]
    """(payload, values, block size) → flat float32."""


def _write_fp32(values: Flat, _block: int) -> bytes:
    return values.astype("<f4").tobytes()


def _read_fp32(payload: memoryview, _count: int, _block: int) -> Flat:
    return np.frombuffer(payload, dtype="<f4").astype(np.float32)


def _blocks(count: int, block: int) -> int:
    return -(-count // block)


def _write_int8(values: Flat, block: int) -> bytes:
    scales, codes = quantize_int8(values, block)
    return scales.astype("<f4").tobytes() + codes.tobytes()


def _read_int8(payload: memoryview, count: int, block: int) -> Flat:
    split = 4 * _blocks(count, block)
    scales = np.frombuffer(payload[:split], dtype="<f4").astype(np.float32)
    codes = np.frombuffer(payload[split:], dtype=np.int8)
    if codes.size and int(codes.min()) < -LEVELS:
        raise UpdateError("The update holds a code that no encoder writes.")
    if scales.size and (not np.isfinite(scales).all() or float(scales.min()) < 0):
        raise UpdateError("The update holds a scale that is negative or not finite.")
    with np.errstate(over="ignore"):
        return dequantize_int8(scales, codes, block)


CODECS: dict[str, Codec] = {
    "fp32": Codec(1, True, lambda count, _block: 4 * count, _write_fp32, _read_fp32),
    "int8": Codec(2, True, lambda count, block: 4 * _blocks(count, block) + count, _write_int8, _read_int8),
}
"""Every codec a manifest may name, so every value of ``CodecConfig.name``."""


def _count(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(int(np.prod(shape, dtype=np.int64)) for shape in shapes.values())


def encoded_size(shapes: Mapping[str, tuple[int, ...]], config: CodecConfig) -> int:
    """Exact bytes of an encoded update of this layout."""
    return _HEADER.size + CODECS[config.name].payload_size(_count(shapes), config.block_size) + DIGEST_BYTES


def encode(update: ModelUpdate, config: CodecConfig) -> bytes:
    """Write an update. The same update gives the same bytes.

    Raises:
        UpdateError: a value is not finite.
    """
    if not update.is_finite():
        raise UpdateError("The update is not finite.", "The round is abandoned; nothing was sent.")
    codec = CODECS[config.name]
    header = _HEADER.pack(MAGIC, VERSION, codec.wire_id, 0, config.block_size, update.size, layout_hash(update.shapes))
    body = header + codec.write(update.flat(), config.block_size)
    return body + hashlib.sha256(body).digest()


def decode(payload: bytes, shapes: Mapping[str, tuple[int, ...]], config: CodecConfig) -> ModelUpdate:
    """Read an update of a known layout.

    Raises:
        UpdateError: anything differs from what layout and configuration say, the digest is wrong, or a value is
            not finite.
    """
    expected = encoded_size(shapes, config)
    if len(payload) != expected:
        raise UpdateError(f"The update has {len(payload)} bytes, but {expected} were expected.")
    view = memoryview(payload)
    if hashlib.sha256(view[:-DIGEST_BYTES]).digest() != view[-DIGEST_BYTES:]:
        raise UpdateError("The update was damaged on its way.")
    wanted = (MAGIC, VERSION, CODECS[config.name].wire_id, 0, config.block_size, _count(shapes), layout_hash(shapes))
    if _HEADER.unpack_from(view) != wanted:
        raise UpdateError("The update has another format, codec or layout than the federation's.")
    body = view[_HEADER.size : -DIGEST_BYTES]
    flat = CODECS[config.name].read(body, _count(shapes), config.block_size)
    arrays, at = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape, dtype=np.int64))
        arrays[name] = flat[at : at + size].reshape(shape)
        at += size
    update = ModelUpdate(arrays)
    if not update.is_finite():
        raise UpdateError("The update is not finite.")
    return update
