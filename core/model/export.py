"""A folder that transformers, vLLM and llama.cpp open: config, weights and tokenizer under Hugging Face's names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import vault
from core.api.errors import ModelError, StorageError
from core.config import ModelSpec
from core.model.checkpoint_io import write_weights
from core.model.layout import parameter_shapes
from core.update import Array

END_OF_TEXT = ("<|endoftext|>", "<|end_of_text|>", "</s>")
"""Spellings of the end-of-text token, the likeliest first."""


def export_huggingface(
    spec: ModelSpec, arrays: Mapping[str, Array], tokenizer_path: Path | str, out_dir: Path | str
) -> None:
    """Write ``config.json``, ``generation_config.json``, ``model.safetensors`` and the tokenizer into ``out_dir``.

    Args:
        spec: the model's shape.
        arrays: its weights, in layout order.
        tokenizer_path: the federation's ``tokenizer.json``.
        out_dir: made if it is not there.

    Raises:
        ModelError: the weights are not those of ``spec``, or the tokenizer cannot be read.
        StorageError: the folder cannot be written.
    """
    out_dir = Path(out_dir)
    if {name: array.shape for name, array in arrays.items()} != parameter_shapes(spec):
        raise ModelError("These weights do not belong to the model that is to be exported.")
    try:
        tokenizer = Path(tokenizer_path).read_bytes()
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{error.filename} could not be used: {error.strerror}.") from error
    end, end_id = _end_of_text(tokenizer, Path(tokenizer_path).name)
    _write_json(out_dir / "config.json", _config(spec, end_id))
    _write_json(out_dir / "generation_config.json", _generation(end_id))
    _write_json(out_dir / "tokenizer_config.json", _tokenizer_config(spec, end))
    vault.write_atomic(out_dir / "tokenizer.json", tokenizer)
    write_weights(out_dir / "model.safetensors", arrays)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    vault.write_atomic(path, (json.dumps(content, indent=2) + "\n").encode())


def _end_of_text(tokenizer: bytes, name: str) -> tuple[str | None, int | None]:
    try:
        content = json.loads(tokenizer)
        vocabulary = {**content["model"]["vocab"], **{t["content"]: t["id"] for t in content.get("added_tokens") or ()}}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{name} is not a tokenizer that can be exported.") from error
    for token in END_OF_TEXT:
        if token in vocabulary:
            return token, int(vocabulary[token])
    return None, None


def _config(spec: ModelSpec, end_id: int | None) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": spec.vocab_size,
        "hidden_size": spec.d_model,
        "intermediate_size": spec.d_ff,
        "num_hidden_layers": spec.num_layers,
        "num_attention_heads": spec.num_heads,
        "num_key_value_heads": spec.num_heads,
        "head_dim": spec.d_model // spec.num_heads,
        "max_position_embeddings": spec.max_seq_len,
        "hidden_act": "silu",
        "rms_norm_eps": spec.norm_eps,
        # Newer readers take the parameters, older ones the plain number.
        "rope_theta": spec.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": spec.rope_theta},
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": spec.tie_embeddings,
        "torch_dtype": "float32",
        "use_cache": True,
        "bos_token_id": end_id,
        "eos_token_id": end_id,
        "pad_token_id": end_id,
    }


def _generation(end_id: int | None) -> dict[str, Any]:
    return {"bos_token_id": end_id, "eos_token_id": end_id, "pad_token_id": end_id, "do_sample": True}


def _tokenizer_config(spec: ModelSpec, end: str | None) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": spec.max_seq_len,
        "clean_up_tokenization_spaces": False,
        "bos_token": end,
        "eos_token": end,
        "pad_token": end,
    }
