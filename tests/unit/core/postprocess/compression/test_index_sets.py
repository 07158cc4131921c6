"""Index sets: every small one exactly, large ones at random, and nothing but sets."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.api.errors import UpdateError
from core.postprocess.compression.index_sets import INDEX_CODES, combinadic_bits, elias_fano_bits

ALL = pytest.mark.parametrize("name", sorted(INDEX_CODES))


@ALL
@pytest.mark.parametrize("n", range(1, 12))
def test_every_small_set_comes_back_and_no_two_are_written_alike(name: str, n: int) -> None:
    code = INDEX_CODES[name]
    for k in range(1, n + 1):
        sets = np.array(list(itertools.combinations(range(n), k)), np.int64)
        raw = code.write(sets, n)
        assert raw.shape == (math.comb(n, k), code.bits(n, k))
        assert len({row.tobytes() for row in raw}) == len(sets) or code.bits(n, k) == 0
        assert np.array_equal(code.read(raw, n, k), sets)


@ALL
@pytest.mark.parametrize(("n", "k"), [(5, 2), (7, 3), (8, 4), (9, 1), (6, 6)])
def test_every_string_is_a_set_or_refused(name: str, n: int, k: int) -> None:
    """Of all strings of the length exactly C(n, k) are read, each the writing of what it gave."""
    code, read = INDEX_CODES[name], 0
    for string in itertools.product((0, 1), repeat=min(code.bits(n, k), 14)):
        raw = np.zeros((1, code.bits(n, k)), np.uint8)
        raw[0, raw.shape[1] - len(string) :] = string
        try:
            found = code.read(raw, n, k)
        except UpdateError:
            continue
        read += 1
        assert np.array_equal(code.write(found, n), raw)
    if code.bits(n, k) <= 14:
        assert read == math.comb(n, k)


@ALL
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_large_sets_come_back(name: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(200, 5_000))
    k = data.draw(st.integers(1, min(n // 2, 96)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    sets = np.sort(np.stack([rng.choice(n, k, replace=False) for _ in range(5)]), axis=1)
    sets[0], sets[1] = np.arange(k), np.arange(n - k, n)  # the lowest and the highest rank
    code = INDEX_CODES[name]
    raw = code.write(sets, n)
    assert raw.shape == (5, code.bits(n, k))
    assert np.array_equal(code.read(raw, n, k), sets)


def test_a_rank_is_the_one_of_the_combinatorial_number_system() -> None:
    positions = [3, 70, 71, 1_024, 4_000, 4_095]
    rank = sum(math.comb(c, i) for i, c in enumerate(positions, 1))
    raw = INDEX_CODES["combinadic"].write(np.array([positions]), 4_096)
    assert int("".join(map(str, raw[0])), 2) == rank


def test_the_highest_rank_is_read_and_the_next_one_refused() -> None:
    n, k = 4_096, 64
    bits = combinadic_bits(n, k)
    for rank, good in ((math.comb(n, k) - 1, True), (math.comb(n, k), False), ((1 << bits) - 1, False)):
        raw = np.array([[int(c) for c in f"{rank:0{bits}b}"]], np.uint8)
        if good:
            assert np.array_equal(INDEX_CODES["combinadic"].read(raw, n, k), [np.arange(n - k, n)])
        else:
            with pytest.raises(UpdateError, match="does not exist"):
                INDEX_CODES["combinadic"].read(raw, n, k)


def test_the_lengths_are_those_that_were_promised() -> None:
    assert combinadic_bits(4_096, 64) == math.ceil(math.log2(math.comb(4_096, 64))) == 472
    assert elias_fano_bits(4_096, 64) == 511
    assert INDEX_CODES["packed"].bits(4_096, 64) == 768
