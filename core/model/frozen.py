"""A model of which one shard learns: the rest is held in a narrow type, without gradients or optimiser state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn

from core.model.shard import Shard
from core.model.transformer import Transformer
from core.update import Array

FrozenType = Literal["bfloat16", "float32"]


def shard_model(shard: Shard, frozen: Mapping[str, Array], dtype: FrozenType = "bfloat16") -> Transformer:
    """Build the model; the weights that learn are undefined until ``load_arrays``.

    No memory is touched that is not kept: a new model's weights are addresses only, and are filled one by one.

    Args:
        shard: what learns, in float32.
        frozen: the other weights by name, each taken once; one that reads them from a file is never whole in memory.
        dtype: how frozen matrices are held. Vectors are few and stay float32.
    """
    model = Transformer(shard.spec)
    model.learning = shard.shapes()
    for name, shape in model.shapes.items():
        learns = name in model.learning
        if learns:
            tensor = torch.empty(shape)
        else:
            tensor = torch.from_numpy(frozen[name]).to(getattr(torch, dtype) if len(shape) > 1 else torch.float32)
        path, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(path), leaf, nn.Parameter(tensor, requires_grad=learns))
    return model
