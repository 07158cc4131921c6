"""``ModelUpdate``: where torch ends, and the one sign convention."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from core.api.errors import UpdateError
from core.update import ModelUpdate, layout_hash, pseudo_gradient

FLOATS = st.floats(-1e3, 1e3, width=32)
UPDATES = st.dictionaries(
    st.text("abc.", min_size=1, max_size=5), arrays(np.float32, array_shapes(max_dims=3, max_side=4), elements=FLOATS)
)


def test_when_all_clients_agree_the_model_moves_to_them() -> None:
    rng = np.random.default_rng(0)
    base = {"w": rng.normal(size=(3, 4)).astype(np.float32)}
    trained = {"w": rng.normal(size=(3, 4)).astype(np.float32)}
    mean = np.mean([pseudo_gradient(base, trained).arrays["w"] for _ in range(5)], axis=0)
    assert np.allclose(base["w"] - 1.0 * mean, trained["w"], atol=1e-6)


@given(UPDATES.filter(bool))
def test_flat_and_back_is_the_same(content: dict[str, np.ndarray]) -> None:
    update = ModelUpdate(content)
    again = update.with_flat(update.flat())
    assert list(again.arrays) == list(content)
    assert all(np.array_equal(again.arrays[name], content[name]) for name in content)


@given(UPDATES.filter(bool))
def test_the_norm_is_the_norm_of_the_flat_vector(content: dict[str, np.ndarray]) -> None:
    update = ModelUpdate(content)
    assert update.norm() == pytest.approx(float(np.linalg.norm(update.flat().astype(np.float64))), rel=1e-9)
    assert update.dense_bytes == 4 * update.size == update.flat().nbytes


def test_operations_do_not_touch_their_input() -> None:
    content = {"w": np.ones(3, np.float32)}
    update = ModelUpdate(content)
    update.with_flat(np.zeros(3))
    flat = update.flat()
    flat[:] = 9
    assert np.array_equal(content["w"], np.ones(3))


def test_other_types_layouts_and_lengths_are_refused() -> None:
    with pytest.raises(UpdateError, match="float64"):
        ModelUpdate({"w": np.ones(3)})  # type: ignore[dict-item]
    with pytest.raises(UpdateError, match="Expected 3"):
        ModelUpdate({"w": np.ones(3, np.float32)}).with_flat(np.zeros(4))
    one, other = {"a": np.ones(2, np.float32)}, {"b": np.ones(2, np.float32)}
    with pytest.raises(UpdateError, match="other parameters"):
        pseudo_gradient(one, other)
    with pytest.raises(UpdateError, match="shape"):
        pseudo_gradient(one, {"a": np.ones(3, np.float32)})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_noticed(bad: float) -> None:
    assert not ModelUpdate({"w": np.array([0, bad], np.float32)}).is_finite()
    assert ModelUpdate({"w": np.zeros(2, np.float32)}).is_finite()


def test_layouts_differ_by_name_shape_and_order() -> None:
    hashes = {
        layout_hash(shapes)
        for shapes in ({"a": (1, 2)}, {"a": (2, 1)}, {"b": (1, 2)}, {"a": (1, 2), "b": ()}, {"b": (), "a": (1, 2)})
    }
    assert len(hashes) == 5
