"""Block-wise linear int8: one float32 scale per block of values, symmetric, round half to even. Deterministic.

Error bound: |value − decoded| ≤ scale/2 with scale = max|block|/127. The rate is fixed, so the size of the result says
nothing about the values. Blocks run over the flat vector in layout order; the last one may be short.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = 127


def quantize_int8(values: NDArray[np.float32], block_size: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Scales per block and one int8 per value.

    Args:
        values: flat finite float32 vector.
        block_size: values that share a scale.
    """
    blocks = -(-values.size // block_size)
    padded = np.zeros((blocks, block_size), dtype=np.float32)
    padded.ravel()[: values.size] = values
    largest = np.max(np.abs(padded), axis=1)
    scales = np.where(largest > 0, largest / np.float32(LEVELS), np.float32(0)).astype(np.float32)
    divisors = np.where(scales > 0, scales, np.float32(1))
    codes = np.clip(np.rint(padded / divisors[:, None]), -LEVELS, LEVELS).astype(np.int8)
    return scales, codes.ravel()[: values.size]


def dequantize_int8(
    scales: NDArray[np.float32], codes: NDArray[np.int8], block_size: int, skip: int = 0
) -> NDArray[np.float32]:
    """The inverse up to rounding; flat float32. ``skip`` values of the first scale's block come before the codes."""
    return codes.astype(np.float32) * np.repeat(scales, block_size)[skip : skip + codes.size]
