"""Chunked top-k: the right values, the best magnitudes, and ties and zeros that are decided."""

from __future__ import annotations

import numpy as np
import pytest

from core.api.errors import UpdateError
from core.config.exchange import CodecConfig
from core.postprocess.compression.codec import decode, encode
from core.postprocess.compression.quantization import from_bf16
from core.postprocess.compression.sparse import TOPK, largest, layout, two_means
from core.update import ModelUpdate

CONFIG = CodecConfig(name="topk", chunk_size=256, kept=8)


def test_of_equal_magnitudes_the_first_are_kept() -> None:
    chunks = np.array([[1, -2, 2, 2, -2, 0.5], [0, 0, 0, 0, 0, -0.0]], np.float32)
    assert largest(chunks, 3).tolist() == [[1, 2, 3], [0, 1, 2]]
    assert largest(chunks, 5).tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]


def test_the_largest_are_those_that_sorting_finds() -> None:
    chunks = np.random.default_rng(1).normal(size=(50, 300)).astype(np.float32)
    order = np.sort(np.argsort(-np.abs(chunks), axis=1, kind="stable")[:, :17], axis=1)
    assert np.array_equal(largest(chunks, 17), order)


def test_no_two_magnitudes_lose_less() -> None:
    sizes = np.abs(np.random.default_rng(2).normal(size=(20, 9))).astype(np.float32)
    bits, is_high = two_means(sizes)
    scales = from_bf16(bits)
    lost = np.sum((sizes - np.where(is_high, scales[:, 1:], scales[:, :1])) ** 2, axis=1)
    for row, found in zip(sizes, lost, strict=True):
        ordered = np.sort(row)
        best = min(
            sum(float(np.sum((part - part.mean()) ** 2)) for part in np.split(ordered, [at]) if part.size)
            for at in range(row.size)
        )
        assert best - 1e-6 <= found <= best + 1e-4  # bfloat16 rounds the magnitudes


def test_the_short_last_chunk_keeps_its_share() -> None:
    assert layout(256 * 3 + 100, CONFIG)[2:] == (3, 100, 4)
    assert layout(1, CONFIG)[2:] == (0, 1, 1)
    assert layout(512, CONFIG)[2:] == (2, 0, 0)


def test_signs_and_places_survive_and_zeros_are_positive() -> None:
    values = np.zeros(600, np.float32)
    values[[3, 255, 256, 599]] = [-4, 4, 1e-30, -1]
    values[10] = -0.0
    update = ModelUpdate({"w": values})
    found = decode(encode(update, CONFIG), update.shapes, CONFIG).flat()
    assert found[[3, 255, 599]].tolist() == pytest.approx([-4, 4, -1], rel=2**-8)
    assert np.count_nonzero(found) == 4
    assert not np.signbit(found[found == 0]).any()


def test_values_too_small_for_the_magnitude_carry_no_sign() -> None:
    update = ModelUpdate({"w": np.full(256, -1e-45, np.float32)})
    assert not decode(encode(update, CONFIG), update.shapes, CONFIG).flat().any()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({16: 1, 0: 0}, "negative or not finite"),
        (dict.fromkeys(range(1, 9), 1), "negative or not finite"),
        (dict.fromkeys(range(16), 0), "a sign"),
        (dict.fromkeys(range(40, 48), 0), "magnitudes"),
        (dict.fromkeys(range(48, 48 + 48), 1), "set of positions"),
        ({-1: 1}, "padding"),
    ],
)
def test_what_no_encoder_writes_is_refused(changes: dict[int, int], sentence: str) -> None:
    values = np.random.default_rng(3).normal(size=256).astype(np.float32)
    bits = np.unpackbits(np.frombuffer(TOPK.write(values, CONFIG), np.uint8))
    assert bits[-1] == 0, "this record needs padding"
    for at, value in changes.items():
        bits[at] = value
    raw = np.packbits(bits).tobytes()
    with pytest.raises(UpdateError, match=sentence):
        TOPK.read(lambda start, stop: raw[start:stop], 0, 256, 256, CONFIG)
