"""The wire format of updates: round trip within the error bound, exact size, and no crash on any bytes."""

from __future__ import annotations

import hashlib
import math
import tracemalloc
from typing import get_args, get_type_hints

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.api.errors import UpdateError
from core.config.exchange import CodecConfig
from core.model.layout import parameter_shapes
from core.model.presets import preset
from core.postprocess.compression.base import Flat
from core.postprocess.compression.codec import CODECS, EncodedUpdate, Held, decode, encode, encoded_size
from core.postprocess.compression.index_sets import INDEX_CODES
from core.update import ModelUpdate

floats = st.floats(-(2.0**100), 2.0**100, width=32)
updates = st.dictionaries(
    st.text("abc.", min_size=1, max_size=4),
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=40), elements=floats),
    min_size=1,
    max_size=4,
).map(ModelUpdate)
configs = st.builds(
    CodecConfig,
    name=st.sampled_from(sorted(CODECS)),
    block_size=st.sampled_from([16, 64, 256]),
    chunk_size=st.just(256),
    kept=st.sampled_from([1, 8, 100]),
    index_code=st.sampled_from(sorted(INDEX_CODES)),
)
HALF_STEP = {"int8": 1 / 254, "int4": 1.07 / 14}
"""Of the largest magnitude in the block; the scale of int4 is itself rounded."""


def check_error(values: Flat, found: Flat, config: CodecConfig) -> None:
    """Exact, within half a step, or at least nearer than nothing at all."""
    wide, back = values.astype(np.float64), found.astype(np.float64)
    if config.name == "fp32":
        assert np.array_equal(values, found)
    elif config.name == "bf16":
        assert (np.abs(wide - back) <= np.abs(wide) * 2.0**-8 + 1e-37).all()
    elif config.name in HALF_STEP:
        for start in range(0, values.size, config.block_size):
            block = slice(start, start + config.block_size)
            bound = float(np.abs(values[block]).max()) * HALF_STEP[config.name]
            assert np.abs(wide[block] - back[block]).max() <= bound * (1 + 1e-5) + 1e-37
    else:
        assert np.linalg.norm(wide - back) <= np.linalg.norm(wide) * (1 + 1e-4) + 1e-36


@given(updates, configs)
@settings(max_examples=300, deadline=None)
def test_round_trip(update: ModelUpdate, config: CodecConfig) -> None:
    payload = encode(update, config)
    assert len(payload) == encoded_size(update.shapes, config)
    assert payload == encode(update, config)
    back = decode(payload, update.shapes, config)
    assert back.shapes == update.shapes
    check_error(update.flat(), back.flat(), config)


@given(updates, configs, st.data())
@settings(max_examples=200, deadline=None)
def test_any_slice_is_the_slice_of_the_whole(update: ModelUpdate, config: CodecConfig, data: st.DataObject) -> None:
    opened = EncodedUpdate(Held(encode(update, config)), update.shapes, config)
    whole = opened.values(0, opened.count)
    start = data.draw(st.integers(0, opened.count))
    stop = data.draw(st.integers(start, opened.count))
    assert opened.values(start, stop).tobytes() == whole[start:stop].tobytes()


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_slice_of_a_tiled_update_is_the_slice_of_the_whole(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    shapes = {"a": (5,), "w": (70, 48), "b": (20, 20), "v": (33, 16)}
    update = ModelUpdate({name: rng.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()})
    config = CodecConfig(name="dct", chunk_size=256, kept=32)
    opened = EncodedUpdate(Held(encode(update, config)), shapes, config)
    whole = opened.values(0, opened.count)
    assert np.linalg.norm(whole - update.flat()) < 0.95 * update.norm()
    start = data.draw(st.integers(0, opened.count))
    stop = data.draw(st.integers(start, opened.count))
    assert opened.values(start, stop).tobytes() == whole[start:stop].tobytes()


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


@pytest.mark.parametrize("name", sorted(CODECS))
@pytest.mark.parametrize("index_code", sorted(INDEX_CODES))
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_hostile_sender_with_a_right_digest_gets_a_sentence_or_a_finite_update(
    name: str, index_code: str, data: st.DataObject
) -> None:
    config = CodecConfig(name=name, block_size=64, chunk_size=256, kept=8, index_code=index_code)  # type: ignore[arg-type]
    update = ModelUpdate({"a": np.linspace(-1, 1, 700, dtype=np.float32), "b": np.ones((3, 5), dtype=np.float32)})
    body = bytearray(encode(update, config)[:-32])
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    tracemalloc.start()
    try:
        found = decode(bytes(body) + hashlib.sha256(body).digest(), update.shapes, config)
    except UpdateError:
        return
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 << 20
    assert found.is_finite()
    assert found.shapes == update.shapes


@pytest.mark.parametrize("name", ["topk", "dct"])
def test_every_bit_of_a_sparse_payload_matters(name: str) -> None:
    """Two different payloads that are both read never give the same update: each set has one writing."""
    config = CodecConfig(name=name, chunk_size=256, kept=8)  # type: ignore[arg-type]
    update = ModelUpdate({"a": np.random.default_rng(5).normal(size=300).astype(np.float32)})
    payload = encode(update, config)
    seen = {decode(payload, update.shapes, config).flat().tobytes()}
    tried = 1
    for bit in range(8 * 60, 8 * (len(payload) - 32)):
        body = bytearray(payload[:-32])
        body[bit // 8] ^= 1 << (bit % 8)
        try:
            found = decode(bytes(body) + hashlib.sha256(body).digest(), update.shapes, config)
        except UpdateError:
            continue
        tried += 1
        seen.add(found.flat().tobytes())
    assert len(seen) == tried > 50


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


def test_version_2_bytes_are_frozen() -> None:
    update = ModelUpdate({"a": np.array([1.0, -0.5, 0.25, 127.0], dtype=np.float32), "b": np.zeros(17, np.float32)})
    payload = encode(update, CodecConfig(name="int8", block_size=16))
    head, scales, codes = payload[:28], payload[60:68], payload[68:89]
    numbers = (16).to_bytes(4, "little") + bytes(8) + (21).to_bytes(8, "little")
    assert head == b"HGUP\x02\x02\x00\x00" + numbers
    assert scales == np.array([1.0, 0.0], "<f4").tobytes()
    assert codes == np.array([1, 0, 0, 127] + [0] * 17, np.int8).tobytes()
    assert payload[89:] == hashlib.sha256(payload[:89]).digest()


def test_version_2_bytes_of_a_sparse_update_are_frozen() -> None:
    values = np.zeros(256, np.float32)
    values[[1, 200]] = [2, -8]
    config = CodecConfig(name="topk", chunk_size=256, kept=2)
    payload = encode(ModelUpdate({"a": values}), config)
    numbers = bytes(4) + (256).to_bytes(4, "little") + (2).to_bytes(4, "little") + (256).to_bytes(8, "little")
    assert payload[:28] == b"HGUP\x02\x07\x01\x00" + numbers
    rank = 1 + 200 * 199 // 2  # C(1, 1) + C(200, 2)
    record = f"{0x40004100:032b}" + "01" + "01" + f"{rank:015b}"
    assert payload[60:-32] == int(record.ljust(56, "0"), 2).to_bytes(7, "big")


@pytest.mark.parametrize("index_code", sorted(INDEX_CODES))
@pytest.mark.parametrize("other", [{"kept": 65}, {"chunk_size": 512}, {"name": "dct"}])
def test_another_setting_of_a_sparse_codec_is_refused(index_code: str, other: dict[str, object]) -> None:
    config = CodecConfig(name="topk", chunk_size=1_024, index_code=index_code)  # type: ignore[arg-type]
    update = ModelUpdate({"a": np.ones(5_000, np.float32)})
    with pytest.raises(UpdateError):
        decode(encode(update, config), update.shapes, msgspec.structs.replace(config, **other))


def test_64_of_4096_are_200_times_smaller() -> None:
    shapes = parameter_shapes(preset("10m"))
    dense = 4 * sum(math.prod(shape) for shape in shapes.values())
    sizes = {code: encoded_size(shapes, CodecConfig(name="topk", index_code=code)) for code in ("combinadic", "packed")}  # type: ignore[arg-type]
    assert dense / sizes["combinadic"] > 200 > dense / sizes["packed"]


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
