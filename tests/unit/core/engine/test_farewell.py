"""What a home has in the keyring is forgotten with it: its own keys, all of them, and nobody else's."""

from __future__ import annotations

import json
import sqlite3
import types
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from core.api.client import engine_paths
from core.engine import farewell, keystore
from core.engine.keystore import open_keystore
from core.engine.lock import EngineLock, prepare_home


class Ring(KeyringBackend):
    """A keyring in memory; ``Lists`` is one that can say what belongs to a service, as a Secret Service can."""

    priority = 5.0
    content: dict[tuple[str, str], str] = {}  # noqa: RUF012

    def get_password(self, service: str, username: str) -> str | None:
        return self.content.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.content[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.content.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class Item:
    def __init__(self, key: tuple[str, str]) -> None:
        self._key = key

    def delete(self) -> None:
        del Ring.content[self._key]


class Lists(Ring):
    connection = types.SimpleNamespace(close=lambda: None)

    def get_preferred_collection(self) -> Lists:
        return self

    def search_items(self, attributes: dict[str, str]) -> list[Item]:
        return [Item(key) for key in self.content if key[0] == attributes["service"]]


def install(monkeypatch: pytest.MonkeyPatch, kind: type[KeyringBackend] | None) -> None:
    module = types.ModuleType("test_farewell_ring")
    if kind is not None:
        module.Keyring = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "test_farewell_ring", module)
    monkeypatch.setattr(keystore, "ALLOWED", {"SecretService": (("test_farewell_ring", "Keyring"),)})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with keys in the keyring: two fixed ones, two of federations, and one of a joining cut short."""
    for name in ("HEDGEROW_PASSPHRASE_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    Ring.content.clear()
    install(monkeypatch, Ring)
    one = tmp_path / "home"
    prepare_home(one)
    store = open_keystore(one)
    for name in ("store-key", "ledger-head", "node-a-1", "node-b-2", "node-cut-short"):
        store.set(name, b"secret")
    with sqlite3.connect(one / "ledger.db") as database:
        database.execute("CREATE TABLE federations (content TEXT)")
        rows = [(json.dumps({"key_name": name}),) for name in ("node-a-1", "node-b-2", "")] + [("[]",)]
        database.executemany("INSERT INTO federations VALUES (?)", rows)
    Ring.content["another program", "store-key"] = "theirs"
    return one


def test_names_come_from_the_ledger(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert farewell.key_names(home) == ["node-a-1", "node-b-2"]
    assert farewell.main(["--home", str(home)]) == 0
    assert json.loads(capsys.readouterr().out) == {"backend": "SecretService", "forgotten": 4}
    assert {name for _, name in Ring.content} == {"node-cut-short", "store-key"}
    assert ("another program", "store-key") in Ring.content


def test_a_keyring_that_can_list_forgets_the_rest(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, Lists)
    assert farewell.main(["--home", str(home)]) == 0
    assert json.loads(capsys.readouterr().out)["forgotten"] == 5
    assert list(Ring.content) == [("another program", "store-key")]


def test_a_damaged_ledger_hinders_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "ledger.db").write_bytes(b"not a database, by far" * 100)
    assert farewell.main(["--home", str(home)]) == 0
    assert json.loads(capsys.readouterr().out)["forgotten"] == 2


def test_a_keyring_that_is_away_stops_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, None)
    assert farewell.main(["--home", str(home)]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "keystore"
    assert "does not answer, so the keys" in error["message"]
    assert "hedgerow " in error["hint"]


def test_an_engine_at_work_keeps_its_keys(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = EngineLock(engine_paths(home).lock)
    lock.acquire()
    assert farewell.main(["--home", str(home)]) == 1
    assert "already running" in json.loads(capsys.readouterr().out)["error"]["message"]
    lock.release()
    assert len(Ring.content) == 6


def test_a_home_without_a_keyring_has_nothing_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_home(tmp_path / "home")
    assert farewell.main(["--home", str(tmp_path / "home")]) == 0
    assert json.loads(capsys.readouterr().out) == {"backend": "", "forgotten": 0}
