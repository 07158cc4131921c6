"""DP-SGD inside a public subspace: the same bound and count, on the reduced values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from support.tiny_round import PLANS, SPEC, TOKENS, job_maker

from core.config.privacy import SubspaceTerms
from core.jobs import PrivacyPlan
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.transformer import Transformer, next_token_loss
from core.postprocess.privacy.clipping import MARGIN
from core.postprocess.privacy.dp_sgd import Chunked, add_noise, clipped_sum, way_on
from core.postprocess.privacy.gaussian import CsprngNormal
from core.subspace import Subspace, masked, reduced_size, spanned
from core.training.private_gradients import ClippedSum, PrivateGradients
from core.training.state import RoundState
from core.training.subspaces import ReducedModel, chooser, reduced

SHAPES = parameter_shapes(SPEC)
EXAMPLES = [TOKENS[start : start + 9] for start in (0, 20, 40, 60)]
KINDS = ("public", "released", "mask")


class Fixed:
    def __init__(self, examples: Sequence[Any]) -> None:
        self.examples = examples

    def draw(self, source: CsprngNormal) -> Sequence[Any]:
        return self.examples


def terms_of(kind: str) -> SubspaceTerms:
    return SubspaceTerms(kind=kind, rank=2, density=0.3)  # type: ignore[arg-type]


def plan_of(kind: str, **changes: Any) -> PrivacyPlan:
    return msgspec.structs.replace(PLANS["record"], subspace=terms_of(kind), **changes)


def found(kind: str) -> Subspace:
    if kind == "mask":
        return masked(SHAPES, terms_of(kind), 1, 1)
    return spanned(SHAPES, terms_of(kind), seeded_weights(SPEC, 5).__getitem__, 1)


def model() -> Transformer:
    made = Transformer(SPEC)
    made.load_arrays(seeded_weights(SPEC, 1))
    return made


def tensors(examples: Sequence[Any]) -> list[torch.Tensor]:
    return [torch.from_numpy(np.array(example, dtype=np.int64))[None] for example in examples]


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_by_the_reduced_values_is_the_reduced_gradient(kind: str) -> None:
    whole, subspace, (example,) = model(), found(kind), tensors(EXAMPLES[:1])
    expected = torch.autograd.grad(next_token_loss(whole, example), whole.ordered())
    learner = ReducedModel(whole, subspace)
    assert [p.numel() for p in learner.parameters()] == [part.size for part in subspace.parts]
    loss = reduced(next_token_loss)(learner, example)
    assert float(loss.detach()) == pytest.approx(float(next_token_loss(whole, example).detach()), rel=1e-6)
    for part, full, small in zip(
        subspace.parts, expected, torch.autograd.grad(loss, list(learner.parameters())), strict=True
    ):
        assert np.allclose(part.reduce(full.numpy()), small.numpy(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("way", [clipped_sum, Chunked(3)], ids=["loop", "chunks"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_example_is_bounded_where_it_is_released(kind: str, way: ClippedSum) -> None:
    def steep(which: Any, tokens: torch.Tensor) -> torch.Tensor:
        return next_token_loss(which, tokens) * 1e9

    for example in tensors(EXAMPLES):
        sums, _ = way(ReducedModel(model(), found(kind)), reduced(steep), [example], 0.5)
        norm = float(torch.cat([part.reshape(-1) for part in sums]).norm())
        assert 0.49 < norm <= 0.5 * (1 - MARGIN) * (1 + 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_released_gradient_lies_in_the_subspace_and_its_noise_is_counted(kind: str) -> None:
    plan, subspace = plan_of(kind, clip_norm=0.2, noise_multiplier=1.5), found(kind)
    ways = [
        PrivateGradients(
            Fixed(examples), plan, 6, clipped_sum, add_noise, CsprngNormal, subspace=lambda *_: subspace
        ).compute(model(), RoundState(step_key=b"k" * 32), lambda _: None)
        for examples in (EXAMPLES, [])
    ]  # fmt: skip
    with_text, noise = ways
    assert (
        with_text.noise_draws
        == noise.noise_draws
        == reduced_size(SHAPES, terms_of(kind))
        < sum(int(np.prod(shape)) for shape in SHAPES.values())
    )
    signal, drawn = [], []
    for part, released, bare in zip(subspace.parts, with_text.gradients, noise.gradients, strict=True):
        back = part.lift(part.reduce(released.double().numpy()))
        assert np.allclose(back, released.numpy(), atol=1e-5), "what is released outside was never bounded"
        drawn.append(part.reduce(bare.double().numpy()))
        signal.append(part.reduce((released - bare).double().numpy()))
    assert np.linalg.norm(np.concatenate(signal)) * 6 <= len(EXAMPLES) * 0.2 * (1 + 1e-4)
    assert np.std(np.concatenate(drawn)) == pytest.approx(1.5 * 0.2 / 6, rel=0.08)


def test_a_step_in_a_subspace_begins_anew_after_a_pause() -> None:
    subspace = found("mask")
    way = PrivateGradients(
        Fixed(EXAMPLES), plan_of("mask"), 6, clipped_sum, add_noise, CsprngNormal, subspace=lambda *_: subspace
    )
    kept = []
    way.compute(model(), RoundState(step_key=b"k" * 32), lambda _: kept.append(way.partial()))
    assert kept == [None] * len(EXAMPLES)


def test_how_a_round_finds_its_subspace(tmp_path: Path) -> None:
    job = msgspec.structs.replace(job_maker(tmp_path)("record"), seed=1)
    asked: list[tuple[int, int]] = []

    def public(seed: int, count: int) -> list[Any]:
        asked.append((seed, count))
        return [TOKENS[:9]] * count

    assert chooser(job, public) is None
    for kind in KINDS:
        choose = chooser(msgspec.structs.replace(job, privacy=plan_of(kind)), public)
        assert choose is not None
        first, later = (choose(model(), step, next_token_loss) for step in (10, 11))
        assert first.size == reduced_size(SHAPES, terms_of(kind))
        assert (first is later) is (kind != "public"), "directions of public text follow the weights"
    assert [seed for seed, _ in asked] == [11, 12]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", ["record", "document"])
def test_chunks_in_a_subspace_give_the_sums_of_the_loop(kind: str, unit: str) -> None:
    plan, subspace = plan_of(kind, clip_norm=0.2, unit=unit, windows_per_document=2), found(kind)
    sums: list[torch.Tensor] = []

    def tap(total: Sequence[torch.Tensor], *_: Any) -> tuple[int, float]:
        sums.append(torch.cat([part.reshape(-1) for part in total]))
        return 0, 0.0

    for device in ("cpu", "cuda"):
        PrivateGradients(
            Fixed(EXAMPLES), plan, 6, way_on(device, 3), tap, CsprngNormal, subspace=lambda *_: subspace
        ).compute(model(), RoundState(step_key=b"k" * 32), lambda _: None)
    assert float(sums[0].norm()) > 0.2
    assert torch.allclose(sums[0], sums[1], rtol=1e-4, atol=1e-7)
