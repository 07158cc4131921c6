"""The flat clip: never above the bound, never a division by zero, never a NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.postprocess.privacy.clipping import clip_vector

vectors = hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-(2.0**100), 2.0**100, width=32))


@given(vectors, st.floats(1e-6, 1e6))
@settings(max_examples=150, deadline=None)
def test_never_above_the_bound_even_after_rounding_to_float32(values: np.ndarray, clip: float) -> None:
    clipped = clip_vector(values, clip)
    assert np.linalg.norm(clipped.values) <= clip
    assert np.linalg.norm(clipped.values.astype(np.float32).astype(np.float64)) <= clip
    if not clipped.was_clipped:
        assert np.array_equal(clipped.values, values.astype(np.float64))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_becomes_zero(bad: float) -> None:
    clipped = clip_vector(np.array([1.0, bad]), 1.0)
    assert not clipped.was_finite
    assert not clipped.values.any()


def test_zero_stays_zero() -> None:
    clipped = clip_vector(np.zeros(5), 1.0)
    assert not clipped.was_clipped
    assert clipped.norm == 0


@pytest.mark.parametrize("clip", [0.0, -1.0, np.nan, np.inf])
def test_a_bound_must_bound(clip: float) -> None:
    with pytest.raises(ValueError, match="clip_norm"):
        clip_vector(np.ones(3), clip)
