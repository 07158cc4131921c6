"""The loss that chunks take: padded, under ``torch.func``, and the same as the trainer's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from support.tiny_round import KEY, PLANS, SPEC

from core.config.model import ModelSpec
from core.jobs import TrainingPlan
from core.model.frozen import shard_model
from core.model.initialise import seeded_weights
from core.model.presets import preset
from core.model.shard import parse_shard
from core.model.transformer import Transformer
from core.postprocess.privacy.dp_sgd import add_noise, clipped_sum, way_on
from core.postprocess.privacy.gaussian import CsprngNormal
from core.training.chunk_loss import padded, padded_loss
from core.training.document_loss import per_document
from core.training.ladder import Ladder
from core.training.loss import blockwise_loss
from core.training.private_gradients import PrivateGradients
from core.training.state import RoundState

GPT2 = msgspec.structs.replace(SPEC, architecture="gpt2", d_ff=64)
CLIP = 0.7


def untied(spec: ModelSpec) -> ModelSpec:
    return msgspec.structs.replace(spec, tie_embeddings=False)


def whole(spec: ModelSpec) -> Transformer:
    model = Transformer(spec)
    model.load_arrays(seeded_weights(spec, 3))
    return model


def part(spec: ModelSpec, name: str, narrow: bool) -> Transformer:
    arrays, shard = seeded_weights(spec, 3), parse_shard(spec, name)
    model = shard_model(shard, {key: value for key, value in arrays.items() if key not in shard.shapes()})
    if narrow:
        for parameter in model.parameters():
            if not parameter.requires_grad and parameter.ndim == 2:
                parameter.data = parameter.data.to(torch.bfloat16)
    model.load_arrays({key: arrays[key] for key in shard.shapes()})
    return model


MODELS: dict[str, Callable[[], Transformer]] = {
    "llama, tied": lambda: whole(SPEC),
    "llama, untied": lambda: whole(untied(SPEC)),
    "gpt2, tied": lambda: whole(GPT2),
    "gpt2, untied": lambda: whole(untied(GPT2)),
    "tiny": lambda: whole(preset("tiny")),
    "tiny-gpt2": lambda: whole(preset("tiny-gpt2")),
    "block": lambda: part(SPEC, "blocks:0-0", narrow=False),
    "block, narrow": lambda: part(SPEC, "blocks:0-0", narrow=True),
    "block of gpt2, narrow": lambda: part(GPT2, "blocks:0-0", narrow=True),
    "embedding, narrow": lambda: part(SPEC, "embedding", narrow=True),
    "embedding, untied, narrow": lambda: part(untied(GPT2), "embedding", narrow=True),
}


def document(seed: int, *lengths: int) -> np.ndarray[Any, Any]:
    chance = np.random.default_rng(seed)
    rows = np.full((len(lengths), max(lengths)), -1)
    for row, length in zip(rows, lengths, strict=True):
        row[:length] = chance.integers(0, 200, length)
    return rows


DOCUMENTS = [
    document(0, 9, 9, 4), document(1, 6), document(2, 9, 3), document(3, 2), document(4, 9), document(5, 8, 2),
    document(6, 9, 9, 9),
]  # fmt: skip


class Fixed:
    def draw(self, source: object) -> list[np.ndarray[Any, Any]]:
        return DOCUMENTS


def sums(model: Transformer, device: str, plan: TrainingPlan, clip: float = CLIP) -> tuple[np.ndarray[Any, Any], Any]:
    """The float64 sum that a kind of device hands to the noise, and the mean loss, computed here."""
    seen = []

    def tap(total: Any, *args: Any) -> tuple[int, float]:
        seen.append(np.concatenate([summed.numpy().ravel() for summed in total]))
        return 0, 0.0

    private = msgspec.structs.replace(PLANS["record"], unit="document", windows_per_document=3, clip_norm=clip)
    way = way_on(device, 3)
    gradients = PrivateGradients(Fixed(), private, 6, way, tap, CsprngNormal, plan)
    result = gradients.compute(model, RoundState(step_key=KEY), lambda _: None)
    return seen[0], result


@pytest.mark.parametrize("shape", MODELS)
@pytest.mark.parametrize("clip", [CLIP, 1e6])
def test_a_gpus_way_gives_the_sums_of_the_processors(shape: str, clip: float) -> None:
    """Documents of unequal windows, clipped and free."""
    plan = TrainingPlan(loss_rows=5)
    found, result = sums(MODELS[shape](), "cuda", plan, clip)
    expected, one_by_one = sums(MODELS[shape](), "cpu", plan, clip)
    assert np.linalg.norm(expected) > 0
    assert np.linalg.norm(found - expected) < 2e-6 * np.linalg.norm(expected)
    assert result.loss == pytest.approx(one_by_one.loss, rel=1e-6)
    assert result.tokens == one_by_one.tokens == sum(int((rows >= 0).sum()) - len(rows) for rows in DOCUMENTS)


@pytest.mark.parametrize("shape", ["llama, tied", "gpt2, untied", "block, narrow", "embedding, narrow"])
def test_narrow_products_are_as_near_as_their_format_allows(shape: str) -> None:
    plan = TrainingPlan(dtype="bfloat16", loss_rows=5)
    found, result = sums(MODELS[shape](), "cuda", plan)
    expected, one_by_one = sums(MODELS[shape](), "cpu", plan)
    assert np.linalg.norm(found - expected) < 2e-2 * np.linalg.norm(expected)
    assert result.loss == pytest.approx(one_by_one.loss, rel=1e-3)


@pytest.mark.parametrize("rows", [0, 1, 7, 1_000])
@pytest.mark.parametrize("shape", ["llama, tied", "gpt2, untied"])
def test_padding_changes_neither_loss_nor_gradient(shape: str, rows: int) -> None:
    model, tokens = MODELS[shape](), document(7, 9, 9, 4)
    whole_document = per_document(lambda net, rows_: blockwise_loss(net, net.hidden, rows_, 5, torch.float32))
    expected = whole_document(model, torch.from_numpy(tokens))
    found = padded_loss(model, torch.from_numpy(padded(tokens, 24)), rows, torch.float32)
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    pairs = zip(
        torch.autograd.grad(found, model.ordered()), torch.autograd.grad(expected, model.ordered()), strict=True
    )
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-7) for one, other in pairs)


def test_windows_are_padded_to_few_lengths_and_never_beyond_what_the_model_reads() -> None:
    assert [padded(document(8, length + 1), 200).shape[1] - 1 for length in (1, 63, 64, 65, 130, 193, 200)] == [
        64, 64, 64, 128, 192, 200, 200,
    ]  # fmt: skip
    rows = document(9, 9, 4)
    wide = padded(rows, 256)
    assert np.array_equal(wide[:, :9], rows)
    assert (wide[:, 9:] == -1).all()


def test_a_broken_number_in_one_example_reaches_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coordinator's weights that make some text overflow cost that text alone."""
    model = MODELS["llama, untied"]()
    poison = 210
    with torch.no_grad():
        model.model.embed_tokens.weight[poison] = float("nan")
    expected, before = sums(model, "cuda", TrainingPlan())
    sick = [*DOCUMENTS[:2], np.where(DOCUMENTS[2] == DOCUMENTS[2][0, 1], poison, DOCUMENTS[2]), *DOCUMENTS[2:]]
    monkeypatch.setattr(Fixed, "draw", lambda *_: sick)
    found, after = sums(model, "cuda", TrainingPlan())
    assert np.allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert after.loss == pytest.approx(before.loss, rel=1e-6)


def test_logits_of_few_rows_exist_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of all examples at once, and not of so few that the head's gradient is added up more often than needed."""
    from core.training import chunk_loss

    seen: list[tuple[int, ...]] = []
    real = torch.logsumexp

    def noted(logits: torch.Tensor, *args: Any, **more: Any) -> torch.Tensor:
        seen.append(tuple(logits.shape))
        return real(logits, *args, **more)

    monkeypatch.setattr(chunk_loss.torch, "logsumexp", noted)
    monkeypatch.setattr(Fixed, "draw", lambda *_: [document(seed, 33, 33) for seed in range(6)])
    sums(MODELS["llama, tied"](), "cuda", TrainingPlan(loss_rows=60))
    width = SPEC.d_model
    assert {shape[0] for shape in seen} == {3}
    assert max(shape[1] for shape in seen) == max(60 // 3, width) < 2 * 60


def test_the_loop_is_what_a_processor_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert way_on("cpu", 3) is clipped_sum
    monkeypatch.setattr(Ladder, "padded_loss", None)
    sums(MODELS["llama, tied"](), "cpu", TrainingPlan())


def test_the_loss_fails_down_the_ladder_inside_a_chunk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from core.training import ladder

    real = ladder.padded_loss

    def narrow_is_broken(model: Any, tokens: Any, rows: int, dtype: torch.dtype) -> Any:
        if dtype == torch.bfloat16:
            raise RuntimeError("no such kernel")
        return real(model, tokens, rows, dtype)

    monkeypatch.setattr(ladder, "padded_loss", narrow_is_broken)
    found, _ = sums(MODELS["llama, tied"](), "cuda", TrainingPlan(dtype="bfloat16"))
    expected, _ = sums(MODELS["llama, tied"](), "cuda", TrainingPlan())
    assert np.array_equal(found, expected)
    assert "RuntimeError" in capsys.readouterr().err


def test_a_whole_step_adds_the_same_noise_either_way() -> None:
    private = msgspec.structs.replace(PLANS["record"], unit="document", windows_per_document=3, clip_norm=CLIP)
    found = []
    for device in ("cpu", "cuda"):
        gradients = PrivateGradients(Fixed(), private, 6, way_on(device, 2), add_noise, CsprngNormal)
        found.append(gradients.compute(MODELS["gpt2, tied"](), RoundState(step_key=KEY), lambda _: None))
    one, other = found
    assert one.noise_draws == other.noise_draws > 0
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(one.gradients, other.gradients, strict=True))
