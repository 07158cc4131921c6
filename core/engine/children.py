"""Reader, trainer and planner: started, listened to, paused and ended.

A child gets three descriptors (down, up, key), a minimal environment and a session of its own, and dies when the engine
dies. Death is noticed when its pipe closes, silence when nothing, not even ``Alive``, came for five seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Self

from core.api import interpreter as interpreters
from core.api.errors import EngineError, from_code
from core.jobs import MAX_JOB_LINE, Alive, Down, Failed, Pause, Up, decode_up, encode

SILENCE_S = 5.0
"""Longest silence of a child that has reported ``Ready``."""
START_S = 90.0
"""Longest silence before that; importing torch on a cold disk takes a while and says nothing."""
PAUSE_S = 0.9
"""Time to write a checkpoint at a step boundary; whoever is slower is killed and goes on from the last one."""
HANG_S = 60.0
"""Longest time a trainer may show life without doing anything."""
_PR_SET_PDEATHSIG = 1
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SYSTEMROOT")
MAX_LOG = 1 << 20


class ChildDied(EngineError):
    """A child ended or fell silent before it was done; it may be started again."""

    signal = 0
    """The signal that ended it, if one of its own did."""


def environment(threads: int) -> dict[str, str]:
    """What a child may know: no proxies, no tokens, no settings of other programs."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    count = str(max(1, threads))
    return kept | {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # so that ``cuda:1`` is the same card here and in the driver's list
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }


def child_command(module: str, interpreter: str = "") -> list[str]:
    """``python -I -m module`` under the owner's interpreter, else the one for such modules here.

    Raises:
        RuntimeMissing: the packaged application has no compute runtime yet.
    """
    return [interpreter, "-I", "-m", module] if interpreter else interpreters.command(module, isolated=True)


def _die_with_parent(parent: int, first: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """What to run between fork and exec so that the child never outlives the engine (Linux)."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def before_exec() -> None:
        first()
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


class Child:
    """One running child. Iterate ``messages`` to the end; ``pause`` and ``kill`` may be called meanwhile."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, down: int) -> None:
        self.name = name
        self.pid = process.pid
        self.paused_by_us = False
        self._process = process
        self._reader = reader
        self._down = down
        self._ready = False

    @classmethod
    async def start(
        cls,
        module: str,
        job: Down | None,
        *,
        key: bytes,
        interpreter: str = "",
        log_path: Path,
        threads: int = 1,
        arguments: Sequence[str] = (),
        descriptors: Sequence[int] = (),
        before_exec: Callable[[], None] = lambda: None,
    ) -> Self:
        """Start ``python -I -m module`` and hand it its job; it also inherits ``descriptors``.

        Without a job it imports what it needs and waits for ``send``.

        Raises:
            EngineError: the interpreter cannot be started, or is not there yet.
        """
        prefix = child_command(module, interpreter)
        down_r, down_w = os.pipe()
        up_r, up_w = os.pipe()
        key_r, key_w = os.pipe()
        theirs = (down_r, up_w, key_r)
        try:
            os.write(key_w, key)
        finally:
            os.close(key_w)
        flags = ["--in-fd", str(down_r), "--out-fd", str(up_w), "--key-fd", str(key_r), *arguments]
        command = [*prefix, *flags]
        _cut_log(log_path)
        try:
            with log_path.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment(threads),
                    pass_fds=(*theirs, *descriptors),
                    start_new_session=True,
                    preexec_fn=_die_with_parent(os.getpid(), before_exec),
                )
        except OSError as error:
            for descriptor in (down_w, up_r):
                os.close(descriptor)
            raise EngineError(
                f"The worker {command[0]} cannot be started: {error.strerror}.", "Check the limit worker_interpreter."
            ) from error
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        reader = asyncio.StreamReader(limit=MAX_JOB_LINE)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(up_r, "rb", buffering=0))
        child = cls(module.rpartition(".")[2], process, reader, down_w)
        if job is not None:
            await child.send(job)
        return child

    @property
    def pids(self) -> tuple[int, ...]:
        """Every process that works for this round."""
        return (self.pid,)

    async def send(self, message: Down) -> None:
        """Write one message; a child that is gone is noticed by ``messages``."""
        with contextlib.suppress(OSError):
            if self._down >= 0:
                await asyncio.to_thread(_write_all, self._down, encode(message))

    async def messages(self) -> AsyncGenerator[Up, None]:
        """Everything the child says, until it ends.

        Raises:
            HedgerowError: what the child reported as ``Failed``.
            ChildDied: it ended with an error, fell silent, or said something that is no message.
        """
        try:
            while line := await self._next_line():
                try:
                    message = decode_up(line)
                except ValueError as error:
                    raise ChildDied(f"The {self.name} said something that is no message.") from error
                self._ready = True
                if isinstance(message, Failed):
                    raise from_code(message.code, message.message, message.hint)
                yield message
            code = await asyncio.wait_for(self._process.wait(), SILENCE_S)
            if code != 0 and not self.paused_by_us:
                died = ChildDied(f"The {self.name} ended unexpectedly ({_how(code)}).", "It is started again.")
                died.signal = max(0, -code)
                raise died
        except TimeoutError as error:
            raise ChildDied(f"The {self.name} fell silent and was ended.", "It is started again.") from error
        finally:
            await self.kill()

    async def _next_line(self) -> bytes:
        try:
            return await asyncio.wait_for(self._reader.readuntil(b"\n"), SILENCE_S if self._ready else START_S)
        except asyncio.IncompleteReadError:
            return b""
        except asyncio.LimitOverrunError as error:
            raise ChildDied(f"The {self.name} said something too long.") from error

    async def pause(self) -> None:
        """End the work within a second: a checkpoint if there is time for one, else by force."""
        self.paused_by_us = True
        sending = asyncio.ensure_future(self.send(Pause()))
        try:
            await asyncio.wait_for(self._process.wait(), PAUSE_S)
        except TimeoutError:
            await self.kill()
        sending.cancel()

    async def kill(self) -> None:
        """SIGKILL the child and whatever it started, and reap it."""
        if self._down >= 0:
            with contextlib.suppress(OSError):
                os.close(self._down)
            self._down = -1
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()


class Watch:
    """Tells a trainer that works from one whose thread still says ``Alive`` while nothing moves.

    What counts is a message other than ``Alive``, or a further look at the pause button.
    """

    def __init__(self, limit_s: float = HANG_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._looks = -1
        self._moved_at = clock()

    def heard(self, message: Up) -> None:
        """Judge by one message.

        Raises:
            ChildDied: nothing moved for too long.
        """
        looks = message.looks if isinstance(message, Alive) else self._looks
        if looks != self._looks or not isinstance(message, Alive):
            self._looks, self._moved_at = looks, self._clock()
        elif self._clock() - self._moved_at > self._limit_s:
            raise ChildDied(
                f"The trainer did nothing for {self._limit_s:.0f} seconds and was ended.",
                "It goes on from its last checkpoint.",
            )


async def converse(
    module: str, request: bytes, *, interpreter: str = "", log_path: Path, timeout_s: float = 120.0
) -> bytes:
    """Run a child that reads one document on stdin and writes one on stdout.

    Raises:
        RuntimeMissing: the packaged application has no compute runtime yet.
        ChildDied: it failed or took longer than ``timeout_s``.
    """
    command = child_command(module, interpreter)
    _cut_log(log_path)
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            env=environment(1), start_new_session=True, preexec_fn=_die_with_parent(os.getpid()),
        )  # fmt: skip
    name = module.rpartition(".")[2]
    try:
        out, _ = await asyncio.wait_for(process.communicate(request), timeout_s)
    except TimeoutError as error:
        raise ChildDied(f"The {name} took longer than {timeout_s:.0f} seconds.") from error
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode != 0 and not out.strip():
        raise ChildDied(f"The {name} failed ({_how(process.returncode or 0)}).", f"See {log_path}.")
    return out


def _how(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"code {code}"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _cut_log(path: Path) -> None:
    """Keep one older log of bounded size."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > MAX_LOG:
            os.replace(path, path.with_suffix(".old"))
