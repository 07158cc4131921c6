"""The noise has the scale that is charged for: tests accept it and reject two thirds and three halves of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from core.config.exchange import CodecConfig
from core.jobs import PrivacyPlan
from core.postprocess.base import build_chain
from core.postprocess.privacy.dp_sgd import add_noise
from core.postprocess.privacy.gaussian import CsprngNormal, fresh_key
from core.update import ModelUpdate

KEY = bytes(range(32))
ALARM = 1e-6


def p_value(values: np.ndarray, scale: float) -> float:
    return float(stats.kstest(values, "norm", args=(0, scale)).pvalue)


def corpus_release(sigma: float, clip: float) -> np.ndarray:
    plan = PrivacyPlan(unit="corpus", clip_norm=clip, noise_multiplier=sigma, steps=1, units=1)
    zero = ModelUpdate({"w": np.zeros(60_000, dtype=np.float32)})
    chain = build_chain(plan, CodecConfig(name="fp32"))
    return chain.decode(chain.encode(zero, noise=CsprngNormal(KEY))[0], zero.shapes).flat().astype(np.float64)


def dp_sgd_sum(sigma: float, clip: float) -> np.ndarray:
    total = [torch.zeros(40_000, dtype=torch.float64), torch.zeros(100, 200, dtype=torch.float64)]
    drawn, energy = add_noise(total, clip, sigma, CsprngNormal(KEY))
    assert drawn == 60_000
    assert abs(energy / (60_000 * (clip * sigma) ** 2) - 1) < 0.03
    return np.concatenate([t.numpy().ravel() for t in total])


@pytest.mark.parametrize("release", [corpus_release, dp_sgd_sum])
@pytest.mark.parametrize(("sigma", "clip"), [(0.8, 1.0), (3.0, 0.25)])
def test_scale(release, sigma: float, clip: float) -> None:
    values = release(sigma, clip)
    assert p_value(values, sigma * clip) > ALARM
    assert p_value(values, sigma * clip * 2 / 3) < ALARM
    assert p_value(values, sigma * clip * 3 / 2) < ALARM


def test_a_tenth_too_little_noise_is_noticed() -> None:
    assert p_value(dp_sgd_sum(0.9, 1.0), 1.0) < ALARM


def test_two_keys_are_uncorrelated_and_one_key_repeats() -> None:
    one, two = CsprngNormal(KEY).normal(200_000), CsprngNormal(b"\x01" * 32).normal(200_000)
    assert abs(float(np.corrcoef(one, two)[0, 1])) < 5 / np.sqrt(one.size)
    assert np.array_equal(one, CsprngNormal(KEY).normal(200_000))


def test_two_releases_of_one_update_are_uncorrelated_and_never_equal() -> None:
    plan = PrivacyPlan(unit="corpus", clip_norm=1.0, noise_multiplier=1.0, steps=1, units=1)
    chain = build_chain(plan, CodecConfig(name="int8"))
    zero = ModelUpdate({"w": np.zeros(100_000, dtype=np.float32)})
    one, two = (
        chain.decode(chain.encode(zero, noise=CsprngNormal(fresh_key()))[0], zero.shapes).flat() for _ in range(2)
    )
    assert not np.array_equal(one, two)
    assert abs(float(np.corrcoef(one, two)[0, 1])) < 6 / np.sqrt(one.size)


def test_a_restored_position_continues_the_stream() -> None:
    whole = CsprngNormal(KEY)
    first = whole.uniform(1_001)
    position = whole.position
    rest = whole.normal(777)
    assert np.array_equal(CsprngNormal(KEY, position).normal(777), rest)
    assert len(set(first)) == first.size


def test_uniforms_are_uniform() -> None:
    values = CsprngNormal(KEY).uniform(100_000)
    assert float(stats.kstest(values, "uniform").pvalue) > ALARM
    assert values.min() >= 0
    assert values.max() < 1


def test_normals_are_finite_and_symmetric_in_large_draws() -> None:
    values = CsprngNormal(KEY).normal(3_000_001)
    assert np.isfinite(values).all()
    assert abs(values.mean()) < 5 / np.sqrt(values.size)
    assert abs(stats.skew(values)) < 0.01
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 5 / np.sqrt(values.size)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        CsprngNormal(b"short")
