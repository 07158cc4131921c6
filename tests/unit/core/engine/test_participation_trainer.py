"""Trainers that die, hang, boast or misbehave; pauses, weights and networks that hold a round back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.participation import (
    CONFIG,
    MOOR,
    Bench,
    accept,
    run,
)

from core.engine import participation as participations
from core.engine import rounds
from core.engine.config_store import Presence
from core.engine.standing import Facts, standing
from core.federation.transport import Unreachable
from core.hardware.limits import Readings

pytestmark = pytest.mark.usefixtures("quick_polls")


def test_a_trainer_that_dies_is_started_again_for_one_charge(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "dies")

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        assert (bench.starts(release), bench.charges()) == (3, 1)
        assert any("signal SIGKILL" in notice.sentence.text for notice in bench.notices)

    run(bench, what)


def test_a_trainer_is_started_while_the_weights_come_and_ended_where_they_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    fetch, before = bench.wire.fetch_blob, {process.pid for process in psutil.Process().children()}
    seen: list[set[int]] = []

    def started() -> set[int]:
        return {process.pid for process in psutil.Process().children()} - before

    async def cut_once(sha256: str, folder: Path, size: int, progress: Callable[[int, int], None]) -> Path:
        path = await fetch(sha256, folder, size, progress)
        await bench.until(started, "a trainer")
        seen.append(started())
        if len(seen) == 1:
            raise Unreachable("The line is cut.")
        return path

    monkeypatch.setattr(bench.wire, "fetch_blob", cut_once)

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        assert bench.starts(release) == 1
        assert [len(pids) for pids in seen] == [1, 1]
        assert seen[0] != seen[1], "the first was ended with its download"
        await bench.until(lambda: not started(), "the end of all trainers")

    run(bench, what)


@pytest.mark.parametrize(
    ("mode", "sentence"), [("hangs", "did nothing for 0 seconds"), ("boasts", "more steps than there are")]
)
def test_a_trainer_that_hangs_or_boasts_is_ended_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, sentence: str
) -> None:
    monkeypatch.setattr(rounds, "_hang_after_s", lambda _: 0.4)
    bench = Bench(tmp_path, mode)

    async def what() -> None:
        bench.wire.ask()
        release = await bench.state("sent")
        assert (bench.starts(release), bench.charges()) == (2, 1)
        assert any(sentence in notice.sentence.text for notice in bench.notices)

    run(bench, what)


def test_a_trainer_that_always_dies_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participations, "MAX_DEATHS", 2)
    bench = Bench(tmp_path, "always dies")

    async def what() -> None:
        delivery = bench.wire.ask()
        await bench.state("abandoned")
        await bench.until(lambda: bench.wire.declined == [delivery.message_id], "a refusal")
        assert bench.charges() == 1, "what was charged stays charged"

    run(bench, what)


@pytest.mark.parametrize(
    ("mode", "sentence", "charged"),
    [
        ("quiet", "did not do what was charged for", 1),
        ("greedy", "another charge than you consented to", 0),
        ("open", "could not be locked down", 0),
    ],
)
def test_a_trainer_that_misbehaves_sends_nothing(tmp_path: Path, mode: str, sentence: str, charged: int) -> None:
    bench = Bench(tmp_path, mode)

    async def what() -> None:
        bench.wire.ask()
        await bench.state("abandoned")
        assert (bench.wire.announced, bench.charges()) == ([], charged)
        assert sentence in bench.notices[-1].sentence.text

    run(bench, what)


def test_pause_during_training_and_resume(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "slow")

    async def what() -> None:
        bench.wire.ask()

        def training() -> bool:
            progress = bench.house.board.progress
            return progress is not None and progress.step == 2

        await bench.until(training, "training")
        before = time.monotonic()
        bench.house.config.set_presence(Presence(paused=True))
        bench.house.governor.reconsider()
        await bench.house.governor.settled()
        assert time.monotonic() - before <= 1.0
        await asyncio.sleep(0.3)
        release = bench.release()
        assert release is not None
        assert (release.state, bench.starts(release)) == ("training", 1)
        bench.house.config.set_presence(Presence())
        bench.house.governor.reconsider()
        bench.one.kick()
        release = await bench.state("sent")
        assert (bench.starts(release), bench.charges()) == (2, 1)

    run(bench, what)


def weigh(bench: Bench, weight: float) -> None:
    """As the engine does when the owner says what the federation weighs."""
    bench.house.ledger.set_weight(bench.one.member.row.federation_id, weight)
    bench.house.governor.reconsider()
    bench.one.kick()


def test_one_that_rests_is_asked_nothing_until_it_weighs_something(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def what() -> None:
        weigh(bench, 0.0)
        await asyncio.sleep(0.3)
        delivery = bench.wire.ask()
        await asyncio.sleep(0.6)
        assert bench.wire.waiting == [delivery], "offline to the coordinator, so that no round waits for it"
        weigh(bench, 1.0)
        await bench.state("sent")

    run(bench, what)


def test_a_round_begun_before_it_rested_is_finished_and_the_next_is_declined(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "slow")

    async def what() -> None:
        bench.wire.ask()
        await bench.until(lambda: (now := bench.house.board.progress) is not None and now.step == 2, "training")
        weigh(bench, 0.0)
        await bench.house.governor.settled()
        bench.house.config.set_presence(Presence(paused=True))
        bench.house.governor.reconsider()
        await bench.house.governor.settled()
        bench.wire.ask(2)
        bench.house.config.set_presence(Presence())
        bench.house.governor.reconsider()
        bench.one.kick()
        release = await bench.state("sent")
        assert (bench.starts(release), bench.charges()) == (2, 1), "over a pause too"
        declined = await bench.state("abandoned", server_round=2)
        assert "share of this federation to 0" in declined.reason
        assert len(bench.wire.declined) == 1
        assert not [notice for notice in bench.notices if notice.level == "error"], "the owner knows"
        assert bench.charges() == 1

    run(bench, what)


def test_the_next_round_is_expected_where_there_is_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    expected: list[str] = []
    bench.house.governor.expect = expected.append  # type: ignore[method-assign]

    async def what() -> None:
        mine = bench.one.member.row.federation_id
        for number in range(1, CONFIG.schedule.rounds + 1):
            bench.wire.ask(number)
            accept(bench, await bench.state("sent", server_round=number))
            await bench.state("accepted", server_round=number)
        assert expected == [mine] * (CONFIG.schedule.rounds - 1), "after the last one nothing comes"

    run(bench, what)


def test_on_a_metered_network_a_finished_update_waits_and_no_round_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(participations, "SEND_RETRY_S", 0.1)
    bench, metered = Bench(tmp_path), [False]
    bench.house.governor._read = lambda week: Readings(now=time.time(), week_seconds=week, metered=metered[0])

    async def what() -> None:
        bench.wire.ask()
        await bench.state("training")
        metered[0] = True
        release = await bench.state("sealed")
        bench.wire.ask(server_round=2)
        await bench.state("assigned", server_round=2)
        await asyncio.sleep(0.4)
        assert (release.state, bench.wire.announced) == ("sealed", [])
        governor, board = bench.house.governor, bench.house.board
        facts = Facts(decision=governor.decision, federations=[MOOR], progress=board.progress)
        assert standing(facts).why.text.startswith(
            "The network is metered, so no round begins. A finished update is kept"
        )
        metered[0] = False
        await bench.state("sent")
        await bench.state("sent", server_round=2)

    run(bench, what)
