"""The owner's wish is felt by a running trainer within a second, and outlives a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.children import interpreter

from core import jobs
from core.engine.children import Child
from core.engine.config_store import ConfigStore, Presence
from core.engine.governor import Governor
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
    async with governor.turn():
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


def test_a_snooze_ends_by_itself(tmp_path: Path, ledger: Ledger) -> None:
    async def main() -> None:
        governor = make(tmp_path, ledger)
        told = asyncio.Event()
        governor.on_change = told.set
        governor._config.set_presence(Presence(snoozed_until=time.time() + 0.4))
        governor.reconsider()
        assert not governor.allowed
        async with asyncio.timeout(5), governor.turn():
            assert governor.allowed
        assert told.is_set()

    asyncio.run(main())


def test_one_trains_at_a_time(tmp_path: Path, ledger: Ledger) -> None:
    async def main() -> None:
        governor = make(tmp_path, ledger)
        async with governor.turn():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), governor.turn():
                    raise AssertionError("two at once")
        async with asyncio.timeout(1), governor.turn():
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
