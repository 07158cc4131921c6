"""Real child processes: their death, silence and pause."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.children import interpreter

from core import jobs
from core.api.errors import CorpusError, EngineError
from core.engine import children
from core.engine.children import Child, ChildDied, Watch

JOB = jobs.ReadJob(corpus_id="c", paths=("/x",), store_dir="/x", tokenizer_path="/x", tokenizer_sha256="0" * 64)


async def begin(tmp_path: Path, body: str, job: jobs.Down = JOB) -> Child:
    return await Child.start(
        "core.data.reader", job, key=bytes(32), interpreter=interpreter(tmp_path, body), log_path=tmp_path / "log"
    )


async def everything(child: Child) -> list[jobs.Up]:
    return [message async for message in child.messages()]


def run(tmp_path: Path, body: str, job: jobs.Down = JOB) -> list[jobs.Up]:
    async def main() -> list[jobs.Up]:
        return await everything(await begin(tmp_path, body, job))

    return asyncio.run(main())


def test_a_child_gets_its_job_and_key_and_is_heard(tmp_path: Path) -> None:
    body = """
assert key == bytes(32) and not os.environ.get("https_proxy") and "HEDGEROW_PASSPHRASE_FILE" not in os.environ
say(jobs.Ready(sandbox=job.corpus_id, pid=os.getsid(0)))
"""
    os.environ["HEDGEROW_PASSPHRASE_FILE"] = "/secret"
    try:
        (ready,) = run(tmp_path, body)
    finally:
        del os.environ["HEDGEROW_PASSPHRASE_FILE"]
    assert isinstance(ready, jobs.Ready)
    assert ready.sandbox == "c"
    assert ready.pid != os.getsid(0)


def test_a_job_may_be_megabytes(tmp_path: Path) -> None:
    job = jobs.ReadJob(
        corpus_id="c", paths=("x" * 4_000,) * 1_000, store_dir="", tokenizer_path="", tokenizer_sha256=""
    )
    (ready,) = run(tmp_path, "say(jobs.Ready(sandbox='', pid=len(job.paths)))", job)
    assert isinstance(ready, jobs.Ready)
    assert ready.pid == 1_000


def test_a_failure_arrives_as_its_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="Nothing to read"):
        run(tmp_path, "say(jobs.Failed(code='corpus', message='Nothing to read.'))")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
        ("raise SystemExit(3)", "code 3"),
        ("up.write(b'hello\\n'); time.sleep(60)", "no message"),
    ],
)
def test_death_is_noticed_and_named(tmp_path: Path, body: str, sentence: str) -> None:
    before = time.monotonic()
    with pytest.raises(ChildDied, match=sentence):
        run(tmp_path, body)
    assert time.monotonic() - before < 5


def test_silence_is_noticed_within_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert children.SILENCE_S <= 5.0
    monkeypatch.setattr(children, "SILENCE_S", 0.5)

    async def main() -> int:
        child = await begin(tmp_path, "say(jobs.Ready(sandbox='')); time.sleep(60)")
        with pytest.raises(ChildDied, match="fell silent"):
            await everything(child)
        return child.pid

    before = time.monotonic()
    pid = asyncio.run(main())
    assert time.monotonic() - before < 5
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    "body",
    [
        "say(jobs.Ready(sandbox=''))\nassert isinstance(hear(), jobs.Pause)\nsay(jobs.Paused(step=1, seconds=1.0))",
        "say(jobs.Ready(sandbox=''))\nwhile True: pass",
    ],
    ids=["checkpoint", "force"],
)
def test_pause_is_felt_within_a_second(tmp_path: Path, body: str) -> None:
    async def main() -> tuple[float, list[jobs.Up], int]:
        child = await begin(tmp_path, body)
        heard: list[jobs.Up] = []

        async def listen() -> None:
            async for message in child.messages():
                heard.append(message)

        listening = asyncio.create_task(listen())
        while not heard:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        before = time.monotonic()
        await child.pause()
        took = time.monotonic() - before
        await listening
        return took, heard, child.pid

    took, heard, pid = asyncio.run(main())
    assert took <= 1.0
    assert not psutil.pid_exists(pid)
    assert isinstance(heard[-1], jobs.Ready | jobs.Paused)


def test_a_trainer_that_shows_life_but_does_nothing_is_noticed_within_a_minute() -> None:
    now = 0.0
    watch = Watch(clock=lambda: now)
    for second in range(200):
        now = float(second)
        watch.heard(jobs.Alive(looks=second // 50))  # slow, but it moves
    now = 260.0
    watch.heard(jobs.Progress(step=1, steps=2, tokens=3))
    now = 320.0
    watch.heard(jobs.Alive(looks=3))
    now = 321.0
    with pytest.raises(ChildDied, match="did nothing for 60 seconds"):
        watch.heard(jobs.Alive(looks=3))


def test_a_child_dies_with_its_engine(tmp_path: Path) -> None:
    program = interpreter(tmp_path, "say(jobs.Ready(sandbox=''))\ntime.sleep(60)")
    parent = f"""
import asyncio, pathlib
from core import jobs
from core.engine.children import Child
job = jobs.ReadJob(corpus_id="c", paths=(), store_dir="", tokenizer_path="", tokenizer_sha256="")
async def main():
    log = pathlib.Path({str(tmp_path / "log")!r})
    child = await Child.start("m", job, key=bytes(32), interpreter={program!r}, log_path=log)
    print(child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    engine = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    pid = int(engine.stdout.readline())
    time.sleep(0.5)
    assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    engine.kill()
    engine.wait()
    for _ in range(100):
        if not psutil.pid_exists(pid):
            return
        time.sleep(0.05)
    raise AssertionError("the child outlived the engine")


def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(EngineError, match="/nowhere/python cannot be started: No such file"):
            await Child.start("m", JOB, key=bytes(32), interpreter="/nowhere/python", log_path=tmp_path / "log")

    asyncio.run(main())


def test_converse_returns_the_document_and_names_failure(tmp_path: Path) -> None:
    async def main(body: str, timeout_s: float = 20.0) -> bytes:
        program = interpreter(tmp_path, body)
        return await children.converse("m.planner", b'{"a":1}', interpreter=program, log_path=tmp_path / "log",
                                       timeout_s=timeout_s)  # fmt: skip

    assert asyncio.run(main("print(sys.stdin.read())")) == b'{"a":1}\n'
    with pytest.raises(ChildDied, match=r"planner failed \(code 4\)"):
        asyncio.run(main("raise SystemExit(4)"))
    with pytest.raises(ChildDied, match="longer than 1 seconds"):
        asyncio.run(main("time.sleep(30)", 0.6))
