"""Next-token loss that ``torch.func`` can take for several examples at once, with the head inside as in ``loss``.

``vmap`` may not look at values, so windows of unequal length come padded and the padding is masked: attention is
causal, so what lies behind a window's last token changes nothing before it, and its own loss and gradient are zero.
``vmap`` has no rule for gradients made in the forward pass either, so this one brings its own: the logits of some rows
of *all* examples exist at a time, and each example's gradient by the head is a product of its own.

Shapes: E examples, W windows of one example, T time, N = W·T predicted tokens of one example, R of them in one block,
D model width, V vocabulary.
"""

# ruff: noqa: N803, N806
# The shape suffixes are the field's own spelling.

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from core.model.transformer import Transformer

PADDING: Final = -1
"""Any negative id is padding; this one is added."""
_STRIDE: Final = 64
"""Padded windows predict a multiple of so many tokens: few shapes, so that chunks fill."""


def padded(rows: NDArray[np.integer[Any]], longest: int) -> NDArray[np.int64]:
    """One example as (W, T + 1) ids with T a multiple of 64, or ``longest`` where that is less."""
    predicted = rows.shape[1] - 1
    width = max(predicted, min(-(-predicted // _STRIDE) * _STRIDE, longest))
    out: NDArray[np.int64] = np.full((len(rows), width + 1), PADDING, np.int64)
    out[:, : predicted + 1] = rows
    return out


class _PaddedCrossEntropy(torch.autograd.Function):
    """Mean cross entropy of ``hidden @ head.T`` over the targets that are not negative, for each example."""

    @staticmethod
    def forward(
        hidden_ND: Tensor, head_VD: Tensor, targets_N: Tensor, rows: int, dtype: torch.dtype, learns: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        loss, hidden, head = _all_examples(hidden_ND[None], head_VD, targets_N[None], rows, dtype, learns)
        return loss[0], hidden[0], head[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        _, grad_hidden, grad_head = output
        ctx.mark_non_differentiable(grad_hidden, grad_head)
        ctx.save_for_backward(grad_hidden, grad_head)
        ctx.learns = inputs[5]

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_head = ctx.saved_tensors
        scale = upstream[0]
        by_head = grad_head * scale if ctx.learns else None
        return grad_hidden * scale.to(grad_hidden.dtype), by_head, None, None, None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *inputs: Any
    ) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[int, int, int]]:
        hidden, head_VD, targets, rows, dtype, learns = inputs
        if in_dims[1] is not None or in_dims[0] is None or in_dims[2] is None:
            raise NotImplementedError("every example has its own text, and all have one head")
        hidden_END, targets_EN = hidden.movedim(in_dims[0], 0), targets.movedim(in_dims[2], 0)
        return _all_examples(hidden_END, head_VD, targets_EN, rows, dtype, learns), (0, 0, 0)


def _all_examples(
    hidden_END: Tensor, head_VD: Tensor, targets_EN: Tensor, rows: int, dtype: torch.dtype, learns: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of each example, and its gradient by the hidden states and by the head; none where it does not learn."""
    examples, count, width = hidden_END.shape
    weight_VD = head_VD.to(dtype)
    block = max(1, min(count, max(rows // examples, width))) if rows else count
    counted_E = (targets_EN >= 0).sum(dim=1).to(torch.float32)
    total_E = torch.zeros(examples, dtype=torch.float32, device=hidden_END.device)
    grad_hidden = torch.empty(hidden_END.shape, dtype=dtype, device=hidden_END.device)
    grad_head = torch.zeros((examples, *(head_VD.shape if learns else (0, 0))), device=hidden_END.device)
    for start in range(0, count, block):
        x_ERD = hidden_END[:, start : start + block].to(dtype)
        padding_ER1 = targets_EN[:, start : start + block, None] < 0
        targets_ER1 = targets_EN[:, start : start + block, None].clamp(min=0)
        logits_ERV = functional.linear(x_ERD, weight_VD).float()
        normaliser_ER1 = torch.logsumexp(logits_ERV, 2, keepdim=True)
        nats_ER1 = normaliser_ER1 - logits_ERV.gather(2, targets_ER1)
        total_E += nats_ER1.masked_fill(padding_ER1, 0.0).sum(dim=(1, 2))
        slope_ERV = logits_ERV.sub_(normaliser_ER1).exp_()
        slope_ERV.scatter_add_(2, targets_ER1, slope_ERV.new_full((1, 1, 1), -1.0).expand_as(targets_ER1))
        slope_ERV = slope_ERV.masked_fill_(padding_ER1, 0.0).to(dtype)
        grad_hidden[:, start : start + block] = slope_ERV @ weight_VD
        if learns:
            # Padded states may be anything, and zero times infinity is no number.
            grad_head += slope_ERV.transpose(1, 2) @ x_ERD.masked_fill(padding_ER1, 0.0)
    grad_hidden = grad_hidden.to(hidden_END.dtype) / counted_E[:, None, None].to(hidden_END.dtype)
    return total_E / counted_E, grad_hidden, grad_head.div_(counted_E[:, None, None])


class _PlainAttention(TorchFunctionMode):
    """Causal attention in single operations, each of which has a rule for several examples and for autocast.

    torch's own in matrix products (2.13) mixes number formats where ``torch.func`` and autocast meet, and raises.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.scaled_dot_product_attention:
            return _attention(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _attention(q_BNTH: Tensor, k_BNTH: Tensor, v_BNTH: Tensor, *, is_causal: bool) -> Tensor:
    time, head = q_BNTH.shape[-2:]
    scores_BNTT = (q_BNTH * head**-0.5) @ k_BNTH.transpose(-2, -1)
    if is_causal:
        later_TT = torch.ones(time, time, dtype=torch.bool, device=q_BNTH.device).triu(1)
        scores_BNTT = scores_BNTT.masked_fill(later_TT, -torch.inf)
    return torch.softmax(scores_BNTT, dim=-1) @ v_BNTH


def padded_loss(model: Transformer, tokens_WT: Tensor, rows: int, dtype: torch.dtype) -> Tensor:
    """Mean nats over the predicted tokens of one example; the same as ``per_document`` of ``blockwise_loss``.

    Args:
        model: whose loss to take.
        tokens_WT: windows of one example, whose shorter rows end in negative ids.
        rows: predictions of a chunk whose logits exist at a time; 0 means all. Never fewer for each example than the
            model is wide, or gradients by the head would take longer to add up than to make.
        dtype: of the head's matrix products.
    """
    with _PlainAttention():
        hidden_WTD = model.hidden(tokens_WT[:, :-1].clamp(min=0))
    targets_N = tokens_WT[:, 1:].reshape(-1)
    head_VD = model.head()
    with torch.autocast(hidden_WTD.device.type, enabled=False):
        hidden_ND = hidden_WTD.flatten(0, 1)
        loss: Tensor = _PaddedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            hidden_ND, head_VD, targets_N, rows, dtype, head_VD.requires_grad
        )[0]
    return loss
