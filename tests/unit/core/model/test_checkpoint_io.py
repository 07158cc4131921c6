from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.api.errors import ModelError, StorageError
from core.config.model import ModelSpec
from core.model.checkpoint_io import (
    encode_weights,
    file_sha256,
    open_weights,
    read_weights,
    stored_bytes,
    write_weights,
)
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes

SPEC = ModelSpec(preset="test", vocab_size=256, num_layers=1, d_model=16, num_heads=2, d_ff=16, max_seq_len=32)
NORM = "model.norm.weight"
EMBED = "model.embed_tokens.weight"


def split(raw: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack("<Q", raw[:8])[0]
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def join(header: object, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_round_trip_is_exact_and_in_layout_order(tmp_path: Path) -> None:
    arrays = seeded_weights(SPEC, 11)
    write_weights(tmp_path / "w.safetensors", arrays)
    back = read_weights(tmp_path / "w.safetensors", SPEC)
    assert list(back) == list(parameter_shapes(SPEC))
    assert all(np.array_equal(back[name], arrays[name]) for name in arrays)
    assert back[NORM].flags.writeable
    assert file_sha256(tmp_path / "w.safetensors") == hashlib.sha256(encode_weights(arrays)).hexdigest()


def test_equal_weights_give_equal_bytes_whatever_the_order() -> None:
    arrays = seeded_weights(SPEC, 11)
    assert encode_weights(arrays) == encode_weights(dict(reversed(arrays.items())))


def test_the_library_reads_what_we_write_and_we_read_what_it_writes(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save, save_file

    arrays = seeded_weights(SPEC, 2)
    write_weights(tmp_path / "ours", arrays)
    assert set(load_file(tmp_path / "ours")) == set(arrays)
    assert encode_weights(arrays) == save(arrays, metadata={"format": "pt"})
    save_file(arrays, tmp_path / "theirs")
    assert np.array_equal(read_weights(tmp_path / "theirs", SPEC)[EMBED], arrays[EMBED])


def _drop(header: dict[str, Any]) -> None:
    del header[NORM]


def _extra(header: dict[str, Any]) -> None:
    header["pickle"] = dict(header[NORM])


def _half(header: dict[str, Any]) -> None:
    header[NORM]["dtype"] = "F16"


def _shape(header: dict[str, Any]) -> None:
    header[NORM]["shape"] = [4, 4]


def _float_shape(header: dict[str, Any]) -> None:
    header[NORM]["shape"] = [16.0]


def _true_shape(header: dict[str, Any]) -> None:
    header[NORM]["data_offsets"] = [False, True]


def _overlap(header: dict[str, Any]) -> None:
    header["model.layers.0.input_layernorm.weight"]["data_offsets"] = header[NORM]["data_offsets"]


def _beyond(header: dict[str, Any]) -> None:
    start, stop = header[NORM]["data_offsets"]
    header[NORM]["data_offsets"] = [start + (1 << 40), stop + (1 << 40)]


def _negative(header: dict[str, Any]) -> None:
    header[NORM]["data_offsets"] = [-64, 0]


def _long(header: dict[str, Any]) -> None:
    header[NORM]["data_offsets"][1] += 4


def _list(header: dict[str, Any]) -> None:
    header[NORM] = [1, 2]


def _field(header: dict[str, Any]) -> None:
    header[NORM]["run"] = "os.system"


def _metadata(header: dict[str, Any]) -> None:
    header["__metadata__"] = {"a": {"b": 1}}


@pytest.mark.parametrize(
    "damage",
    [_drop, _extra, _half, _shape, _float_shape, _true_shape, _overlap, _beyond, _negative, _long, _list, _field,
     _metadata],
    ids=lambda f: f.__name__.strip("_"),
)  # fmt: skip
def test_a_header_that_is_not_exactly_the_models_is_refused(
    tmp_path: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    header, data = split(encode_weights(seeded_weights(SPEC, 0)))
    damage(header)
    (tmp_path / "w").write_bytes(join(header, data))
    with pytest.raises(ModelError):
        read_weights(tmp_path / "w", SPEC)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", (1 << 20) + 1) + b" " * ((1 << 20) + 1),
        struct.pack("<Q", 2) + b"{}",
    ],
    ids=["empty", "cut", "huge-header", "header-over-1-MiB", "no-data"],
)
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "w").write_bytes(raw)
    with pytest.raises(ModelError):
        read_weights(tmp_path / "w", SPEC)


@pytest.mark.parametrize(
    "text",
    [b"[" * 20_000, b"[]", b"null", b'{"a": NaN', b"\xff\xfe{}", b'{"a": 1, "a": 2}', b'"x"'],
    ids=["deep", "list", "null", "broken", "not-utf8", "twice", "text"],
)
def test_a_hostile_header_of_the_right_length_is_refused(tmp_path: Path, text: bytes) -> None:
    _, data = split(encode_weights(seeded_weights(SPEC, 0)))
    (tmp_path / "w").write_bytes(join(text, data))
    with pytest.raises(ModelError):
        read_weights(tmp_path / "w", SPEC)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    arrays = seeded_weights(SPEC, 0)
    arrays[EMBED][3, 5] = value
    write_weights(tmp_path / "w", arrays)
    with pytest.raises(ModelError, match="finite"):
        read_weights(tmp_path / "w", SPEC)


def test_length_is_exact_and_capped(tmp_path: Path) -> None:
    raw = encode_weights(seeded_weights(SPEC, 0))
    for changed in (raw[:-1], raw + b"\x00"):
        (tmp_path / "w").write_bytes(changed)
        with pytest.raises(ModelError):
            read_weights(tmp_path / "w", SPEC)
    (tmp_path / "w").write_bytes(raw)
    assert read_weights(tmp_path / "w", SPEC, max_bytes=len(raw))
    with pytest.raises(ModelError, match="more than"):
        read_weights(tmp_path / "w", SPEC, max_bytes=len(raw) - 1)


def test_a_file_can_be_read_array_by_array_and_names_what_is_wrong_when_it_gets_there(tmp_path: Path) -> None:
    arrays = seeded_weights(SPEC, 0)
    arrays[NORM][0] = np.nan
    write_weights(tmp_path / "w", arrays)
    with open_weights(tmp_path / "w", parameter_shapes(SPEC)) as stored:
        assert list(stored) == list(parameter_shapes(SPEC))
        assert np.array_equal(stored[EMBED], arrays[EMBED])
        with pytest.raises(ModelError, match="not finite"):
            stored[NORM]
        (tmp_path / "w").write_bytes(b"cut")
        with pytest.raises(ModelError, match="changed while"):
            stored[EMBED]


def test_other_types_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="float64"):
        write_weights(tmp_path / "w", {"a": np.zeros(2)})  # type: ignore[dict-item]
    assert not (tmp_path / "w").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nothing-here"):
        read_weights(tmp_path / "nothing-here", SPEC)
    with pytest.raises(StorageError, match="nothing-here"):
        file_sha256(tmp_path / "nothing-here")


@given(st.data())
def test_any_changed_byte_of_the_header_is_refused_or_harmless(tmp_path_factory: Any, data: st.DataObject) -> None:
    arrays = seeded_weights(SPEC, 0)
    raw = bytearray(encode_weights(arrays))
    end = 8 + struct.unpack("<Q", raw[:8])[0]
    raw[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("w") / "w"
    path.write_bytes(bytes(raw))
    try:
        back = read_weights(path, SPEC)
    except ModelError:
        return
    assert {name: array.shape for name, array in back.items()} == parameter_shapes(SPEC)


def test_a_narrow_file_is_bfloat16_in_its_matrices_and_half_as_large(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    arrays = seeded_weights(SPEC, 4)
    arrays[NORM] = np.linspace(-1, 1, 16, dtype=np.float32)
    raw = encode_weights(arrays, narrow=True)
    (tmp_path / "w").write_bytes(raw)
    theirs = load_file(tmp_path / "w")
    with open_weights(tmp_path / "w", parameter_shapes(SPEC), narrow=True) as stored:
        for name, array in arrays.items():
            expected = torch.from_numpy(array).to(torch.bfloat16) if array.ndim > 1 else torch.from_numpy(array)
            assert torch.equal(theirs[name], expected), name
            assert np.array_equal(stored[name], expected.float().numpy()), name
    vectors = sum(array.nbytes for array in arrays.values() if array.ndim == 1)
    assert stored_bytes(parameter_shapes(SPEC), narrow=True) * 2 == stored_bytes(parameter_shapes(SPEC)) + vectors
    with pytest.raises(ModelError), open_weights(tmp_path / "w", parameter_shapes(SPEC)):
        pass
    (tmp_path / "w").write_bytes(encode_weights(arrays))
    with pytest.raises(ModelError), open_weights(tmp_path / "w", parameter_shapes(SPEC), narrow=True):
        pass


@pytest.mark.parametrize("bits", [0x7F80, 0xFF80, 0x7FC0])
def test_narrow_values_that_are_not_finite_are_refused(tmp_path: Path, bits: int) -> None:
    raw = bytearray(encode_weights(seeded_weights(SPEC, 4), narrow=True))
    raw[-2:] = struct.pack("<H", bits)
    (tmp_path / "w").write_bytes(bytes(raw))
    with (
        open_weights(tmp_path / "w", parameter_shapes(SPEC), narrow=True) as stored,
        pytest.raises(ModelError, match="not finite"),
    ):
        dict(stored)
