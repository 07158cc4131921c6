"""The worker's end of the pipes: messages up under one lock, messages down on a thread, a sign of life each second."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from typing import Final

import msgspec

from core.api.errors import EngineError, PrivacyError
from core.jobs import (
    MAX_JOB_LINE,
    Alive,
    CompileJob,
    Down,
    EvaluateJob,
    Grant,
    Job,
    Pause,
    ProbeJob,
    Refuse,
    Throttle,
    TrainJob,
    decode_down,
    encode,
)
from core.training.state import Interrupted

ALIVE_INTERVAL_S: Final = 1.0
DOZE_LOOK_S: Final = 5.0


class Channel:
    """Both pipes of one worker."""

    def __init__(self, in_descriptor: int, out_descriptor: int) -> None:
        self._down = os.fdopen(in_descriptor, "rb", buffering=1 << 16)
        self._up = os.fdopen(out_descriptor, "wb", buffering=0)
        self._lock = threading.Lock()
        self._woken = threading.Condition()
        self.share = 1.0
        """Share of the time that the owner lets the worker compute."""
        self._answers: queue.SimpleQueue[Grant | Refuse | None] = queue.SimpleQueue()
        self.paused = threading.Event()
        """Set when the owner paused or the engine is gone."""
        self._looks = 0

    def read_job(self) -> TrainJob | EvaluateJob:
        """The first line.

        Raises:
            EngineError: it is not a job for this worker.
        """
        message = self._read()
        if not isinstance(message, TrainJob | EvaluateJob):
            raise EngineError("The worker was started without a job.")
        return message

    def read_probe(self) -> ProbeJob:
        """The first line of a probe.

        Raises:
            EngineError: it is another job.
        """
        message = self._read()
        if not isinstance(message, ProbeJob):
            raise EngineError("The probe was started without a job.")
        return message

    def read_compile(self) -> CompileJob:
        """The first line of a compiler.

        Raises:
            EngineError: it is another job.
        """
        message = self._read()
        if not isinstance(message, CompileJob):
            raise EngineError("The compiler was started without a job.")
        return message

    def _read(self) -> Down | None:
        line = self._down.readline(MAX_JOB_LINE + 1)
        if not line.endswith(b"\n"):
            return None
        try:
            return decode_down(line)
        except (ValueError, msgspec.MsgspecError) as error:
            raise EngineError("The worker was sent something it does not understand.") from error

    def start(self) -> None:
        """Start listening and the sign of life; after the sandbox is closed, so that both threads are inside."""
        for target, name in ((self._listen, "listen"), (self._show_life, "alive")):
            threading.Thread(target=target, name=name, daemon=True).start()

    def _listen(self) -> None:
        message: Down | None = None
        while True:
            try:
                message = self._read()
            except (EngineError, OSError):
                message = None
            if isinstance(message, Grant | Refuse):
                self._answers.put(message)
                continue
            if isinstance(message, Throttle):
                with self._woken:
                    self.share = message.share
                    self._woken.notify_all()
            if message is None or isinstance(message, Pause):
                with self._woken:
                    self.paused.set()
                    self._woken.notify_all()
                self._answers.put(None)
            if message is None:
                return

    def _show_life(self) -> None:
        # A broken pipe means the engine is gone; the listening thread sees that too and stops the work.
        with contextlib.suppress(OSError, ValueError):
            while True:
                self.send(Alive(looks=self._looks))
                time.sleep(ALIVE_INTERVAL_S)

    def send(self, message: Job) -> None:
        """Write one line; lines of several threads never mix."""
        line = memoryview(encode(message))
        with self._lock:
            while line:
                line = line[self._up.write(line) or 0 :]

    def wait_for_grant(self) -> int:
        """Wait for the answer to a charge request.

        Returns:
            The charge's id.

        Raises:
            PrivacyError: the engine refused.
            Interrupted: the owner paused, or the engine is gone.
        """
        answer = self._answers.get()
        if answer is None or self.paused.is_set():
            raise Interrupted
        if isinstance(answer, Refuse):
            raise PrivacyError(answer.reason)
        return answer.charge_id

    def check_pause(self) -> None:
        """Stop here if the owner paused.

        Raises:
            Interrupted: so it is.
        """
        self._looks += 1
        if self.paused.is_set():
            raise Interrupted

    def doze(self, seconds: float) -> None:
        """Sleep so long, or until the share changes.

        Raises:
            Interrupted: the owner paused, or the engine is gone.
        """
        share, ends = self.share, time.monotonic() + seconds
        with self._woken:
            while not self.paused.is_set() and self.share == share and (left := ends - time.monotonic()) > 0:
                self._woken.wait(min(left, DOZE_LOOK_S))
                self._looks += 1  # asleep by the owner's wish is not stuck
        self.check_pause()
