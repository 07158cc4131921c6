"""A federation that starts from a model its operator brings: which preset that is, its tokenizer, its weights."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core import vault
from core.api.errors import UsageError
from core.config.federation import FederationConfig
from core.config.model import InitialisationTerms, ModelSpec
from core.model.checkpoint_io import encoded_parts, file_sha256
from core.model.given import given_spec, given_weights
from core.model.layout import parameter_shapes
from core.model.presets import PRESETS


def shape(folder: Path) -> ModelSpec:
    """The shape of the model in a folder.

    Raises:
        UsageError: there is no folder.
        ModelError: it is no model of ours.
        StorageError: it cannot be read.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder.", "Give one that holds config.json and model.safetensors.")
    return given_spec(folder)


def preset_of(spec: ModelSpec, wanted: str) -> str:
    """Name of the preset that has this shape, whatever its vocabulary and its length.

    Args:
        spec: the shape.
        wanted: the preset that was asked for, or empty.

    Raises:
        UsageError: none has it, or the one that was asked for has another.
    """
    name = next((name for name, other in PRESETS.items() if _bare(other) == _bare(spec)), "")
    if not name:
        raise UsageError(
            f"The model has {spec.num_layers} blocks of width {spec.d_model}, in the shape of {spec.architecture}: "
            "that is no preset.",
            f"There are {', '.join(PRESETS)}.",
        )
    if wanted not in ("", name):
        raise UsageError(f"The model is of preset {name}, not {wanted}.", "Leave --preset away.")
    return name


def _bare(spec: ModelSpec) -> ModelSpec:
    return msgspec.structs.replace(spec, preset="-", vocab_size=256, max_seq_len=8, rope_theta=_theta(spec))


def _theta(spec: ModelSpec) -> float:
    return 10_000.0 if spec.architecture == "gpt2" else spec.rope_theta  # GPT-2 has no rotary positions


def model(spec: ModelSpec, preset: str, tokens: int) -> ModelSpec:
    """The shape as the terms have it.

    Raises:
        UsageError: the tokenizer has more tokens than the model has rows.
    """
    if tokens > spec.vocab_size:
        raise UsageError(
            f"The tokenizer has {tokens} tokens, but the model has rows for {spec.vocab_size}.",
            "Give the tokenizer that the model was trained with.",
        )
    return msgspec.structs.replace(spec, preset=preset)


def tokenizer_path(folder: Path, named: Path | None) -> Path:
    """The tokenizer beside the model, or the one that was named where there is none.

    Raises:
        UsageError: there is none, or another one was named than the model was trained with.
    """
    beside = folder.expanduser() / "tokenizer.json"
    if not beside.is_file():
        if named is None:
            raise UsageError(f"{folder} holds no tokenizer.json.", "Name the model's tokenizer with --tokenizer.")
        return named
    if named is not None and named.is_file() and file_sha256(named) != file_sha256(beside):
        raise UsageError(f"{named} is another tokenizer than the model's own.", "Leave --tokenizer away.")
    return beside


def copy(folder: Path, spec: ModelSpec, out: Path) -> str:
    """Copy the weights as one float32 file, checking every value; returns its SHA-256.

    Raises:
        ModelError: the files are not exactly the weights of ``spec``, or a value is not finite.
        StorageError: they cannot be read, or the disk is full.
    """
    with given_weights(folder.expanduser(), spec) as values:
        vault.write_parts(out, encoded_parts(parameter_shapes(spec), values))
    return file_sha256(out)


def with_first(config: FederationConfig, sha256: str) -> FederationConfig:
    """Terms that name the first weights."""
    return msgspec.structs.replace(config, initialisation=InitialisationTerms(source="checkpoint", sha256=sha256))
