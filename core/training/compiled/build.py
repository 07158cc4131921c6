"""Compile one block ahead, forwards and backwards, with torch's own compiler and the machine's.

All blocks of a model are alike, so one is compiled, whatever the depth, and weights are inputs, so none are inside.
Embedding, last norm and head stay as they are: the head's loss is blockwise already, and an embedding's gradient is a
sum whose order a compiler may change.

Passes are those of ``torch.compile``: the joint graph of both directions is traced, cut where recomputing is cheaper
than keeping (Chen et al., 2016; torch's min-cut), and each half goes to Inductor as an ahead-of-time library. Nothing
of that is left in the result: no trace, no cache, no pickle.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx import GraphModule, Node

from core.config.model import ModelSpec
from core.jobs import TrainingPlan
from core.model.transformer import Transformer
from core.training.compiled.package import Contents, fit_here, pack
from core.training.ladder import arithmetic

_SETTINGS: Final[dict[str, Any]] = {
    "compile_threads": 1,  # a pool of workers would outlive a pause
    "fx_graph_cache": False,
    "cpp.vec_isa_ok": True,  # torch knows the processor; trial compilations took longer than the two that count
}
_CLOSER: Final = 2.0
"""How much further than uncompiled numbers compiled ones may be from float32's."""
_ROUNDING: Final = 1e-5
"""And how far in any case, relative to the size of a tensor."""


class Trace:
    """One block with made-up inputs: hidden states, tables and parameters."""

    def __init__(self, spec: ModelSpec, micro_batch: int, seq_len: int) -> None:
        model = Transformer(msgspec.structs.replace(spec, num_layers=1))
        found: list[tuple[nn.Module, tuple[Tensor, ...]]] = []

        def note(block: nn.Module, x: Tensor, *tables: Tensor) -> Tensor:
            found.append((block, tables))
            return x

        with torch.no_grad():
            nn.init.zeros_(model.backbone.embedding.weight)
            model.hidden(torch.zeros(micro_batch, seq_len, dtype=torch.long), run=note)
        self.block, tables = found[0]
        generator = torch.Generator().manual_seed(0)
        self.names = [name for name, _ in self.block.named_parameters()]
        with torch.no_grad():
            for parameter in self.block.parameters():
                values = 0.02 * torch.randn(parameter.shape, generator=generator)
                parameter.copy_(values if parameter.ndim > 1 else 1.0 + values)
        x = torch.randn(micro_batch, seq_len, spec.d_model, generator=generator).requires_grad_()
        self.given = 1 + len(tables)
        self.inputs = (x, *(table.contiguous() for table in tables), *self.block.parameters())

    def compute(self, plan: TrainingPlan) -> Callable[..., tuple[Tensor]]:
        """The block as a function of its inputs, in the arithmetic of a plan."""

        def block(*tensors: Tensor) -> tuple[Tensor]:
            with arithmetic(plan, "cpu"):
                values = dict(zip(self.names, tensors[self.given :], strict=True))
                return (functional_call(self.block, values, tensors[: self.given]),)

        return block

    def results(self, function: Callable[..., Any]) -> list[Tensor]:
        """What a function makes of the inputs, and the gradient by each that has one."""
        (out,) = function(*self.inputs)
        upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
        wanted = [tensor for tensor in self.inputs if tensor.requires_grad]
        return [out.detach(), *torch.autograd.grad(out, wanted, upstream)]


def build(spec: ModelSpec, seq_len: int, plan: TrainingPlan) -> bytes:
    """Compile; programs are run and files written below torch's cache folder.

    Returns:
        A package for ``core.training.compiled.blocks``.

    Raises:
        Exception: whatever torch or the compiler raise.
    """
    from torch._functorch.aot_autograd import aot_export_joint_simple
    from torch._functorch.partitioners import min_cut_rematerialization_partition
    from torch._inductor import config
    from torch._inductor.compile_fx import _recursive_joint_graph_passes
    from torch._inductor.decomposition import select_decomp_table

    trace = Trace(spec, plan.micro_batch, seq_len)
    with warnings.catch_warnings(), config.patch(_SETTINGS):
        warnings.simplefilter("ignore")  # torch's own, about its own parts
        joint = aot_export_joint_simple(
            trace.compute(plan), trace.inputs, trace_joint=True, decompositions=select_decomp_table()
        )
        assert isinstance(joint, GraphModule)
        _recursive_joint_graph_passes(joint)
        values = [node.meta["val"] for node in joint.graph.nodes if node.op == "placeholder"]
        forward, backward = min_cut_rematerialization_partition(joint, values, num_fwd_outputs=1, compiler="inductor")
        saved = _keep_only_new(forward)
        gradients = _keep_only_given(backward)
        with torch.no_grad():
            libraries = [_compile(half) for half in (forward, backward)]
    contents = Contents(
        fit=fit_here(spec, plan),
        micro_batch=plan.micro_batch,
        seq_len=seq_len,
        inputs=len(trace.inputs),
        saved=saved,
        gradients=gradients,
        forward_bytes=len(libraries[0]),
    )
    return pack(contents, *libraries)


def _results(graph: GraphModule) -> tuple[Node, list[Node | None]]:
    """The node that gives the results, and what they are."""
    (output,) = graph.graph.find_nodes(op="output")
    return output, list(output.args[0])


def _keep_only_new(forward: GraphModule) -> tuple[int, ...]:
    """Take inputs that are handed through out of the results; says where the backward pass finds what it reads."""
    inputs = [node for node in forward.graph.nodes if node.op == "placeholder"]
    output, (result, *kept) = _results(forward)
    others = [node for node in dict.fromkeys(kept) if node not in inputs]
    output.args = ([result, *others],)
    forward.recompile()
    known = [*inputs, *others]
    return tuple(known.index(node) for node in kept)


def _keep_only_given(backward: GraphModule) -> tuple[int, ...]:
    """Take inputs without a gradient out of the results; says which are left."""
    output, results = _results(backward)
    output.args = ([node for node in results if node is not None],)
    backward.recompile()
    return tuple(number for number, node in enumerate(results) if node is not None)


def _compile(graph: GraphModule) -> bytes:
    examples = []
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            value = node.meta["val"]
            examples.append(torch.empty_strided(value.shape, value.stride(), dtype=value.dtype).zero_())
    path = torch._inductor.aot_compile(graph, tuple(examples))
    assert isinstance(path, str)
    return Path(path).read_bytes()


def agrees(run: Callable[..., Tensor], spec: ModelSpec, seq_len: int, plan: TrainingPlan) -> bool:
    """Whether compiled numbers are about as near to float32's as uncompiled ones are, results and gradients."""
    trace = Trace(spec, plan.micro_batch, seq_len)
    exact = trace.results(trace.compute(msgspec.structs.replace(plan, dtype="float32")))
    eager = trace.results(trace.compute(plan))

    compiled = trace.results(lambda *tensors: (run(trace.block, *tensors[: trace.given]),))
    return all(
        _distance(found, right) <= _CLOSER * _distance(plain, right) + _ROUNDING * float(right.norm())
        for found, plain, right in zip(compiled, eager, exact, strict=True)
    )


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one.float() - other).norm())
