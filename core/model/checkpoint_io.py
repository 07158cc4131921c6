"""Weights as safetensors: written atomically, read only after the header proved to be exactly what was expected.

A file of weights comes from a stranger. Its header is therefore parsed here, under a size limit, and compared with
the layout the manifest promised (names, shapes, type, offsets, length) before one byte of data is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from core import vault
from core.api.errors import ModelError, StorageError
from core.config.model import ModelSpec
from core.model.layout import parameter_shapes
from core.update import Array

MAX_HEADER_BYTES = 1 << 20
SLICE = 1 << 20
"""Values of a parameter in memory at a time, where weights are made as they are written."""
_PREFIX_BYTES = 8
_ALIGNMENT = 8
_WIDTHS = {"F32": 4, "BF16": 2, "F16": 2}
_NUMPY = {"F32": "<f4", "BF16": "<u2", "F16": "<f2"}
"""NumPy has no bfloat16; its bits are the upper half of a float32."""
_HINT = "It is not used; the coordinator must send the weights its manifest describes."


Values = Callable[[str, int, int], Array]
"""(parameter, start, stop) → those of its values, flat float32."""


def encode_weights(arrays: Mapping[str, Array], *, narrow: bool = False) -> bytes:
    """The safetensors file of ``arrays``; equal weights give equal bytes.

    Args:
        arrays: float32 weights.
        narrow: write matrices as bfloat16, rounded to even; vectors stay as they are.

    Raises:
        ModelError: an array is not float32.
    """
    return b"".join(_parts({name: array.shape for name, array in arrays.items()}, arrays, narrow))


def write_weights(path: Path | str, arrays: Mapping[str, Array]) -> None:
    """Replace ``path`` by the weights, atomically.

    Raises:
        ModelError: an array is not float32.
        StorageError: the disk is full or the folder cannot be written.
    """
    stream_weights(path, {name: array.shape for name, array in arrays.items()}, arrays)


def stream_weights(path: Path | str, shapes: Mapping[str, tuple[int, ...]], arrays: Mapping[str, Array]) -> None:
    """As ``write_weights``, with one array in memory at a time.

    Args:
        path: the file to replace.
        shapes: the arrays that the file is to hold.
        arrays: where each of them is read when its turn comes; may hold more.

    Raises:
        ModelError: an array is not float32 or has another shape.
        StorageError: the disk is full or the folder cannot be written.
    """
    vault.write_parts(path, _parts(shapes, arrays))


def _dtype(shape: tuple[int, ...], narrow: bool) -> str:
    return "BF16" if narrow and len(shape) > 1 else "F32"


def _parts(
    shapes: Mapping[str, tuple[int, ...]], arrays: Mapping[str, Array], narrow: bool = False
) -> Iterator[bytes | memoryview]:
    """As ``encoded_parts``, of whole arrays."""
    text, order = _header(shapes, narrow)
    yield text
    for name in order:
        array = arrays[name]
        if array.dtype != np.float32:
            raise ModelError(f"{name} is {array.dtype}, not float32.")
        if array.shape != tuple(shapes[name]):
            raise ModelError(f"{name} has the shape {array.shape}, not {tuple(shapes[name])}.")
        yield _stored(np.ascontiguousarray(array, "<f4").reshape(-1), _dtype(array.shape, narrow))


def encoded_parts(
    shapes: Mapping[str, tuple[int, ...]], values: Values, *, narrow: bool = False
) -> Iterator[bytes | memoryview]:
    """The safetensors file of weights that are made as they are written, with one slice in memory at a time.

    Args:
        shapes: what the file is to hold.
        values: float32 values of a parameter; asked for in the order of the file.
        narrow: as ``encode_weights``.
    """
    text, order = _header(shapes, narrow)
    yield text
    for name in order:
        size = math.prod(shapes[name])
        for start in range(0, size, SLICE):
            yield _stored(values(name, start, min(size, start + SLICE)), _dtype(shapes[name], narrow))


def _header(shapes: Mapping[str, tuple[int, ...]], narrow: bool) -> tuple[bytes, list[str]]:
    """Length and header as safetensors writes them, and the order of the data: wide before narrow, then by name."""
    # "format" is what transformers asks for before it opens a file.
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    order = sorted(shapes, key=lambda name: (-_WIDTHS[_dtype(shapes[name], narrow)], name))
    at = 0
    for name in order:
        dtype = _dtype(shapes[name], narrow)
        stop = at + _WIDTHS[dtype] * math.prod(shapes[name])
        header[name] = {"dtype": dtype, "shape": list(shapes[name]), "data_offsets": [at, stop]}
        at = stop
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(_PREFIX_BYTES, "little") + text, order


def _stored(flat: Array, dtype: str) -> memoryview:
    return (flat.astype("<f4", copy=False) if dtype == "F32" else _to_bfloat16(flat)).view(np.uint8).data


def _to_bfloat16(flat: Array) -> NDArray[np.uint16]:
    """The upper halves of float32 values, rounded to the nearest, ties to even."""
    bits = flat.view("<u4")
    return ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype("<u2")


def read_weights(path: Path | str, spec: ModelSpec, *, max_bytes: int | None = None) -> dict[str, Array]:
    """The weights in ``path`` in layout order, if they are exactly those of ``spec``.

    Args:
        path: a safetensors file from anywhere.
        spec: the shape the manifest promised.
        max_bytes: most bytes the file may have, on top of what ``spec`` implies.

    Raises:
        ModelError: names, shapes, type, offsets, length or a value are not as they must be.
        StorageError: the file cannot be opened.
    """
    with open_weights(path, parameter_shapes(spec), max_bytes=max_bytes) as stored:
        return dict(stored)


@contextlib.contextmanager
def open_weights(
    path: Path | str,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    max_bytes: int | None = None,
    narrow: bool = False,
    any_width: bool = False,
) -> Iterator[StoredWeights]:
    """The same without reading it whole: a mapping that reads and checks each array when it is asked for.

    Args:
        path: a safetensors file from anywhere.
        shapes: what it must hold.
        max_bytes: most bytes the file may have.
        narrow: whether its matrices must be bfloat16; they are given as float32 anyway.
        any_width: whether each array may be float32, bfloat16 or float16, as other programs write them.

    Raises:
        ModelError: the header is not exactly that of ``shapes``, at once; or a value is not finite, when it is read.
        StorageError: the file cannot be opened.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if max_bytes is not None and size > max_bytes:
                raise ModelError(f"{path.name} has {size} bytes, more than the {max_bytes} allowed.", _HINT)
            yield StoredWeights(stream, path.name, size, shapes, narrow, any_width)
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror or error}.") from error


class StoredWeights(Mapping[str, Array]):
    """The arrays of an open file of weights, in layout order."""

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        size: int,
        shapes: Mapping[str, tuple[int, ...]],
        narrow: bool = False,
        any_width: bool = False,
    ) -> None:
        """Check length and header.

        Raises:
            ModelError: they are not exactly those of ``shapes``.
        """
        header_bytes = int.from_bytes(stream.read(_PREFIX_BYTES), "little") if size >= _PREFIX_BYTES else 0
        if not 2 <= header_bytes <= min(MAX_HEADER_BYTES, size - _PREFIX_BYTES):
            raise ModelError(f"{name} is not a safetensors file: its header is cut or larger than 1 MiB.", _HINT)
        data_bytes = size - _PREFIX_BYTES - header_bytes
        if not any_width and data_bytes != stored_bytes(shapes, narrow=narrow):
            raise ModelError(f"{name} has {size} bytes, which is not what its model needs.", _HINT)
        self.shapes = dict(shapes)
        allowed = {key: tuple(_NUMPY) if any_width else (_dtype(shape, narrow),) for key, shape in shapes.items()}
        self._places = _places(_parse(stream.read(header_bytes), name), name, self.shapes, data_bytes, allowed)
        self._stream, self._name, self._data_at = stream, name, _PREFIX_BYTES + header_bytes

    def __getitem__(self, parameter: str) -> Array:
        """Read one array.

        Raises:
            ModelError: a value is not finite, or the file was cut meanwhile.
        """
        shape = self.shapes[parameter]
        return self.part(parameter, 0, math.prod(shape)).reshape(shape)

    def part(self, parameter: str, start: int, stop: int) -> Array:
        """Read some values of an array, flat; raises as reading all of it does."""
        kind, at = self._places[parameter]
        array = np.empty(stop - start, _NUMPY[kind])
        self._stream.seek(self._data_at + at + _WIDTHS[kind] * start)
        if self._stream.readinto(array.view(np.uint8)) != array.nbytes:  # type: ignore[attr-defined]
            raise ModelError(f"{self._name} changed while it was read.", _HINT)
        if kind == "BF16":
            array = (array.astype("<u4") << np.uint32(16)).view("<f4")
        if not np.isfinite(array).all():
            raise ModelError(f"{self._name} holds values in {parameter} that are not finite.", _HINT)
        return array.astype(np.float32, copy=False)

    def __iter__(self) -> Iterator[str]:
        """Names in layout order."""
        return iter(self.shapes)

    def __len__(self) -> int:
        """Number of arrays."""
        return len(self.shapes)


def _parse(raw: bytes, name: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name appears twice")
        return found

    try:
        header = json.loads(raw, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name} has a header that is not valid.", _HINT) from error
    if not isinstance(header, dict):
        raise ModelError(f"{name} has a header that is not valid.", _HINT)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelError(f"{name} has metadata that is not text.", _HINT)
    return header


def stored_bytes(shapes: Mapping[str, tuple[int, ...]], *, narrow: bool = False) -> int:
    """Bytes of weights without their header."""
    return sum(_WIDTHS[_dtype(shape, narrow)] * math.prod(shape) for shape in shapes.values())


def _places(
    header: dict[str, Any],
    name: str,
    shapes: dict[str, tuple[int, ...]],
    data_bytes: int,
    allowed: Mapping[str, tuple[str, ...]],
) -> dict[str, tuple[str, int]]:
    """Type, and start of each array in the data, after the entries proved to tile it without gap or overlap."""
    if header.keys() != shapes.keys():
        stranger = sorted(header.keys() ^ shapes.keys())[0]
        raise ModelError(f"{name} does not hold the parameters of its model: see {stranger[:80]!r}.", _HINT)
    spans: list[tuple[int, int, str]] = []
    for parameter, shape in shapes.items():
        entry = header[parameter]
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
            raise ModelError(f"{name} describes {parameter} in another way than safetensors does.", _HINT)
        dtype = entry["dtype"]
        if dtype not in allowed[parameter]:
            types = " or ".join(allowed[parameter])
            raise ModelError(f"{name} holds {parameter} in a type other than {types}.", _HINT)
        if not _integers(entry["shape"], len(shape)) or tuple(entry["shape"]) != shape:
            raise ModelError(f"{name} holds {parameter} in another shape than {shape}.", _HINT)
        if not _integers(entry["data_offsets"], 2):
            raise ModelError(f"{name} places {parameter} outside its data.", _HINT)
        start, stop = entry["data_offsets"]
        if stop - start != _WIDTHS[dtype] * math.prod(shape):
            raise ModelError(f"{name} places {parameter} outside its data.", _HINT)
        spans.append((start, stop, parameter))
    at = 0
    for start, stop, parameter in sorted(spans):
        if start != at:
            raise ModelError(f"{name} places {parameter} over or beside another parameter.", _HINT)
        at = stop
    if at != data_bytes:
        raise ModelError(f"{name} has data that no parameter owns.", _HINT)
    return {parameter: (header[parameter]["dtype"], start) for start, _, parameter in spans}


def _integers(value: object, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(type(item) is int and item >= 0 for item in value)


def file_sha256(path: Path | str) -> str:
    """SHA-256 of a file in hex, read piece by piece.

    Raises:
        StorageError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror or error}.") from error
    return digest.hexdigest()
