"""Power cuts: everything written since the last sync is gone, or half there. With less than FULL it must be noticed.

A kill does not test durability, because the page cache survives it. Here SQLite runs on a file layer that remembers
what was synced and, at the cut, puts the files back to that plus a random part of what came after.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from support.ledger_kit import charge, prepared, seal

from core.ledger import database
from core.ledger.store import Ledger

CUTS = 500 if os.environ.get("HEDGEROW_CAMPAIGN") else 8


class Drive(apsw.VFS):
    """A drive that can lose power. Content is on disk only once it was synced."""

    def __init__(self, name: str, dice: random.Random) -> None:
        super().__init__(name, "")
        self.name = name
        self.dice = dice
        self.synced: dict[str, bytes] = {}
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}
        self.syncs = 0
        self.writes_until_cut = -1

    def xOpen(self, name: Any, flags: list[int]) -> File:
        return File(self, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        self.synced.pop(name, None)
        self.pending.pop(name, None)
        super().xDelete(name, sync_folder)

    def wrote(self, path: str, offset: int, data: bytes | None) -> None:
        """Note a write (or with None a truncation to ``offset``), and cut the power when its turn has come."""
        if self.writes_until_cut == 0:
            raise PowerCut
        self.writes_until_cut -= 1
        self.pending.setdefault(path, []).append((offset, data))

    def cut(self, after: Path) -> int:
        """Write what a power cut may leave of every file into another folder; return how many writes were lost."""
        lost = 0
        for path in {*self.synced, *self.pending}:
            content = bytearray(self.synced.get(path, b""))
            pending = self.pending.pop(path, [])
            survivors = self.dice.randrange(len(pending) + 1) if self.dice.random() < 0.5 else 0
            for offset, data in pending[:survivors]:
                _apply(content, offset, data)
            if survivors < len(pending) and self.dice.random() < 0.3:
                offset, data = pending[survivors]
                _apply(content, offset, data[: len(data) // 2] if data else data)
            lost += len(pending) - survivors
            (after / Path(path).name).write_bytes(bytes(content))
        return lost


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data


class PowerCut(Exception):
    """The moment the power goes."""


class File(apsw.VFSFile):
    """Writes go to the real file and are noted as not yet synced."""

    def __init__(self, drive: Drive, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self.drive = drive
        self.path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.drive.wrote(self.path, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self.drive.wrote(self.path, size, None)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self.drive.syncs += 1
        super().xSync(flags)
        self.drive.synced[self.path] = Path(self.path).read_bytes()
        self.drive.pending.pop(self.path, None)


class Connection:
    """apsw in the shape the ledger asks for. Exclusive locking keeps the WAL index out of shared memory."""

    def __init__(self, path: Path, vfs: str) -> None:
        self._connection = apsw.Connection(str(path), vfs=vfs)
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        return self._connection.execute(sql, tuple(parameters))

    def close(self) -> None:
        self._connection.close(True)


def _work(ledger: Ledger, acknowledged: dict[int, str]) -> None:
    while True:
        server_round = len(acknowledged) + 1
        charge(ledger, server_round)
        acknowledged[server_round] = seal(ledger, server_round).sha256


def _lost_after_cuts(tmp_path: Path, seed: int) -> tuple[int, int]:
    """Run one life per cut; return (acknowledged releases that were lost, writes that were lost)."""
    lost_releases = lost_writes = promised = 0
    for number in range(CUTS):
        dice = random.Random(f"{seed} {number}")
        path = tmp_path / f"{number}.db"
        with prepared(path, epsilon=1e6):
            pass
        drive = Drive(f"drive-{seed}-{number}-{os.getpid()}", dice)
        drive.synced[str(path)] = path.read_bytes()
        ledger = Ledger.open(path, None, connector=lambda p, name=drive.name: Connection(p, name))
        drive.writes_until_cut = dice.randrange(20, 400)
        acknowledged: dict[int, str] = {}
        with pytest.raises((PowerCut, apsw.Error)):
            _work(ledger, acknowledged)
        rebooted = tmp_path / f"{number} rebooted"
        rebooted.mkdir()
        lost_writes += drive.cut(rebooted)
        drive.writes_until_cut = -1
        ledger.close()
        with Ledger.open(rebooted / path.name, None) as after:
            assert after.damage == after.verify_chain() == []
            kept = {release.server_round: release.sha256 for release in after.uploads(10_000)}
        promised += len(acknowledged)
        lost_releases += sum(kept.get(number) != sha for number, sha in acknowledged.items())
    assert promised > CUTS, "the power went before anything was acknowledged"
    return lost_releases, lost_writes


def test_no_acknowledged_charge_is_lost_by_power_cuts(tmp_path: Path) -> None:
    lost_releases, lost_writes = _lost_after_cuts(tmp_path, 1)
    assert lost_writes > 0, "no cut ever lost a write, so nothing was tested"
    assert lost_releases == 0


@pytest.mark.parametrize("planted", ["OFF", "NORMAL"])
def test_the_simulator_catches_a_weaker_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str) -> None:
    monkeypatch.setattr(database, "PRAGMAS", (f"synchronous = {planted}", *database.PRAGMAS[1:]))
    lost_releases, _ = _lost_after_cuts(tmp_path, 2)
    assert lost_releases > 0
