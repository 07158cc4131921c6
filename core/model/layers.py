"""Matrix products that also work where the matrix does not learn and is held in a narrower type than the activations.

A frozen bfloat16 matrix is widened for the moment of each product and never saved widened for the backward pass, so it
costs two bytes a parameter and not six. Under autocast torch narrows the activations instead, and nothing is done here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

RunBlock = Callable[..., Tensor]
"""``(block, hidden states, tables…) → hidden states``: how one block of a model is computed."""


def call_block(block: nn.Module, *inputs: Tensor) -> Tensor:
    """Compute a block as its module says."""
    return cast(Tensor, block(*inputs))


class _Widened(torch.autograd.Function):
    """x·Wᵀ for a frozen W; keeps W as it is until the backward pass and gives it no gradient."""

    generate_vmap_rule = True
    """Several examples at once, in chunks under DP-SGD, are as one."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor) -> Tensor:
        return functional.linear(x, weight.to(x.dtype))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (weight,) = ctx.saved_tensors
        return upstream[0] @ weight.to(upstream[0].dtype), None


def project(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x·Wᵀ + b.

    Args:
        x: (…, inputs).
        weight: (outputs, inputs), in the type of ``x`` or, frozen, in a narrower one.
        bias: (outputs), in the type of ``x``.
    """
    if weight.dtype == x.dtype or torch.is_autocast_enabled(x.device.type):
        return functional.linear(x, weight, bias)
    y: Tensor = _Widened.apply(x, weight)  # type: ignore[no-untyped-call]
    return y if bias is None else y + bias


class Linear(nn.Linear):
    """``nn.Linear`` without a bias whose weight may be frozen in a narrower type."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def reset_parameters(self) -> None:
        """Weights start undefined: drawing them would only touch memory that is overwritten."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """(…, inputs) → (…, outputs)."""
        return project(input, self.weight)


class Embedding(nn.Embedding):
    """``nn.Embedding`` whose weight may be frozen in a narrower type, and starts undefined."""

    def reset_parameters(self) -> None:
        """As in ``Linear``."""


class Projection(nn.Module):
    """x·W + b with W stored (inputs, outputs), the transpose of ``Linear``; GPT-2's ``Conv1D``."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) → (…, outputs)."""
        return project(x, self.weight.t(), self.bias)
