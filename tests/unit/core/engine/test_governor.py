"""The owner's wish is felt by a running trainer within a second, and outlives a restart."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from support.children import interpreter
from support.ledger_kit import RUN, attributes, begin, federation, prepared

from core import jobs
from core.engine import governor as governors
from core.engine import shares
from core.engine.children import Child
from core.engine.config_store import ConfigStore, Presence
from core.engine.governor import Governor
from core.engine.shares import Rests
from core.hardware.limits import Readings, Reason
from core.ledger.store import Ledger

BUSY = "say(jobs.Ready(sandbox='x'))\nwhile True:\n    say(jobs.Alive()); time.sleep(0.05)"
JOB = jobs.ReadJob(corpus_id="c", paths=(), store_dir="", tokenizer_path="", tokenizer_sha256="")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "ledger.db", None)


def plain(week_seconds: float) -> Readings:
    return Readings(now=time.time(), week_seconds=week_seconds)


def make(tmp_path: Path, ledger: Ledger, read: Callable[[float], Readings] = plain) -> Governor:
    return Governor(ConfigStore(tmp_path / "config.toml"), ledger, read)


async def train(governor: Governor, tmp_path: Path, started: asyncio.Event) -> float:
    """Train until paused; returns when that was."""
    async with governor.turn("f"):
        child = await Child.start(
            "m", JOB, key=bytes(32), interpreter=interpreter(tmp_path, BUSY), log_path=tmp_path / "log"
        )
        async with governor.running(child):
            async for message in child.messages():
                if isinstance(message, jobs.Ready):
                    started.set()
        assert child.paused_by_us
        return time.monotonic()


def test_pause_is_felt_within_a_second_and_survives_a_restart(tmp_path: Path, ledger: Ledger) -> None:
    async def main() -> None:
        governor, started = make(tmp_path, ledger), asyncio.Event()
        training = asyncio.create_task(train(governor, tmp_path, started))
        await started.wait()
        before = time.monotonic()
        governor._config.set_presence(Presence(paused=True))
        governor.reconsider()
        await governor.settled()
        assert await training - before <= 1.0
        again = make(tmp_path, ledger)
        assert not again.allowed
        waiting = asyncio.create_task(train(again, tmp_path, started))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        waiting.cancel()

    asyncio.run(main())


MEMORY = """
import subprocess
say(jobs.Ready(sandbox="x"))
mine = bytearray(os.urandom(1 << 20)) * 64
subprocess.Popen([sys.executable, "-c", "import time; mine = bytearray(1 << 26); time.sleep(600)"])
while True:
    say(jobs.Alive()); time.sleep(0.05)
"""


def test_a_pause_ends_the_process_and_gives_its_memory_back(tmp_path: Path, ledger: Ledger) -> None:
    async def main() -> None:
        governor = make(tmp_path, ledger)
        child = await Child.start(
            "m", JOB, key=bytes(32), interpreter=interpreter(tmp_path, MEMORY), log_path=tmp_path / "log"
        )
        async with governor.running(child), contextlib.aclosing(child.messages()) as heard:
            trainer = psutil.Process(child.pid)
            async for _ in heard:
                if trainer.children(recursive=True) and trainer.memory_info().rss > 60 << 20:
                    break
            family = [trainer, *trainer.children(recursive=True)]
            assert len(family) == 2
            governor._config.set_presence(Presence(paused=True))
            governor.reconsider()
            await governor.settled()
        gone, alive = psutil.wait_procs(family, timeout=5)
        assert (len(gone), alive) == (2, [])

    asyncio.run(main())


def test_what_keeps_new_rounds_away_lets_a_begun_one_go_on(tmp_path: Path, ledger: Ledger) -> None:
    metered = [False]

    def read(week_seconds: float) -> Readings:
        return Readings(now=time.time(), week_seconds=week_seconds, metered=metered[0])

    async def main() -> None:
        governor, started = make(tmp_path, ledger, read), asyncio.Event()
        training = asyncio.create_task(train(governor, tmp_path, started))
        await started.wait()
        metered[0] = True
        governor.reconsider()
        await governor.settled()
        assert not training.done()
        assert (governor.allowed, governor.may_go_on, governor.may_send) == (False, True, False)
        governor._config.set_presence(Presence(paused=True))
        governor.reconsider()
        await training
        governor._config.set_presence(Presence())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), governor.turn("f"):
                raise AssertionError("a new round on a metered network")
        async with asyncio.timeout(5), governor.turn("f", begun=True):
            pass

    asyncio.run(main())


def test_it_measures_before_it_decides_and_remembers_what_was(tmp_path: Path, ledger: Ledger) -> None:
    heat = iter([90.0, 82.0, 79.0])
    now: list[float | None] = [None]

    async def refresh(pids: Sequence[int]) -> None:
        now[0] = next(heat)

    def read(week_seconds: float) -> Readings:
        return Readings(now=time.time(), week_seconds=week_seconds, temperature_c=now[0])

    async def main() -> None:
        governor = Governor(ConfigStore(tmp_path / "config.toml"), ledger, read, refresh)
        changes, words = [0], [0]
        governor.on_change = lambda: changes.__setitem__(0, changes[0] + 1)
        governor.on_words = lambda: words.__setitem__(0, words[0] + 1)
        found = []
        for _ in range(3):
            await governor.look()
            found.append(governor.allowed)
        assert found == [False, False, True], "82 °C is below the ceiling of 85 °C, but not yet below 80 °C"
        assert (changes, words) == ([2], [1])

    asyncio.run(main())


def test_a_running_trainer_is_told_how_hard_it_may_work(tmp_path: Path, ledger: Ledger) -> None:
    listens = (
        "say(jobs.Ready(sandbox='x'))\nwhile True:\n    say(jobs.HeldOut(bits_per_byte=hear().share, nats_per_token=0))"
    )

    async def main() -> None:
        governor, heard = make(tmp_path, ledger), []
        governor._config.set("duty_cycle", "0.5")
        child = await Child.start(
            "m", JOB, key=bytes(32), interpreter=interpreter(tmp_path, listens), log_path=tmp_path / "log"
        )
        async with governor.running(child), contextlib.aclosing(child.messages()) as messages:
            async for message in messages:
                if not isinstance(message, jobs.HeldOut):
                    continue
                heard.append(message.bits_per_byte)
                governor.reconsider()
                if len(heard) == 2:
                    break
                governor._config.set("duty_cycle", "1")
                governor.reconsider()
        assert heard == [0.5, 1.0], "once for each change, and no more"

    asyncio.run(main())


def test_the_hours_of_an_open_round_count_once(tmp_path: Path, ledger: Ledger) -> None:
    async def main() -> None:
        governor = make(tmp_path, ledger)
        governor._config.set("offered_hours_per_week", "1")
        for release_id, seconds in ((1, 1_000.0), (2, 2_000.0), (1, 1_600.0)):
            governor.note_seconds(release_id, seconds)
        governor.reconsider()
        assert governor.decision.reason == Reason.WEEKLY_HOURS, "a pause does not give the hours back"
        governor.forget_seconds(1)
        governor.reconsider()
        assert governor.allowed

    asyncio.run(main())


def test_a_snooze_ends_by_itself(tmp_path: Path, ledger: Ledger) -> None:
    async def main() -> None:
        governor = make(tmp_path, ledger)
        told = asyncio.Event()
        governor.on_change = told.set
        governor._config.set_presence(Presence(snoozed_until=time.time() + 0.4))
        governor.reconsider()
        assert not governor.allowed
        async with asyncio.timeout(5), governor.turn("f"):
            assert governor.allowed
        assert told.is_set()

    asyncio.run(main())


def test_one_trains_at_a_time(tmp_path: Path, ledger: Ledger) -> None:
    async def main() -> None:
        governor = make(tmp_path, ledger)
        async with governor.turn("f"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), governor.turn("f"):
                    raise AssertionError("two at once")
        async with asyncio.timeout(1), governor.turn("f"):
            pass

    asyncio.run(main())


def test_the_week_has_only_so_many_hours(tmp_path: Path, ledger: Ledger) -> None:
    async def main() -> None:
        governor = make(tmp_path, ledger)
        governor._config.set("offered_hours_per_week", "0")
        governor.reconsider()
        assert not governor.allowed
        assert governor.decision.reason == Reason.WEEKLY_HOURS
        governor._config.set("offered_hours_per_week", "168")
        governor.reconsider()
        assert governor.allowed

    asyncio.run(main())


def test_going_on_battery_pauses_a_running_trainer(tmp_path: Path, ledger: Ledger) -> None:
    plugged = [True]

    def read(week_seconds: float) -> Readings:
        return Readings(now=time.time(), week_seconds=week_seconds, on_battery=not plugged[0])

    async def main() -> None:
        governor, started = make(tmp_path, ledger, read), asyncio.Event()
        training = asyncio.create_task(train(governor, tmp_path, started))
        await started.wait()
        plugged[0] = False
        governor.reconsider()
        async with asyncio.timeout(3):
            await training
        assert governor.decision.reason == Reason.ON_BATTERY

    asyncio.run(main())


def test_a_round_that_waits_for_permission_lets_the_engine_sleep(tmp_path: Path, ledger: Ledger) -> None:
    looks = 0

    def read(week_seconds: float) -> Readings:
        nonlocal looks
        looks += 1
        return plain(week_seconds)

    async def main() -> None:
        nonlocal looks
        governor = make(tmp_path, ledger, read)
        governor._config.set_presence(Presence(paused=True))
        entered = asyncio.Event()

        async def wait() -> None:
            async with governor.turn("f"):
                entered.set()

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.3)
        assert looks <= 3, "once at the start, and then when the clock says so"
        governor._config.set_presence(Presence())
        governor.reconsider()
        await asyncio.wait_for(entered.wait(), 5)
        await waiting

    asyncio.run(main())


async def _in_turn(governor: Governor, federation_id: str, order: list[str], begun: bool = False) -> None:
    async with governor.turn(federation_id, begun=begun):
        order.append(federation_id)
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("weights", "seconds", "order"),
    [
        ((1.0, 1.0), (0.0, 0.0), ["fed", "fen"]),
        ((1.0, 1.0), (5.0, 4.0), ["fen", "fed"]),
        ((3.0, 1.0), (5.0, 4.0), ["fed", "fen"]),
        ((0.1, 100.0), (0.0, 0.0), ["fed", "fen"]),
    ],
)
def test_of_those_that_wait_the_one_furthest_behind_its_share_is_next(
    tmp_path: Path, weights: tuple[float, ...], seconds: tuple[float, ...], order: list[str]
) -> None:
    ledger = prepared(tmp_path / "ledger.db")
    ledger.save_federation(federation("fen"))
    for one, weight, given in zip(("fed", "fen"), weights, seconds, strict=True):
        ledger.set_weight(one, weight)
        release = ledger.begin_release(one, RUN, 1, attributes())
        ledger.add_contribution(release.release_id, 1, given, 0.0, False)

    async def main() -> None:
        governor, found = make(tmp_path, ledger), list[str]()
        async with governor.turn("other"):
            waiting = [asyncio.create_task(_in_turn(governor, one, found)) for one in ("fed", "fen")]
            await asyncio.sleep(0.05)
            assert found == [], "nobody is interrupted"
            assert governor.busy
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting)
        assert found == order

    asyncio.run(main())


def test_seconds_of_an_open_round_count_for_its_federation(tmp_path: Path) -> None:
    ledger = prepared(tmp_path / "ledger.db")
    release = begin(ledger, 0)

    async def main() -> None:
        governor = make(tmp_path, ledger)
        governor.note_seconds(release.release_id, 7.0)
        assert governor.week_seconds() == {"fed": 7.0}
        governor.forget_seconds(release.release_id)
        assert governor.week_seconds() == {}

    asyncio.run(main())


def test_one_that_rests_begins_nothing_and_finishes_what_it_began(tmp_path: Path) -> None:
    ledger = prepared(tmp_path / "ledger.db")

    async def main() -> None:
        governor, found = make(tmp_path, ledger), list[str]()
        async with governor.turn("other"):
            waiting = asyncio.create_task(_in_turn(governor, "fed", found))
            await asyncio.sleep(0.05)
            ledger.set_weight("fed", 0.0)
            governor.reconsider()
            with pytest.raises(Rests, match="share of this federation to 0"):
                await asyncio.wait_for(waiting, 5)
        async with asyncio.timeout(5):
            await _in_turn(governor, "fed", found, begun=True)
        assert found == ["fed"]
        assert not governor.busy

    asyncio.run(main())


def test_the_trainer_is_kept_for_a_moment_for_who_is_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "EXPECTED_S", 0.6)
    monkeypatch.setattr(governors, "TICK_S", 0.1)
    ledger = prepared(tmp_path / "ledger.db")
    ledger.save_federation(federation("fen"))
    release = ledger.begin_release("fen", RUN, 1, attributes())
    ledger.add_contribution(release.release_id, 1, 9.0, 0.0, False)

    async def main() -> None:
        governor, found = make(tmp_path, ledger), list[str]()
        governor.expect("fed")
        waiting = [asyncio.create_task(_in_turn(governor, "fen", found))]
        await asyncio.sleep(0.3)
        assert found == []
        waiting.append(asyncio.create_task(_in_turn(governor, "fed", found)))
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting)
        assert found == ["fed", "fen"]
        governor.expect("fed")
        async with asyncio.timeout(5):
            await _in_turn(governor, "fen", found)
        assert found[2:] == ["fen"], "it never came, and nobody waits for ever"
        governor.expect("fed")
        ledger.set_weight("fed", 0.0)
        async with asyncio.timeout(0.5):
            await _in_turn(governor, "fen", found)

    asyncio.run(main())


def test_a_round_is_held_back_no_longer_than_a_moment_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "EXPECTED_S", 0.5)
    monkeypatch.setattr(governors, "TICK_S", 0.05)
    ledger = prepared(tmp_path / "ledger.db")
    ledger.save_federation(federation("fen"))
    release = ledger.begin_release("fen", RUN, 1, attributes())
    ledger.add_contribution(release.release_id, 1, 9_000.0, 0.0, False)

    async def main() -> None:
        governor, found = make(tmp_path, ledger), list[str]()
        governor.expect("fed")
        waiting = asyncio.create_task(_in_turn(governor, "fen", found))
        for _ in range(20):
            await asyncio.sleep(0.2)
            await _in_turn(governor, "fed", found)
            governor.expect("fed")
            if waiting.done():
                break
        assert 2 <= found.index("fen") <= 4, "rounds of a moment, each in time, do not hold it back for ever"

    asyncio.run(main())


def test_who_gives_up_waiting_leaves_the_trainer_to_the_next(tmp_path: Path) -> None:
    ledger = prepared(tmp_path / "ledger.db")

    async def main() -> None:
        governor, found = make(tmp_path, ledger), list[str]()
        async with governor.turn("other"):
            first = asyncio.create_task(_in_turn(governor, "fed", found))
            await asyncio.sleep(0.02)
            second = asyncio.create_task(_in_turn(governor, "fen", found))
            await asyncio.sleep(0.02)
        first.cancel()
        async with asyncio.timeout(1):
            await second
        assert found[-1] == "fen"
        async with asyncio.timeout(1), governor.place():
            assert governor.busy

    asyncio.run(main())
