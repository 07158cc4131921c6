"""Public subspaces: an update is reduced to fewer values before it is bounded and noised, and lifted after.

Noise grows with the number of values it is added to, √N for a bound that does not. Where most of a gradient lies in a
part of the space that can be found without private text, only that part needs to be released.

| kind | what is kept of each matrix | found from |
|---|---|---|
| ``public`` | ``rank`` directions of its shorter side | the gradient on the federation's public text |
| ``released`` | the same | what the federation has moved since its first weights, which everybody has seen |
| ``mask`` | a share ``density`` of its values, anew each round | the federation's seed and the round |

Vectors are kept whole. Ideas: Yu et al., Large Scale Private Learning via Low-rank Reparametrization, 2021
(arXiv 2106.09352); Zhou, Wu, Banerjee, Bypassing the Ambient Dimension, 2021 (arXiv 2007.03813).

Guarantees:
    - What is bounded are the reduced values themselves, whatever the basis is; a bad basis costs learning, not privacy.
    - Nothing private enters a basis or a mask. Lifting is a function of released values, so it costs nothing.
    - How many values remain follows from shapes and terms alone, so that the noise drawn can be counted by others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence  # at once: inside the trainer's lock nothing more is loaded
from numpy.typing import NDArray

from core.config.privacy import SubspaceTerms

Array = NDArray[np.floating[Any]]
_POWER_ITERATIONS: Final = 2


class Part(Protocol):
    """How one parameter is reduced and lifted; both are linear, and each is the other's transpose."""

    @property
    def size(self) -> int:
        """Values that remain."""

    def reduce(self, values: Array) -> Array:
        """The parameter's shape → flat, ``size`` long."""

    def lift(self, reduced: Array) -> Array:
        """The way back."""


@dataclass(frozen=True)
class Whole:
    """Everything is kept."""

    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """See ``Part``."""
        return math.prod(self.shape)

    def reduce(self, values: Array) -> Array:
        """See ``Part``."""
        return values.reshape(-1)

    def lift(self, reduced: Array) -> Array:
        """See ``Part``."""
        return reduced.reshape(self.shape)


@dataclass(frozen=True)
class Kept:
    """Some values are kept, the others are left alone."""

    shape: tuple[int, ...]
    places: NDArray[np.int64]

    @property
    def size(self) -> int:
        """See ``Part``."""
        return len(self.places)

    def reduce(self, values: Array) -> Array:
        """See ``Part``."""
        return values.reshape(-1)[self.places]

    def lift(self, reduced: Array) -> Array:
        """See ``Part``."""
        values = np.zeros(math.prod(self.shape), reduced.dtype)
        values[self.places] = reduced
        return values.reshape(self.shape)


@dataclass(frozen=True)
class LowRank:
    """Some directions of the shorter side are kept."""

    shape: tuple[int, ...]
    basis: NDArray[np.float32]
    """(shorter side, rank), orthonormal columns."""

    @property
    def rows(self) -> bool:
        """Whether the shorter side is the first."""
        return self.shape[0] <= self.shape[1]

    @property
    def size(self) -> int:
        """See ``Part``."""
        return int(self.basis.shape[1]) * max(self.shape)

    def reduce(self, values: Array) -> Array:
        """See ``Part``."""
        basis = self.basis.astype(values.dtype, copy=False)
        return (basis.T @ values if self.rows else values @ basis).reshape(-1)

    def lift(self, reduced: Array) -> Array:
        """See ``Part``."""
        basis = self.basis.astype(reduced.dtype, copy=False)
        rank = basis.shape[1]
        if self.rows:
            return np.asarray(basis @ reduced.reshape(rank, self.shape[1]))
        return np.asarray(reduced.reshape(self.shape[0], rank) @ basis.T)


@dataclass(frozen=True)
class Subspace:
    """The parts of all parameters that learn, in layout order."""

    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Values that remain."""
        return sum(part.size for part in self.parts)


def reduces(shape: tuple[int, ...], terms: SubspaceTerms) -> bool:
    """Whether a parameter of this shape is reduced at all."""
    if terms.kind == "none" or len(shape) != 2:
        return False
    return terms.kind == "mask" or terms.rank < min(shape)


def reduced_size(shapes: Mapping[str, tuple[int, ...]], terms: SubspaceTerms) -> int:
    """Values that are bounded and noised, per step or release."""
    return sum(_reduced(shape, terms) for shape in shapes.values())


def _reduced(shape: tuple[int, ...], terms: SubspaceTerms) -> int:
    if not reduces(shape, terms):
        return math.prod(shape)
    return _places(shape, terms) if terms.kind == "mask" else terms.rank * max(shape)


def _places(shape: tuple[int, ...], terms: SubspaceTerms) -> int:
    return max(1, round(terms.density * math.prod(shape)))


def noise_shares(shapes: Mapping[str, tuple[int, ...]], terms: SubspaceTerms) -> list[float]:
    """Mean variance of lifted noise of variance 1, per value that can move, for each parameter.

    Directions of the shorter side share their noise with all of it; what a mask leaves out does not move.
    """
    low_rank = terms.kind in ("public", "released")
    return [terms.rank / min(shape) if low_rank and reduces(shape, terms) else 1.0 for shape in shapes.values()]


def spanned(
    shapes: Mapping[str, tuple[int, ...]], terms: SubspaceTerms, source: Callable[[str], Array], seed: int
) -> Subspace:
    """The subspace in which public arrays lie.

    Args:
        shapes: name → shape of what learns, in order.
        terms: of kind ``public`` or ``released``.
        source: name → public array of that shape; zeros give directions at random.
        seed: of the start of the power iteration; public.
    """
    parts: list[Part] = []
    for position, (name, shape) in enumerate(shapes.items()):
        if reduces(shape, terms):
            parts.append(LowRank(shape, _directions(source(name), terms.rank, [seed, position])))
        else:
            parts.append(Whole(shape))
    return Subspace(tuple(parts))


def _directions(public: Array, rank: int, seed: Sequence[int]) -> NDArray[np.float32]:
    """The leading directions of the shorter side, by power iteration (Halko, Martinsson, Tropp, 2011)."""
    wide = np.asarray(public if public.shape[0] <= public.shape[1] else public.T, dtype=np.float64)
    generator = Generator(PCG64(SeedSequence(list(seed))))
    basis = np.linalg.qr(generator.standard_normal((wide.shape[0], rank)))[0]
    if np.isfinite(wide).all() and wide.any():
        wide = wide / np.abs(wide).max()
        for _ in range(_POWER_ITERATIONS):
            basis = np.linalg.qr(wide @ (wide.T @ basis))[0]
    return basis.astype(np.float32)


def masked(shapes: Mapping[str, tuple[int, ...]], terms: SubspaceTerms, seed: int, server_round: int) -> Subspace:
    """The values that a round may move, the same on every machine.

    Args:
        shapes: name → shape of what learns, in order.
        terms: of kind ``mask``.
        seed: the federation's.
        server_round: from 1.
    """
    return Subspace(tuple(_masked(shapes, terms, seed, server_round)))


def _masked(
    shapes: Mapping[str, tuple[int, ...]], terms: SubspaceTerms, seed: int, server_round: int
) -> Iterator[Part]:
    for position, shape in enumerate(shapes.values()):
        if not reduces(shape, terms):
            yield Whole(shape)
            continue
        generator = Generator(PCG64(SeedSequence([seed, server_round, position])))
        count, size = _places(shape, terms), math.prod(shape)
        yield Kept(shape, np.sort(generator.choice(size, size=count, replace=False, shuffle=False)))
