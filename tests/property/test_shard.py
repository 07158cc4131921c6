"""Shards are a partition of the parameters, whatever the model and however it is divided."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.model import ModelSpec
from core.model.layout import parameter_shapes
from core.model.presets import PRESETS, num_parameters
from core.model.shard import divide, embedding, full, parse_shard, units

specs = st.builds(
    ModelSpec,
    architecture=st.sampled_from(["llama", "gpt2"]),
    preset=st.just("test"),
    vocab_size=st.integers(256, 300),
    num_layers=st.integers(1, 23),
    d_model=st.just(16),
    num_heads=st.just(2),
    d_ff=st.just(16),
    max_seq_len=st.just(8),
    tie_embeddings=st.booleans(),
)


@given(specs, st.data())
def test_shards_partition_the_parameters(spec: ModelSpec, data: st.DataObject) -> None:
    shards = divide(spec, data.draw(st.integers(1, spec.num_layers + 1)))
    names = [name for shard in shards for name in shard.shapes()]
    assert len(names) == len(set(names))
    assert set(names) == set(parameter_shapes(spec))
    assert sum(shard.size() for shard in shards) == num_parameters(spec)
    counts = [len(shard.units()) for shard in shards if not shard.holds_embedding]
    assert not counts or max(counts) - min(counts) <= 1
    order = list(parameter_shapes(spec))
    for shard in shards:
        assert list(shard.shapes()) == sorted(shard.shapes(), key=order.index)
        assert parse_shard(spec, shard.name) == shard


@given(specs, st.data())
def test_a_shard_is_made_of_its_units(spec: ModelSpec, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, spec.num_layers - 1))
    last = data.draw(st.integers(first, spec.num_layers - 1))
    for name in (f"blocks:{first}-{last}", "embedding", "full"):
        shard = parse_shard(spec, name)
        merged = {key: shape for unit in shard.units() for key, shape in unit.shapes().items()}
        assert merged == shard.shapes()
        assert set(shard.units()) <= set(units(spec))
    assert parse_shard(spec, f"blocks:{first}-{last}").blocks_in_graph == spec.num_layers - first


@given(specs)
def test_the_tied_head_goes_with_the_embedding_and_the_last_norm(spec: ModelSpec) -> None:
    names = set(embedding(spec).shapes())
    assert ("lm_head.weight" in names) is not spec.tie_embeddings
    assert len(names) == (2 if spec.architecture == "llama" else 4) + (not spec.tie_embeddings)
    assert full(spec).shapes() == parameter_shapes(spec)


@pytest.mark.parametrize(
    "name",
    ["", "Full", "block:1", "blocks:2-1", "blocks:0-2", "blocks:-1-1", "blocks:00-1", "blocks:1", "blocks:0-1 ",
     "blocks:0-99999999999999999999", "embedding:0", "blocks:٠-1", "full\n"],
)  # fmt: skip
def test_what_names_no_shard_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"names (no part|blocks)"):
        parse_shard(PRESETS["tiny"], name)


@pytest.mark.parametrize("count", [-1, 0, 4])
def test_a_model_has_no_more_shards_than_parts(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 3 shards"):
        divide(PRESETS["tiny"], count)


def test_blocks_of_a_preset_are_of_equal_size() -> None:
    spec = PRESETS["350m-gpt2"]
    sizes = {unit.size() for unit in units(spec)[1:]}
    assert sizes == {12 * 1024**2 + 13 * 1024}
    assert math.isclose(divide(spec, 25)[1].size() * 24 + embedding(spec).size(), num_parameters(spec))
