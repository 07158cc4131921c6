"""A folder that transformers, vLLM and llama.cpp open: config, weights and tokenizer under Hugging Face's names."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import vault
from core.api.errors import ModelError, StorageError
from core.config.model import ModelSpec
from core.model.checkpoint_io import stream_weights
from core.model.layout import Shapes, parameter_shapes
from core.update import Array

END_OF_TEXT = ("<|endoftext|>", "<|end_of_text|>", "</s>")
"""Spellings of the end-of-text token, the likeliest first."""


MAX_FILE_BYTES = 5_000_000_000
"""Weights beyond this are split into several files with an index, as Hugging Face does."""


def export_huggingface(
    spec: ModelSpec,
    arrays: Mapping[str, Array],
    tokenizer_path: Path | str,
    out_dir: Path | str,
    *,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> None:
    """Write ``config.json``, ``generation_config.json``, ``model.safetensors`` and the tokenizer into ``out_dir``.

    Args:
        spec: the model's shape.
        arrays: its weights; one that is read when asked for, as ``open_weights`` gives, is never whole in memory.
        tokenizer_path: the federation's ``tokenizer.json``.
        out_dir: made if it is not there.
        max_file_bytes: most bytes of weights in one file; an array larger than that has a file of its own.

    Raises:
        ModelError: the weights are not those of ``spec``, or the tokenizer cannot be read.
        StorageError: the folder cannot be written.
    """
    out_dir = Path(out_dir)
    shapes = parameter_shapes(spec)
    known = getattr(arrays, "shapes", None)  # weights on the disk know them unread
    stored = {name: array.shape for name, array in arrays.items()} if known is None else known
    if stored != shapes:
        raise ModelError("These weights do not belong to the model that is to be exported.")
    try:
        tokenizer = Path(tokenizer_path).read_bytes()
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{error.filename} could not be used: {error.strerror}.") from error
    end, end_id = _end_of_text(tokenizer, Path(tokenizer_path).name)
    _write_json(out_dir / "config.json", huggingface_config(spec, end_id))
    _write_json(out_dir / "generation_config.json", _generation(end_id))
    _write_json(out_dir / "tokenizer_config.json", _tokenizer_config(spec, end))
    vault.write_atomic(out_dir / "tokenizer.json", tokenizer)
    _write_files(out_dir, _files(shapes, max_file_bytes), arrays)


def _files(shapes: Shapes, max_file_bytes: int) -> list[Shapes]:
    """The parameters of each file, in layout order."""
    files: list[Shapes] = [{}]
    used = 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        if files[-1] and used + size > max_file_bytes:
            files.append({})
            used = 0
        files[-1][name] = shape
        used += size
    return files


def _write_files(out_dir: Path, files: list[Shapes], arrays: Mapping[str, Array]) -> None:
    if len(files) == 1:
        stream_weights(out_dir / "model.safetensors", files[0], arrays)
        return
    where: dict[str, str] = {}
    for number, shapes in enumerate(files, 1):
        name = f"model-{number:05}-of-{len(files):05}.safetensors"
        stream_weights(out_dir / name, shapes, arrays)
        where |= dict.fromkeys(shapes, name)
    total = 4 * sum(math.prod(shape) for shapes in files for shape in shapes.values())
    _write_json(out_dir / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": where})


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


def huggingface_config(spec: ModelSpec, end_id: int | None = None) -> dict[str, Any]:
    """``config.json`` of a shape; ``end_id`` is the id of its tokenizer's end-of-text token."""
    special = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), end_id)
    shared = {
        "vocab_size": spec.vocab_size,
        "tie_word_embeddings": spec.tie_embeddings,
        "torch_dtype": "float32",
        "use_cache": True,
    }
    return (_gpt2(spec) if spec.architecture == "gpt2" else _llama(spec)) | shared | special


def _gpt2(spec: ModelSpec) -> dict[str, Any]:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": spec.d_model,
        "n_inner": spec.d_ff,
        "n_layer": spec.num_layers,
        "n_head": spec.num_heads,
        "n_positions": spec.max_seq_len,
        # The exact function; GPT-2's own default is its tanh shape.
        "activation_function": "gelu",
        "layer_norm_epsilon": spec.norm_eps,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
    }


def _llama(spec: ModelSpec) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
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
