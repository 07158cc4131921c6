"""A model that its operator brings, to start a federation from: a folder as ``core.model.export`` writes it.

The folder may come from anywhere, so it is read as a stranger's: sizes are bounded before anything is read,
``config.json`` must describe one of our two architectures and nothing that our code would compute otherwise, and names,
shapes, types, places and values of the weights are checked as those of any checkpoint are. float32, bfloat16 and
float16 are taken.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from core.api.errors import ModelError, StorageError
from core.config.model import ModelSpec
from core.model.checkpoint_io import StoredWeights, Values, open_weights
from core.model.layout import parameter_shapes

MAX_CONFIG_BYTES: Final = 1 << 20
MAX_INDEX_BYTES: Final = 4 << 20
MAX_FILES: Final = 512
_HINT: Final = "Give a folder as `hedgerow host export` writes it."
_FILE: Final = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_LLAMA: Final[dict[str, Any]] = {
    "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "rope_scaling": None,
}  # fmt: skip
_GPT2: Final[dict[str, Any]] = {
    "activation_function": "gelu", "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False, "add_cross_attention": False,
}  # fmt: skip
_SILENT: Final[dict[str, Any]] = {"activation_function": "gelu_new"}
"""What transformers takes for a field that is not named, where that is not what we compute."""


def given_spec(folder: Path) -> ModelSpec:
    """The shape that ``config.json`` describes, with the architecture in place of a preset's name.

    Raises:
        ModelError: it is too large, no JSON, of another architecture, or asks for what our models do not do.
        StorageError: it cannot be read.
    """
    config = _json(folder / "config.json", MAX_CONFIG_BYTES)
    kind = config.get("model_type")
    if kind not in ("llama", "gpt2"):
        raise ModelError(f"config.json describes a model of type {str(kind)[:40]!r}, not llama or gpt2.", _HINT)
    fixed = _LLAMA if kind == "llama" else _GPT2
    for name, expected in fixed.items():
        if config.get(name, _SILENT.get(name, expected)) != expected:
            raise ModelError(f"config.json asks for {name} {str(config.get(name))[:40]!r}, which is not computed here.")
    try:
        return msgspec.convert(_llama(config) if kind == "llama" else _gpt2(config), ModelSpec)
    except KeyError as error:
        raise ModelError(f"config.json does not say {error}.", _HINT) from error
    except (TypeError, msgspec.ValidationError) as error:
        raise ModelError(f"config.json describes a shape that cannot be: {error}.", _HINT) from error


def _llama(config: dict[str, Any]) -> dict[str, Any]:
    heads, width = config["num_attention_heads"], config["hidden_size"]
    if config.get("num_key_value_heads", heads) != heads:
        raise ModelError("config.json asks for heads that share keys, which is not computed here.")
    rope = config.get("rope_parameters")
    rope = rope if isinstance(rope, dict) else {}
    if rope.get("rope_type", "default") != "default":
        raise ModelError("config.json asks for stretched rotary positions, which are not computed here.")
    theta = rope.get("rope_theta", config.get("rope_theta", 10_000.0))
    spec = {
        "architecture": "llama", "preset": "llama", "vocab_size": config["vocab_size"], "d_model": width,
        "num_layers": config["num_hidden_layers"], "num_heads": heads, "d_ff": config["intermediate_size"],
        "max_seq_len": config["max_position_embeddings"], "norm_eps": config.get("rms_norm_eps", 1e-6),
        "tie_embeddings": config.get("tie_word_embeddings", False), "rope_theta": theta,
    }  # fmt: skip
    head = config.get("head_dim")
    if head is not None and (type(head) is not int or type(heads) is not int or head * heads != width):
        raise ModelError("config.json asks for heads of another width than the model's divided by their number.")
    return spec


def _gpt2(config: dict[str, Any]) -> dict[str, Any]:
    width = config["n_embd"]
    inner = config.get("n_inner")
    return {
        "architecture": "gpt2", "preset": "gpt2", "vocab_size": config["vocab_size"], "d_model": width,
        "num_layers": config["n_layer"], "num_heads": config["n_head"], "d_ff": 4 * width if inner is None else inner,
        "max_seq_len": config["n_positions"], "norm_eps": config.get("layer_norm_epsilon", 1e-5),
        "tie_embeddings": config.get("tie_word_embeddings", True),
    }  # fmt: skip


@contextlib.contextmanager
def given_weights(folder: Path, spec: ModelSpec) -> Iterator[Values]:
    """The weights of a shape, in one file or several, read slice by slice as float32.

    Raises:
        ModelError: names, shapes, types, places or lengths are not as they must be; or, when it is read, a value is
            not finite.
        StorageError: a file cannot be read.
    """
    shapes = parameter_shapes(spec)
    with contextlib.ExitStack() as opened:
        where: dict[str, StoredWeights] = {}
        for name, names in _files(folder, list(shapes)).items():
            held = {parameter: shapes[parameter] for parameter in names}
            stored = opened.enter_context(open_weights(folder / name, held, any_width=True))
            where |= dict.fromkeys(names, stored)
        yield lambda parameter, start, stop: where[parameter].part(parameter, start, stop)


def _files(folder: Path, names: list[str]) -> dict[str, list[str]]:
    """File → the parameters that it must hold."""
    single = folder / "model.safetensors"
    index = folder / "model.safetensors.index.json"
    if single.is_file() or not index.is_file():
        return {single.name: names}
    places = _json(index, MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(places, dict) or places.keys() != set(names):
        raise ModelError(f"{index.name} does not name the parameters of its model.", _HINT)
    files: dict[str, list[str]] = {}
    for name in names:
        file = places[name]
        if not isinstance(file, str) or not _FILE.fullmatch(file):
            raise ModelError(f"{index.name} places {name} in a file that no model has.", _HINT)
        files.setdefault(file, []).append(name)
    if len(files) > MAX_FILES:
        raise ModelError(f"{index.name} names more than {MAX_FILES} files.", _HINT)
    return files


def _json(path: Path, limit: int) -> dict[str, Any]:
    if path.exists() and not path.is_file():
        raise ModelError(f"{path.name} is no ordinary file.", _HINT)
    try:
        with path.open("rb") as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror or error}.", _HINT) from error
    if len(raw) > limit:
        raise ModelError(f"{path.name} is over {limit >> 20} MiB.", _HINT)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} is no JSON.", _HINT) from error
    if not isinstance(found, dict):
        raise ModelError(f"{path.name} is no JSON object.", _HINT)
    return found
