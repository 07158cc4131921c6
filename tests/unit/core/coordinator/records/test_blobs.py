from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from core.api.errors import StorageError
from core.coordinator.records.blobs import BlobStore, write_durably


def test_a_blob_is_named_by_its_content(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    sha256 = store.put(b"hedge")
    assert sha256 == hashlib.sha256(b"hedge").hexdigest()
    assert store.put(b"hedge") == sha256
    assert store.read(sha256) == b"hedge"
    assert [path.name for path in tmp_path.iterdir()] == [sha256]
    assert stat.S_IMODE(store.path(sha256).stat().st_mode) == 0o600
    store.remove(sha256)
    store.remove(sha256)
    assert not store.has(sha256)


@pytest.mark.parametrize("name", ["", "../secret", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n"])
def test_only_hashes_are_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="64"):
        BlobStore(tmp_path).path(name)


def test_damage_is_found_and_repaired_by_putting_again(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    sha256 = store.put(b"hedge")
    store.path(sha256).write_bytes(b"hodge")
    with pytest.raises(StorageError, match="damaged"):
        store.read(sha256)
    store.put(b"hedge")
    assert store.read(sha256) == b"hedge"
    with pytest.raises(StorageError, match="missing"):
        store.read("0" * 64)


def test_a_disk_that_refuses_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    write_durably(target, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_durably(target, b"new")
    with pytest.raises(StorageError, match="No space"):
        BlobStore(tmp_path).put(b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
