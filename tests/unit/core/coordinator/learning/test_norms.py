from __future__ import annotations

import math

import numpy as np
import pytest

from core.config.model import ModelSpec
from core.coordinator.learning.norms import Norm, norms
from core.model.layout import parameter_shapes
from core.model.shard import units

SPEC = ModelSpec(preset="test", vocab_size=256, num_layers=2, d_model=16, num_heads=2, d_ff=16, max_seq_len=16)


def passed(names: list[str], seed: int) -> tuple[Norm, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    shapes = parameter_shapes(SPEC)
    arrays = {name: rng.standard_normal(math.prod(shapes[name])).astype(np.float32) for name in names}
    norm = Norm(shapes)
    for name, array in arrays.items():
        for start in range(0, array.size, 7):
            norm.add(name, start, array[start : start + 7])
        norm.add(name, 0, array[:7])
    return norm, arrays


def test_a_norm_is_of_all_or_of_some_and_counts_a_slice_once() -> None:
    names = list(parameter_shapes(SPEC))
    norm, arrays = passed(names, 1)
    assert norm.value() == pytest.approx(np.linalg.norm(np.concatenate(list(arrays.values()))))
    assert norm.value(names[:1]) == pytest.approx(np.linalg.norm(arrays[names[0]]))
    assert norm.value(["no such parameter"]) == 0


def test_norms_are_told_by_layer_and_over_everything() -> None:
    shapes = parameter_shapes(SPEC)
    block = list(units(SPEC)[1].shapes())
    delta, _ = passed(block, 1)
    model, arrays = passed(list(shapes), 2)
    found = norms(SPEC, delta, Norm(shapes), model)
    assert set(found.layers) == {"embedding", "blocks:0-0", "blocks:1-1"}
    assert set(found.layers["blocks:0-0"]) == {"pseudo_gradient", "model"}
    assert set(found.layers["embedding"]) == {"model"}, "nobody trained it"
    expected = np.linalg.norm(np.concatenate([arrays[name] for name in block]))
    assert found.layers["blocks:0-0"]["model"] == pytest.approx(expected)
    assert found.all["pseudo_gradient"] == pytest.approx(delta.value())
    together = math.sqrt(sum(layer["model"] ** 2 for layer in found.layers.values()))
    assert found.all["model"] == pytest.approx(together)
