"""The campaign's witness against planted mistakes: each must be found, or its silence elsewhere would say nothing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.faults.campaign import Campaign
from support.faults.machine import Scene, found
from support.faults.world import World

from core import vault
from core.ledger import database
from core.ledger.entries import Head
from core.ledger.rows import Release
from core.ledger.store import Ledger
from core.training.resume import Checkpoints

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="operations are told apart by /proc"),
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield found(tmp_path_factory.mktemp("scene"), "record")
    torch.set_num_threads(threads)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path)


def at(campaign: Campaign, words: str, last: int = 3) -> list[int]:
    """The last points of that name in the first round."""
    end = next(number for number, point in enumerate(campaign.points) if "the receipt is here" in point)
    return [number for number, point in enumerate(campaign.points[:end]) if words in point][-last:]


def test_a_ledger_that_does_not_wait_for_the_drive(scene: Scene, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PRAGMAS", ("synchronous = OFF", *database.PRAGMAS[1:]))
    campaign = Campaign(scene, work)
    campaign.deaths(at(campaign, "part is pushed"), kills=1, cuts=3, twice=0)
    assert any("power cut" in found and "left uncharged" in found for found in campaign.findings)
    assert not any(found.startswith("killed") for found in campaign.findings), "a kill cannot see it"


def test_a_charge_after_the_update_was_sent(scene: Scene, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owed: dict[int, list[Any]] = {}
    charge, mark = Ledger.charge, Ledger.mark

    def later(self: Ledger, release_id: int, lines: Any) -> int:
        owed[release_id] = list(lines)
        return 1

    def seal(self: Ledger, release_id: int, sha256: str, size: int, dense: int, path: str) -> Release:
        changes = "state = 'sealed', sealed_at = 1.0, sha256 = ?, size_bytes = ?, dense_bytes = ?, path = ?"
        self._db.run(f"UPDATE releases SET {changes} WHERE release_id = ?", (sha256, size, dense, path, release_id))
        return self.release(release_id)

    def charged_at_last(self: Ledger, release_id: int, state: Any, **options: Any) -> Release:
        if state == "sent" and release_id in owed:
            self._db.run("UPDATE releases SET state = 'training' WHERE release_id = ?", (release_id,))
            charge(self, release_id, owed.pop(release_id))
            self._db.run("UPDATE releases SET state = 'uploading' WHERE release_id = ?", (release_id,))
        return mark(self, release_id, state, **options)

    monkeypatch.setattr(Ledger, "charge", later)
    monkeypatch.setattr(Ledger, "seal", seal)
    monkeypatch.setattr(Ledger, "mark", charged_at_last)
    # Without this no update could say under which charge it goes out, and none would.
    monkeypatch.setattr(Ledger, "charge_head", lambda self, release_id: Head(0, bytes(32)))
    campaign = Campaign(scene, work)
    assert campaign.findings == [], "without a fault nobody sees it"
    campaign.deaths(at(campaign, "part is pushed"), kills=1, cuts=0, twice=0)
    assert any("left uncharged" in found for found in campaign.findings)


def test_fresh_noise_when_a_round_goes_on(scene: Scene, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Checkpoints.load

    def forgetful(self: Checkpoints, *args: Any) -> Any:
        header = load(self, *args)
        if header is not None and not header.sealing:
            header.state.step_key = os.urandom(32)
        return header

    monkeypatch.setattr(Checkpoints, "load", forgetful)
    campaign = Campaign(scene, work)
    assert campaign.findings == []
    campaign.trainer_kills(at(campaign, "trainer: sync checkpoint", 4))
    assert any("different draws in step" in found for found in campaign.findings)


def test_one_seed_for_two_rounds(scene: Scene, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "key", lambda self: bytes(range(32)))
    assert any("was that of (1, 0) before" in found for found in Campaign(scene, work).findings)


def test_names_that_are_not_on_the_disk_for_good(scene: Scene, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "sync_folder", lambda folder: None)
    campaign = Campaign(scene, work)
    campaign.deaths(at(campaign, "trainer: sync checkpoint", 4)[:2], kills=0, cuts=3, twice=0)
    assert any("different draws in step" in found for found in campaign.findings)


def test_a_text_that_changed_unnoticed(scene: Scene, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.resume.shards_fingerprint", lambda job: "the same")
    campaign = Campaign(scene, work)
    campaign.changed_texts(at(campaign, "trainer: sync checkpoint", 3))
    assert any("different noises in step" in found for found in campaign.findings)


def test_a_ledger_that_believes_what_it_is(scene: Scene, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "_meet_anchor", lambda self, raw: None)
    campaign = Campaign(scene, work)
    campaign.restored(at(campaign, "part is pushed"))
    assert any("the ledger said False" in found for found in campaign.findings)
