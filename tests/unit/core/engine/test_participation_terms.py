"""What is asked of a volunteer and refused: other terms, another base, old rounds, no budget, a ledger from before."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.participation import (
    CONFIG,
    FEDERATION,
    MANIFEST_HASH,
    PLAN,
    Bench,
    accept,
    restored,
    run,
)

from core.engine import participation as participations
from core.federation.identity import FederationKey
from core.federation.manifest import open_manifest, seal_manifest

pytestmark = pytest.mark.usefixtures("quick_polls")


def test_a_home_restored_without_a_keyring_is_noticed_by_what_the_federation_saw(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with sqlite3.connect(bench.house.home / "ledger.db") as db:
        db.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))

    async def what() -> None:
        bench.wire.ask()
        await bench.state("sent")
        await bench.one.stop()
        restored(bench, tmp_path / "backup.db")
        one = bench.begin()
        bench.wire.ask(2)
        ledger = bench.house.ledger
        await bench.until(lambda: ledger.newer_elsewhere, "the newer ledger")
        assert list(ledger.newer_elsewhere.values()) == ["Moor"]
        await bench.state("abandoned", server_round=2)
        assert one.exhausted
        assert bench.charges() == 0
        assert len(bench.wire.announced) == 1, "nothing more left"
        assert any("seen a newer privacy ledger" in notice.sentence.text for notice in bench.notices)
        ledger.leave_federation(one.member.row.federation_id)
        assert not ledger.blocked, "one that lies about it can be left"

    run(bench, what)


def test_nothing_is_charged_before_the_federation_was_asked_what_it_saw(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        bench.wire.ask(2)
        await bench.state("sent", server_round=2)
        assert bench.wire.seen is not None
        assert bench.wire.seen.server_round == 2
        assert not bench.house.ledger.newer_elsewhere
        assert bench.wire.announced[0][3]["ledger"] != bench.wire.announced[1][3]["ledger"]
        accept(bench, release)
        await bench.crash()
        bench.wire.ask(3)
        await bench.state("sent", server_round=3)

    run(bench, what)


def test_a_round_begun_before_a_crash_waits_until_the_federation_answers(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.one._tasks[1].cancel()  # so that the round is begun and nothing more
        bench.wire.ask()
        await bench.until(lambda: bench.release(), "the round")
        await bench.one.stop()
        bench.house.ledger.close()
        bench.house.open()
        bench.wire.mute = True
        one = bench.begin()
        release = bench.release()
        assert release is not None
        assert await one._advance(release) == participations.POLL_S
        assert bench.charges() == 0

    run(bench, what)


def test_another_base_for_the_same_round_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        other = bench.wire.ask(base_hash="b" * 64)
        await bench.until(lambda: bench.wire.declined == [other.message_id], "a refusal")
        assert len(bench.wire.announced) == 1
        assert "already begun with other base weights" in bench.notices[-1].sentence.text
        accept(bench, release)
        await bench.state("accepted")

    run(bench, what)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"run_id": "b" * 32}, "another run"),
        ({"manifest_hash": "b" * 64}, "terms that it does not show"),
        ({"server_round": 4}, "more rounds than it said"),
        ({"local_steps": 2}, "another number of steps"),
        ({"local_steps": 4}, "another number of steps"),
        ({"base_bytes": 1 << 39}, "bytes of weights"),
        ({"kind": "evaluate"}, ""),
        ({"kind": "query"}, ""),
    ],
)
def test_what_was_not_consented_to_is_declined_and_nothing_begins(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        delivery = bench.wire.ask(**changes)
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert bench.house.ledger.open_releases() == []
        assert (bench.wire.fetched, bench.charges()) == (0, 0)
        assert sentence in (bench.notices[-1].sentence.text if bench.notices else "")

    run(bench, what)


def other_terms(key: FederationKey = FEDERATION, **schedule: float) -> tuple[bytes, str]:
    """Signed terms with another schedule, and their hash."""
    changed = msgspec.structs.replace(CONFIG, schedule=msgspec.structs.replace(CONFIG.schedule, **schedule))
    envelope = seal_manifest(changed, key)
    return envelope, open_manifest(envelope, key.public_bytes).sha256


def test_tighter_terms_are_taken_on_and_outlive_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.wire.served, tighter = other_terms(rounds=2)

    async def what() -> None:
        bench.wire.ask(manifest_hash=tighter)
        release = await bench.state("sent")
        assert release.attributes.manifest_hash == tighter
        assert any(notice.sentence.code == "terms_tighter" for notice in bench.notices)
        await bench.crash()
        assert bench.one.member.row.manifest_hash == tighter
        assert bench.one.member.config.schedule.rounds == 2

    run(bench, what)


@pytest.mark.parametrize(
    ("schedule", "key", "sentence"),
    [
        ({"rounds": 9}, FEDERATION, "schedule.rounds was 3 and is 9 now"),
        ({"rounds": 2}, FederationKey.generate(), "not signed with the key"),
    ],
    ids=["looser", "signed by another"],
)
def test_looser_or_forged_terms_need_new_consent_and_change_nothing(
    tmp_path: Path, schedule: dict[str, float], key: FederationKey, sentence: str
) -> None:
    bench = Bench(tmp_path)
    bench.wire.served, other = other_terms(key, **schedule)

    async def what() -> None:
        delivery = bench.wire.ask(manifest_hash=other)
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert sentence in bench.notices[-1].sentence.text
        assert (bench.wire.fetched, bench.charges()) == (0, 0)
        assert bench.one.member.row.manifest_hash == MANIFEST_HASH
        bench.wire.ask(server_round=2)
        await bench.state("sent", server_round=2)

    run(bench, what)


def test_an_instruction_that_is_no_instruction_is_declined(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        delivery = bench.wire.ask()
        bench.wire.records[delivery.message_id] = {"surprise": 1}
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert "instruction was refused" in bench.notices[-1].sentence.text

    run(bench, what)


def test_older_rounds_are_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask(2)
        await bench.state("sent", server_round=2)
        old = bench.wire.ask(1)
        await bench.until(lambda: bench.wire.declined == [old.message_id], "a refusal")
        assert bench.release(1) is None
        assert "asked for round 1 after round 2" in bench.notices[-1].sentence.text

    run(bench, what)


def test_without_budget_nothing_is_downloaded_or_trained(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan=msgspec.structs.replace(PLAN, epsilon_limit=0.01))

    async def what() -> None:
        assert bench.one.exhausted
        delivery = bench.wire.ask()
        release = await bench.state("abandoned")
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert (bench.wire.fetched, bench.charges(), bench.starts(release)) == (0, 0, 0)
        assert "no room for another round" in bench.notices[-1].sentence.text

    run(bench, what)


def test_a_floor_that_rose_after_joining_stops_the_rounds_before_anything_is_fetched(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.house.config.set("floor_unit", "document")

    async def what() -> None:
        delivery = bench.wire.ask()
        release = await bench.state("abandoned")
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert (bench.wire.fetched, bench.charges(), bench.starts(release)) == (0, 0, 0)
        assert "your floor asks for the unit document" in bench.notices[-1].sentence.text
        told = len(bench.notices)
        again = bench.wire.ask(server_round=2)
        await bench.until(lambda: again.message_id in bench.wire.declined, "a second refusal")
        assert len(bench.notices) == told, "it is a state now, not another notice each round"

    run(bench, what)


def test_a_round_that_is_over_is_not_begun(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        bench.wire.ask(deadline_at=time.time() - 1)
        await bench.state("abandoned")
        assert bench.charges() == 0

    run(bench, what)
