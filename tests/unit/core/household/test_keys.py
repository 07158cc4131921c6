"""The household's secrets: files only their owner reads, and no name that leads elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.household.keys import FolderKeystore


def test_a_secret_comes_back_and_is_its_owners_alone(tmp_path: Path) -> None:
    store = FolderKeystore(tmp_path / "forward" / "keys")
    assert store.get("node-1") is None
    store.set("node-1", b"secret")
    assert FolderKeystore(tmp_path / "forward" / "keys").get("node-1") == b"secret"
    assert os.stat(tmp_path / "forward" / "keys" / "node-1").st_mode & 0o077 == 0
    assert os.stat(tmp_path / "forward" / "keys").st_mode & 0o077 == 0
    store.delete("node-1")
    store.delete("node-1")
    assert store.get("node-1") is None


@pytest.mark.parametrize("name", ["../root.key", "", "a/b", "A", "a" * 101])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name of a secret"):
        FolderKeystore(tmp_path).set(name, b"x")
