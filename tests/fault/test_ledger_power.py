"""Power cuts: everything written since the last sync is gone, or half there. With less than FULL it must be noticed.

A kill does not test durability, because the page cache survives it. Here SQLite runs on a file layer that remembers
what was synced and, at the cut, puts the files back to that plus a random part of what came after.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from support.faults.disk import Dead, Disk, Fault
from support.ledger_kit import charge, prepared, seal

from core.ledger import database
from core.ledger.store import Ledger

CUTS = 500 if os.environ.get("HEDGEROW_CAMPAIGN") else 8


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
        home = tmp_path / f"{number}"
        home.mkdir()
        path = home / "ledger.db"
        with prepared(path, epsilon=1e6):
            pass
        disk = Disk(home, Fault(dice.randrange(30, 500)))
        ledger = Ledger.open(path, None, connector=disk.connect)
        acknowledged: dict[int, str] = {}
        with pytest.raises(Dead):
            _work(ledger, acknowledged)
        rebooted = tmp_path / f"{number} rebooted"
        rebooted.mkdir()
        lost_writes += disk.after_power_cut(rebooted, dice)
        disk.off = True
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
