"""The wire format of updates: round trip within the error bound, exact size, and no crash on any bytes."""

from __future__ import annotations

import hashlib
import tracemalloc
from typing import get_args, get_type_hints

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


def test_every_wire_value_has_a_codec_of_its_own() -> None:
    named = get_args(get_type_hints(CodecConfig)["name"])
    assert sorted(CODECS) == sorted(named)
    assert len({codec.wire_id for codec in CODECS.values()}) == len(CODECS)


@pytest.mark.parametrize("other", [CodecConfig(name="fp32"), CodecConfig(name="int8", block_size=61)])
def test_another_codec_or_block_size_is_refused(other: CodecConfig) -> None:
    update, _, payload = sample()
    with pytest.raises(UpdateError):
        decode(payload, update.shapes, other)


def test_version_1_bytes_are_frozen() -> None:
    update = ModelUpdate({"a": np.array([1.0, -0.5, 0.25, 127.0], dtype=np.float32), "b": np.zeros(17, np.float32)})
    payload = encode(update, CodecConfig(name="int8", block_size=16))
    head, scales, codes = payload[:20], payload[52:60], payload[60:81]
    assert head == b"HGUP\x01\x02\x00\x00" + (16).to_bytes(4, "little") + (21).to_bytes(8, "little")
    assert scales == np.array([1.0, 0.0], "<f4").tobytes()
    assert codes == np.array([1, 0, 0, 127] + [0] * 17, np.int8).tobytes()
    assert payload[81:] == hashlib.sha256(payload[:81]).digest()


def test_a_wrong_length_is_refused_before_anything_is_allocated() -> None:
    shapes = {"w": (1 << 15, 1 << 15)}
    tracemalloc.start()
    try:
        for raw in (b"", b"HGUP" * 10, b"HGUP" + b"\xff" * 10_000):
            with pytest.raises(UpdateError, match="bytes"):
                decode(raw, shapes, CodecConfig())
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_size_says_nothing_about_the_values() -> None:
    shape = (300, 7)
    quiet = ModelUpdate({"w": np.zeros(shape, np.float32)})
    loud = ModelUpdate({"w": np.random.default_rng(0).normal(size=shape).astype(np.float32)})
    for name in CODECS:
        config = CodecConfig(name=name)  # type: ignore[arg-type]
        assert len(encode(quiet, config)) == len(encode(loud, config))
