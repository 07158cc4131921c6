"""How good a checkpoint is on the coordinator's own text, measured by the training room's worker in a child process.

The coordinator never imports torch, and a round never waits for this: if it fails, the reason is stored and the
federation goes on.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from pathlib import Path
from typing import BinaryIO

from core.api import interpreter
from core.api.errors import HedgerowError, StorageError
from core.coordinator.home import Federation
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.processes import environment, launched, rotate
from core.coordinator.records.store import Store
from core.jobs import KEY_BYTES, MAX_JOB_LINE, Evaluated, EvaluateJob, Failed, decode_up, encode

TIMEOUT_S = 1_800.0


class Evaluator:
    """Evaluates checkpoints that have not been, oldest first, in one thread with one child at a time."""

    def __init__(self, federation: Federation, store: Store) -> None:
        self._federation = federation
        self._store = store
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._work, daemon=True, name="evaluation")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """A new checkpoint is there."""
        self._wake.set()

    def close(self) -> None:
        """End, with the child."""
        self._stop.set()
        self._wake.set()
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def pending(self) -> bool:
        """Whether a checkpoint is still to be evaluated."""
        return any(not item.evaluation for item in self._store.checkpoints())

    def _work(self) -> None:
        while not self._stop.is_set():
            waiting = [item for item in self._store.checkpoints() if not item.evaluation]
            if not waiting:
                self._wake.wait()
                self._wake.clear()
                continue
            checkpoint = waiting[0]
            outcome: tuple[float | None, float | None, str]
            try:
                with ModelFiles(self._federation).as_one_file(checkpoint.sha256) as weights:
                    found = self.evaluate(weights)
                outcome = (found.nats_per_token, found.bits_per_byte, "ok")
            except HedgerowError as error:
                outcome = (None, None, error.message)
            if self._stop.is_set():
                return
            self._store.set_evaluation(checkpoint.server_round, *outcome)
            self._store.log_event("evaluated", {"round": checkpoint.server_round, "outcome": outcome[2]})

    def evaluate(self, weights: Path) -> Evaluated:
        """Measure one checkpoint.

        Raises:
            StorageError: there is no text, or the worker failed; the message says how.
        """
        federation = self._federation
        if not federation.home.evaluation_text.is_file():
            raise StorageError("The coordinator has no text of its own to evaluate on.")
        job = EvaluateJob(
            model=federation.config.model,
            weights_path=str(weights),
            tokenizer_path=str(federation.tokenizer_path),
            text_path=str(federation.home.evaluation_text),
            seq_len=federation.config.training.seq_len,
        )
        return self._run(job)

    def _run(self, job: EvaluateJob) -> Evaluated:
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        key_read, key_write = os.pipe()
        os.write(key_write, secrets.token_bytes(KEY_BYTES))
        os.close(key_write)
        theirs = (down_read, up_write, key_read)
        names = ("--in-fd", str(down_read), "--out-fd", str(up_write), "--key-fd", str(key_read))
        log_path = self._federation.home.log_path("evaluation")
        rotate(log_path)
        try:
            with log_path.open("ab") as log:
                self._child = subprocess.Popen(
                    launched([*interpreter.command("core.training.worker", isolated=True), *names]),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=theirs,
                    env=environment(self._federation.home),
                    start_new_session=True,
                )
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        timer = threading.Timer(TIMEOUT_S, self._child.kill)
        timer.daemon = True
        timer.start()
        try:
            with os.fdopen(up_read, "rb") as answers, os.fdopen(down_write, "wb", buffering=0) as orders:
                orders.write(encode(job))
                return _await(answers)
        except BrokenPipeError as error:
            raise StorageError("The evaluation ended before it began; see logs/evaluation.log.") from error
        finally:
            timer.cancel()
            self._child.kill()
            self._child.wait()


def _await(answers: BinaryIO) -> Evaluated:
    for line in iter(lambda: answers.readline(MAX_JOB_LINE), b""):
        try:
            message = decode_up(line)
        except ValueError as error:
            raise StorageError("The evaluation answered something unknown.") from error
        if isinstance(message, Evaluated):
            return message
        if isinstance(message, Failed):
            raise StorageError(f"The evaluation failed: {message.message}")
    raise StorageError("The evaluation ended without a result; see logs/evaluation.log.")
