"""An update as bytes and back: a versioned, bounded wire format over a registry of codecs.

::

    magic "HGUP" · version u8 · codec u8 · index code u8 · reserved u8 = 0 · block size u32 · chunk size u32
    kept u32 · values u64 · layout hash 32
    payload (length fixed by codec, settings and number of values) · sha256 of everything before it, 32

A dense codec has 0 for index code, chunk size and kept, a sparse one for block size.

All integers little-endian. The receiver knows the layout from the manifest, so the whole length is known before a
byte is read, nothing is allocated from what the sender claims, and a byte more or less is refused. Every value can be
read without the others: a large update stays in its file, and whoever adds it up holds a slice of it.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

import numpy as np

from core.api.errors import UpdateError
from core.config.exchange import CodecConfig
from core.postprocess.compression import quantization as dense
from core.postprocess.compression.base import Codec, Flat
from core.postprocess.compression.index_sets import INDEX_CODES
from core.postprocess.compression.sparse import DCT, TOPK
from core.postprocess.compression.tiles import Tiles
from core.update import ModelUpdate, layout_hash

MAGIC = b"HGUP"
VERSION = 2
DIGEST_BYTES = 32
SLICE: Final = 1 << 20
"""Values decoded at a time."""
LARGEST: Final = 2.0**100
"""Of a value's magnitude; what rounding or a sum over a chunk makes of it is still finite."""
_PIECE: Final = 4 << 20
_HEADER = struct.Struct("<4sBBBBIIIQ32s")


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


_int4, _int2, _sign = dense.Int4(), dense.Int2(), dense.Sign()
CODECS: dict[str, Codec] = {
    "fp32": Codec(1, True, False, False, lambda count, _config: 4 * count, dense.write_fp32, dense.read_fp32),
    "int8": Codec(2, True, False, False, dense.int8_size, dense.write_int8, dense.read_int8),
    "bf16": Codec(3, True, False, False, lambda count, _config: 2 * count, dense.write_bf16, dense.read_bf16),
    "int4": Codec(4, True, False, False, _int4.payload_size, _int4.write, _int4.read),
    "int2": Codec(5, True, False, False, _int2.payload_size, _int2.write, _int2.read),
    "sign": Codec(6, True, False, False, _sign.payload_size, _sign.write, _sign.read),
    "topk": Codec(7, True, True, False, TOPK.payload_size, TOPK.write, TOPK.read),
    "dct": Codec(8, True, True, True, DCT.payload_size, DCT.write, DCT.read),
}
"""Every codec a manifest may name, so every value of ``CodecConfig.name``."""


def _count(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(int(np.prod(shape, dtype=np.int64)) for shape in shapes.values())


def encoded_size(shapes: Mapping[str, tuple[int, ...]], config: CodecConfig) -> int:
    """Exact bytes of an encoded update of this layout."""
    return _HEADER.size + CODECS[config.name].payload_size(_count(shapes), config) + DIGEST_BYTES


def _header(shapes: Mapping[str, tuple[int, ...]], config: CodecConfig) -> bytes:
    codec = CODECS[config.name]
    index, block = (INDEX_CODES[config.index_code].wire_id, 0) if codec.sparse else (0, config.block_size)
    chunk, kept = (config.chunk_size, config.kept) if codec.sparse else (0, 0)
    fields = (codec.wire_id, index, 0, block, chunk, kept, _count(shapes), layout_hash(shapes))
    return _HEADER.pack(MAGIC, VERSION, *fields)


def written_by(source: Source, shapes: Mapping[str, tuple[int, ...]], allowed: Iterable[CodecConfig]) -> CodecConfig:
    """Which of several codecs an update of this layout was written by, by its size and header.

    Raises:
        UpdateError: none of them.
    """
    found = bytes(source.read(0, min(source.size, _HEADER.size)))
    for config in allowed:
        if source.size == encoded_size(shapes, config) and found == _header(shapes, config):
            return config
    raise UpdateError("The update has another format, codec or layout than the federation's.")


def encode(update: ModelUpdate, config: CodecConfig) -> bytes:
    """Write an update. The same update gives the same bytes.

    Raises:
        UpdateError: a value is not finite, or so large that rounding could make it so.
    """
    values = update.flat()
    if not np.isfinite(values).all() or max(-values.min(initial=0.0), values.max(initial=0.0)) > LARGEST:
        raise UpdateError("The update is not finite.", "The round is abandoned; nothing was sent.")
    codec = CODECS[config.name]
    if codec.tiled:
        values = Tiles(update.shapes, config.chunk_size).arranged(values)
    body = _header(update.shapes, config) + codec.write(values, config)
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
        if bytes(source.read(0, _HEADER.size)) != _header(shapes, config):
            raise UpdateError("The update has another format, codec or layout than the federation's.")
        self.shapes = dict(shapes)
        self.count = count
        self._source, self._codec, self._config, self._after = source, codec, config, after
        self._tiles = Tiles(shapes, config.chunk_size) if codec.tiled else None

    def values(self, start: int, stop: int) -> Flat:
        """The values from ``start`` to ``stop`` of the flat vector; at most ``SLICE`` are best.

        Raises:
            UpdateError: a value is not finite or is one that no encoder writes.
        """

        def read(first: int, after: int) -> bytes | memoryview:
            return self._source.read(_HEADER.size + first, _HEADER.size + after)

        def decoded(first: int, after: int) -> Flat:
            return self._codec.read(read, first, after, self.count, self._config)

        found = decoded(start, stop) if self._tiles is None else self._tiles.values(decoded, start, stop)
        found = self._after(found)
        if not np.isfinite(found).all():
            raise UpdateError("The update is not finite.")
        return found

    def slices(self) -> Iterator[Flat]:
        """All values, ``SLICE`` at a time; raises as ``values`` does."""
        return (values for _, values in self.placed())

    def placed(self) -> Iterator[tuple[int, Flat]]:
        """The same, each with the place of its first value."""
        for start in range(0, self.count, SLICE):
            yield start, self.values(start, min(self.count, start + SLICE))

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
