"""Uploads on the disk: grow, become whole, are forgotten; each node in a folder of its own."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from core.coordinator.web.spool import Spool

ONE, OTHER = "a" * 64, "b" * 64
DATA = bytes(range(250)) * 4
NAME = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "uploads")


def test_an_upload_grows_and_becomes_whole(spool: Spool) -> None:
    assert (spool.offset(ONE, NAME), spool.size()) == (0, 0)
    spool.write(ONE, NAME, 0, DATA[:600])
    assert (spool.offset(ONE, NAME), spool.find(ONE, NAME)) == (600, None)
    spool.write(ONE, NAME, 600, DATA[600:])
    assert spool.finish(ONE, NAME)
    found = spool.find(ONE, NAME)
    assert found is not None
    assert found.read_bytes() == DATA
    assert (spool.offset(ONE, NAME), spool.size()) == (1_000, 1_000)
    assert spool.find(OTHER, NAME) is None


def test_bytes_of_another_hash_are_gone(spool: Spool) -> None:
    spool.write(ONE, NAME, 0, DATA[:-1] + b"?")
    assert not spool.finish(ONE, NAME)
    assert (spool.offset(ONE, NAME), spool.size()) == (0, 0)


def test_a_cut_takes_away_the_end(spool: Spool) -> None:
    spool.write(ONE, NAME, 0, DATA)
    spool.cut(ONE, NAME, 10)
    assert spool.offset(ONE, NAME) == 10
    spool.cut(OTHER, NAME, 10)


def test_only_the_newest_others_are_kept(spool: Spool) -> None:
    names = [f"{number:064x}" for number in range(4)]
    for number, name in enumerate(names):
        spool.write(ONE, name, 0, DATA)
        os.utime(spool.path(ONE, name + ".part"), (number, number))
    spool.write(OTHER, names[0], 0, DATA)
    spool.keep_newest(ONE, names[0], 1)
    assert [spool.offset(ONE, name) for name in names] == [1_000, 0, 0, 1_000]
    assert spool.offset(OTHER, names[0]) == 1_000


def test_who_is_not_awaited_is_forgotten_and_who_grew_is_arriving(spool: Spool) -> None:
    spool.write(ONE, NAME, 0, DATA)
    spool.write(OTHER, NAME, 0, DATA)
    now = time.time()
    os.utime(spool.path(OTHER, NAME + ".part"), (now - 100, now - 100))
    assert spool.arriving(now - 50) == {ONE}
    spool.keep_only({OTHER})
    assert (spool.offset(ONE, NAME), spool.offset(OTHER, NAME)) == (0, 1_000)
    spool.remove(OTHER, NAME)
    spool.remove(OTHER, NAME)
    assert spool.size() == 0
