from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from core.api.errors import StorageError, UsageError
from core.config.federation import FederationConfig
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.model.checkpoint_io import read_weights
from core.model.initialise import seeded_weights


def test_a_founded_federation_opens_with_everything_in_place(federation: Federation) -> None:
    again = Federation(federation.home.root)
    assert again.config == federation.config
    assert again.manifest_hash == federation.manifest_hash
    checkpoint = again.store().latest_checkpoint()
    arrays = read_weights(again.home.blobs.path(checkpoint.sha256), again.config.model)
    for name, array in seeded_weights(again.config.model, again.config.seed).items():
        assert arrays[name].tobytes() == array.tobytes()
    assert again.tokenizer_path.is_file()


def test_nothing_in_the_folder_is_for_others(federation: Federation) -> None:
    for path in (federation.home.root, *federation.home.root.rglob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_settings_are_words_and_listen_may_be_edited(federation: Federation) -> None:
    path = federation.home.settings_path
    text = path.read_text()
    assert 'listen = "127.0.0.1:0"' in text
    path.write_text(text.replace('listen = "127.0.0.1:0"', 'listen = "127.0.0.1:9"'))
    assert Federation(federation.home.root).settings.listen == "127.0.0.1:9"


def test_frozen_terms_cannot_be_edited(federation: Federation) -> None:
    path = federation.home.settings_path
    path.write_text(path.read_text().replace("local_steps = 4", "local_steps = 5"))
    with pytest.raises(StorageError, match="differs from the signed manifest"):
        Federation(federation.home.root)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("federation.toml", "this is [not toml"),
        ("federation.toml", "[coordinator]\nstrange = 1\n"),
        ("manifest.json", "{}"),
        ("keys/federation.key", "short"),
    ],
)
def test_a_damaged_folder_is_named(federation: Federation, name: str, content: str) -> None:
    (federation.home.root / name).write_text(content)
    with pytest.raises(StorageError, match="damaged"):
        Federation(federation.home.root)


@pytest.mark.parametrize("name", ["manifest.json", "keys/federation.key"])
def test_a_missing_file_is_named(federation: Federation, name: str) -> None:
    (federation.home.root / name).unlink()
    with pytest.raises(StorageError, match=Path(name).name):
        Federation(federation.home.root)


def test_an_ordinary_folder_is_no_federation(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no federation"):
        Federation(tmp_path)


def test_founding_that_fails_leaves_nothing(
    tmp_path: Path, terms: FederationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.coordinator.founding.make_keys", full)
    with pytest.raises(StorageError, match="No space"):
        found(tmp_path / "new", terms, HostSettings(), b"x")
    assert not (tmp_path / "new").exists()


def test_the_manifest_is_the_one_that_was_signed(make_federation: Callable[..., Federation]) -> None:
    made = make_federation(rounds=9)
    assert made.config.schedule.rounds == 9
