"""What we export against the model that transformers builds from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.small_tokenizer import tokenizer_file

from core.api.errors import ModelError
from core.config.model import ModelSpec
from core.model.checkpoint_io import open_weights, write_weights
from core.model.export import export_huggingface, huggingface_config
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.presets import PRESETS
from core.model.transformer import Transformer, next_token_loss
from core.update import Array

CLASSES = {"llama": "LlamaForCausalLM", "gpt2": "GPT2LMHeadModel"}
BOTH = pytest.mark.parametrize("architecture", CLASSES)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def small(architecture: str, **changes: Any) -> ModelSpec:
    fields: dict[str, Any] = {
        "architecture": architecture, "preset": "test", "vocab_size": 256, "num_layers": 2, "d_model": 32,
        "num_heads": 4, "d_ff": 96, "max_seq_len": 64, "rope_theta": 500.0, "norm_eps": 1e-4,
    }  # fmt: skip
    return ModelSpec(**fields | changes)


def lively(spec: ModelSpec, seed: int = 3) -> dict[str, Array]:
    """Weights wide enough that every part of the model shows in the logits, norms and biases included."""
    generator = np.random.default_rng(seed)
    return {
        name: (generator.standard_normal(shape) * 0.2 + (len(shape) == 1)).astype(np.float32)
        for name, shape in parameter_shapes(spec).items()
    }


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_the_names_and_shapes_of_transformers(name: str) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    spec = PRESETS[name]
    content = huggingface_config(spec)
    with torch.device("meta"):
        theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(**content))
        ours = Transformer(spec)
    assert type(theirs).__name__ == content["architectures"][0] == CLASSES[spec.architecture]
    found = {key: tuple(value.shape) for key, value in theirs.named_parameters()}
    assert found == parameter_shapes(spec)
    assert [key for key, _ in ours.named_parameters()] == list(parameter_shapes(spec))


def test_gpt2s_gradients_are_those_of_transformers(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    spec = small("gpt2")
    export_huggingface(spec, lively(spec), tokenizer_file(tmp_path), tmp_path / "out")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    ours = Transformer(spec)
    ours.load_arrays(lively(spec))
    tokens = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 33)))
    theirs(tokens, labels=tokens).loss.backward()
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    found = torch.autograd.grad(next_token_loss(ours, tokens), ours.ordered())
    for name, gradient in zip(ours.shapes, found, strict=True):
        assert torch.allclose(gradient, expected[name], rtol=1e-3, atol=1e-5), name


@BOTH
def test_large_models_are_split_into_files_that_open_as_one(tmp_path: Path, architecture: str) -> None:
    from transformers import AutoModelForCausalLM

    spec = small(architecture, tie_embeddings=False)
    arrays = lively(spec)
    out = tmp_path / "out"
    export_huggingface(spec, arrays, tokenizer_file(tmp_path), out, max_file_bytes=40_000)
    files = sorted(out.glob("*.safetensors"))
    index = json.loads((out / "model.safetensors.index.json").read_text())
    assert len(files) > 2
    assert {path.name for path in files} == set(index["weight_map"].values())
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in arrays.values())
    assert all(path.stat().st_size < 40_000 + 8_192 for path in files)
    theirs = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    stored = theirs.state_dict()
    assert all(np.array_equal(stored[name].numpy(), array) for name, array in arrays.items())


def test_an_export_reads_one_array_at_a_time(tmp_path: Path) -> None:
    """The peak of a process that exports is far below the size of the model."""
    import tracemalloc

    spec = small("llama", num_layers=8, d_model=128, num_heads=4, d_ff=512)
    write_weights(tmp_path / "weights", seeded_weights(spec, 1))
    tokenizer = tokenizer_file(tmp_path)
    with open_weights(tmp_path / "weights", parameter_shapes(spec)) as stored:
        tracemalloc.start()
        export_huggingface(spec, stored, tokenizer, tmp_path / "out")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    size = (tmp_path / "weights").stat().st_size
    assert size > 8 << 20
    assert peak < size / 4
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (tmp_path / "weights").read_bytes()


def test_another_models_weights_are_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="belong"):
        export_huggingface(small("gpt2"), lively(small("llama")), tokenizer_file(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()
