"""Keystore matrix: none, plaintext, locked, a prompt never answered, changed, headless with and without passphrase."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
import types
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from core.api.errors import KeystoreError, StorageError
from core.engine import keystore, passphrase_file
from core.engine.keystore import open_keystore
from core.engine.passphrase_file import FILE_BACKEND

PASSPHRASE = b"correct horse battery"


class Ring(KeyringBackend):
    """A keyring in memory, in the shape of a real back end."""

    priority = 5.0  # type: ignore[assignment]
    content: dict[tuple[str, str], str] = {}  # noqa: RUF012

    def get_password(self, service: str, username: str) -> str | None:
        return self.content.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.content[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.content.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class Wallet(Ring):
    priority = 4.9  # type: ignore[assignment]
    content: dict[tuple[str, str], str] = {}  # noqa: RUF012


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEDGEROW_PASSPHRASE_FILE", "CREDENTIALS_DIRECTORY", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    Ring.content.clear()
    Wallet.content.clear()


def _install(monkeypatch: pytest.MonkeyPatch, **rings: type[KeyringBackend]) -> None:
    """Put test back ends where the real ones are looked up: by module and class name."""
    table = {}
    for name, kind in rings.items():
        module = types.ModuleType(f"test_ring_{name}")
        module.Keyring = kind  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        table[name] = ((module.__name__, "Keyring"),)
    monkeypatch.setattr(keystore, "ALLOWED", table)


def _descriptor(content: bytes) -> int:
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    return reader


def test_without_keyring_or_passphrase_one_sentence_and_a_hint(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match="No system keyring answers") as raised:
        open_keystore(tmp_path)
    assert "HEDGEROW_PASSPHRASE_FILE" in raised.value.hint
    assert os.listdir(tmp_path) == []


def test_plaintext_null_and_configured_back_ends_are_never_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PlaintextKeyring(Ring):
        priority = 10.0  # type: ignore[assignment]

    module = types.ModuleType("keyrings.alt.file")
    module.PlaintextKeyring = PlaintextKeyring  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyrings.alt.file", module)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    with pytest.raises(KeystoreError, match="No system keyring answers"):
        open_keystore(tmp_path)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with pytest.raises(KeystoreError, match="No system keyring answers"):
        open_keystore(tmp_path)
    assert Ring.content == {}


def test_the_allow_list_names_classes_that_exist() -> None:
    import importlib

    for classes in keystore.ALLOWED.values():
        for module, attribute in classes:
            assert issubclass(getattr(importlib.import_module(module), attribute), KeyringBackend)


def test_secrets_come_back_and_homes_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, SecretService=Ring)
    for home in ("a", "b"):
        (tmp_path / home).mkdir()
    first, second = open_keystore(tmp_path / "a"), open_keystore(tmp_path / "b")
    first.set("store-key", b"\x00\xff" * 16)
    assert open_keystore(tmp_path / "a").get("store-key") == b"\x00\xff" * 16
    assert second.get("store-key") is None
    first.delete("store-key")
    first.delete("store-key")
    assert first.get("store-key") is None
    assert first.backend == "SecretService"
    assert first.changed_from == ""


def test_a_deleted_home_meets_its_old_secrets_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, SecretService=Ring)
    open_keystore(tmp_path).set("ledger-head", b"head")
    (tmp_path / "keystore.json").unlink()
    assert open_keystore(tmp_path).get("ledger-head") == b"head"


def test_a_moved_home_keeps_its_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, SecretService=Ring)
    (tmp_path / "old").mkdir()
    open_keystore(tmp_path / "old").set("key", b"value")
    (tmp_path / "old").rename(tmp_path / "new")
    assert open_keystore(tmp_path / "new").get("key") == b"value"


def test_the_keyring_used_before_is_preferred_and_a_change_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(monkeypatch, KWallet=Wallet)
    open_keystore(tmp_path).set("key", b"value")
    _install(monkeypatch, SecretService=Ring, KWallet=Wallet)
    assert open_keystore(tmp_path).backend == "KWallet"
    _install(monkeypatch, SecretService=Ring)
    changed = open_keystore(tmp_path)
    assert (changed.backend, changed.changed_from) == ("SecretService", "KWallet")
    assert changed.get("key") is None
    monkeypatch.setattr(keystore, "ALLOWED", {})
    with pytest.raises(KeystoreError, match="it was SecretService"):
        open_keystore(tmp_path)


def test_a_prompt_nobody_answers_costs_two_seconds_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released, calls = threading.Event(), []

    class Hanging(Ring):
        def get_password(self, service: str, username: str) -> str | None:
            calls.append(username)
            released.wait(30)
            return super().get_password(service, username)

    _install(monkeypatch, SecretService=Hanging)
    monkeypatch.setattr(keystore, "TIMEOUT_S", 0.2)
    start = time.monotonic()
    with pytest.raises(KeystoreError, match=r"SecretService.*did not answer within 0.2 s"):
        open_keystore(tmp_path)
    assert time.monotonic() - start < 1.5
    store = keystore.KeyringKeystore("SecretService", Hanging(), "service")
    for _ in range(3):
        with pytest.raises(KeystoreError, match="did not answer"):
            store.get("x")
    assert calls.count("x") == 1, "a second call was started while the first hung"
    released.set()
    time.sleep(0.1)
    assert store.get("x") is None


def test_a_locked_keyring_is_named_and_nothing_is_written_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Locked(Ring):
        def get_password(self, service: str, username: str) -> str | None:
            raise KeyringLocked("secret")

    _install(monkeypatch, SecretService=Locked)
    with pytest.raises(KeystoreError, match=r"SecretService\) refused: KeyringLocked") as raised:
        open_keystore(tmp_path)
    assert "Unlock" in raised.value.hint
    assert os.listdir(tmp_path) == []


def test_a_foreign_entry_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    store = keystore.KeyringKeystore("SecretService", Ring(), "service")
    Ring.content["service", "key"] = "not base64!"
    with pytest.raises(KeystoreError, match="'key' in SecretService was not written by Hedgerow"):
        store.get("key")


def test_passphrase_file_keeps_secrets_encrypted(tmp_path: Path) -> None:
    store = open_keystore(tmp_path, passphrase_fd=_descriptor(PASSPHRASE + b"\n"))
    assert store.backend == FILE_BACKEND
    store.set("node-key", b"-----BEGIN PRIVATE KEY-----")
    store.set("gone", b"x")
    store.delete("gone")
    again = open_keystore(tmp_path, passphrase_fd=_descriptor(PASSPHRASE))
    assert again.get("node-key") == b"-----BEGIN PRIVATE KEY-----"
    assert again.get("gone") is None
    raw = (tmp_path / "keystore.enc").read_bytes() + (tmp_path / "keystore.json").read_bytes()
    assert b"PRIVATE" not in raw
    assert b"node-key" not in raw
    assert PASSPHRASE not in raw
    assert "PRIVATE" not in repr(again)
    assert stat.S_IMODE((tmp_path / "keystore.enc").stat().st_mode) == 0o600


def test_a_wrong_passphrase_or_a_damaged_file_is_refused_and_left(tmp_path: Path) -> None:
    open_keystore(tmp_path, passphrase_fd=_descriptor(PASSPHRASE)).set("key", b"value")
    path = tmp_path / "keystore.enc"
    good = path.read_bytes()
    with pytest.raises(KeystoreError, match="does not open"):
        open_keystore(tmp_path, passphrase_fd=_descriptor(b"another passphrase"))
    for bad in (
        good[:-1],
        good[:20],
        b"",
        bytes([good[0] ^ 1]) + good[1:],
        good[:40] + bytes([good[40] ^ 1]) + good[41:],
    ):
        path.write_bytes(bad)
        with pytest.raises(KeystoreError, match="does not open"):
            passphrase_file.PassphraseKeystore(path, PASSPHRASE)
        assert path.read_bytes() == bad
    path.write_bytes(good[:4] + b"\x09" + good[5:])
    with pytest.raises(KeystoreError, match="newer Hedgerow"):
        passphrase_file.PassphraseKeystore(path, PASSPHRASE)
    path.write_bytes(good)
    assert passphrase_file.PassphraseKeystore(path, PASSPHRASE).get("key") == b"value"


def test_the_passphrase_file_must_be_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "passphrase"
    secret.write_bytes(PASSPHRASE)
    monkeypatch.setenv("HEDGEROW_PASSPHRASE_FILE", str(secret))
    secret.chmod(0o640)
    with pytest.raises(KeystoreError, match=r"can be read by others \(mode 640\)") as raised:
        open_keystore(tmp_path)
    assert "chmod 600" in raised.value.hint
    secret.chmod(0o600)
    assert open_keystore(tmp_path).backend == FILE_BACKEND
    monkeypatch.setenv("HEDGEROW_PASSPHRASE_FILE", str(tmp_path / "missing"))
    with pytest.raises(KeystoreError, match="cannot be read"):
        open_keystore(tmp_path)


def test_a_systemd_credential_opens_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_keystore(tmp_path, passphrase_fd=_descriptor(PASSPHRASE)).set("key", b"value")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/hedgerow-passphrase").write_bytes(PASSPHRASE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert open_keystore(tmp_path).get("key") == b"value"


@pytest.mark.parametrize("passphrase", [b"", b"short", b"x" * 5_000])
def test_absurd_passphrases_are_refused(tmp_path: Path, passphrase: bytes) -> None:
    with pytest.raises(KeystoreError, match="bytes"):
        open_keystore(tmp_path, passphrase_fd=_descriptor(passphrase))
    assert os.listdir(tmp_path) == []


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "keystore.json").write_bytes(b"{")
    with pytest.raises(KeystoreError, match=r"keystore\.json cannot be read"):
        open_keystore(tmp_path)


def test_a_failed_write_keeps_the_old_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_keystore(tmp_path, passphrase_fd=_descriptor(PASSPHRASE))
    store.set("key", b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StorageError, match="disk is full"):
        store.set("key", b"new")
    assert store.get("key") == b"old"
    assert passphrase_file.PassphraseKeystore(tmp_path / "keystore.enc", PASSPHRASE).get("key") == b"old"
