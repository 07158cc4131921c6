"""An update as bytes and back: a versioned, bounded wire format over a registry of codecs.

::

    magic "HGUP" · version u8 · codec u8 · reserved u16 = 0 · block size u32 · values u64 · layout hash 32
    payload (length fixed by codec, block size and number of values) · sha256 of everything before it, 32

All integers little-endian. The receiver knows the layout from the manifest, so the whole length is known before a
byte is read, nothing is allocated from what the sender claims, and a byte more or less is refused. Every value can be
read without the others: a large update stays in its file, and whoever adds it up holds a slice of it.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from core.api.errors import UpdateError
from core.config import CodecConfig
from core.postprocess.compression.quantization import LEVELS, dequantize_int8, quantize_int8
from core.update import ModelUpdate, layout_hash

MAGIC = b"HGUP"
VERSION = 1
DIGEST_BYTES = 32
SLICE: Final = 1 << 20
"""Values decoded at a time."""
_PIECE: Final = 4 << 20
_HEADER = struct.Struct("<4sBBHIQ32s")

Flat = NDArray[np.float32]
Read = Callable[[int, int], bytes | memoryview]
"""Bytes from a start to a stop."""


class Source(Protocol):
    """Where the bytes of an encoded update lie."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    def read(self, start: int, stop: int) -> bytes | memoryview:
        """The bytes from ``start`` to ``stop``."""


class Held:
    """A source in memory."""

    def __init__(self, payload: bytes) -> None:
        self._view = memoryview(payload)
        self.size = len(payload)

    def read(self, start: int, stop: int) -> memoryview:
        """The bytes from ``start`` to ``stop``, not copied."""
        return self._view[start:stop]


def source_sha256(source: Source, stop: int | None = None) -> bytes:
    """SHA-256 of a source, or of its first ``stop`` bytes, read piece by piece."""
    digest, end = hashlib.sha256(), source.size if stop is None else stop
    for start in range(0, end, _PIECE):
        digest.update(source.read(start, min(end, start + _PIECE)))
    return digest.digest()


class Codec(NamedTuple):
    """One way to write a flat vector."""

    wire_id: int
    fixed_rate: bool
    """Whether the size depends on layout and settings alone; under DP nothing else may be used."""
    payload_size: Callable[[int, int], int]
    """(values, block size) → bytes."""
    write: Callable[[Flat, int], bytes]
    read: Callable[[Read, int, int, int, int], Flat]
    """(read from the payload, first value, value after the last, values in all, block size) → those values."""


def _write_fp32(values: Flat, _block: int) -> bytes:
    return values.astype("<f4").tobytes()


def _read_fp32(read: Read, start: int, stop: int, _count: int, _block: int) -> Flat:
    return np.frombuffer(read(4 * start, 4 * stop), dtype="<f4").astype(np.float32)


def _blocks(count: int, block: int) -> int:
    return -(-count // block)


def _write_int8(values: Flat, block: int) -> bytes:
    scales, codes = quantize_int8(values, block)
    return scales.astype("<f4").tobytes() + codes.tobytes()


def _read_int8(read: Read, start: int, stop: int, count: int, block: int) -> Flat:
    first, split = start // block, 4 * _blocks(count, block)
    scales = np.frombuffer(read(4 * first, 4 * _blocks(stop, block)), dtype="<f4").astype(np.float32)
    codes = np.frombuffer(read(split + start, split + stop), dtype=np.int8)
    if codes.size and int(codes.min()) < -LEVELS:
        raise UpdateError("The update holds a code that no encoder writes.")
    if scales.size and (not np.isfinite(scales).all() or float(scales.min()) < 0):
        raise UpdateError("The update holds a scale that is negative or not finite.")
    with np.errstate(over="ignore"):
        return dequantize_int8(scales, codes, block, skip=start - first * block)


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


class EncodedUpdate:
    """An update that stays where it lies; any of its values are decoded when they are asked for."""

    def __init__(
        self,
        source: Source,
        shapes: Mapping[str, tuple[int, ...]],
        config: CodecConfig,
        after: Callable[[Flat], Flat] = lambda values: values,
    ) -> None:
        """Check everything but the values.

        Args:
            source: its bytes.
            shapes: its layout.
            config: how it was written.
            after: what is done to decoded values, each by itself.

        Raises:
            UpdateError: anything differs from what layout and configuration say, or the digest is wrong.
        """
        expected, count = encoded_size(shapes, config), _count(shapes)
        if source.size != expected:
            raise UpdateError(f"The update has {source.size} bytes, but {expected} were expected.")
        end = expected - DIGEST_BYTES
        if source_sha256(source, end) != bytes(source.read(end, expected)):
            raise UpdateError("The update was damaged on its way.")
        codec = CODECS[config.name]
        wanted = (MAGIC, VERSION, codec.wire_id, 0, config.block_size, count, layout_hash(shapes))
        if _HEADER.unpack(source.read(0, _HEADER.size)) != wanted:
            raise UpdateError("The update has another format, codec or layout than the federation's.")
        self.shapes = dict(shapes)
        self.count = count
        self._source, self._codec, self._block, self._after = source, codec, config.block_size, after

    def values(self, start: int, stop: int) -> Flat:
        """The values from ``start`` to ``stop`` of the flat vector; at most ``SLICE`` are best.

        Raises:
            UpdateError: a value is not finite or is one that no encoder writes.
        """

        def read(first: int, after: int) -> bytes | memoryview:
            return self._source.read(_HEADER.size + first, _HEADER.size + after)

        found = self._after(self._codec.read(read, start, stop, self.count, self._block))
        if not np.isfinite(found).all():
            raise UpdateError("The update is not finite.")
        return found

    def slices(self) -> Iterator[Flat]:
        """All values, ``SLICE`` at a time; raises as ``values`` does."""
        for start in range(0, self.count, SLICE):
            yield self.values(start, min(self.count, start + SLICE))

    def parameters(self) -> Iterator[tuple[str, Iterator[Flat]]]:
        """The parameters in layout order, each in slices; raises as ``values`` does."""
        at = 0
        for name, shape in self.shapes.items():
            stop = at + math.prod(shape)
            yield name, (self.values(start, min(stop, start + SLICE)) for start in range(at, stop, SLICE))
            at = stop

    def arrays(self) -> Iterator[tuple[str, Flat]]:
        """The parameters in layout order, each as a whole; raises as ``values`` does."""
        for name, slices in self.parameters():
            flat, at = np.empty(math.prod(self.shapes[name]), np.float32), 0
            for values in slices:
                flat[at : at + values.size] = values
                at += values.size
            yield name, flat.reshape(self.shapes[name])


def decode(payload: bytes, shapes: Mapping[str, tuple[int, ...]], config: CodecConfig) -> ModelUpdate:
    """Read an update of a known layout.

    Raises:
        UpdateError: anything differs from what layout and configuration say, the digest is wrong, or a value is
            not finite.
    """
    return ModelUpdate(dict(EncodedUpdate(Held(payload), shapes, config).arrays()))
