from __future__ import annotations

import msgspec
import pytest
import torch
from support.tiny_round import SPEC

from core.model.initialise import seeded_weights
from core.model.presets import preset
from core.model.transformer import Transformer, next_token_loss
from core.training.loss import blockwise_loss, default_rows, linear_cross_entropy

TOKENS = torch.randint(0, 256, (3, 9), generator=torch.Generator().manual_seed(2))


def fresh(tied: bool) -> Transformer:
    spec = msgspec.structs.replace(SPEC, tie_embeddings=tied)
    model = Transformer(spec)
    model.load_arrays(seeded_weights(spec, 3))
    return model


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("rows", [0, 1, 7, 24, 1_000])
def test_blocks_give_the_loss_and_gradients_of_all_logits_at_once(rows: int, tied: bool) -> None:
    model = fresh(tied)
    expected = next_token_loss(model, TOKENS)
    found = blockwise_loss(model, model.hidden, TOKENS, rows, torch.float32)
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    pairs = zip(
        torch.autograd.grad(found, model.ordered()), torch.autograd.grad(expected, model.ordered()), strict=True
    )
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-7) for one, other in pairs)


def test_the_upstream_gradient_scales_both() -> None:
    hidden, head = torch.randn(5, 4, requires_grad=True), torch.randn(11, 4, requires_grad=True)
    targets = torch.tensor([0, 10, 3, 3, 7])
    plain = torch.autograd.grad(linear_cross_entropy(hidden, head, targets, 2, torch.float32), (hidden, head))
    tripled = torch.autograd.grad(3 * linear_cross_entropy(hidden, head, targets, 2, torch.float32), (hidden, head))
    assert all(torch.allclose(3 * one, other) for one, other in zip(plain, tripled, strict=True))


def test_a_head_that_does_not_learn_costs_no_gradient() -> None:
    hidden, head = torch.randn(5, 4, requires_grad=True), torch.randn(11, 4)
    loss = linear_cross_entropy(hidden, head, torch.arange(5), 2, torch.float32)
    (gradient,) = torch.autograd.grad(loss, (hidden,))
    assert gradient.shape == hidden.shape


def test_narrow_products_stay_close_and_give_wide_gradients() -> None:
    model = fresh(tied=True)
    wide = blockwise_loss(model, model.hidden, TOKENS, 5, torch.float32)
    narrow = blockwise_loss(model, model.hidden, TOKENS, 5, torch.bfloat16)
    assert float(narrow.detach()) == pytest.approx(float(wide.detach()), rel=1e-3)
    gradients = torch.autograd.grad(narrow, model.ordered())
    assert {gradient.dtype for gradient in gradients} == {torch.float32}


def test_blocks_are_small_but_never_thin() -> None:
    assert default_rows(preset("tiny")) == 512
    assert default_rows(msgspec.structs.replace(preset("tiny"), vocab_size=50_368)) == 512
    assert default_rows(SPEC) == (2 << 20) // 256
