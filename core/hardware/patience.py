"""Questions to the machine that may hang: each on a thread of its own, and none while an earlier one still hangs.

A driver that does not answer costs the answer and one sleeping thread, never the caller. The thread is a daemon, so a
call that never returns cannot keep the engine from ending either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NoAnswer(Exception):
    """The question was not answered in time, or an earlier one still is not."""


class Patience:
    """Asks one thing at a time and waits only so long."""

    def __init__(self, whom: str) -> None:
        """Ask nothing yet.

        Args:
            whom: who is asked, for the sentence, such as ``The NVIDIA driver``.
        """
        self.whom = whom
        self._turn = threading.Lock()
        self._hanging: threading.Thread | None = None
        self._since = 0.0

    def ask(self, question: Callable[[], T], timeout_s: float) -> T:
        """The answer, whatever it is.

        Raises:
            NoAnswer: it did not come in time; while it is still awaited nothing more is asked.
        """
        if not self._turn.acquire(timeout=timeout_s):
            raise NoAnswer(f"{self.whom} is still busy with an earlier question.")
        try:
            if self._hanging is not None and self._hanging.is_alive():
                raise NoAnswer(f"{self.whom} has not answered for {time.monotonic() - self._since:.0f} s.")
            return self._wait(question, timeout_s)
        finally:
            self._turn.release()

    def _wait(self, question: Callable[[], T], timeout_s: float) -> T:
        answers: list[T] = []
        failures: list[BaseException] = []

        def run() -> None:
            try:
                answers.append(question())
            except BaseException as error:  # noqa: BLE001 - it is the caller's, and is raised there
                failures.append(error)

        self._since = time.monotonic()
        thread = threading.Thread(target=run, name=f"asking {self.whom}", daemon=True)
        thread.start()
        thread.join(timeout_s)
        if failures:
            raise failures[0]
        if not answers:
            self._hanging = thread
            raise NoAnswer(f"{self.whom} did not answer within {timeout_s:g} s.")
        return answers[0]
