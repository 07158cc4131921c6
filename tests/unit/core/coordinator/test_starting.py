"""A federation from a model that its operator brings: the same weights to the bit, and nothing that is not ours."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from core.api.errors import HedgerowError
from core.coordinator.creation import Choices, create
from core.coordinator.home import Federation
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.replication import export_run
from core.coordinator.rounds.agenda import OwnAgenda
from core.coordinator.service import export
from core.data.tokenizer import builtin_tokenizer_path
from core.model.checkpoint_io import file_sha256
from core.update import Array

GPT2_SIZED = "tiny-gpt2"


def made(root: Path, **choices: Any) -> Federation:
    return create(root, Choices(name="Started", unit="none", **choices))


def first_weights(federation: Federation) -> dict[str, Array]:
    store = federation.store()
    try:
        return ModelFiles(federation).weights(store.latest_checkpoint().sha256)
    finally:
        store.close()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``tiny`` model as ``host export`` writes it."""
    folder = tmp_path_factory.mktemp("given")
    made(folder / "one", seed=11)
    export(folder / "one", folder / "model")
    return folder / "model"


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "model"))


def test_an_exported_model_is_the_base_of_round_one_to_the_bit(exported: Path, tmp_path: Path) -> None:
    """Photon's warm-up model: line 2 of Algorithm 1 with weights that are there already."""
    federation = made(tmp_path / "two", start_from=exported, seed=99)
    config = federation.config
    assert (config.initialisation.source, config.model.preset) == ("checkpoint", "tiny")
    store = federation.store()
    opening = OwnAgenda(config, store, evaluates=False).next()
    store.close()
    assert opening is not None
    assert opening.base_hash == config.initialisation.sha256 == file_sha256(exported / "model.safetensors")
    assert federation.home.blobs.path(opening.base_hash).read_bytes() == (exported / "model.safetensors").read_bytes()
    assert config.tokenizer.sha256 == file_sha256(exported / "tokenizer.json")
    assert 'from = "checkpoint"' in federation.home.settings_path.read_text()
    export_run(tmp_path / "two", tmp_path / "run")
    assert config.initialisation.sha256 in (tmp_path / "run" / "README.md").read_text()


def test_where_volunteers_train_parts_the_weights_are_the_same(exported: Path, tmp_path: Path) -> None:
    federation = made(tmp_path / "two", start_from=exported, shards=2)
    expected = load_file(exported / "model.safetensors")
    found = first_weights(federation)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name].view(np.uint32), expected[name].view(np.uint32)) for name in expected)


def test_the_seeds_own_shape_starts_from_a_model_too(tmp_path: Path) -> None:
    made(tmp_path / "one", preset=GPT2_SIZED)
    export(tmp_path / "one", tmp_path / "model")
    federation = made(tmp_path / "two", start_from=tmp_path / "model")
    assert federation.config.model.preset == GPT2_SIZED
    assert federation.config.initialisation.sha256 == file_sha256(tmp_path / "model" / "model.safetensors")


@pytest.mark.parametrize("kind", ["F16", "BF16"])
def test_narrow_weights_are_widened_exactly(model: Path, tmp_path: Path, kind: str) -> None:
    wide = load_file(model / "model.safetensors")
    narrow = {name: array.astype(np.float16) for name, array in wide.items()}
    expected = {name: array.astype(np.float32) for name, array in narrow.items()}
    if kind == "BF16":
        bits = {name: (array.view(np.uint32) >> 16).astype(np.uint16) for name, array in wide.items()}
        expected = {name: (array.astype(np.uint32) << 16).view(np.float32) for name, array in bits.items()}
        narrow = {name: array.view(np.float16) for name, array in bits.items()}
    save_file(narrow, model / "model.safetensors")
    if kind == "BF16":  # NumPy has no such type, so only the header's word for it is another
        raw = (model / "model.safetensors").read_bytes()
        (model / "model.safetensors").write_bytes(retyped(raw, "BF16"))
    found = first_weights(made(tmp_path / "two", start_from=model))
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def retyped(raw: bytes, kind: str) -> bytes:
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    for name, entry in header.items():
        if name != "__metadata__":
            entry["dtype"] = kind
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + raw[8 + length :]


def test_several_files_are_one_model(model: Path, tmp_path: Path) -> None:
    arrays = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    names = list(arrays)
    files = {"model-00001-of-00002.safetensors": names[:3], "model-00002-of-00002.safetensors": names[3:]}
    for file, held in files.items():
        save_file({name: arrays[name] for name in held}, model / file)
    places = {name: file for file, held in files.items() for name in held}
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    found = first_weights(made(tmp_path / "two", start_from=model))
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
    places[names[0]] = "../../../etc/passwd"
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(HedgerowError, match="in a file that no model has"):
        made(tmp_path / "three", start_from=model)


def edited(**fields: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return edit


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])


def not_finite(folder: Path) -> None:
    arrays = load_file(folder / "model.safetensors")
    arrays["model.norm.weight"][3] = np.nan
    save_file(arrays, folder / "model.safetensors")


def other_shape(folder: Path) -> None:
    arrays = load_file(folder / "model.safetensors")
    arrays["model.norm.weight"] = arrays["model.norm.weight"][:-1]
    save_file(arrays, folder / "model.safetensors")


def integers(folder: Path) -> None:
    arrays = load_file(folder / "model.safetensors")
    arrays["model.norm.weight"] = arrays["model.norm.weight"].astype(np.int32)
    save_file(arrays, folder / "model.safetensors")


def one_more(folder: Path) -> None:
    arrays = load_file(folder / "model.safetensors")
    save_file(arrays | {"lm_head.weight": arrays["model.norm.weight"]}, folder / "model.safetensors")


def endless(folder: Path) -> None:
    (folder / "config.json").write_bytes(b" " * ((1 << 20) + 1))


def no_json(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"[" * 100_000)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without("config.json"), "config.json could not be read"),
        (without("model.safetensors"), "model.safetensors could not be read"),
        (without("tokenizer.json"), "holds no tokenizer.json"),
        (edited(model_type="mamba"), "of type 'mamba'"),
        (edited(model_type=["llama"]), "not llama or gpt2"),
        (edited(hidden_size=256, head_dim=64), "that is no preset"),
        (edited(hidden_size="wide"), "another width"),
        (edited(head_dim=None, hidden_size="wide"), "cannot be"),
        (edited(head_dim="a", num_attention_heads=10**12, num_key_value_heads=10**12), "another width"),
        (edited(num_hidden_layers=10**9), "cannot be"),
        (edited(num_hidden_layers=2.5), "cannot be"),
        (edited(vocab_size=-1), "cannot be"),
        (edited(vocab_size=512), "4096 tokens, but the model has rows for 512"),
        (edited(num_key_value_heads=1), "share keys"),
        (edited(attention_bias=True), "attention_bias"),
        (edited(hidden_act="gelu"), "hidden_act"),
        (edited(rope_parameters={"rope_type": "yarn"}), "stretched"),
        (edited(rms_norm_eps=1e-6), "that is no preset"),
        (edited(tie_word_embeddings=False), "that is no preset"),
        (endless, "over 1 MiB"),
        (no_json, "is no JSON"),
        (cut, "that no parameter owns|outside its data|over or beside"),
        (not_finite, "not finite"),
        (other_shape, "another shape"),
        (integers, "a type other than"),
        (one_more, "does not hold the parameters"),
    ],
)
def test_what_is_no_model_of_ours_is_named_and_leaves_nothing(
    model: Path, tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(model)
    with pytest.raises(HedgerowError, match=words):
        made(tmp_path / "two", start_from=model)
    assert not (tmp_path / "two").exists()


def test_preset_and_tokenizer_must_be_the_models(model: Path, tmp_path: Path) -> None:
    with pytest.raises(HedgerowError, match="of preset tiny, not 10m"):
        made(tmp_path / "two", start_from=model, preset="10m")
    with pytest.raises(HedgerowError, match="is no folder"):
        made(tmp_path / "two", start_from=tmp_path / "nowhere")
    other = tmp_path / "other.json"
    other.write_bytes(builtin_tokenizer_path().read_bytes() + b"\n")
    with pytest.raises(HedgerowError, match="another tokenizer than the model's own"):
        made(tmp_path / "two", start_from=model, tokenizer=other)
    (model / "tokenizer.json").unlink()
    named = made(tmp_path / "two", start_from=model, tokenizer=builtin_tokenizer_path())
    assert named.config.initialisation.source == "checkpoint"
