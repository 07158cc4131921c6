from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from support.tiny_round import KEY, PLANS, SPEC, TOKENS, Records, Windows

from core.api.errors import CoordinatorError, ModelError
from core.jobs import CodeRef, TrainingPlan, TrainJob
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.transformer import Transformer, next_token_loss
from core.postprocess.privacy.dp_sgd import add_noise, clipped_sum
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training.gradients import PackedGradients
from core.training.optimizer import AdamW
from core.training.private_gradients import PrivateGradients, noise_variance
from core.training.state import Interrupted, RoundState
from core.training.trainer import LocalTrainer


def fresh_model() -> Transformer:
    model = Transformer(SPEC)
    model.load_arrays(seeded_weights(SPEC, 1))
    return model


def private(records: Any, batch_size: int = 6, **plan: Any) -> PrivateGradients:
    changed = msgspec.structs.replace(PLANS["record"], **plan)
    return PrivateGradients(records, changed, batch_size, clipped_sum, add_noise, CsprngNormal)


def packed(batch_size: int, micro_batch: int, grad_clip: float) -> PackedGradients:
    return PackedGradients(Windows({}), batch_size, TrainingPlan(micro_batch=micro_batch), grad_clip)


class Fixed:
    """Always the same draw."""

    def __init__(self, examples: Sequence[np.ndarray[Any, Any]]) -> None:
        self.examples = examples

    def draw(self, source: CsprngNormal) -> Sequence[np.ndarray[Any, Any]]:
        return self.examples


def idle(_: object) -> None:
    """No pause, no checkpoint."""


def flat(tensors: Sequence[torch.Tensor]) -> np.ndarray[Any, Any]:
    return np.concatenate([t.detach().double().numpy().ravel() for t in tensors])


def test_parameters_are_registered_in_layout_order() -> None:
    """The mechanism returns gradients in the module's order; the optimiser applies them in the layout's."""
    assert [name for name, _ in Transformer(SPEC).named_parameters()] == list(parameter_shapes(SPEC))


def test_micro_batches_add_up_to_the_batch() -> None:
    results = [packed(6, micro, 1e6).compute(fresh_model(), RoundState(), idle) for micro in (1, 4, 6)]
    for result in results[:2]:
        assert np.allclose(flat(result.gradients), flat(results[2].gradients), rtol=1e-4, atol=1e-7)
        assert result.loss == pytest.approx(results[2].loss)
        assert result.tokens == 6 * 8


def test_global_norm_is_bounded_without_turning_the_gradient() -> None:
    free = packed(6, 6, 1e6).compute(fresh_model(), RoundState(), idle)
    bound = packed(6, 6, 0.05).compute(fresh_model(), RoundState(), idle)
    assert np.linalg.norm(flat(bound.gradients)) == pytest.approx(0.05, rel=1e-5)
    cosine = flat(free.gradients) @ flat(bound.gradients) / 0.05 / np.linalg.norm(flat(free.gradients))
    assert cosine == pytest.approx(1.0, rel=1e-5)


def test_a_diverged_model_is_named() -> None:
    model = fresh_model()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="diverged"):
        packed(2, 2, 1.0).compute(model, RoundState(), idle)


def test_private_gradient_is_the_clipped_sum_plus_this_keys_noise_over_the_expected_batch() -> None:
    state = RoundState(step_key=KEY)
    way = private(Records(0.3), clip_norm=0.7, noise_multiplier=0.9)
    result = way.compute(fresh_model(), state, idle)

    from core import vault

    model = fresh_model()
    examples = Records(0.3).draw(CsprngNormal(vault.derive(KEY, b"dp-sgd draw")))
    assert len(examples) > 3
    total = np.zeros(sum(p.numel() for p in model.parameters()))
    for example in examples:
        loss = next_token_loss(model, torch.from_numpy(example[None].astype(np.int64)))
        gradient = flat(torch.autograd.grad(loss, model.ordered()))
        assert np.linalg.norm(gradient) > 0.7
        total += gradient * 0.7 * (1 - 1e-5) / np.linalg.norm(gradient)
    source = CsprngNormal(vault.derive(KEY, b"dp-sgd noise"))
    noise = np.concatenate([source.normal(p.numel()) for p in model.ordered()])
    assert np.allclose(flat(result.gradients), (total + 0.9 * 0.7 * noise) / 6, atol=1e-6)
    assert result.noise_draws == total.size
    assert np.isclose(result.noise_energy, np.sum((0.9 * 0.7 * noise) ** 2))
    assert result.tokens == 8 * len(examples)


def test_private_gradients_never_run_compiled_code() -> None:
    plan = TrainingPlan(compiled=True, code=CodeRef(path="/nowhere", sha256="a" * 64), micro_batch=2)
    way = PrivateGradients(
        Records(0.3), PLANS["record"], 6, clipped_sum, add_noise, CsprngNormal, training_plan=plan
    )  # fmt: skip
    assert (way.computes.compiled, way.computes.code) == (False, None)
    way.compute(fresh_model(), RoundState(step_key=KEY), idle)


def test_no_example_moves_the_sum_by_more_than_the_clip_norm() -> None:
    """The same key with and without one record: exactly that record's clipped gradient apart."""
    others = [TOKENS[i : i + 9] for i in range(0, 60, 12)]
    gradients = [
        flat(private(Fixed(examples), batch_size=1).compute(fresh_model(), RoundState(step_key=KEY), idle).gradients)
        for examples in (others, [*others, TOKENS[200:209]])
    ]
    assert 0.6 < np.linalg.norm(gradients[1] - gradients[0]) <= 0.7 * (1 + 1e-5)


def test_an_empty_draw_adds_noise_and_counts(make_job: Callable[..., TrainJob]) -> None:
    job = make_job("record", local_steps=3)
    model = fresh_model()
    before = flat(model.ordered())
    optimizer = AdamW(model.ordered(), job.training, noise_variance(job.privacy, 6, model.learning))
    state = RoundState(step_key=KEY)
    LocalTrainer(job, model, optimizer, private(Fixed([])), state).run(idle, idle)
    assert state.step == 3
    assert state.noise_draws == 3 * before.size
    assert state.tokens == 0
    assert state.mean_loss is None
    assert not np.allclose(before, flat(model.ordered()))


def test_an_example_without_a_finite_gradient_is_the_zero_vector() -> None:
    class Poisoned(Transformer):
        def hidden(self, tokens_BT: torch.Tensor) -> torch.Tensor:  # noqa: N803
            hidden = super().hidden(tokens_BT)
            return hidden * float("nan") if int(tokens_BT[0, 0]) == 99 else hidden

    model = Poisoned(SPEC)
    model.load_arrays(seeded_weights(SPEC, 1))
    bad = TOKENS[:9].copy()
    bad[0] = 99
    with_bad = private(Fixed([TOKENS[20:29], bad])).compute(model, RoundState(step_key=KEY), idle)
    without = private(Fixed([TOKENS[20:29]])).compute(model, RoundState(step_key=KEY), idle)
    assert np.array_equal(flat(with_bad.gradients), flat(without.gradients))
    assert np.isfinite(with_bad.loss)


def test_the_key_moves_one_way_and_drives_everything() -> None:
    way, state = private(Records(0.3)), RoundState(step_key=KEY)
    first = way.compute(fresh_model(), state, idle)
    again = way.compute(fresh_model(), state, idle)
    assert np.array_equal(flat(first.gradients), flat(again.gradients))
    way.finished(state)
    assert state.step_key != KEY
    later = way.compute(fresh_model(), state, idle)
    assert not np.array_equal(flat(first.gradients), flat(later.gradients))


def run(job: TrainJob, **hooks: Any) -> RoundState:
    model = fresh_model()
    way = private(Records(0.15)) if job.privacy.unit == "record" else packed(6, 3, 1.0)
    trainer = LocalTrainer(job, model, AdamW(model.ordered(), job.training), way, RoundState(step_key=KEY))
    return trainer.run(hooks.get("pulse", idle), hooks.get("on_step", idle))


def test_unit_none_stops_at_tokens_and_at_the_deadline(make_job: Callable[..., TrainJob]) -> None:
    assert run(make_job("none")).step == 5
    assert run(make_job("none", token_budget=150)).tokens == 144
    job = make_job("none", deadline_at=time.time() + 0.4, local_steps=10_000)
    assert 1 <= run(job, on_step=lambda _: time.sleep(0.05)).step < 10
    with pytest.raises(CoordinatorError, match="before the first step"):
        run(make_job("none", token_budget=47))
    with pytest.raises(CoordinatorError, match="before the first step"):
        run(make_job("none", deadline_at=time.time() - 1))


@pytest.mark.parametrize("unit", ["record", "corpus"])
def test_private_units_look_at_neither_tokens_nor_clock(make_job: Callable[..., TrainJob], unit: str) -> None:
    assert run(make_job(unit, token_budget=1, deadline_at=time.time() - 1)).step == 5


def test_an_interruption_leaves_the_last_finished_step(make_job: Callable[..., TrainJob]) -> None:
    looks = 0

    def pulse(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 5:
            raise Interrupted

    job, model = make_job("none"), fresh_model()
    optimizer, state, snapshots = AdamW(model.ordered(), job.training), RoundState(), []
    trainer = LocalTrainer(job, model, optimizer, packed(6, 3, 1.0), state)
    with pytest.raises(Interrupted):
        trainer.run(pulse, lambda s: snapshots.append((s.step, s.stream, flat(model.ordered()))))
    assert state.step == optimizer.steps == 2
    assert state.stream["at"] == 12
    assert np.array_equal(snapshots[-1][2], flat(model.ordered()))
