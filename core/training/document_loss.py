"""The loss of one document that is given as several windows: the mean over all its predicted tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Loss = Callable[[Any, Tensor], Tensor]
"""(model, tokens_BT) → mean nats per predicted token; every row is whole."""


def per_document(loss: Loss) -> Loss:
    """``loss`` over windows of unequal length, whose shorter rows end in negative ids.

    Rows of one length go through the model together; nothing padded ever does.
    """

    def normalised(model: Any, tokens_WT: Tensor) -> Tensor:  # noqa: N803 - the shape suffix is the field's
        lengths = (tokens_WT >= 0).sum(dim=1)
        weighted = [
            loss(model, tokens_WT[lengths == length, :length]) * int((lengths == length).sum() * (length - 1))
            for length in sorted(set(lengths.tolist()))
        ]
        return torch.stack(weighted).sum() / int((lengths - 1).sum())

    return normalised
