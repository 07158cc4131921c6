from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.engine import ending
from core.engine.ending import END_S, end_part, end_tasks


def test_a_task_that_missed_the_first_cancellation_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN_S", 0.02)
    missed = 0

    async def forgetful() -> None:
        nonlocal missed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                missed += 1
                if missed == 3:
                    raise

    async def fails() -> None:
        raise OSError

    async def main() -> None:
        tasks = [asyncio.create_task(work()) for work in (forgetful, fails)]
        await asyncio.sleep(0)
        await end_tasks(task for task in tasks)
        assert all(task.done() for task in tasks)

    asyncio.run(main())
    assert missed == 3


def test_what_never_ends_is_left_behind(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(ending, "AGAIN_S", 0.02)
    monkeypatch.setattr(ending, "PART_S", 0.1)
    free = False

    async def stubborn() -> None:
        while not free:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    async def fails() -> None:
        raise OSError

    async def main() -> None:
        nonlocal free
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await end_tasks([task])
        await end_part("A part", asyncio.sleep(60))
        await end_part("Another part", fails())
        assert not task.done()
        free = True
        await end_tasks([task])

    asyncio.run(main())
    said = [record.getMessage() for record in caplog.records]
    assert "stubborn" in said[0]
    assert said[1:] == ["A part did not end in time", "Another part did not end well"]


HANGING = """
import signal, sys, time
from pathlib import Path
from core.engine.ending import Deadline
deadline = Deadline(Path(sys.argv[1]))
signal.signal(signal.SIGTERM, lambda *_: deadline.set())
print("ready", flush=True)
began = time.monotonic()
while time.monotonic() - began < 60:
    time.sleep(1)
"""


@pytest.mark.slow
def test_a_process_that_hangs_is_ended_and_says_where(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    code = HANGING.replace("deadline = ", "import core.engine.ending as e; e.END_S = 1.0; deadline = ")
    with subprocess.Popen([sys.executable, "-c", code, str(log)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for _ in range(3):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert process.wait(30) == 1
    assert time.monotonic() - began < END_S
    assert 'File "<string>"' in log.read_text()
