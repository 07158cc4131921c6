"""The owner's wish is felt by a running trainer within a second, and outlives a restart."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.children import interpreter

from core import jobs
from core.engine.children import Child
from core.engine.config_store import ConfigStore, Presence
from core.engine.governor import Governor, next_monday
from core.engine.standing import Rule
from core.ledger.store import Ledger

BUSY = "say(jobs.Ready(sandbox='x'))\nwhile True:\n    say(jobs.Alive()); time.sleep(0.05)"
JOB = jobs.ReadJob(corpus_id="c", paths=(), store_dir="", tokenizer_path="", tokenizer_sha256="")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "ledger.db", None)


def make(tmp_path: Path, ledger: Ledger, rule: Callable[[ConfigStore], Rule | None] = lambda c: None) -> Governor:
    return Governor(ConfigStore(tmp_path / "config.toml"), ledger, rule)


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
        assert governor.rule is not None
        assert "goes on on Monday" in governor.rule.text
        assert governor.rule.until is not None
        monday = dt.datetime.fromtimestamp(governor.rule.until)
        assert (monday.weekday(), monday.hour) == (0, 0)
        assert 0 < governor.rule.until - time.time() <= 7 * 86_400 + 3_600
        governor._config.set("offered_hours_per_week", "168")
        governor.reconsider()
        assert governor.allowed

    asyncio.run(main())


def test_a_machine_rule_pauses_a_running_trainer(tmp_path: Path, ledger: Ledger) -> None:
    rules: list[Rule | None] = [None]

    async def main() -> None:
        governor, started = make(tmp_path, ledger, lambda config: rules[0]), asyncio.Event()
        training = asyncio.create_task(train(governor, tmp_path, started))
        await started.wait()
        rules[0] = Rule("battery", "On battery.")
        governor.reconsider()
        async with asyncio.timeout(3):
            await training
        assert governor.rule == rules[0]

    asyncio.run(main())


def test_monday_is_the_next_one() -> None:
    sunday = dt.datetime(2026, 11, 22, 23, 59).timestamp()
    assert dt.datetime.fromtimestamp(next_monday(sunday)) == dt.datetime(2026, 11, 23)
    assert dt.datetime.fromtimestamp(next_monday(sunday + 60)) == dt.datetime(2026, 11, 30)
