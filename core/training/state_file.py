"""A small header and named arrays in one encrypted file, written array by array: no second copy of a large state.

Plaintext: length of the header (8 bytes, big-endian) · header · the arrays as safetensors writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from core import vault
from core.api.errors import StorageError

Arrays = Mapping[str, NDArray[np.floating[Any]]]
_LENGTH: Final = 8
_TYPES: Final = {"float64": "F64", "float32": "F32"}


def write_state(path: Path, key: bytes, header: bytes, arrays: Arrays, context: bytes) -> None:
    """Replace ``path`` atomically.

    Args:
        path: where to.
        key: the store key.
        header: any bytes.
        arrays: float32 or float64.
        context: what the file is; reading needs the same.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    vault.encrypt_file(path, key, [len(header).to_bytes(_LENGTH, "big"), header, *_parts(arrays)], context)


def read_state(path: Path, key: bytes, context: bytes) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """Header and arrays.

    Raises:
        StorageError: the file is missing, damaged, or was meant for another key or context.
    """
    raw = vault.decrypt_file(path, key, context)
    length = int.from_bytes(raw[:_LENGTH], "big")
    try:
        if length > len(raw) - _LENGTH:
            raise ValueError("the header is cut")
        return raw[_LENGTH : _LENGTH + length], load(raw[_LENGTH + length :])
    except (SafetensorError, ValueError) as error:
        raise StorageError(f"{path} is damaged: {error}.", "It is not used.") from error


def _parts(arrays: Arrays) -> Iterator[bytes | memoryview]:
    """Length, header and data as safetensors has them: wide before narrow, so that every array is aligned."""
    ordered = sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize)
    described, at = {}, 0
    for name, array in ordered:
        places = [at, at + array.nbytes]
        described[name] = {"dtype": _TYPES[array.dtype.name], "shape": array.shape, "data_offsets": places}
        at = places[1]
    header = msgspec.json.encode(described)
    header += b" " * (-len(header) % 8)
    yield len(header).to_bytes(8, "little")
    yield header
    for _, array in ordered:
        yield np.ascontiguousarray(array).data.cast("B")
