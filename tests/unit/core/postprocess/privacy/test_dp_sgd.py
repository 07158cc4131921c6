"""The one-example loop: the bound holds for every example, ties count once, and other engines agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.postprocess.privacy import dp_sgd
from core.postprocess.privacy.clipping import clip_vector
from core.postprocess.privacy.dp_sgd import (
    Chunked,
    Running,
    add_noise,
    clipped_sum,
    noisy_gradient,
    trainable,
    way_on,
)
from core.postprocess.privacy.gaussian import CsprngNormal


class Tied(nn.Module):
    """Embedding used twice: as input table and, functionally, as output head."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(17, 6)
        self.middle = nn.Linear(6, 6)

    def forward(self, tokens: Tensor) -> Tensor:
        return functional.linear(torch.tanh(self.middle(self.table(tokens))), self.table.weight)


def loss_fn(model: nn.Module, tokens: Tensor) -> Tensor:
    logits = model(tokens[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


@pytest.fixture
def model() -> Tied:
    torch.manual_seed(3)
    return Tied()


@pytest.fixture
def examples() -> list[Tensor]:
    generator = torch.Generator().manual_seed(4)
    return [torch.randint(0, 17, (1, 9), generator=generator) for _ in range(12)]


def flat(tensors: list[Tensor]) -> np.ndarray:
    return np.concatenate([t.detach().double().numpy().ravel() for t in tensors])


@pytest.mark.parametrize("clip", [1e-3, 0.1, 1.0, 1e3])
def test_each_example_stays_within_the_bound(model: Tied, examples: list[Tensor], clip: float) -> None:
    for example in examples:
        total, losses = clipped_sum(model, loss_fn, [example], clip)
        assert np.linalg.norm(flat(total)) <= clip
        assert len(losses) == 1


def test_an_example_of_norm_a_million_stays_within_the_bound(model: Tied, examples: list[Tensor]) -> None:
    def huge(net: nn.Module, tokens: Tensor) -> Tensor:
        return loss_fn(net, tokens) * 1e7

    total, _ = clipped_sum(model, huge, examples[:1], 1.0)
    assert 0.999 < np.linalg.norm(flat(total)) <= 1.0


def test_the_sum_is_that_of_separate_gradients_with_the_tie_counted_once(model: Tied, examples: list[Tensor]) -> None:
    expected = np.zeros(sum(p.numel() for p in trainable(model)))
    for example in examples:
        model.zero_grad()
        loss_fn(model, example).backward()
        gradient = flat([p.grad for p in trainable(model) if p.grad is not None])
        expected += clip_vector(gradient, 0.5).values
    model.zero_grad()
    total, _ = clipped_sum(model, loss_fn, examples, 0.5)
    assert flat(total) == pytest.approx(expected, abs=1e-6)


def test_vmap_agrees(model: Tied, examples: list[Tensor]) -> None:
    from torch.func import functional_call, grad, vmap

    parameters = dict(model.named_parameters())

    def one(values: dict[str, Tensor], tokens: Tensor) -> Tensor:
        logits = functional_call(model, values, (tokens[None, :-1],))
        return functional.cross_entropy(logits[0], tokens[1:])

    per_example = vmap(grad(one), in_dims=(None, 0))(parameters, torch.cat(examples))
    stacked = np.concatenate(
        [per_example[n].detach().double().numpy().reshape(len(examples), -1) for n in parameters], 1
    )
    norms = np.linalg.norm(stacked, axis=1)
    expected = (stacked * np.minimum(1, 0.5 * (1 - 1e-5) / norms)[:, None]).sum(0)
    total, _ = clipped_sum(model, loss_fn, examples, 0.5)
    assert flat(total) == pytest.approx(expected, abs=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_opacus_agrees_where_it_is_right(examples: list[Tensor]) -> None:
    from opacus.grad_sample import GradSampleModule

    torch.manual_seed(5)
    plain = nn.Sequential(nn.Embedding(17, 6), nn.Linear(6, 17))
    batch = torch.cat(examples)
    hooked = GradSampleModule(plain, loss_reduction="sum")
    losses = functional.cross_entropy(hooked(batch[:, :-1]).transpose(1, 2), batch[:, 1:], reduction="none").mean(1)
    losses.sum().backward()
    stacked = torch.cat([p.grad_sample.flatten(1) for p in hooked.parameters()], 1).double().numpy()
    norms = np.linalg.norm(stacked, axis=1)
    expected = (stacked * np.minimum(1, 0.3 * (1 - 1e-5) / norms)[:, None]).sum(0)
    hooked.remove_hooks()
    total, _ = clipped_sum(plain, loss_fn, examples, 0.3)
    assert flat(total) == pytest.approx(expected, abs=1e-6)


def test_a_nan_example_adds_nothing(model: Tied, examples: list[Tensor]) -> None:
    def sick(net: nn.Module, tokens: Tensor) -> Tensor:
        loss = loss_fn(net, tokens)
        return loss * float("nan") if torch.equal(tokens, examples[1]) else loss

    with_it, losses = clipped_sum(model, sick, examples[:3], 1.0)
    without, _ = clipped_sum(model, loss_fn, [examples[0], examples[2]], 1.0)
    assert np.array_equal(flat(with_it), flat(without))
    assert len(losses) == 2


def test_an_empty_draw_is_noise_alone(model: Tied) -> None:
    gradient, losses, drawn = noisy_gradient(
        model, loss_fn, [], clip_norm=1.0, noise_multiplier=2.0, expected_batch_size=4, noise=CsprngNormal(b"\x02" * 32)
    )
    assert losses == []
    assert drawn == sum(p.numel() for p in trainable(model))
    assert flat(gradient).std() == pytest.approx(0.5, rel=0.2)


def test_progress_and_abandoning_between_examples(model: Tied, examples: list[Tensor]) -> None:
    seen: list[int] = []

    def stop_at_five(done: int) -> None:
        seen.append(done)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clipped_sum(model, loss_fn, examples, 1.0, stop_at_five)
    assert seen == [1, 2, 3, 4, 5]


def test_noise_is_refused_in_float32_and_without_scale(model: Tied) -> None:
    with pytest.raises(ValueError, match="float64"):
        add_noise([torch.zeros(3)], 1.0, 1.0, CsprngNormal(b"\x02" * 32))
    with pytest.raises(ValueError, match="positive"):
        add_noise([torch.zeros(3, dtype=torch.float64)], 1.0, 0.0, CsprngNormal(b"\x02" * 32))


@pytest.mark.parametrize("size", [1, 5, 64])
def test_chunks_give_the_sums_of_the_one_example_loop(model: Tied, examples: list[Tensor], size: int) -> None:
    """Of two shapes, one example with no finite gradient among them, some clipped and some not."""
    mixed = [*examples, *(example[:, :5] for example in examples[:3])]

    def poisoned(net: nn.Module, tokens: Tensor) -> Tensor:
        bad = (tokens == mixed[4]).all() if tokens.shape == mixed[4].shape else torch.zeros((), dtype=torch.bool)
        return loss_fn(net, tokens) * torch.where(bad, float("nan"), 1.0)

    norms = [float(np.linalg.norm(flat(clipped_sum(model, loss_fn, [e], 1e6)[0]))) for e in mixed]
    clip = float(np.median(norms))
    expected, losses = clipped_sum(model, poisoned, mixed, clip)
    done: list[int] = []
    found, other = Chunked(size)(model, poisoned, iter(mixed), clip, done.append)
    assert [t.dtype for t in found] == [torch.float64] * len(expected)
    assert np.allclose(flat(found), flat(expected), rtol=1e-5, atol=1e-9)
    assert sorted(other) == pytest.approx(sorted(losses), rel=1e-5)
    assert len(other) == len(mixed) - 1
    assert done == sorted(done)
    assert done[-1] == len(mixed)


@pytest.mark.parametrize("clip", [1e-3, 0.1])
def test_an_example_in_a_chunk_stays_within_the_bound(model: Tied, examples: list[Tensor], clip: float) -> None:
    with_it, _ = Chunked(4)(model, loss_fn, examples[:8], clip)
    without, _ = Chunked(4)(model, loss_fn, examples[:7], clip)
    assert 0 < np.linalg.norm(flat(with_it) - flat(without)) <= clip


def test_no_examples_give_zero_sums_and_no_chunk_is_empty(model: Tied) -> None:
    found, losses = Chunked(3)(model, loss_fn, [], 1.0)
    assert not flat(found).any()
    assert losses == []
    with pytest.raises(ValueError, match="at least one"):
        Chunked(0)


@pytest.mark.parametrize("shape", ["tiny", "tiny-gpt2"])
def test_chunks_agree_on_the_real_model(shape: str) -> None:
    from core.model.initialise import seeded_weights
    from core.model.presets import preset
    from core.model.transformer import Transformer, next_token_loss

    spec = preset(shape)
    real = Transformer(spec)
    real.load_arrays(seeded_weights(spec, 5))
    generator = torch.Generator().manual_seed(6)
    records = [torch.randint(0, spec.vocab_size, (1, 17), generator=generator) for _ in range(5)]
    expected, _ = clipped_sum(real, next_token_loss, records, 0.5)
    found, _ = Chunked(3)(real, next_token_loss, records, 0.5)
    assert np.allclose(flat(found), flat(expected), rtol=1e-4, atol=1e-7)


def test_a_processor_takes_examples_one_by_one_and_a_gpu_in_chunks(model: Tied, examples: list[Tensor]) -> None:
    assert way_on("cpu", 4) is clipped_sum
    way = way_on("cuda", 4)
    assert isinstance(way, Chunked)
    assert way.size == 4
    found, expected = way(model, loss_fn, examples, 0.5)[0], clipped_sum(model, loss_fn, examples, 0.5)[0]
    assert np.allclose(flat(found), flat(expected), rtol=1e-5, atol=1e-9)


def test_a_chunk_is_reported_when_it_is_in_and_never_crosses_a_shape(model: Tied, examples: list[Tensor]) -> None:
    mixed = [*examples[:5], *(example[:, :5] for example in examples[:4])]
    into: Running = ([], [])
    told: list[tuple[int, int]] = []
    asked: list[tuple[int, int]] = []

    def one_by_one() -> Iterator[Tensor]:
        for number, example in enumerate(mixed):
            asked.append((number, len(into[1])))
            yield example

    Chunked(3)(model, loss_fn, one_by_one(), 0.5, lambda done: told.append((done, len(into[1]))), into)
    assert told == [(3, 3), (5, 5), (8, 8), (9, 9)]
    assert asked == [(0, 0), (1, 0), (2, 0), (3, 3), (4, 3), (5, 3), (6, 5), (7, 5), (8, 8)]


@pytest.mark.parametrize("fits", [1, 2, 3])
def test_where_memory_runs_out_the_chunk_is_halved_and_nothing_counts_twice(
    model: Tied, examples: list[Tensor], monkeypatch: pytest.MonkeyPatch, fits: int
) -> None:
    sizes: list[int] = []
    real = dp_sgd._norms

    def scarce(gradients: list[Tensor]) -> list[float]:
        """All gradients are made, and then there is no room to take their norm."""
        sizes.append(len(gradients[0]))
        if len(gradients[0]) > fits:
            raise torch.OutOfMemoryError
        return real(gradients)

    monkeypatch.setattr(dp_sgd, "_norms", scarce)
    way = Chunked(8)
    found, losses = way(model, loss_fn, examples, 0.5)
    expected, others = clipped_sum(model, loss_fn, examples, 0.5)
    assert way.size == {1: 1, 2: 2, 3: 2}[fits]
    assert sizes[:3] == [8, 4, 2]
    assert sum(size for size in sizes if size <= fits) == len(examples) == len(losses)
    assert np.allclose(flat(found), flat(expected), rtol=1e-5, atol=1e-9)
    assert losses == pytest.approx(others, rel=1e-5)


def test_without_memory_for_one_example_or_after_another_fault_it_ends(model: Tied, examples: list[Tensor]) -> None:
    def faulty(error: Exception) -> Any:
        def loss(net: nn.Module, tokens: Tensor) -> Tensor:
            raise error

        return loss

    into: Running = ([], [])
    way = Chunked(8)
    with pytest.raises(torch.OutOfMemoryError):
        way(model, faulty(torch.OutOfMemoryError()), examples, 0.5, into=into)
    assert way.size == 1
    with pytest.raises(ZeroDivisionError):
        Chunked(8)(model, faulty(ZeroDivisionError()), examples, 0.5, into=into)
    assert not flat(into[0]).any()
    told = Chunked(8, lambda error: isinstance(error, ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):
        told(model, faulty(ZeroDivisionError()), examples, 0.5)
    assert told.size == 1
