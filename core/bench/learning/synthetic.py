"""A source whose entropy is known: bytes drawn by a second-order Markov chain over a few symbols.

The best any model can reach is the chain's entropy rate, so a loss can be read against its floor. It needs no text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

SYMBOLS: Final = 24
FIRST: Final = 97
"""The first symbol's byte."""
LENGTH: Final = 2_048
_SPREAD: Final = 0.15
"""Concentration of each context's Dirichlet: a few symbols follow most contexts."""


def transitions(seed: int = 1) -> NDArray[np.float64]:
    """(symbol before last, last, next) probabilities."""
    draw = np.random.Generator(np.random.PCG64(seed))
    weights = draw.gamma(_SPREAD, size=(SYMBOLS, SYMBOLS, SYMBOLS)) + 1e-4
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def entropy_bits(chances: NDArray[np.float64]) -> float:
    """Bits per symbol of the chain once it runs: the mean entropy of its contexts under their stationary shares."""
    share = np.full((SYMBOLS, SYMBOLS), 1.0 / SYMBOLS**2)
    for _ in range(500):
        after = np.einsum("ab,abc->bc", share, chances)
        if float(np.abs(after - share).max()) < 1e-15:
            break
        share = after
    return float(-(share[:, :, None] * chances * np.log(chances)).sum() / math.log(2))


def documents(size_bytes: int, seed: int = 1) -> Iterator[NDArray[np.uint8]]:
    """About so many bytes in documents of one length."""
    count = max(1, size_bytes // LENGTH)
    limits = transitions(seed).cumsum(-1)
    draw = np.random.Generator(np.random.PCG64([seed, 2]))
    text = np.zeros((LENGTH, count), np.uint8)
    before, last = draw.integers(SYMBOLS, size=(2, count))
    for at in range(LENGTH):
        place = draw.random(count)
        following = np.minimum((limits[before, last] < place[:, None]).sum(-1), SYMBOLS - 1)
        text[at] = FIRST + following
        before, last = last, following
    yield from text.T.copy()
