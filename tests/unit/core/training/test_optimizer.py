from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from core.config.learning import TrainingConfig
from core.training.optimizer import NOISE_FLOOR, AdamW, learning_rate

TRAINING = TrainingConfig(
    seq_len=8, batch_size=4, local_steps=4, learning_rate=1e-2, warmup_steps=4, decay_steps=10, weight_decay=0.1,
    final_learning_rate_ratio=0.1, beta1=0.9, beta2=0.95,
)  # fmt: skip


def test_equals_torch_adamw_with_decay_on_matrices_only() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(3, 4, generator=generator), torch.randn(4, generator=generator)]
    theirs = [torch.nn.Parameter(p.clone()) for p in ours]
    reference = torch.optim.AdamW(
        [{"params": theirs[:1], "weight_decay": 0.1}, {"params": theirs[1:], "weight_decay": 0.0}],
        lr=1e-2, betas=(0.9, 0.95), eps=1e-8,
    )  # fmt: skip
    optimizer = AdamW(ours, TRAINING)
    for _ in range(6):
        gradients = [torch.randn(p.shape, generator=generator) for p in ours]
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient.clone()
        reference.step()
        optimizer.step(gradients, 1e-2)
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other.detach(), rtol=1e-5, atol=1e-7)


def test_clock_warms_up_and_decays_over_federation_steps() -> None:
    rates = [learning_rate(TRAINING, step) for step in range(30)]
    assert rates[:4] == pytest.approx([0.0025, 0.005, 0.0075, 0.01])
    assert rates[4] == pytest.approx(0.01)
    assert rates[9] == pytest.approx(0.0055)
    assert rates[14:] == pytest.approx([0.001] * 16)
    assert all(a >= b for a, b in itertools.pairwise(rates[4:]))


def test_known_noise_is_taken_out_of_the_second_moment() -> None:
    """A constant signal in noise ten times as strong moves as if the noise were not there, within a third."""
    training = TrainingConfig(
        seq_len=8, batch_size=4, local_steps=4, learning_rate=1e-2, beta1=0.999, beta2=0.99999, adam_eps=1e-12
    )
    signal, noise = 2.0, 4.0
    generator = torch.Generator().manual_seed(3)
    moved = {}
    for variance in (0.0, noise**2):
        parameter = torch.zeros(2_000)
        optimizer = AdamW([parameter], training, [variance])
        for _ in range(1_500):
            optimizer.step([signal + noise * torch.randn(2_000, generator=generator)], 1e-3)
        moved[variance] = -float(parameter.mean()) / (1_500 * 1e-3)
    uncorrected = signal / np.hypot(signal, noise)
    assert moved[0.0] == pytest.approx(uncorrected, rel=0.1)
    floor = np.sqrt(max(signal**2, NOISE_FLOOR * noise**2))
    assert moved[noise**2] == pytest.approx(signal / floor, rel=0.1)
    assert moved[noise**2] > 1.5 * moved[0.0]


def test_second_moment_below_the_noise_is_floored() -> None:
    parameter = torch.zeros(1)
    optimizer = AdamW([parameter], TRAINING, noise_variance=[4.0])
    optimizer.step([torch.tensor([0.5])], 1.0)
    assert float(parameter) == pytest.approx(-0.5 / np.sqrt(NOISE_FLOOR * 4.0), rel=1e-5)


def test_state_goes_out_as_it_is_and_in_as_copies() -> None:
    parameter = torch.zeros(3)
    optimizer = AdamW([parameter], TRAINING)
    optimizer.step([torch.ones(3)], 1e-2)
    stored = optimizer.state_arrays(["w"])
    assert stored["first.w"] is optimizer.first[0]
    other = AdamW([torch.zeros(3)], TRAINING)
    other.load_state(["w"], stored, 1)
    optimizer.step([torch.ones(3)], 1e-2)
    assert other.steps == 1
    assert torch.allclose(other.first[0], torch.full((3,), 0.1))
    with pytest.raises(ValueError, match="do not fit"):
        other.load_state(["w"], {"first.w": torch.zeros(2), "second.w": torch.zeros(3)}, 1)
