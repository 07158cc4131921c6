"""Norms of what passes by in slices: pseudo-gradient, momentum and model, over everything and layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from core.config.model import ModelSpec
from core.model.layout import parameter_shapes
from core.model.shard import units
from core.update import Array, sum_of_squares


class Norm:
    """The L2 norm of values that pass by in slices, in any order; a slice that passes twice counts once."""

    def __init__(self, names: Iterable[str]) -> None:
        self._squares: dict[str, dict[int, float]] = {name: {} for name in names}

    def add(self, name: str, start: int, values: Array) -> None:
        """Look at one slice."""
        self._squares[name][start] = sum_of_squares(values)

    def value(self, names: Iterable[str] | None = None) -> float:
        """The norm of everything that passed, or of some parameters."""
        chosen = self._squares if names is None else [name for name in names if name in self._squares]
        parts = (self._squares[name] for name in chosen)
        return math.sqrt(sum(part[start] for part in parts for start in sorted(part)))

    def saw(self, names: Iterable[str]) -> bool:
        """Whether anything of some parameters passed."""
        return any(self._squares.get(name) for name in names)


class Norms(msgspec.Struct, frozen=True):
    """Norms of one round: over everything, and by unit of the model (the embedding, then block by block).

    Each maps ``pseudo_gradient``, ``momentum`` and ``model`` to an L2 norm; what is not there was not trained or is not
    kept. Of a Flower strategy the pseudo-gradient is base − what it gave.
    """

    all: dict[str, float]
    layers: dict[str, dict[str, float]]


def norms(spec: ModelSpec, delta: Norm, momentum: Norm, model: Norm) -> Norms:
    """What passed by in a step, by layer."""
    kinds = {"pseudo_gradient": delta, "momentum": momentum, "model": model}

    def of(names: Sequence[str]) -> dict[str, float]:
        return {kind: norm.value(names) for kind, norm in kinds.items() if norm.saw(names)}

    layers = {unit.name: list(unit.shapes()) for unit in units(spec)}
    return Norms(of(list(parameter_shapes(spec))), {layer: of(names) for layer, names in layers.items()})
