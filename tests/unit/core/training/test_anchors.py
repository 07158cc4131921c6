"""The anchors are what they say: same parameters, same data, and they learn."""

from __future__ import annotations

import pytest
import torch

from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.jobs import TrainingPlan
from core.model.presets import num_parameters, preset
from core.postprocess.privacy.dp_sgd import add_noise, clipped_sum
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training.anchors import NanoGpt, nanogpt_step, own_step, plain_step, private_step, transformers_step
from core.training.races import step_flops

TRAINING = TrainingConfig(seq_len=16, batch_size=2, local_steps=1, learning_rate=1e-3)
GPT, LLAMA = preset("tiny-gpt2"), preset("tiny")


def test_nanogpt_has_exactly_our_parameters() -> None:
    assert sum(parameter.numel() for parameter in NanoGpt(GPT).parameters()) == num_parameters(GPT)


@pytest.mark.parametrize("spec", [GPT, LLAMA], ids=["gpt2", "llama"])
def test_every_loop_begins_at_the_loss_of_knowing_nothing_and_moves(spec: ModelSpec) -> None:
    plan = TrainingPlan(micro_batch=2, loss_rows=512)
    steps = {
        "ours": own_step(spec, TRAINING, plan),
        "plain": plain_step(spec, TRAINING),
        "private": private_step(spec, TRAINING, plan, clipped_sum, add_noise, CsprngNormal),
    }
    if spec is GPT:
        steps["nanogpt"] = nanogpt_step(spec, TRAINING)
    for name, step in steps.items():
        losses = [step() for _ in range(2)]
        assert losses[0] == pytest.approx(8.318, abs=0.25), name
        assert losses[1] != losses[0]


def test_transformers_has_our_parameters_too() -> None:
    torch.set_num_threads(1)
    step = transformers_step(LLAMA, TRAINING)
    assert step is not None, "a dependency of the tests"
    assert step() == pytest.approx(8.318, abs=0.25)


def test_flops_are_counted_as_nanogpt_counts_them() -> None:
    body = 2 * 12 * 128 * 128
    assert step_flops(GPT, 64) == 6 * (body + 4_096 * 128) + 12 * 2 * 128 * 64
