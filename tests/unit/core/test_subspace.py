"""Public subspaces: linear, of a size that shapes and terms fix, and found in public arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.privacy import SubspaceTerms
from core.subspace import LowRank, Subspace, masked, noise_shares, reduced_size, spanned

SHAPES = {"embedding": (60, 12), "square": (12, 12), "wide": (12, 40), "small": (3, 40), "norm": (12,)}
KINDS = ("none", "public", "released", "mask")


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=shape) for name, shape in SHAPES.items()}


def found(kind: str, rank: int = 4, density: float = 0.25, seed: int = 1) -> Subspace:
    terms = SubspaceTerms(kind=kind, rank=rank, density=density)  # type: ignore[arg-type]
    if kind == "mask":
        return masked(SHAPES, terms, seed, 3)
    return spanned(SHAPES, terms, arrays(9).__getitem__, seed)


@given(st.sampled_from(KINDS), st.integers(1, 14), st.floats(1e-3, 1.0))
def test_what_is_counted_is_what_remains(kind: str, rank: int, density: float) -> None:
    terms = SubspaceTerms(kind=kind, rank=rank, density=density)  # type: ignore[arg-type]
    subspace = found(kind, rank, density)
    assert subspace.size == reduced_size(SHAPES, terms) <= sum(map(math.prod, SHAPES.values()))
    for part, values in zip(subspace.parts, arrays().values(), strict=True):
        assert part.reduce(values).shape == (part.size,)


@pytest.mark.parametrize("kind", KINDS)
def test_lifting_is_the_transpose_of_reducing_and_reducing_undoes_it(kind: str) -> None:
    for part, values in zip(found(kind).parts, arrays().values(), strict=True):
        reduced = np.random.default_rng(2).normal(size=part.size)
        lifted = part.lift(reduced)
        assert lifted.shape == values.shape
        assert np.vdot(lifted, values) == pytest.approx(np.vdot(reduced, part.reduce(values)), rel=1e-5)
        assert np.allclose(part.reduce(lifted), reduced, atol=1e-5)


def test_directions_are_those_in_which_the_public_array_lies() -> None:
    generator = np.random.default_rng(3)
    public = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    public["wide"] = generator.normal(size=(12, 2)) @ generator.normal(size=(2, 40))
    terms = SubspaceTerms(kind="public", rank=2)
    part = spanned(SHAPES, terms, public.__getitem__, 1).parts[2]
    assert isinstance(part, LowRank)
    assert np.allclose(part.lift(part.reduce(public["wide"])), public["wide"], atol=1e-4)
    other = generator.normal(size=(12, 40))
    assert np.linalg.norm(part.lift(part.reduce(other))) < 0.7 * np.linalg.norm(other)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_an_array_without_directions_gives_some_at_random(value: float) -> None:
    public = {name: np.full(shape, value) for name, shape in SHAPES.items()}
    for part in spanned(SHAPES, SubspaceTerms(kind="released", rank=3), public.__getitem__, 1).parts:
        if isinstance(part, LowRank):
            assert np.allclose(part.basis.T @ part.basis, np.eye(3), atol=1e-5)


def test_a_mask_is_the_same_everywhere_and_another_in_each_round() -> None:
    terms = SubspaceTerms(kind="mask", density=0.25)
    first, again, later = masked(SHAPES, terms, 7, 1), masked(SHAPES, terms, 7, 1), masked(SHAPES, terms, 7, 2)
    values = arrays()["embedding"]
    kept = [subspace.parts[0].lift(subspace.parts[0].reduce(values)) for subspace in (first, again, later)]
    assert np.array_equal(kept[0], kept[1])
    assert not np.array_equal(kept[0], kept[2])
    assert np.count_nonzero(kept[0]) == 180


def test_a_share_is_the_mean_variance_of_lifted_noise() -> None:
    generator = np.random.default_rng(5)
    for kind in ("public", "mask"):
        terms = SubspaceTerms(kind=kind, rank=4)  # type: ignore[arg-type]
        for part, share in zip(found(kind).parts, noise_shares(SHAPES, terms), strict=True):
            drawn = np.stack([part.lift(generator.standard_normal(part.size)) for _ in range(400)])
            moved = drawn[drawn != 0.0] if kind == "mask" else drawn
            assert np.var(moved) == pytest.approx(share, rel=0.06)
