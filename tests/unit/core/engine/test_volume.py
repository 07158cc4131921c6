"""The month's volume: by the local calendar, across restarts, and never too little."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.api.errors import StorageError
from core.engine import volume
from core.engine.volume import KEPT_MONTHS, RESERVE, Volume


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Clock:
    def __init__(self, *day: int) -> None:
        self.now = dt.datetime(*day).timestamp()  # type: ignore[arg-type, misc]

    def __call__(self) -> float:
        return self.now


def test_it_counts_both_directions_and_survives_a_restart(tmp_path: Path) -> None:
    clock = Clock(2026, 11, 25)
    one = Volume(tmp_path / "volume.json", clock)
    one.add(700, 300)
    one.close()
    assert Volume(tmp_path / "volume.json", clock).month_bytes == 1_000


def test_a_crash_never_counts_too_little(tmp_path: Path) -> None:
    clock = Clock(2026, 11, 25)
    one = Volume(tmp_path / "volume.json", clock)
    for _ in range(100):
        one.add(300_000, 400_000)
        crashed = Volume(tmp_path / "volume.json", clock)
        assert one.month_bytes <= crashed.month_bytes <= one.month_bytes + RESERVE


def test_a_month_ends_at_local_midnight(tmp_path: Path) -> None:
    clock = Clock(2026, 11, 30, 23, 59, 59)
    one = Volume(tmp_path / "volume.json", clock)
    one.add(5, 5)
    clock.now += 1
    assert one.month_bytes == 0
    one.add(1, 1)
    one.close()
    clock.now -= 1
    assert Volume(tmp_path / "volume.json", clock).month_bytes == 10, "a clock that is set back forgets nothing"


def test_old_months_are_forgotten(tmp_path: Path) -> None:
    clock = Clock(2020, 1, 1)
    for _ in range(KEPT_MONTHS + 5):
        one = Volume(tmp_path / "volume.json", clock)
        one.add(1, 0)
        one.close()
        clock.now += 31 * 86_400
    assert len(json.loads((tmp_path / "volume.json").read_text())["months"]) == KEPT_MONTHS


@pytest.mark.parametrize("content", [b"", b"{", b'{"version":1,"months":{"2026-11":-5}}', b'{"months":7}', b"\xff"])
def test_a_damaged_file_is_named_and_set_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "volume.json"
    path.write_bytes(content)
    one = Volume(path)
    assert "volume.json is damaged" in one.problem
    (aside,) = tmp_path.glob("volume.json.bad-*")
    assert aside.read_bytes() == content
    one.add(1, 1)
    one.close()
    assert Volume(path).month_bytes == 2


def test_a_full_disk_is_not_asked_for_every_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def full(path: Path, data: bytes) -> None:
        tried.append(len(data))
        raise StorageError("The disk is full.")

    monkeypatch.setattr(volume, "write_atomic", full)
    one = Volume(tmp_path / "volume.json")
    for _ in range(1_000):
        one.add(RESERVE // 500, 0)
    assert one.month_bytes == 1_000 * (RESERVE // 500)
    assert len(tried) <= 4
