from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from core import vault
from core.api.errors import StorageError
from core.training.state_file import read_state, write_state

KEY = bytes(range(32))
ARRAYS = {
    "narrow": np.arange(3, dtype=np.float32),
    "wide": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "large": np.random.default_rng(1).random(vault.BLOCK_BYTES // 4 + 7).astype(np.float32),
}


def test_header_and_arrays_come_back(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_state(path, KEY, b"a header", ARRAYS, b"what")
    header, found = read_state(path, KEY, b"what")
    assert header == b"a header"
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


def test_the_arrays_are_safetensors(tmp_path: Path) -> None:
    write_state(tmp_path / "state", KEY, b"", ARRAYS, b"what")
    plain = vault.decrypt_file(tmp_path / "state", KEY, b"what")
    assert load(plain[8:])["wide"].shape == (3, 2)


@pytest.mark.parametrize("plain", [b"", b"\0" * 7 + b"\x09" + b"short", b"\0" * 8 + b"no safetensors"])
def test_what_is_no_state_is_damaged(tmp_path: Path, plain: bytes) -> None:
    vault.encrypt_file(tmp_path / "state", KEY, plain, b"what")
    with pytest.raises(StorageError, match="damaged"):
        read_state(tmp_path / "state", KEY, b"what")
