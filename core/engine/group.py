"""The trainers of one round on several devices: started, listened to, paused and ended as if they were one child.

Before they start the engine makes what joins them: an anonymous file in memory and two pipes between the leader and
each sibling. Only those who need an end have it, so a trainer that dies is noticed by the others at once. If one dies
all are ended, and the round goes on from the leader's checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import msgspec

from core import loopback
from core.api.errors import EngineError, HedgerowError, SandboxError
from core.engine.children import HANG_S, Child, ChildDied, Watch
from core.jobs import Down, Ready, Throttle, TrainJob, Up

TRAINER = "core.training.worker"
TRAINER_LOG = "trainer.log"
RENDEZVOUS = "rendezvous"
GRACE_S = 2.0
"""Time for a sibling to say why it ended, after the leader noticed that it did."""


def can_group() -> bool:
    """Whether this system has what joins trainers."""
    return hasattr(os, "memfd_create")


class Ahead:
    """One trainer that is started before its job is known, so that importing torch takes no time of its own.

    It holds the store key and the memory of its imports, and waits. Several trainers that are joined start with their
    jobs.
    """

    def __init__(
        self, devices: Callable[[], tuple[str, ...]], *, key: bytes, interpreter: str, logs: Path, threads: int
    ) -> None:
        """Nothing is started yet.

        Args:
            devices: what the round will be trained on; may take its time.
            key: the store key.
            interpreter: Python that runs it.
            logs: folder for what it writes to stderr.
            threads: of its libraries; its job may ask for fewer.
        """
        self._devices = devices
        self._key, self._interpreter, self._logs, self._threads = key, interpreter, logs, threads
        self._starting: asyncio.Task[Child | None] | None = None

    def begin(self) -> None:
        """Start it, unless that was done."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())

    async def _start(self) -> Child | None:
        try:
            if len(await asyncio.to_thread(self._devices)) > 1:
                return None
            return await Child.start(
                TRAINER, None, key=self._key, interpreter=self._interpreter, log_path=self._logs / TRAINER_LOG,
                threads=self._threads,
            )  # fmt: skip
        except (EngineError, OSError):
            return None  # whoever starts one with its job is told

    async def take(self) -> Child | None:
        """The trainer, which is the caller's from now on; ``None`` if there is none."""
        starting, self._starting = self._starting, None
        return None if starting is None else await starting

    async def close(self) -> None:
        """End it if nobody took it."""
        child = await self.take()
        if child is not None:
            await child.kill()


async def start(
    job: TrainJob,
    *,
    key: bytes,
    interpreter: str,
    logs: Path,
    threads: int,
    hang_s: float = HANG_S,
    ahead: Ahead | None = None,
) -> Child:
    """Start the trainer, or one for each of the job's devices.

    Args:
        job: the leader's.
        key: the store key.
        interpreter: Python that runs them.
        logs: folder for what they write to stderr.
        threads: for each of them.
        hang_s: after which a sibling that does nothing is ended.
        ahead: what may have been started already.

    Returns:
        A child that stands for all.

    Raises:
        EngineError: the interpreter cannot be started.
    """
    log_path = logs / TRAINER_LOG
    if len(job.devices) < 2:
        waiting = await ahead.take() if ahead is not None else None
        if waiting is not None:
            await waiting.send(job)
            return waiting
        return await Child.start(
            TRAINER, job, key=key, interpreter=interpreter, log_path=log_path, threads=threads
        )  # fmt: skip
    started: list[Child] = []
    closed = _needs_network(job)
    rendezvous = f"{job.round_dir}/{RENDEZVOUS}-{secrets.token_hex(4)}" if closed else ""
    with contextlib.ExitStack() as ours:
        joints = _join(len(job.devices), ours)
        before_exec = loopback.maker() if closed else lambda: None
        try:
            for rank, device in enumerate(job.devices):
                arguments, descriptors = joints[rank]
                member = Child if rank else Group
                started.append(
                    await member.start(
                        TRAINER, _own(job, rank, device), key=key, interpreter=interpreter, threads=threads,
                        arguments=[*arguments, f"--rendezvous={rendezvous}"], descriptors=descriptors,
                        before_exec=before_exec, log_path=logs / f"trainer-{rank}.log" if rank else log_path,
                    )
                )  # fmt: skip
                if closed and rank == 0:
                    before_exec = ours.enter_context(loopback.enterer(started[0].pid))
        except BaseException:
            await asyncio.gather(*(child.kill() for child in started))
            raise
    leader, *siblings = started
    assert isinstance(leader, Group)
    leader.siblings = siblings
    # In torch's collectives ranks wait without a sign; there the leader's own watch sees that nothing moves.
    leader.hang_s = 0.0 if closed else hang_s
    return leader


def _needs_network(job: TrainJob) -> bool:
    """Whether the trainers form a group of torch's, which needs sockets and so a network of their own.

    A model held together has no other way. GPUs have, so where the last attempt left its traces they take that one.
    """
    if job.strategy == "fsdp":
        return True
    cards = all(device.startswith("cuda") for device in job.devices) and len(set(job.devices)) == len(job.devices)
    return cards and job.strategy != "local" and not list(Path(job.round_dir).glob(f"{RENDEZVOUS}-*"))


def _own(job: TrainJob, rank: int, device: str) -> TrainJob:
    """The job of one rank. The owner's memory limit and the measured plan hold for devices of the leader's kind."""
    same = device.partition(":")[0] == job.device.partition(":")[0]
    plan = msgspec.structs.replace(job.plan, device=device) if same and job.plan is not None else None
    memory = job.memory_bytes if same else 0
    return msgspec.structs.replace(job, rank=rank, device=device, memory_bytes=memory, plan=plan)


def _join(size: int, ours: contextlib.ExitStack) -> list[tuple[list[str], list[int]]]:
    """Arguments and descriptors of each rank; the engine's copies are closed when ``ours`` is left."""

    def owned(descriptor: int) -> int:
        ours.callback(os.close, descriptor)
        return descriptor

    memory = owned(os.memfd_create("hedgerow-round"))
    ends: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    for rank in range(1, size):
        down_r, down_w = map(owned, os.pipe())
        up_r, up_w = map(owned, os.pipe())
        ends[0].append((up_r, down_w))
        ends[rank].append((down_r, up_w))
    return [
        (
            ["--memory-fd", str(memory), *(f"--line={reads}:{writes}" for reads, writes in mine)],
            [memory, *(descriptor for pair in mine for descriptor in pair)],
        )
        for mine in ends
    ]


class Group(Child):
    """The leader, who speaks for all, and its siblings behind it."""

    siblings: Sequence[Child] = ()
    hang_s = 0.0

    @property
    def pids(self) -> tuple[int, ...]:
        """See ``Child``."""
        return (self.pid, *(sibling.pid for sibling in self.siblings))

    async def messages(self) -> AsyncGenerator[Up, None]:
        """See ``Child``; what a sibling fails with is raised as the group's failure."""
        watched = [asyncio.create_task(self._watch(sibling)) for sibling in self.siblings]
        try:
            async with contextlib.aclosing(super().messages()) as heard:
                async for message in heard:
                    yield message
        except ChildDied:
            await asyncio.wait(watched, timeout=GRACE_S)
            for task in watched:
                why = task.exception() if task.done() and not task.cancelled() else None
                if isinstance(why, HedgerowError) and not isinstance(why, ChildDied):
                    raise why from None
            raise
        finally:
            for task in watched:
                task.cancel()
            await asyncio.gather(*watched, return_exceptions=True)
            await self.kill()

    async def _watch(self, sibling: Child) -> None:
        """End the leader when a sibling is lost; it could wait for it, and nobody would know."""
        watch = Watch(self.hang_s or math.inf)
        try:
            async with contextlib.aclosing(sibling.messages()) as heard:
                async for message in heard:
                    watch.heard(message)
                    if isinstance(message, Ready) and not message.sandbox:
                        raise SandboxError("A trainer could not be locked down.", "Nothing was trained.")
        except HedgerowError:
            await super().kill()
            raise

    async def send(self, message: Down) -> None:
        """Tell the leader; how much of the time may be computed concerns all."""
        await super().send(message)
        if isinstance(message, Throttle):
            await asyncio.gather(*(sibling.send(message) for sibling in self.siblings))

    async def pause(self) -> None:
        """Pause all at once: the leader writes its checkpoint, siblings wait for it to be done."""
        await asyncio.gather(super().pause(), *(sibling.pause() for sibling in self.siblings))

    async def kill(self) -> None:
        """End all."""
        await asyncio.gather(super().kill(), *(sibling.kill() for sibling in self.siblings))
