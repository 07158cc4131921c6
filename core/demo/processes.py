"""The demo's children: started so that none outlives it, stopped in order, whatever happened.

Each child has a session of its own, so Ctrl-C in the terminal reaches the demo alone and it decides the order. On
Linux a child dies with the demo (parent-death signal), and orphans of children are adopted, so that the last look at
the process table sees every one of them.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from core.api import interpreter

PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 12.0


def adopt_orphans() -> None:
    """On Linux, make orphaned descendants children of this process instead of init's."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def child_environment() -> dict[str, str]:
    """The environment of every child: no proxies, no telemetry, one thread of mathematics each."""
    proxies = {"http_proxy", "https_proxy", "all_proxy", "ftp_proxy"}
    kept = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    kept.update(
        {
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
    )
    kept.pop("HEDGEROW_HOME", None)
    return kept


class Children:
    """Every process of one demo; the first one started is the last to be asked to end.

    Start them from the main thread: the parent-death signal follows the thread.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[subprocess.Popen[str]] = []
        adopt_orphans()

    def start(self, name: str, arguments: Sequence[str], inherited: Sequence[int] = ()) -> subprocess.Popen[str]:
        """Start ``arguments`` with its stdout as a pipe of lines and its stderr in a log file of that name."""
        command = list(arguments)
        if sys.platform == "linux":
            command = [*interpreter.command("core.coordinator.launch"), str(os.getpid()), *command]
        self._logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=tuple(inherited),
                env=child_environment(),
                start_new_session=True,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        self._started.append(process)
        return process

    def start_window(self, command: Sequence[str]) -> subprocess.Popen[str]:
        """Start the window, which keeps the terminal's session and no pipe."""
        process = subprocess.Popen(list(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True)
        self._started.append(process)
        return process

    def log(self, name: str) -> Path:
        """The file that holds what the child of this name wrote to stderr."""
        return self._logs / f"{name}.log"

    def complaint(self, name: str) -> str:
        """The last line a child wrote to stderr, for an error message."""
        try:
            lines = self.log(name).read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:400] if lines else ""

    def stop(self) -> None:
        """End every child and everything it started: what came later first, politely, then by force."""
        _end(self._started[1:])
        _end(self._started[:1])
        deadline = time.monotonic() + _GRACE_S
        while (left := _descendants()) and time.monotonic() < deadline:
            for straggler in left:
                _kill(straggler)
            psutil.wait_procs(left, timeout=1.0)
        for process in self._started:
            _wait(process, 1.0)
            if process.stdout is not None:
                process.stdout.close()
        self._started.clear()


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Ask these to end, all at once, and wait for them."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + _GRACE_S
    for process in processes:
        _wait(process, max(0.0, deadline - time.monotonic()))


def _descendants() -> list[psutil.Process]:
    try:
        return [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _wait(process: subprocess.Popen[str], timeout_s: float) -> None:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return
