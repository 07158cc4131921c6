"""The cosine transform of whole chunks: what is smooth or repeats in an update gathers in few coefficients.

A chunk of side² values is a square, a tile of a matrix where one fills it (``tiles``); its rows and columns go through
the orthonormal DCT-II (Ahmed, Natarajan and Rao 1974), as DeMo does (Peng et al. 2024, arXiv 2411.19870).

The cosines are whole numbers over 2²⁰ and kept coefficients have one of two magnitudes, so what is decoded is a sum of
whole numbers below 2⁵³ times each magnitude: the same bits on every machine, whatever order its matrix product adds in.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.postprocess.compression.base import Flat

_POINT: Final = 20
"""Binary places of a cosine. A sum of products is at most 2·side·2⁴⁰, and side at most 256: no more than 2⁴⁹."""


@lru_cache(maxsize=4)
def _cosines(side: int) -> NDArray[np.float64]:
    """[side, side] the orthonormal DCT-II times 2²⁰, rounded to whole numbers; a row is a frequency."""
    steps = np.arange(side)
    angles = np.pi / side * np.outer(steps, steps + 0.5)
    basis = np.cos(angles) * math.sqrt(2 / side)
    basis[0] = math.sqrt(1 / side)
    return np.rint(basis * (1 << _POINT))


def forward(chunks: Flat) -> Flat:
    """Coefficients [S, side²] of chunks [S, side²]."""
    side = math.isqrt(chunks.shape[1])
    basis = _cosines(side) / (1 << _POINT)
    squares = chunks.reshape(-1, side, side).astype(np.float64)
    return (basis @ squares @ basis.T).reshape(chunks.shape).astype(np.float32)


def inverse(signs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chunks [S, side²] of coefficients [S, side²] that are −1, 0 or 1; exact up to the rounding of the cosines."""
    side = math.isqrt(signs.shape[1])
    basis = _cosines(side)
    squares = basis.T @ signs.reshape(-1, side, side) @ basis
    return squares.reshape(signs.shape) * 2.0 ** (-2 * _POINT)
