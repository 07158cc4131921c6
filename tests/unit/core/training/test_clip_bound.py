"""Whatever a coordinator's weights make of an example, the trainer's own sum moves by C at most.

The sum is tapped where the noise would enter. Norms go from harmless to beyond what float32 holds, through tied and
untied heads, both shapes, shards with frozen parts, bfloat16, whole documents, and the loop as well as chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from support.tiny_round import KEY, PLANS, SPEC, TOKENS

from core.data.documents import PADDING
from core.jobs import TrainingPlan
from core.model.frozen import shard_model
from core.model.initialise import seeded_weights
from core.model.shard import parse_shard
from core.model.transformer import Transformer
from core.postprocess.privacy.dp_sgd import Chunked, clipped_sum
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training.private_gradients import PrivateGradients
from core.training.state import RoundState

CLIP = 0.7
SHAPES = {
    "llama, tied": SPEC,
    "llama, untied": msgspec.structs.replace(SPEC, tie_embeddings=False),
    "gpt2, tied": msgspec.structs.replace(SPEC, architecture="gpt2", d_ff=64),
    "gpt2, untied": msgspec.structs.replace(SPEC, architecture="gpt2", d_ff=64, tie_embeddings=False),
}
SCALES = [1.0, 1e3, 1e6, 1e12, 1e18, 1e30]
Model = Callable[[float], Transformer]


def whole(shape: str) -> Model:
    def build(scale: float) -> Transformer:
        model = Transformer(SHAPES[shape])
        model.load_arrays(hostile(shape, scale))
        return model

    return build


def shard(shape: str, name: str) -> Model:
    def build(scale: float) -> Transformer:
        arrays, part = hostile(shape, scale), parse_shard(SHAPES[shape], name)
        model = shard_model(part, {key: value for key, value in arrays.items() if key not in part.shapes()})
        model.load_arrays({key: arrays[key] for key in part.shapes()})
        return model

    return build


def hostile(shape: str, scale: float) -> dict[str, np.ndarray[Any, Any]]:
    """Finite weights, so that no check refuses them, whose last norm blows up what follows."""
    arrays = dict(seeded_weights(SHAPES[shape], 1))
    last = "transformer.ln_f.weight" if SHAPES[shape].architecture == "gpt2" else "model.norm.weight"
    arrays[last] = arrays[last] * np.float32(scale)
    assert all(np.isfinite(array).all() for array in arrays.values())
    return arrays


class Fixed:
    def __init__(self, examples: Sequence[np.ndarray[Any, Any]]) -> None:
        self.examples = examples

    def draw(self, source: object) -> Sequence[np.ndarray[Any, Any]]:
        return self.examples


def tapped(
    model: Transformer, examples: Sequence[np.ndarray[Any, Any]], unit: str, plan: TrainingPlan, way: Any
) -> Any:
    """The float64 sum that the mechanism hands to the noise."""
    seen: list[np.ndarray[Any, Any]] = []

    def tap(total: Sequence[torch.Tensor], clip: float, sigma: float, noise: object) -> tuple[int, float]:
        assert all(part.dtype == torch.float64 for part in total)
        assert clip == CLIP
        seen.append(np.concatenate([part.numpy().ravel() for part in total]))
        return 0, 0.0

    private = msgspec.structs.replace(PLANS["record"], unit=unit, clip_norm=CLIP)
    gradients = PrivateGradients(Fixed(examples), private, 6, way, tap, CsprngNormal, plan)
    gradients.compute(model, RoundState(step_key=KEY), lambda _: None)
    return seen[0]


RECORDS = [TOKENS[i : i + 9] for i in range(0, 60, 12)]
LONG = np.full((3, 9), PADDING, dtype=np.int64)
LONG[0], LONG[1], LONG[2, :5] = TOKENS[200:209], TOKENS[209:218], TOKENS[218:223]
CASES: dict[str, tuple[Model, str, TrainingPlan, Any]] = {
    **{shape: (whole(shape), "record", TrainingPlan(), clipped_sum) for shape in SHAPES},
    "documents": (whole("llama, tied"), "document", TrainingPlan(), clipped_sum),
    "documents, gpt2": (whole("gpt2, tied"), "document", TrainingPlan(), clipped_sum),
    "bfloat16": (whole("llama, tied"), "document", TrainingPlan(dtype="bfloat16", attention="math"), clipped_sum),
    "block shard": (shard("llama, tied", "blocks:0-0"), "record", TrainingPlan(), clipped_sum),
    "embedding shard": (shard("llama, tied", "embedding"), "record", TrainingPlan(), clipped_sum),
    "shard, bfloat16": (
        shard("gpt2, untied", "embedding"), "record", TrainingPlan(dtype="bfloat16"), clipped_sum,
    ),
    **{f"chunks, {shape}": (whole(shape), "record", TrainingPlan(), Chunked(3)) for shape in SHAPES},
    "chunks of documents": (whole("llama, tied"), "document", TrainingPlan(loss_rows=5), Chunked(2)),
    "chunks, bfloat16": (whole("llama, tied"), "document", TrainingPlan(dtype="bfloat16"), Chunked(2)),
    "chunks, block shard": (shard("llama, tied", "blocks:0-0"), "record", TrainingPlan(), Chunked(2)),
    "chunks, embedding shard": (shard("gpt2, untied", "embedding"), "record", TrainingPlan(), Chunked(2)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_no_example_moves_the_sum_by_more_than_the_bound(case: str) -> None:
    build, unit, plan, way = CASES[case]
    norms = {}
    for scale in SCALES:
        model = build(scale)
        example = LONG if unit == "document" else LONG[0]
        one, with_it, without = (
            tapped(model, part, unit, plan, way) for part in ([example], [*RECORDS, example], RECORDS)
        )
        norms[scale] = float(np.linalg.norm(one))
        assert np.isfinite(with_it).all()
        assert norms[scale] <= CLIP
        assert np.linalg.norm(with_it - without) <= CLIP
        assert np.linalg.norm(with_it) <= CLIP * (len(RECORDS) + 1)
    assert norms[1e6] > 0.999 * CLIP, "an example of norm a million is not lost, it is bounded"
    assert norms[1e30] in (0.0, pytest.approx(CLIP, rel=1e-4)), "beyond float32 it is bounded or nothing at all"


def test_the_norm_of_a_hostile_example_really_is_a_million() -> None:
    free, _ = clipped_sum(whole("llama, tied")(1e6), _loss, [torch.from_numpy(LONG[:1])], 1e30)
    assert np.linalg.norm(np.concatenate([part.numpy().ravel() for part in free])) > 1e6


def _loss(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    from core.model.transformer import next_token_loss

    return next_token_loss(model, tokens)


def test_the_bound_is_over_all_parameters_together_and_a_missing_one_would_be_noticed() -> None:
    """The faults this test is for: no clip at all, and a clip for each matrix."""

    def free(model: Any, loss_fn: Any, examples: Any, clip_norm: float, **more: Any) -> Any:
        return clipped_sum(model, loss_fn, examples, 1e300, **more)

    def each(model: Any, loss_fn: Any, examples: Any, clip_norm: float, **more: Any) -> Any:
        sums, losses = clipped_sum(model, loss_fn, examples, 1e300, **more)
        return [part * min(1.0, clip_norm / float(part.norm())) for part in sums], losses

    for planted in (free, each):
        found = tapped(whole("llama, tied")(1e6), [LONG[0]], "record", TrainingPlan(), planted)
        assert np.linalg.norm(found) > CLIP
