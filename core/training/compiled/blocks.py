"""Run a model's blocks from code compiled ahead, without a compiler, a program, or anything but the bytes of one file.

The bytes are read once, compared with the hash that came with the plan, and handed to the loader from memory: what was
hashed is what runs, and no file can be exchanged in between. A part of the work for which the code does not fit, such
as a last and smaller micro-batch or a block that does not learn, runs as its module says.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from core.config.model import ModelSpec
from core.jobs import TrainingPlan
from core.model.layers import call_block
from core.training.compiled.package import MAX_BYTES, CodeUnfit, Contents, fit_here, unpack

__all__ = ["CodeUnfit", "CompiledBlocks"]

_open: Final[list[int]] = []
"""Descriptors of loaded libraries. The loader knows a library by its name, which is its descriptor's, so none is used
twice."""


class CompiledBlocks:
    """Blocks of one shape, forwards and backwards."""

    def __init__(self, contents: Contents, forward: bytes, backward: bytes) -> None:
        """Load both libraries.

        Raises:
            CodeUnfit: the system refuses.
        """
        self.contents = contents
        self.forward = _runner(forward)
        self.backward = _runner(backward)

    @classmethod
    def load(cls, plan: TrainingPlan, spec: ModelSpec) -> CompiledBlocks:
        """The code of a plan.

        Raises:
            CodeUnfit: it is gone, is not what the plan says, or was compiled for something else.
        """
        if plan.code is None:
            raise CodeUnfit("There is no compiled code.")
        try:
            with Path(plan.code.path).open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise CodeUnfit(f"The compiled code cannot be read ({error.strerror}).") from error
        if hashlib.sha256(raw).hexdigest() != plan.code.sha256:
            raise CodeUnfit("The compiled code is not what was compiled here; it is not loaded.")
        contents, forward, backward = unpack(raw)
        if contents.fit != fit_here(spec, plan):
            raise CodeUnfit("The compiled code was made for another machine, version or model.")
        return cls(contents, forward, backward)

    def run(self, block: nn.Module, x_BTD: Tensor, *tables: Tensor) -> Tensor:  # noqa: N803 - the field's own spelling
        """Compute one block: ``core.model.layers.RunBlock``."""
        parameters = list(block.parameters())
        tensors = (x_BTD, *tables, *parameters)
        if x_BTD.shape[:2] != (self.contents.micro_batch, self.contents.seq_len) or not all(map(_plain, tensors)):
            return call_block(block, x_BTD, *tables)
        if not all(parameter.requires_grad for parameter in parameters):
            return call_block(block, x_BTD, *tables)
        if len(tensors) != self.contents.inputs:
            raise CodeUnfit("The compiled code was made for blocks with other weights.")
        return cast(Tensor, _Block.apply(self, *tensors))  # type: ignore[no-untyped-call]


class _Block(torch.autograd.Function):
    """One block; its inputs are those of ``Contents``."""

    @staticmethod
    def forward(ctx: Any, code: CompiledBlocks, *inputs: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):  # the types were fixed when it was compiled
            result, *others = code.forward.run(list(inputs))
        known = (*inputs, *others)
        ctx.code = code
        ctx.save_for_backward(*(known[number] for number in code.contents.saved))
        return cast(Tensor, result)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        code: CompiledBlocks = ctx.code
        with torch.autocast("cpu", enabled=False):
            found = code.backward.run([*ctx.saved_tensors, upstream[0].contiguous()])
        gradients: list[Tensor | None] = [None] * code.contents.inputs
        for number, gradient in zip(code.contents.gradients, found, strict=True):
            gradients[number] = gradient
        return None, *gradients


def _plain(tensor: Tensor) -> bool:
    """Whether compiled code, which checks nothing, may read it."""
    kinds = (Tensor, nn.Parameter)
    return type(tensor) in kinds and tensor.device.type == "cpu" and tensor.dtype == torch.float32 and (
        tensor.is_contiguous()
    )  # fmt: skip


def _runner(library: bytes) -> Any:
    from torch._C import _aoti

    try:
        descriptor = os.memfd_create("hedgerow-block", os.MFD_CLOEXEC)
        with os.fdopen(os.dup(descriptor), "wb") as stream:
            stream.write(library)
        _open.append(descriptor)
        return _aoti.AOTIModelContainerRunnerCpu(f"/proc/self/fd/{descriptor}", 1)
    except (OSError, RuntimeError, AttributeError) as error:
        raise CodeUnfit(f"The system does not load compiled code ({type(error).__name__}).") from error
