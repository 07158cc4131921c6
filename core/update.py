"""``ModelUpdate``: the named float32 arrays that leave training and enter post-processing. torch ends here.

The one sign convention of the project: ``pseudo_gradient = base − trained`` (Photon, Algorithm 1, line 7), and the
outer optimiser subtracts. When all clients agree on θ_k, θ moves to θ_k.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.api.errors import UpdateError

Array = NDArray[np.float32]


def layout_hash(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """SHA-256 over names and shapes in order; two updates may only meet when theirs are equal."""
    digest = hashlib.sha256()
    for name, shape in shapes.items():
        digest.update(f"{name}:{','.join(map(str, shape))};".encode())
    return digest.digest()


@dataclass(frozen=True)
class ModelUpdate:
    """Named float32 arrays in layout order. Operations return new updates and never touch their input."""

    arrays: dict[str, Array]

    def __post_init__(self) -> None:
        """Check types.

        Raises:
            UpdateError: an array is not float32.
        """
        for name, array in self.arrays.items():
            if array.dtype != np.float32:
                raise UpdateError(f"The update of {name} is {array.dtype}, not float32.")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape, in order."""
        return {name: tuple(array.shape) for name, array in self.arrays.items()}

    @property
    def size(self) -> int:
        """Number of values."""
        return sum(array.size for array in self.arrays.values())

    @property
    def dense_bytes(self) -> int:
        """Bytes as plain float32."""
        return 4 * self.size

    def norm(self) -> float:
        """Global L2 norm, accumulated in float64."""
        return float(np.sqrt(sum(sum_of_squares(array) for array in self.arrays.values())))

    def is_finite(self) -> bool:
        """Whether every value is finite."""
        return all(bool(np.isfinite(array).all()) for array in self.arrays.values())

    def flat(self) -> Array:
        """All values as one float32 vector in layout order."""
        return np.concatenate([array.ravel() for array in self.arrays.values()])

    def with_flat(self, values: NDArray[np.floating]) -> ModelUpdate:
        """The same layout filled from one vector.

        Raises:
            UpdateError: the vector has another length.
        """
        if values.shape != (self.size,):
            raise UpdateError(f"Expected {self.size} values, got {values.shape}.")
        arrays, at = {}, 0
        for name, array in self.arrays.items():
            arrays[name] = values[at : at + array.size].astype(np.float32).reshape(array.shape)
            at += array.size
        return ModelUpdate(arrays)


def pseudo_gradient(base: Mapping[str, Array], trained: Mapping[str, Array]) -> ModelUpdate:
    """``base − trained`` in float32 for every parameter.

    Raises:
        UpdateError: names or shapes differ.
    """
    if list(base) != list(trained):
        raise UpdateError("The trained model has other parameters than the base.")
    for name in base:
        if base[name].shape != trained[name].shape:
            raise UpdateError(f"{name} has shape {trained[name].shape}, but the base has {base[name].shape}.")
    return ModelUpdate({name: np.subtract(base[name], trained[name], dtype=np.float32) for name in base})


def sum_of_squares(values: NDArray[np.floating]) -> float:
    """Of all values, accumulated in float64, by one thread: ``np.dot`` wakes others, which wait for busy cores."""
    flat = values.ravel()
    return float(np.einsum("i,i->", flat, flat, dtype=np.float64))
