"""The cosine transform: orthonormal, its own inverse, and the same bits in whatever order it is added up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.postprocess.compression import transform


@pytest.mark.parametrize("side", [16, 32, 64, 128, 256])
def test_rows_are_orthonormal(side: int) -> None:
    basis = transform._cosines(side) / 2.0**20
    assert np.abs(basis @ basis.T - np.eye(side)).max() < 2e-5


def test_it_is_the_dct_ii() -> None:
    from scipy.fft import dctn

    chunk = np.random.default_rng(0).normal(size=(3, 4_096)).astype(np.float32)
    expected = dctn(chunk.reshape(3, 64, 64).astype(np.float64), axes=(1, 2), norm="ortho").reshape(3, 4_096)
    assert np.abs(transform.forward(chunk) - expected).max() < 1e-4


def test_the_inverse_is_exact_in_any_order() -> None:
    """Sums of whole numbers below 2⁵³ are the same forwards and backwards, which those of the cosines are not."""
    side = 64
    rng = np.random.default_rng(1)
    signs = rng.integers(-1, 2, size=(2, side * side)).astype(np.float64)
    found = transform.inverse(signs)
    basis = transform._cosines(side).astype(np.int64)
    squares = signs.reshape(-1, side, side).astype(np.int64)
    exact = np.einsum("ui,nuv,vj->nij", basis, squares, basis).reshape(2, -1)
    assert np.abs(exact).max() < 1 << 53
    assert np.array_equal(found * 2.0**40, exact)


def test_a_flat_chunk_is_one_coefficient() -> None:
    found = transform.forward(np.full((1, 256), 3, np.float32))[0]
    assert found[0] == pytest.approx(3 * math.sqrt(256), rel=1e-5)
    assert np.abs(found[1:]).max() < 1e-3
