"""One engine per folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from core.api.errors import EngineError, StorageError
from core.engine.lock import EngineLock, prepare_home


def test_folders_are_their_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    prepare_home(home)
    for folder in (home, home / "run", home / "store", home / "rounds"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/home cannot be used: Not a directory"):
        prepare_home(tmp_path / "file" / "home")


def test_the_second_lock_is_refused_by_name_and_the_third_is_not(tmp_path: Path) -> None:
    first, second = (EngineLock(tmp_path / "engine.lock") for _ in range(2))
    first.acquire()
    sentence = f"Another engine is already running on {tmp_path} .process {os.getpid()}."
    with pytest.raises(EngineError, match=sentence):
        second.acquire()
    first.release()
    second.acquire()
    second.release()
