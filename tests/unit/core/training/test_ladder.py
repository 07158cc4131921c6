from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import torch
from support.tiny_round import SPEC, Windows
from torch import Tensor

from core.api.errors import ModelError
from core.jobs import TrainingPlan
from core.model.frozen import shard_model
from core.model.initialise import seeded_weights
from core.model.shard import parse_shard
from core.model.transformer import Transformer, next_token_loss
from core.training import ladder as ladder_module
from core.training.gradients import PackedGradients
from core.training.ladder import Ladder, OutOfMemory, attention, ran_out_of_memory, rungs
from core.training.state import RoundState

BEST = TrainingPlan(dtype="bfloat16", compiled=True, attention="math", micro_batch=4, loss_rows=8)
TOKENS = torch.randint(0, 256, (4, 9), generator=torch.Generator().manual_seed(2))


def fresh() -> Transformer:
    model = Transformer(SPEC)
    model.load_arrays(seeded_weights(SPEC, 1))
    return model


def failing(monkeypatch: pytest.MonkeyPatch, fails: Callable[[TrainingPlan, int], Exception | None]) -> list[str]:
    """Make chosen losses raise; returns what was tried, in order."""
    tried: list[str] = []
    real = Ladder._loss

    def loss(self: Ladder, model: Transformer, tokens: Tensor) -> Tensor:
        tried.append(f"{'compiled ' if self.plan.compiled else ''}{self.plan.dtype} {len(tokens)}")
        error = fails(self.plan, len(tried))
        if error is not None:
            raise error
        return real(self, model, tokens)

    monkeypatch.setattr(Ladder, "_loss", loss)
    return tried


def test_the_rungs_lead_down_to_plain_float32() -> None:
    found = [(plan.compiled, plan.dtype, plan.attention) for plan in rungs(BEST)]
    assert found == [(True, "bfloat16", "math"), (False, "bfloat16", "math"), (False, "float32", "fused")]
    assert rungs(TrainingPlan()) == [TrainingPlan()]
    assert all(plan.micro_batch == 4 for plan in rungs(BEST))


@pytest.mark.parametrize("kind", ["fused", "math"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_eager_rung_gives_the_plain_gradient(dtype: Any, kind: Any) -> None:
    model = fresh()
    expected = torch.autograd.grad(next_token_loss(model, TOKENS), model.ordered())
    plan = TrainingPlan(dtype=dtype, attention=kind, loss_rows=5)
    loss, found = Ladder(plan).gradients(model, TOKENS)
    assert not loss.requires_grad
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        assert torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.99
        if dtype == "float32":
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["blocks:1-1", "embedding"])
def test_a_shard_has_its_gradient_in_bfloat16_too(name: str) -> None:
    spec = msgspec.structs.replace(SPEC, num_layers=2)
    shard, weights, found = parse_shard(spec, name), seeded_weights(spec, 1), []
    for plan in (TrainingPlan(loss_rows=5), TrainingPlan(dtype="bfloat16", attention="math", loss_rows=5)):
        model = shard_model(shard, weights)
        model.load_arrays({key: weights[key] for key in model.learning})
        ladder = Ladder(plan)
        found.append(ladder.gradients(model, TOKENS)[1])
        assert ladder.plan == plan, "no rung was left"
    for one, other in zip(*found, strict=True):
        assert torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.99


def test_a_failure_drops_one_rung_and_repeats_the_same_micro_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(plan: TrainingPlan, _: int) -> Exception | None:
        if plan.compiled:
            return RuntimeError("no compiler")
        return NotImplementedError("no bfloat16") if plan.dtype == "bfloat16" else None

    tried = failing(monkeypatch, broken)
    way, state = PackedGradients(Windows({}), 6, BEST, 1.0), RoundState()
    result = way.compute(fresh(), state, lambda _: None)
    assert tried == ["compiled bfloat16 4", "bfloat16 4", "float32 4", "float32 2"]
    way.finished(state)
    assert state.plan is not None
    assert (state.plan.compiled, state.plan.dtype, state.plan.micro_batch) == (False, "float32", 4)
    monkeypatch.undo()
    plain = TrainingPlan(micro_batch=4, loss_rows=8)
    again = PackedGradients(Windows({}), 6, plain, 1.0).compute(fresh(), RoundState(), lambda _: None)
    assert all(torch.equal(one, other) for one, other in zip(result.gradients, again.gradients, strict=True))


def test_the_last_rungs_error_is_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = failing(monkeypatch, lambda _plan, _n: RuntimeError("broken for good"))
    with pytest.raises(RuntimeError, match="for good"):
        Ladder(BEST).gradients(fresh(), TOKENS)
    assert len(tried) == 3


def test_a_gradient_that_is_finite_in_float32_only_is_computed_again_there(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ladder_module.blockwise_loss

    def overflowing(model: Any, hidden: Any, tokens: Any, rows: int, dtype: torch.dtype) -> Tensor:
        loss = real(model, hidden, tokens, rows, dtype)
        return loss * float("inf") if dtype == torch.bfloat16 else loss

    monkeypatch.setattr(ladder_module, "blockwise_loss", overflowing)
    plan = TrainingPlan(dtype="bfloat16", micro_batch=3)
    way, state = PackedGradients(Windows({}), 6, plan, 1.0), RoundState()
    result = way.compute(fresh(), state, lambda _: None)
    assert all(bool(torch.isfinite(gradient).all()) for gradient in result.gradients)
    assert result.tokens == 6 * 8
    way.finished(state)
    assert state.plan is not None
    assert state.plan.dtype == "float32"
    assert state.stream["at"] == 6, "the batch was fed once"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: ..."),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_a_neighbour_who_takes_memory_halves_the_micro_batch_not_the_round(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert ran_out_of_memory(error)
    tried = failing(monkeypatch, lambda _plan, n: error if n in (2, 3) else None)
    plan = TrainingPlan(micro_batch=4)
    way, state, shares = PackedGradients(Windows({}), 8, plan, 1e6), RoundState(), []
    result = way.compute(fresh(), state, shares.append)
    assert tried == ["float32 4", "float32 4", "float32 2", *["float32 1"] * 4]
    assert shares == [4 / 8, 5 / 8, 6 / 8, 7 / 8, 1.0], "every sequence once"
    way.finished(state)
    assert state.plan is not None
    assert state.plan.micro_batch == 1
    monkeypatch.undo()
    whole = PackedGradients(Windows({}), 8, TrainingPlan(micro_batch=8), 1e6)
    expected = whole.compute(fresh(), RoundState(), lambda _: None)
    for one, other in zip(result.gradients, expected.gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-7)
    assert result.loss == pytest.approx(expected.loss)


def test_no_room_for_one_sequence_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, lambda _plan, _n: MemoryError())
    with pytest.raises(ModelError, match="even one sequence"):
        PackedGradients(Windows({}), 4, TrainingPlan(micro_batch=2), 1.0).compute(fresh(), RoundState(), lambda _: None)
    with pytest.raises(OutOfMemory):
        Ladder(TrainingPlan()).loss(fresh(), TOKENS)
    assert not ran_out_of_memory(RuntimeError("shapes do not match"))


def test_the_choice_of_attention_ends_with_its_block() -> None:
    before = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()  # type: ignore[no-untyped-call]
    with attention("math"):
        assert not torch.backends.cuda.flash_sdp_enabled()  # type: ignore[no-untyped-call]
    assert torch.backends.cuda.flash_sdp_enabled()  # type: ignore[no-untyped-call]
    assert torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed() == before  # type: ignore[no-untyped-call]
