"""Codecs that keep every value: bounds of their error and the bytes they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from core.api.errors import UpdateError
from core.config.exchange import CodecConfig
from core.postprocess.compression.quantization import INT2_LEVELS, Int2, Int4, Packed, Sign, from_bf16, to_bf16

VALUES = np.random.default_rng(0).normal(size=1_001).astype(np.float32)
CONFIG = CodecConfig(block_size=64)
PACKED = pytest.mark.parametrize("codec", [Int4(), Int2(), Sign()], ids=["int4", "int2", "sign"])


def read(codec: Packed, raw: bytes) -> np.ndarray:
    return codec.read(lambda start, stop: raw[start:stop], 0, VALUES.size, VALUES.size, CONFIG)


def test_bf16_is_the_nearest_and_never_infinite() -> None:
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, -1.005, 3.4e38, -3.4e38, 0.0, -0.0, 1e-40], np.float32)
    found = from_bf16(to_bf16(values))
    assert found[:3].tolist() == [1.0, 1.0, 1 + 2**-6], "ties go to the even one"
    assert np.isfinite(found).all()
    assert np.abs(found[:8] - values[:8]).max() <= 2**-8 * 3.4e38
    assert np.signbit(found[7])


def test_bf16_agrees_with_torch() -> None:
    import torch

    values = (np.random.default_rng(1).normal(size=10_000) * 2.0 ** np.arange(-50, 50).repeat(100)).astype(np.float32)
    expected = torch.from_numpy(values).to(torch.bfloat16).to(torch.float32).numpy()
    assert np.array_equal(from_bf16(to_bf16(values)), expected)


def test_int4_is_within_half_a_step() -> None:
    found = read(Int4(), Int4().write(VALUES, CONFIG))
    for start in range(0, VALUES.size, 64):
        block = VALUES[start : start + 64]
        assert np.abs(block - found[start : start + 64]).max() <= np.abs(block).max() / 14 * 1.07


def test_int2_loses_what_the_best_four_levels_of_a_normal_distribution_lose() -> None:
    found = read(Int2(), Int2().write(VALUES, CONFIG))
    assert np.sum((VALUES - found) ** 2) / np.sum(VALUES**2) < 0.13  # 0.1175 for endless blocks (Max 1960)
    levels = np.unique(np.abs(found[:64]))
    assert levels.size == 2
    assert levels[1] / levels[0] == pytest.approx(INT2_LEVELS[1] / INT2_LEVELS[0])


def test_sign_gives_the_mean_magnitude() -> None:
    found = read(Sign(), Sign().write(VALUES, CONFIG))
    assert np.array_equal(found < 0, VALUES < 0)
    assert abs(found[0]) == pytest.approx(np.abs(VALUES[:64]).mean(), rel=2**-8)
    assert abs(found[-1]) == pytest.approx(np.abs(VALUES[64 * 15 :]).mean(), rel=2**-8), "not of the padding"


@PACKED
def test_a_scale_that_is_negative_or_not_finite_is_refused(codec: Packed) -> None:
    for bits in (0x8000, 0xBF80, 0x7F80, 0x7FC0):
        raw = bits.to_bytes(2, "little") + codec.write(VALUES, CONFIG)[2:]
        with pytest.raises(UpdateError, match="scale"):
            read(codec, raw)


@PACKED
def test_padding_that_is_not_zero_is_refused(codec: Packed) -> None:
    raw = bytearray(codec.write(VALUES, CONFIG))
    raw[-1] |= 0x80
    with pytest.raises(UpdateError, match="padding"):
        read(codec, bytes(raw))


def test_the_code_that_int4_leaves_out_is_refused() -> None:
    raw = bytearray(Int4().write(VALUES, CONFIG))
    raw[-2] &= 0xF0
    with pytest.raises(UpdateError, match="no encoder"):
        read(Int4(), bytes(raw))
