from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from support.small_tokenizer import tokenizer_file

from core.api.errors import ModelError
from core.config.model import ModelSpec
from core.model.export import export_huggingface
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.transformer import Transformer, next_token_loss

Architecture = Literal["llama", "gpt2"]
SPEC = ModelSpec(preset="test", vocab_size=256, num_layers=2, d_model=32, num_heads=4, d_ff=64, max_seq_len=64)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def lively(spec: ModelSpec, seed: int = 3) -> dict[str, np.ndarray]:
    """Weights wide enough that every part of the model shows in the logits, norms included."""
    generator = np.random.default_rng(seed)
    return {
        name: (generator.standard_normal(shape) * 0.2 + (len(shape) == 1)).astype(np.float32)
        for name, shape in parameter_shapes(spec).items()
    }


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize("tied", [True, False])
def test_exported_model_gives_the_same_logits_in_transformers(
    tmp_path: Path, architecture: Architecture, tied: bool
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    spec = ModelSpec(
        architecture=architecture, preset="test", vocab_size=256, num_layers=2, d_model=32, num_heads=4, d_ff=96,
        max_seq_len=64, tie_embeddings=tied, rope_theta=500.0, norm_eps=1e-4,
    )  # fmt: skip
    arrays = lively(spec)
    export_huggingface(spec, arrays, tokenizer_file(tmp_path), tmp_path / "out")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    assert type(theirs).__name__ == {"llama": "LlamaForCausalLM", "gpt2": "GPT2LMHeadModel"}[architecture]
    ours = Transformer(spec)
    ours.load_arrays(arrays)
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 64)))
    with torch.no_grad():
        expected, found = theirs(tokens).logits, ours(tokens)
    assert float(expected.abs().max()) > 1.0
    assert float((expected - found).abs().max()) <= 1e-5
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.eos_token_id == json.loads((tmp_path / "out" / "config.json").read_text())["eos_token_id"] == 0
    assert theirs.generation_config.eos_token_id == 0


def test_state_dict_names_are_the_layout() -> None:
    model = Transformer(SPEC)
    assert {n: tuple(p.shape) for n, p in model.state_dict().items()} == parameter_shapes(SPEC)
    assert [tuple(p.shape) for p in model.ordered()] == list(parameter_shapes(SPEC).values())


def test_arrays_go_in_and_come_out_as_copies() -> None:
    model = Transformer(SPEC)
    arrays = seeded_weights(SPEC, 7)
    model.load_arrays(arrays)
    out = model.to_arrays()
    assert list(out) == list(arrays)
    assert all(np.array_equal(out[name], arrays[name]) for name in arrays)
    out["model.norm.weight"][:] = 9
    assert float(model.model.norm.weight.detach().max()) == 1.0


def test_another_models_weights_are_refused() -> None:
    arrays = seeded_weights(SPEC, 0)
    arrays["model.norm.weight"] = np.ones(31, np.float32)
    with pytest.raises(ModelError):
        Transformer(SPEC).load_arrays(arrays)


def test_no_position_sees_the_future() -> None:
    model = Transformer(SPEC)
    model.load_arrays(lively(SPEC))
    tokens = torch.arange(20).reshape(1, 20)
    changed = tokens.clone()
    changed[0, 12:] = 200
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.allclose(before[:, 12:], after[:, 12:])


def test_gradient_of_a_batch_is_the_mean_of_single_gradients_tied_head_included() -> None:
    model = Transformer(SPEC).double()
    model.load_arrays(lively(SPEC))
    tokens = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (4, 17)))
    together = torch.autograd.grad(next_token_loss(model, tokens), model.ordered())
    alone = [torch.autograd.grad(next_token_loss(model, row[None]), model.ordered()) for row in tokens]
    for position, whole in enumerate(together):
        mean = sum(single[position] for single in alone) / 4
        assert torch.allclose(whole, mean, rtol=1e-3, atol=1e-6)


def test_more_tokens_than_the_model_reads_is_an_error() -> None:
    with pytest.raises(ValueError, match="65 tokens"):
        Transformer(SPEC)(torch.zeros(1, 65, dtype=torch.long))
