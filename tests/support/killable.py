"""The real trainer child, started over and over: forked from a loaded parent, or as the engine starts it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from core.jobs import ChargeRequest, Grant, Progress, Ready, Sealed, TrainJob, decode_up, encode

WORKER = "core.training.worker"


def _work(down: Connection, up: Connection, key: Connection) -> None:
    """In the forked child: the worker's own ``main``, sandbox included, over descriptors of its own."""
    from core.training import worker

    flags = [str(os.dup(pipe.fileno())) for pipe in (down, up, key)]
    for pipe in (down, up, key):
        pipe.close()
    os._exit(worker.main(["--in-fd", flags[0], "--out-fd", flags[1], "--key-fd", flags[2]]))


class Trainer:
    """One life of a trainer; grants every charge and keeps what it sealed."""

    def __init__(self, job: TrainJob, key: bytes, spawned: bool = False) -> None:
        down_r, down_w = os.pipe()
        up_r, up_w = os.pipe()
        key_r, key_w = os.pipe()
        os.write(key_w, key)
        os.close(key_w)
        theirs = (down_r, up_w, key_r)
        self._end = _spawn(theirs) if spawned else _fork(theirs)
        self.pid = self._end.pid
        self.ready = threading.Event()
        self.sealed: Sealed | None = None
        self.began: Progress | None = None
        """Where it went on, by its own first words about that."""
        self._down, self._up = os.fdopen(down_w, "wb", buffering=0), os.fdopen(up_r, "rb")
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()
        with contextlib.suppress(OSError):
            self._down.write(encode(job))

    def _listen(self) -> None:
        for line in self._up:
            if not line.endswith(b"\n"):
                break  # killed while it wrote
            message = decode_up(line)
            if isinstance(message, Ready):
                self.ready.set()
            elif isinstance(message, Progress) and self.began is None:
                self.began = message
            elif isinstance(message, ChargeRequest):
                with contextlib.suppress(OSError):
                    self._down.write(encode(Grant(charge_id=5)))
            elif isinstance(message, Sealed):
                self.sealed = message
        self.ready.set()

    def end(self) -> int:
        """Wait for its death; the exit code, negative for a signal."""
        self._listening.join(60)
        code = self._end.wait(30) if isinstance(self._end, subprocess.Popen) else _join(self._end)
        self._down.close()
        self._up.close()
        return code


def _spawn(theirs: tuple[int, int, int]) -> subprocess.Popen[bytes]:
    flags = [text for name, fd in zip(("in", "out", "key"), theirs, strict=True) for text in (f"--{name}-fd", str(fd))]
    process = subprocess.Popen([sys.executable, "-I", "-m", WORKER, *flags], pass_fds=theirs)
    for descriptor in theirs:
        os.close(descriptor)
    return process


def _fork(theirs: tuple[int, int, int]) -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([WORKER])
    readable, writable = (True, False), (False, True)
    kinds = (readable, writable, readable)
    pipes = [Connection(fd, readable=r, writable=w) for fd, (r, w) in zip(theirs, kinds, strict=True)]
    process = context.Process(target=_work, args=tuple(pipes), daemon=True)
    process.start()
    for pipe in pipes:
        pipe.close()
    return process


def _join(process: Any) -> int:
    process.join(30)
    code = process.exitcode
    assert code is not None, "the trainer did not end"
    return int(code)
