"""Next-token loss with the head inside: logits exist for some rows at a time, and their gradient is made at once.

Softmax, loss and gradient of a block of rows are computed while its logits are still in the processor's cache, and the
block is dropped. That needs rows × V values instead of several times N × V, and on a CPU it takes about half the time
of ``linear`` followed by ``cross_entropy`` where the vocabulary is most of the model. torch 2.13 has
``linear_cross_entropy(options=…)`` for the same purpose; measured on a CPU it was 3 to 13 times slower in bfloat16.

Shapes: N predicted tokens, D model width, V vocabulary, R rows of one block.
"""

# ruff: noqa: N803, N806
# The shape suffixes are the field's own spelling.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
import torch.nn.functional as functional
from torch import Tensor

from core.config.model import ModelSpec
from core.model.transformer import Transformer

_BLOCK_VALUES: Final = 1 << 21
"""Logits of one block where nothing was measured; 8 MiB in float32."""
_LEAST_ROWS: Final = 512
"""Fewer rows make the head's matrix products thin, and slow where the vocabulary is large."""


def default_rows(spec: ModelSpec) -> int:
    """Rows of one block where no probe has chosen."""
    return max(_LEAST_ROWS, _BLOCK_VALUES // spec.vocab_size)


class _LinearCrossEntropy(torch.autograd.Function):
    """Mean cross entropy of ``hidden @ head.T``; both gradients are made in the forward pass."""

    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, head_VD: Tensor, targets_N: Tensor, rows: int, dtype: torch.dtype
    ) -> Tensor:
        count = len(targets_N)
        wanted = ctx.needs_input_grad[1]
        weight_VD = head_VD.to(dtype)
        grad_hidden = torch.empty(hidden_ND.shape, dtype=dtype, device=hidden_ND.device)
        grad_head: Tensor | None = None
        total = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
        for start in range(0, count, rows):
            x_RD = hidden_ND[start : start + rows].to(dtype)
            targets_R1 = targets_N[start : start + rows, None]
            logits_RV = functional.linear(x_RD, weight_VD).float()
            normaliser_R1 = torch.logsumexp(logits_RV, 1, keepdim=True)
            total += (normaliser_R1 - logits_RV.gather(1, targets_R1)).sum()
            slope_RV = logits_RV.sub_(normaliser_R1).exp_()
            slope_RV.scatter_add_(1, targets_R1, slope_RV.new_full((1, 1), -1.0).expand_as(targets_R1))
            slope_RV = slope_RV.to(dtype)
            torch.mm(slope_RV, weight_VD, out=grad_hidden[start : start + rows])
            if not wanted:
                continue
            part_VD = torch.mm(slope_RV.t(), x_RD)
            grad_head = part_VD.float() if grad_head is None else grad_head.add_(part_VD)
        ctx.count, ctx.grad_head = count, grad_head
        ctx.grad_hidden = grad_hidden.to(hidden_ND.dtype)
        return total / count

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        scale = upstream[0] / ctx.count
        hidden, head = ctx.grad_hidden, ctx.grad_head
        ctx.grad_hidden = ctx.grad_head = None
        return hidden * scale.to(hidden.dtype), None if head is None else head.mul_(scale), None, None, None


def linear_cross_entropy(
    hidden_ND: Tensor, head_VD: Tensor, targets_N: Tensor, rows: int, dtype: torch.dtype
) -> Tensor:
    """Mean nats per predicted token.

    Gradients are taken once only: the graph cannot be kept and has no second derivative.

    Args:
        hidden_ND: what the head reads.
        head_VD: the head's weight, in float32.
        targets_N: the token that comes next.
        rows: predictions per block; 0 means all at once.
        dtype: of the matrix products; softmax, loss and the sum over blocks are float32.
    """
    loss: Tensor = _LinearCrossEntropy.apply(hidden_ND, head_VD, targets_N, rows or len(targets_N), dtype)  # type: ignore[no-untyped-call]
    return loss


def blockwise_loss(
    model: Transformer, hidden: Callable[[Tensor], Tensor], tokens_BT: Tensor, rows: int, dtype: torch.dtype
) -> Tensor:
    """Mean nats per predicted token, as ``next_token_loss``, without all logits at once.

    Args:
        model: whose head to use.
        hidden: its method of that name, compiled or not.
        tokens_BT: each row predicts its tokens 1… from those before.
        rows: predictions per block; 0 means all at once.
        dtype: of the matrix products.
    """
    hidden_BTD = hidden(tokens_BT[:, :-1])
    targets_N = tokens_BT[:, 1:].reshape(-1)
    with torch.autocast(hidden_BTD.device.type, enabled=False):
        return linear_cross_entropy(hidden_BTD.flatten(0, 1), model.head(), targets_N, rows, dtype)
