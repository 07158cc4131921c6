"""Learning inside a public subspace: its choice for a round, and a model whose parameters are the reduced values.

The gradient by the reduced values is the reduced gradient, so DP-SGD bounds and noises it as it would any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from core.jobs import TrainJob
from core.model.initialise import draw_weights
from core.model.transformer import Transformer
from core.subspace import Array, Kept, LowRank, Part, Subspace, masked, spanned
from core.training.base import read_base
from core.training.gradients import Tokens, to_tensor

Loss = Callable[[Any, Tensor], Tensor]
Choose = Callable[[Transformer, int, Loss], Subspace]
"""(model, federation step, loss of a micro-batch) → the subspace of that step."""
PUBLIC_WINDOWS: Final = 16
"""Windows of public text whose gradient spans a step's directions; a quarter of a usual batch."""


def chooser(job: TrainJob, public_windows: Callable[[int, int], list[Tokens]]) -> Choose | None:
    """How this round finds its subspace; ``None`` where it releases everything.

    Args:
        job: the round.
        public_windows: (seed, how many) → windows of the federation's public text.
    """
    terms = job.privacy.subspace
    if terms.kind == "none":
        return None
    if terms.kind == "public":

        def span(model: Transformer, step: int, loss: Loss) -> Subspace:
            found = public_gradient(model, public_windows(job.seed + step, PUBLIC_WINDOWS), loss)
            return spanned(_shapes(model), terms, found.__getitem__, job.seed + step)

        return span
    known: list[Subspace] = []

    def fixed(model: Transformer, step: int, loss: Loss) -> Subspace:
        if not known:
            shapes = _shapes(model)
            if terms.kind == "mask":
                known.append(masked(shapes, terms, job.seed, job.server_round))
            else:
                known.append(spanned(shapes, terms, _moved(job).__getitem__, job.seed + job.server_round))
        return known[0]

    return fixed


def public_gradient(model: Transformer, windows: list[Tokens], loss: Loss) -> dict[str, Array]:
    """Mean gradient over windows of public text, by each parameter that learns."""
    parameters = model.ordered()
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for window in windows:
        gradients = torch.autograd.grad(loss(model, to_tensor(window[None], parameters[0].device)), parameters)
        torch._foreach_add_(total, list(gradients), alpha=1.0 / len(windows))
    return {name: part.cpu().numpy() for name, part in zip(model.learning, total, strict=True)}


def _moved(job: TrainJob) -> Mapping[str, Array]:
    """What the federation has moved since its first weights."""
    base = read_base(job)
    return {name: base[name] - first for name, first in draw_weights(job.model, job.seed) if name in base}


def _shapes(model: Transformer) -> dict[str, tuple[int, ...]]:
    return {name: tuple(model.learning[name]) for name in model.learning}


class ReducedModel(nn.Module):
    """A model at its present weights, with one vector of reduced values per parameter, all zero, in its stead."""

    def __init__(self, model: Transformer, subspace: Subspace) -> None:
        super().__init__()
        held = model.ordered()
        device = held[0].device
        self.coordinates = nn.ParameterList(torch.zeros(part.size, device=device) for part in subspace.parts)
        self._lifts = [_lift(part, device) for part in subspace.parts]
        self._model = (model,)  # in a tuple, where its own parameters are none of this module's
        self._held = [parameter.detach() for parameter in held]

    @property
    def model(self) -> Transformer:
        """The whole model."""
        return self._model[0]

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Name and weights at the reduced values."""
        for name, held, lift, reduced in zip(
            self.model.learning, self._held, self._lifts, self.coordinates, strict=True
        ):
            yield name, lift(held, reduced)


def reduced(loss: Loss) -> Loss:
    """The loss of a ``ReducedModel``, by its reduced values."""

    def at(model: ReducedModel, tokens: Tensor) -> Tensor:
        weights = {f"model.{name}": weight for name, weight in model.weights()}
        result: Tensor = torch.func.functional_call(_Bound(model.model, loss), weights, (tokens,))
        return result

    return at


class _Bound(nn.Module):
    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, tokens: Tensor) -> Tensor:
        return self.loss(self.model, tokens)


def _lift(part: Part, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """(weights, reduced values) → weights moved by them."""
    if isinstance(part, LowRank):
        basis, rank = torch.from_numpy(part.basis).to(device), part.basis.shape[1]
        if part.rows:
            return lambda held, reduced: torch.addmm(held, basis, reduced.view(rank, -1))
        return lambda held, reduced: torch.addmm(held, reduced.view(-1, rank), basis.T)
    if isinstance(part, Kept):
        places = torch.from_numpy(np.ascontiguousarray(part.places)).to(device)
        return lambda held, reduced: held.view(-1).index_add(0, places, reduced).view_as(held)
    return lambda held, reduced: held + reduced.view_as(held)


def lifted(subspace: Subspace, reduced_values: list[Tensor]) -> list[Tensor]:
    """Gradients of the parameters' own shapes from reduced ones, in float64 on the CPU."""
    return [
        torch.from_numpy(np.ascontiguousarray(part.lift(values.numpy())))
        for part, values in zip(subspace.parts, reduced_values, strict=True)
    ]
