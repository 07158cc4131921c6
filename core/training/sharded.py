"""A model too big for one device: each rank holds a part of every block and gathers the whole of one block at a time.

Fully sharded data parallel training (Zhao et al., PyTorch FSDP, 2023) for forward and backward. Master weights and
moments stay with the leader in main memory and move there (Ren et al., ZeRO-Offload, 2021), so that a step, a
checkpoint and an update are those of one device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from core.config.model import ModelSpec
from core.model.transformer import Transformer, next_token_loss
from core.training.gradients import Pulse, Tokens
from core.training.reduction import Reducer

_SMALL = ModelSpec(preset="warm-up", vocab_size=256, num_layers=1, d_model=16, num_heads=1, d_ff=16, max_seq_len=16)


class Shards:
    """One rank's part of the model.

    Args:
        spec: the model.
        mesh: all ranks; its device type is where the part is held.
        device: this rank's.
    """

    def __init__(self, spec: ModelSpec, mesh: DeviceMesh, device: str) -> None:
        self.device = torch.device(device)
        self.rank, self.size = mesh.get_local_rank(), mesh.size()
        self.model = Transformer(spec)
        self.shapes = list(self.model.shapes.values())
        narrow = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if narrow else MixedPrecisionPolicy()
        blocks = [block for each in self.model.modules() if isinstance(each, nn.ModuleList) for block in each]
        for module in (*blocks, self.model):
            fully_shard(module, mesh=mesh, mp_policy=policy)

    def _rows(self, full: Tensor) -> Tensor:
        """This rank's rows of a whole parameter."""
        chunks = full.chunk(self.size)
        return chunks[self.rank] if self.rank < len(chunks) else full[:0]

    @torch.no_grad()
    def take(self, reducer: Reducer, weights: Sequence[Tensor] | None) -> None:
        """Take over the leader's weights, one parameter at a time; ``weights`` are those, at rank 0."""
        for number, parameter in enumerate(self.model.ordered()):
            full = weights[number].detach() if weights is not None else torch.empty(self.shapes[number])
            reducer.spread([full])
            cast(DTensor, parameter).to_local().copy_(self._rows(full))

    def compute(self, windows: Tokens, micro_batch: int, micro_steps: int, batch_size: int, pulse: Pulse) -> float:
        """Add up the gradient of this rank's windows; every rank runs the same number of micro-steps.

        Args:
            windows: this rank's, perhaps none.
            micro_batch: sequences at once.
            micro_steps: passes of all ranks; those without windows left compute one that counts nothing.
            batch_size: windows of the whole batch.
            pulse: see ``Pulse``.

        Returns:
            Sum of the losses over its windows.
        """
        total = 0.0
        self.model.zero_grad(set_to_none=True)
        for step in range(micro_steps):
            part = windows[step * micro_batch : (step + 1) * micro_batch]
            fed = part if len(part) else np.zeros((1, windows.shape[1]), np.int64)
            tokens = torch.from_numpy(np.ascontiguousarray(fed, dtype=np.int64)).to(self.device)
            loss = next_token_loss(self.model, tokens)
            # Times the ranks: the library takes their mean, and the shares of the batch already add up to one.
            (loss * (self.size * len(part) / batch_size)).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach()) * len(part)
            pulse((step + 1) / micro_steps)
        return total

    @torch.no_grad()
    def give(self, reducer: Reducer, gradients: Sequence[Tensor] | None) -> None:
        """Hand the summed gradient to the leader, one parameter at a time, into ``gradients`` at rank 0."""
        for number, parameter in enumerate(self.model.ordered()):
            full = torch.zeros(self.shapes[number])
            if parameter.grad is not None:
                self._rows(full).copy_(cast(DTensor, parameter.grad).to_local())
            reducer.reduce([full])
            if gradients is not None:
                gradients[number].copy_(full)


def warm_up(mesh: DeviceMesh, device: str) -> None:
    """One step of a tiny model: whatever is imported or connected on first use is so now, before the sandbox closes."""
    shards = Shards(_SMALL, mesh, device)
    for parameter in shards.model.parameters():
        nn.init.normal_(cast(DTensor, parameter).to_local(), std=0.1)
    shards.compute(np.zeros((1, 5), np.int64), 1, 1, 1, lambda _: None)
