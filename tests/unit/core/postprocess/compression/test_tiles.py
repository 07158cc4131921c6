"""Tiles of matrices: a rearrangement that loses nothing, read in any part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.postprocess.compression.tiles import Tiles

SHAPES = {"b": (7,), "square": (64, 64), "wide": (40, 96), "odd": (33, 33), "tall": (200, 8), "one": (), "n": (3,)}
COUNT = sum(int(np.prod(shape)) for shape in SHAPES.values())


def test_a_chunk_is_a_tile() -> None:
    rows, columns = np.divmod(np.arange(64 * 64, dtype=np.float32), 64)
    chunks = Tiles({"w": (64, 64)}, 256).arranged(100 * rows + columns).reshape(-1, 16, 16)
    assert len(chunks) == 16
    for number, chunk in enumerate(chunks):
        down, across = divmod(number, 4)
        assert np.array_equal(chunk[:, 0], 100 * (16 * down + np.arange(16)) + 16 * across)
        assert np.array_equal(chunk[0], 100 * 16 * down + 16 * across + np.arange(16))


def test_what_fills_no_tile_comes_last_in_its_order() -> None:
    values = np.arange(10 + 20 * 16 + 5, dtype=np.float32)
    found = Tiles({"a": (10,), "w": (20, 16), "b": (5,)}, 256).arranged(values)
    assert np.array_equal(found[:256], values[10:266])
    assert np.array_equal(found[256:], np.concatenate([values[:10], values[266:]]))


@pytest.mark.parametrize("chunk_size", [256, 1_024, 4_096])
def test_every_value_goes_somewhere_and_comes_back(chunk_size: int) -> None:
    tiles, values = Tiles(SHAPES, chunk_size), np.arange(COUNT, dtype=np.float32)
    arranged = tiles.arranged(values)
    assert np.array_equal(np.sort(arranged), values)
    assert np.array_equal(tiles.values(lambda start, stop: arranged[start:stop], 0, COUNT), values)


@given(start=st.integers(0, COUNT), size=st.integers(0, COUNT))
@settings(max_examples=200, deadline=None)
def test_any_part_is_read_by_itself(start: int, size: int) -> None:
    tiles, values = Tiles(SHAPES, 256), np.arange(COUNT, dtype=np.float32)
    arranged, stop = tiles.arranged(values), min(COUNT, start + size)
    read = 0

    def counted(first: int, after: int) -> np.ndarray:
        nonlocal read
        assert 0 <= first <= after <= COUNT
        read += after - first
        return arranged[first:after]

    assert np.array_equal(tiles.values(counted, start, stop), values[start:stop])
    assert read <= stop - start + 2 * 16 * 96, "no more than the bands at both ends"
