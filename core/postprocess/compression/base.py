"""What every codec is: three functions over a flat float32 vector, and the types they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.config.exchange import CodecConfig

Flat = NDArray[np.float32]
Bits = NDArray[np.uint8]
"""One 0 or 1 per element."""
Read = Callable[[int, int], bytes | memoryview]
"""Bytes of the payload from a start to a stop."""


class Codec(NamedTuple):
    """One way to write a flat vector."""

    wire_id: int
    fixed_rate: bool
    """Whether the size depends on layout and settings alone; under DP nothing else may be used."""
    sparse: bool
    """Whether most values are left out, so that error feedback is needed and noise would be selected."""
    tiled: bool
    """Whether chunks are tiles of the matrices; see ``tiles``."""
    payload_size: Callable[[int, CodecConfig], int]
    """(values, settings) → bytes."""
    write: Callable[[Flat, CodecConfig], bytes]
    read: Callable[[Read, int, int, int, CodecConfig], Flat]
    """(read from the payload, first value, value after the last, values in all, settings) → those values."""
