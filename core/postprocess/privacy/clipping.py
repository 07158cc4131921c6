"""Bounding the sensitivity: one flat L2 clip, in float64, slightly inside the bound.

Guarantees:

* ``‖clipped‖₂ ≤ clip_norm`` in exact arithmetic: the target is ``clip_norm·(1 − 1e-5)``, far more than float64
  rounding of the norm or float32 rounding of the result can add (Casacuberta et al. 2022, arXiv 2207.10635).
* A vector that is already inside is returned unchanged.

| input | result |
|---|---|
| zero vector | zero vector, no division |
| not finite | zero vector, ``was_finite`` False; the release is charged all the same |
| norm 1e6 or more | scaled to the target |
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MARGIN = 1e-5


class Clipped(NamedTuple):
    """A bounded vector and what happened to it."""

    values: NDArray[np.float64]
    norm: float
    """L2 norm before; private, never leaves the machine."""
    was_clipped: bool
    was_finite: bool


def target_norm(clip_norm: float) -> float:
    """The norm vectors are scaled to: just inside the bound.

    Raises:
        ValueError: the bound is not positive and finite.
    """
    if not (math.isfinite(clip_norm) and clip_norm > 0):
        raise ValueError(f"clip_norm must be positive and finite, got {clip_norm}")
    return clip_norm * (1.0 - MARGIN)


def clip_vector(values: NDArray[np.floating], clip_norm: float) -> Clipped:
    """Scale a flat vector so that its L2 norm is at most ``clip_norm``.

    Args:
        values: the exact vector that will be released, any float type.
        clip_norm: the bound C.

    Raises:
        ValueError: the bound is not positive and finite.
    """
    target = target_norm(clip_norm)
    wide = values.astype(np.float64)
    largest = float(np.max(np.abs(wide))) if wide.size else 0.0
    if not math.isfinite(largest):
        return Clipped(np.zeros_like(wide), math.inf, True, False)
    if largest == 0.0:
        return Clipped(wide, 0.0, False, True)
    norm = largest * float(np.linalg.norm(wide / largest))
    if norm <= target:
        return Clipped(wide, norm, False, True)
    return Clipped(wide * (target / norm), norm, True, True)
