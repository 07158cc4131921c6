"""Real trainers in their real sandbox, two devices on one processor."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from support.children import interpreter
from support.closed_network import has_namespaces
from support.crew_round import run_alone, run_crew
from support.live_federation import wait_for
from support.real_round import KEY, SPEC, real_job, sealed_bytes, write_words
from support.tiny_round import FakeEngine

from core import jobs
from core.api.errors import ModelError, SandboxError
from core.engine import children, group
from core.engine.children import Child, ChildDied
from core.model.layout import parameter_shapes
from core.model.presets import num_parameters
from core.postprocess.base import build_chain
from core.training.round import Rooms
from core.training.worker import rooms_of

pytestmark = pytest.mark.slow

NO_SHARD = jobs.ShardRef(path="", sha256="", tokens=0, documents=0, text_bytes=0)
Heard = list[jobs.Up]
Do = Callable[[jobs.Up, Child], Awaitable[None]]


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> jobs.ShardRef:
    return write_words(tmp_path_factory.mktemp("store"))


async def nothing(message: jobs.Up, child: Child) -> None:
    """Only listen."""


async def listen(job: jobs.TrainJob, folder: Path, heard: Heard, do: Do = nothing, python: str = "") -> Child:
    """Run a group to its end, grant its charge, keep what it says."""
    child = await group.start(job, key=KEY, interpreter=python, logs=folder, threads=1)
    await follow(child, heard, do)
    return child


async def follow(child: Child, heard: Heard, do: Do = nothing) -> None:
    """Listen until the update is sealed."""
    async for message in child.messages():
        heard.append(message)
        if isinstance(message, jobs.ChargeRequest):
            await child.send(jobs.Grant(charge_id=5))
        await do(message, child)
        if isinstance(message, jobs.Sealed):
            break
    await child.kill()


def run(job: jobs.TrainJob, folder: Path, do: Do = nothing, python: str = "") -> Heard:
    heard: Heard = []
    asyncio.run(listen(job, folder, heard, do, python))
    return heard


def two(strategy: str = "ddp") -> dict[str, object]:
    return {"devices": ("cpu", "cpu"), "strategy": strategy}


def values(job: jobs.TrainJob) -> np.ndarray:
    chain = build_chain(job.privacy, job.codec, num_parameters(SPEC))
    return chain.decode(sealed_bytes(job), parameter_shapes(SPEC)).flat()


def rooms(job: jobs.TrainJob) -> Rooms:
    return rooms_of(job, KEY)


def test_two_locked_trainers_seal_one_update(tmp_path: Path, shard: jobs.ShardRef) -> None:
    alone = real_job(tmp_path, shard, "none", "alone")
    run_alone(alone, rooms=rooms)
    job = real_job(tmp_path, shard, "none", "pair", **two())
    heard = run(job, tmp_path)
    (ready,) = [message for message in heard if isinstance(message, jobs.Ready)]
    assert ready.sandbox.startswith("seccomp")
    sealed = heard[-1]
    assert isinstance(sealed, jobs.Sealed)
    assert sum(isinstance(message, jobs.ChargeRequest) for message in heard) == 1
    assert np.linalg.norm(values(job) - values(alone)) < 2e-3 * np.linalg.norm(values(alone))
    assert sealed.tokens == 6 * 8 * 32


@pytest.mark.skipif(not has_namespaces(), reason="this system does not allow user namespaces")
def test_two_trainers_hold_one_model_in_a_closed_network(tmp_path: Path, shard: jobs.ShardRef) -> None:
    """The namespace, gloo, ``fully_shard`` and the sandbox, all real."""
    alone = real_job(tmp_path, shard, "none", "alone")
    run_alone(alone, rooms=rooms)
    job = real_job(tmp_path, shard, "none", "pair", **two("fsdp"))
    spaces: list[str] = []

    async def look(message: jobs.Up, child: Child) -> None:
        if isinstance(message, jobs.Progress) and not spaces:
            assert isinstance(child, group.Group)
            spaces.extend(os.readlink(f"/proc/{each.pid}/ns/net") for each in (child, *child.siblings))

    heard = run(job, tmp_path, look)
    assert spaces[0] == spaces[1] != os.readlink("/proc/self/ns/net")
    assert isinstance(heard[-1], jobs.Sealed)
    assert heard[-1].tokens == 6 * 8 * 32
    assert np.linalg.norm(values(job) - values(alone)) < 2e-3 * np.linalg.norm(values(alone))


def test_torchs_own_group_is_for_gpus_that_have_not_failed_at_it_in_this_round(tmp_path: Path) -> None:
    def asks(*devices: str, strategy: str = "") -> bool:
        return group._needs_network(real_job(tmp_path, NO_SHARD, "none", devices=devices, strategy=strategy))

    assert asks("cuda:0", "cuda:1")
    assert not asks("cuda:0", "cuda:1", strategy="local")
    assert not asks("cuda:0", "cuda:0")
    assert not asks("cuda:0", "cpu")
    (tmp_path / "round" / "rendezvous-0").touch()
    assert not asks("cuda:0", "cuda:1")
    assert asks("cpu", "cpu", strategy="fsdp")


def test_under_dp_sgd_two_trainers_noise_once(tmp_path: Path, shard: jobs.ShardRef) -> None:
    heard = run(real_job(tmp_path, shard, "record", **two("")), tmp_path)
    (record,) = [message for message in heard if isinstance(message, jobs.DPRecord)]
    assert (record.steps, record.noise_draws) == (6, 6 * num_parameters(SPEC))


def test_if_one_dies_all_end_and_the_round_goes_on_from_the_checkpoint(tmp_path: Path, shard: jobs.ShardRef) -> None:
    whole = real_job(tmp_path, shard, "none", "whole", local_steps=30, **two())
    run_crew(whole, 2, make_rooms=rooms)
    job = real_job(tmp_path, shard, "none", "killed", local_steps=30, checkpoint_interval_s=0.05, **two())
    pids: list[int] = []

    async def strike(message: jobs.Up, child: Child) -> None:
        if isinstance(message, jobs.Progress) and message.step >= 10 and not pids:
            assert isinstance(child, group.Group)
            pids.extend([child.pid, *(sibling.pid for sibling in child.siblings)])
            os.kill(pids[1], signal.SIGKILL)

    with pytest.raises(ChildDied):
        run(job, tmp_path, strike)
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)
    again = FakeEngine()
    run_crew(job, 2, again, make_rooms=rooms)
    assert not again.grants
    assert again.of(jobs.Progress)[0].step > 0
    assert sealed_bytes(job) == sealed_bytes(whole)


def test_a_pause_leaves_every_trainer_a_checkpoint(
    tmp_path: Path, shard: jobs.ShardRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "PAUSE_S", 30.0)  # a busy machine must not turn this into a kill
    job = real_job(tmp_path, shard, "none", local_steps=4_000, **two("local"))

    async def pause(message: jobs.Up, child: Child) -> None:
        if isinstance(message, jobs.Progress) and message.step >= 3 and not child.paused_by_us:
            await child.pause()
            assert isinstance(child, group.Group)
            assert not any(psutil.pid_exists(each.pid) for each in (child, *child.siblings))

    heard = run(job, tmp_path, pause)
    (paused,) = [message for message in heard if isinstance(message, jobs.Paused)]
    assert paused.step >= 3
    assert list(Path(job.round_dir).glob("checkpoint.*"))
    assert list(Path(job.round_dir).glob("node-1/checkpoint.*"))


def test_a_pause_is_felt_by_all_even_if_they_hang(tmp_path: Path) -> None:
    job = real_job(tmp_path, NO_SHARD, "none", **two())
    took: list[float] = []

    async def pause(message: jobs.Up, child: Child) -> None:
        began = time.monotonic()
        await child.pause()
        took.append(time.monotonic() - began)
        assert isinstance(child, group.Group)
        assert not any(psutil.pid_exists(each.pid) for each in (child, *child.siblings))

    run(job, tmp_path, pause, interpreter(tmp_path, "say(jobs.Ready(sandbox='seccomp'))\nwhile True: time.sleep(60)"))
    assert children.PAUSE_S <= took[0] < children.PAUSE_S + 1.0


def test_how_hard_to_work_is_said_to_all_and_all_are_ours(tmp_path: Path) -> None:
    body = """
say(jobs.Ready(sandbox='seccomp'))
(Path(job.round_dir) / f"share-{job.rank}").write_text(str(hear().share))
say(jobs.Alive(looks=1))
time.sleep(60)
"""
    job = real_job(tmp_path, NO_SHARD, "none", **two())
    told = [Path(job.round_dir) / f"share-{rank}" for rank in range(2)]

    async def main() -> None:
        child = await group.start(job, key=KEY, interpreter=interpreter(tmp_path, body), logs=tmp_path, threads=1)
        assert len(set(child.pids)) == 2
        await child.send(jobs.Throttle(share=0.25))
        await asyncio.to_thread(
            wait_for, lambda: all(path.exists() and path.read_text() for path in told), 30, "both to be told"
        )
        await child.kill()
        assert not any(map(psutil.pid_exists, child.pids))

    asyncio.run(main())
    assert [path.read_text() for path in told] == ["0.25", "0.25"]


def test_a_siblings_reason_is_the_groups(tmp_path: Path) -> None:
    body = """
if job.rank == 0:
    say(jobs.Ready(sandbox='seccomp')); time.sleep(60)
say(jobs.Failed(code='model', message='It does not fit.'))
"""
    job = real_job(tmp_path, NO_SHARD, "none", **two())
    with pytest.raises(ModelError, match="does not fit"):
        run(job, tmp_path, python=interpreter(tmp_path, body))
    unlocked = "say(jobs.Ready(sandbox='' if job.rank else 'seccomp')); time.sleep(60)"
    with pytest.raises(SandboxError):
        run(job, tmp_path, python=interpreter(tmp_path, unlocked))


def ahead(folder: Path, devices: tuple[str, ...] = ("cpu",), python: str = "") -> group.Ahead:
    return group.Ahead(lambda: devices, key=KEY, interpreter=python, logs=folder, threads=1)


def ours() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


def test_a_trainer_started_ahead_does_the_round(tmp_path: Path, shard: jobs.ShardRef) -> None:
    job, before = real_job(tmp_path, shard, "none"), ours()

    async def main() -> Heard:
        heard: Heard = []
        waiting = ahead(tmp_path)
        waiting.begin()
        waiting.begin()
        await asyncio.to_thread(wait_for, lambda: ours() - before, 30, "a process")
        (pid,) = ours() - before
        child = await group.start(job, key=KEY, interpreter="", logs=tmp_path, threads=1, ahead=waiting)
        await waiting.close()
        assert child.pid == pid, "what was taken is not ended, and no second one was started"
        await follow(child, heard)
        return heard

    assert isinstance(asyncio.run(main())[-1], jobs.Sealed)


def test_a_trainer_that_nobody_took_is_ended(tmp_path: Path) -> None:
    before = ours()

    async def main() -> None:
        waiting = ahead(tmp_path)
        await waiting.close()
        waiting.begin()
        await asyncio.to_thread(wait_for, lambda: ours() - before, 30, "a process")
        await waiting.close()
        assert ours() == before
        assert await waiting.take() is None

    asyncio.run(main())


@pytest.mark.parametrize(("devices", "python"), [(("cpu", "cpu"), ""), (("cpu",), "/nowhere/python")])
def test_none_is_started_ahead_for_several_devices_or_where_none_can_be(
    tmp_path: Path, devices: tuple[str, ...], python: str
) -> None:
    async def main() -> Child | None:
        waiting = ahead(tmp_path, devices, python)
        waiting.begin()
        return await waiting.take()

    assert asyncio.run(main()) is None
