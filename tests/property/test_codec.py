"""The wire format of updates: round trip within the error bound, exact size, and no crash on any bytes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.api.errors import UpdateError
from core.config import CodecConfig
from core.postprocess.compression.codec import CODECS, decode, encode, encoded_size
from core.update import ModelUpdate

floats = st.floats(-(2.0**100), 2.0**100, width=32)
updates = st.dictionaries(
    st.text("abc.", min_size=1, max_size=4),
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=40), elements=floats),
    min_size=1,
    max_size=4,
).map(ModelUpdate)
configs = st.builds(CodecConfig, name=st.sampled_from(sorted(CODECS)), block_size=st.sampled_from([16, 64, 256]))


@given(updates, configs)
@settings(max_examples=80, deadline=None)
def test_round_trip(update: ModelUpdate, config: CodecConfig) -> None:
    payload = encode(update, config)
    assert len(payload) == encoded_size(update.shapes, config)
    assert payload == encode(update, config)
    back = decode(payload, update.shapes, config)
    assert back.shapes == update.shapes
    values, found = update.flat(), back.flat()
    if config.name == "fp32":
        assert np.array_equal(values, found)
        return
    for start in range(0, values.size, config.block_size):
        block = slice(start, start + config.block_size)
        bound = float(np.abs(values[block]).max()) / 254
        assert np.abs(values[block].astype(np.float64) - found[block]).max() <= bound * (1 + 1e-5) + 1e-37


def sample() -> tuple[ModelUpdate, CodecConfig, bytes]:
    update = ModelUpdate({"a": np.linspace(-1, 1, 300, dtype=np.float32), "b": np.ones((3, 5), dtype=np.float32)})
    config = CodecConfig(name="int8", block_size=64)
    return update, config, encode(update, config)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_every_flipped_byte_is_refused(data: st.DataObject) -> None:
    update, config, payload = sample()
    at = data.draw(st.integers(0, len(payload) - 1))
    flipped = bytearray(payload)
    flipped[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UpdateError):
        decode(bytes(flipped), update.shapes, config)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_hostile_sender_with_a_right_digest_gets_a_sentence_or_a_finite_update(data: st.DataObject) -> None:
    update, config, payload = sample()
    body = bytearray(payload[:-32])
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode(bytes(body) + hashlib.sha256(body).digest(), update.shapes, config)
    except UpdateError:
        return
    assert found.is_finite()
    assert found.shapes == update.shapes


@given(st.binary(max_size=600))
@settings(max_examples=150, deadline=None)
def test_garbage_is_refused(raw: bytes) -> None:
    update, config, _ = sample()
    with pytest.raises(UpdateError):
        decode(raw, update.shapes, config)


def test_another_layout_is_refused() -> None:
    update, config, payload = sample()
    renamed = {"x" + name: shape for name, shape in update.shapes.items()}
    with pytest.raises(UpdateError, match="layout"):
        decode(payload, renamed, config)
    with pytest.raises(UpdateError, match="bytes"):
        decode(payload, {**update.shapes, "c": (1,)}, config)


def test_a_value_that_is_not_finite_never_leaves() -> None:
    update = ModelUpdate({"a": np.array([1, np.nan], dtype=np.float32)})
    for name in CODECS:
        with pytest.raises(UpdateError, match="finite"):
            encode(update, CodecConfig(name=name))  # type: ignore[arg-type]


def test_wire_ids_are_unique() -> None:
    assert len({codec.wire_id for codec in CODECS.values()}) == len(CODECS)
