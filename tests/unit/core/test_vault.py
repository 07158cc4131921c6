"""Encrypted files: what was written comes back, and nothing else does."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import vault
from core.api.errors import StorageError

KEY = bytes(range(32))


@pytest.mark.parametrize("size", [0, 1, vault.BLOCK_BYTES, vault.BLOCK_BYTES + 1])
def test_round_trip(tmp_path: Path, size: int) -> None:
    path, plaintext = tmp_path / "file", os.urandom(size)
    vault.encrypt_file(path, KEY, plaintext, b"what")
    assert vault.decrypt_file(path, KEY, b"what") == plaintext
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("sizes", [(), (0,), (3, 0, 5), (vault.BLOCK_BYTES - 1, 2, vault.BLOCK_BYTES)], ids=str)
def test_pieces_are_read_as_one(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path, pieces = tmp_path / "file", [os.urandom(size) for size in sizes]
    vault.encrypt_file(path, KEY, [memoryview(piece) for piece in pieces], b"what")
    assert vault.decrypt_file(path, KEY, b"what") == b"".join(pieces)


def test_another_key_or_context_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    vault.encrypt_file(path, KEY, b"secret", b"what")
    with pytest.raises(StorageError, match="damaged or was written with another key"):
        vault.decrypt_file(path, KEY, b"else")
    with pytest.raises(StorageError):
        vault.decrypt_file(path, bytes(32), b"what")


def test_every_changed_byte_and_every_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    vault.encrypt_file(path, KEY, b"secret", b"what")
    good = path.read_bytes()
    assert b"secret" not in good
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(StorageError):
            vault.decrypt_file(path, KEY, b"what")
        path.write_bytes(good[:at])
        with pytest.raises(StorageError):
            vault.decrypt_file(path, KEY, b"what")


def test_blocks_cannot_be_swapped_or_dropped(tmp_path: Path) -> None:
    path = tmp_path / "file"
    vault.encrypt_file(path, KEY, b"a" * vault.BLOCK_BYTES + b"b" * vault.BLOCK_BYTES, b"what")
    raw = path.read_bytes()
    head, stride = len(raw) - 2 * (vault.BLOCK_BYTES + 16), vault.BLOCK_BYTES + 16
    path.write_bytes(raw[:head] + raw[head + stride :] + raw[head : head + stride])
    with pytest.raises(StorageError):
        vault.decrypt_file(path, KEY, b"what")
    path.write_bytes(raw[: head + stride])
    with pytest.raises(StorageError):
        vault.decrypt_file(path, KEY, b"what")


def test_subkeys_differ_by_context() -> None:
    assert vault.derive(KEY, b"a") != vault.derive(KEY, b"b")
    assert vault.derive(KEY, b"a") == vault.derive(KEY, b"a")
    assert len(vault.derive(KEY, b"a")) == 32
    with pytest.raises(ValueError, match="32 bytes"):
        vault.derive(b"short", b"a")


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    vault.write_atomic(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="disk is full: file"):
        vault.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_is_named() -> None:
    with pytest.raises(StorageError, match="could not be written"):
        vault.write_atomic("/proc/nowhere", b"x")
    sentence = str(vault.storage_error(Path("/dev/full"), OSError(28, "No space left on device")))
    assert sentence == "The disk is full: full could not be written to /dev. Free some space."


def test_a_new_file_never_replaces_another_and_leaves_no_half(tmp_path: Path) -> None:
    target = tmp_path / "ledger.json"
    assert vault.write_new(target, iter((b"one", b"two"))) == 6
    assert target.read_bytes() == b"onetwo"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(StorageError, match="exists already"):
        vault.write_new(target, iter((b"three",)))
    assert target.read_bytes() == b"onetwo"

    def breaks() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        vault.write_new(tmp_path / "half", breaks())
    assert not (tmp_path / "half").exists()
    with pytest.raises(StorageError):
        vault.write_new(tmp_path / "nowhere" / "x", iter((b"",)))


def test_folders_are_made_for_good_and_for_their_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(vault, "sync_folder", synced.append)
    vault.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0
    assert synced == [tmp_path, tmp_path / "a"]
    vault.make_folder(tmp_path / "a" / "b")
    assert synced[2:] == [tmp_path / "a"], "who made it may have been killed before it was synced"


def test_a_folder_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(StorageError, match="disk is full: 7 could not be written"):
        vault.make_folder(tmp_path / "7")
