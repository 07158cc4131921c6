"""Kill any process at any point: the round completes, nothing finished is lost, one charge per release.

Every test fails if its fault did not fire. The traffic runs through a ``SlowLink``, so that "during download" and
"during upload" are observed, not hoped for.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path

import pytest
from support.live_federation import Coordinator, Volunteer, federation, wait_for

from core.api.messages.machine import LimitsParams

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

SMALL = {
    "name": "Crash test", "preset": "tiny", "rounds": 1, "cohort": 1, "quorum": 1, "local-steps": 3,
    "batch-size": 16, "seq-len": 64, "deadline": 120,
}  # fmt: skip


@pytest.fixture
def text(tmp_path: Path) -> Path:
    from pydoc_data import topics

    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "topics.txt").write_text("\n\n".join(str(v) for v in topics.topics.values())[:300_000])
    return folder


def charges(volunteer: Volunteer) -> list[tuple[object, ...]]:
    """(release, number of charges) straight from the file, so that no code of ours can hide one."""
    with sqlite3.connect(f"file:{volunteer.home / 'ledger.db'}?mode=ro", uri=True) as db:
        return db.execute("SELECT release_id, COUNT(*) FROM charges GROUP BY release_id ORDER BY release_id").fetchall()


def sealed(volunteer: Volunteer) -> dict[int, str]:
    """Round → hash of the sealed bytes."""
    return {u.server_round: u.sha256 for u in volunteer.call("uploads.list").uploads if u.sha256}


def begin(coordinator: Coordinator, volunteer: Volunteer, text: Path, **settings: str) -> None:
    """Run the coordinator, join with one corpus, start."""
    coordinator.start()
    volunteer.start()
    for key, value in settings.items():
        volunteer.call("limits.set", LimitsParams(key=key, value=value))
    corpus = volunteer.add_text(text)
    volunteer.join(coordinator.invite(), corpus)
    volunteer.call("start")


def phase_of(volunteer: Volunteer) -> str:
    """The phase the engine shows."""
    progress = volunteer.status().round
    return progress.phase if progress else "idle"


def finish(coordinator: Coordinator, volunteer: Volunteer, rounds: int = 1) -> None:
    """Wait for the last round and check the ledger: exactly one charge for each release, every update accepted."""
    wait_for(lambda: len(coordinator.closed_rounds()) >= rounds, 150, f"{rounds} closed rounds")

    def accepted() -> bool:
        uploads = volunteer.call("uploads.list").uploads
        return len(uploads) == rounds and all(u.state == "accepted" for u in uploads)

    wait_for(accepted, 40, "receipts of all uploads")
    assert [n for _, n in charges(volunteer)] == [1] * rounds
    for update in volunteer.call("uploads.list").uploads:
        with sqlite3.connect(f"file:{coordinator.directory / 'coordinator.db'}?mode=ro", uri=True) as db:
            found = db.execute(
                "SELECT update_sha256 FROM assignments WHERE server_round = ? AND state = 'accepted'",
                (update.server_round,),
            ).fetchall()
        assert found == [(update.sha256,)]


def test_engine_killed_during_download(tmp_path: Path, text: Path) -> None:
    with federation(tmp_path, bytes_per_s=600_000, privacy="record", **SMALL) as (coordinator, (one,), link):
        begin(coordinator, one, text)
        wait_for(lambda: phase_of(one) == "download" and link.down_bytes > 500_000, 60, "a download in progress", 0.01)
        one.kill()
        link.bytes_per_s = 0.0
        one.start()
        finish(coordinator, one)


def test_engine_killed_during_training(tmp_path: Path, text: Path) -> None:
    options = {**SMALL, "local-steps": 10, "batch-size": 16}
    with federation(tmp_path, privacy="record", **options) as (coordinator, (one,), _link):
        begin(coordinator, one, text)

        def in_training() -> bool:
            progress = one.status().round
            return progress is not None and progress.phase == "training" and 0 < progress.step < progress.steps

        wait_for(in_training, 90, "a step done and more to come", 0.02)
        before = charges(one)
        assert before, "the charge must be durable before the first step"
        one.kill()
        assert charges(one) == before
        one.start()
        finish(coordinator, one)


def test_engine_killed_during_upload(tmp_path: Path, text: Path) -> None:
    with federation(tmp_path, privacy="record", **SMALL) as (coordinator, (one,), link):
        begin(coordinator, one, text)
        wait_for(lambda: phase_of(one) == "training", 90, "training", 0.02)
        link.bytes_per_s = 150_000
        start = link.up_bytes
        wait_for(
            lambda: phase_of(one) == "uploading" and link.up_bytes > start + 200_000, 90, "an upload in progress", 0.01
        )
        before = sealed(one)
        one.kill()
        link.bytes_per_s = 0.0
        one.start()
        finish(coordinator, one)
        after = sealed(one)
        assert before, "the update was sealed before it was sent"
        assert {k: after[k] for k in before} == before


def spool(coordinator: Coordinator) -> list[Path]:
    """What lies in the folder of large updates on their way in."""
    return [path for path in (coordinator.directory / "uploads").rglob("*") if path.is_file()]


def part_of_an_update(coordinator: Coordinator) -> Path | None:
    """The file of an update of which a good part is there, much more than what is said beside it."""
    parts = [path for path in spool(coordinator) if path.suffix == ".part" and path.stat().st_size > 400_000]
    return parts[0] if parts else None


@pytest.mark.parametrize("victim", ["engine", "gateway"])
def test_killed_while_a_large_update_goes_up(tmp_path: Path, text: Path, victim: str) -> None:
    with federation(tmp_path, privacy="record", **SMALL) as (coordinator, (one,), link):
        begin(coordinator, one, text, message_update_mb="0")
        wait_for(lambda: phase_of(one) == "training", 90, "training", 0.02)
        link.bytes_per_s = 300_000
        part = wait_for(lambda: part_of_an_update(coordinator), 90, "a part of the update", 0.01)
        before, there = sealed(one), part.stat().st_size
        assert there < one.call("uploads.list").uploads[0].size_bytes, "the fault came too late"
        if victim == "engine":
            one.kill()
        else:
            (gateway,) = coordinator.children("core.coordinator.web.gateway")
            gateway.kill()
            wait_for(
                lambda: coordinator.children("core.coordinator.web.gateway") not in ([], [gateway]), 60, "a new one"
            )
        assert part.stat().st_size >= there, "what had come is kept"
        sent = link.up_bytes
        link.bytes_per_s = 0.0
        if victim == "engine":
            one.start()
        finish(coordinator, one)
        assert sealed(one) == before, "the same bytes, computed once"
        assert link.up_bytes - sent < one.call("uploads.list").uploads[0].size_bytes, "not all of it went up again"
        assert spool(coordinator) == []


def test_superlink_killed_during_training(tmp_path: Path, text: Path) -> None:
    options = {**SMALL, "local-steps": 10, "batch-size": 16}
    with federation(tmp_path, privacy="record", **options) as (coordinator, (one,), _link):
        begin(coordinator, one, text)
        wait_for(lambda: phase_of(one) == "training", 90, "training", 0.02)
        victims = coordinator.children("flower-superlink")
        assert victims, "no SuperLink to kill"
        for victim in victims:
            victim.send_signal(signal.SIGKILL)
        finish(coordinator, one)


def test_serverapp_and_superexec_killed_together(tmp_path: Path, text: Path) -> None:
    """A new Flower run continues the same round; the volunteer answers it with the bytes it sealed, if it had."""
    options = {**SMALL, "local-steps": 10, "batch-size": 16, "rounds": 2}
    with federation(tmp_path, privacy="record", **options) as (coordinator, (one,), _link):
        begin(coordinator, one, text)
        wait_for(lambda: phase_of(one) == "training", 90, "training", 0.02)
        victims = coordinator.children("flower-superexec") + coordinator.children("flwr-serverapp")
        assert len(victims) >= 2, victims
        for victim in victims:
            os.kill(victim.pid, signal.SIGKILL)
        finish(coordinator, one, rounds=2)
