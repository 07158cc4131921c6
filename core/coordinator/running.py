"""Who runs a folder: the mark that a running process leaves in its database, and how another one asks it to stop."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from core.api.errors import CoordinatorError, StorageError
from core.coordinator.home import Federation
from core.coordinator.records.store import Store

STOP_WAIT_S = 45.0
"""A supervisor ends four processes in order; each has ten seconds before it is killed."""
_MARK = "process"


def leave_mark(store: Store) -> None:
    """Say that this process runs the folder; its start time tells it from a later one of the same number."""
    store.set_meta(_MARK, f"{os.getpid()} {psutil.Process().create_time()!r}")


def take_mark(store: Store) -> None:
    """Say that nobody runs it."""
    with suppress(StorageError):
        store.set_meta(_MARK, "")


def is_running(federation: Federation) -> bool:
    """Whether a process holds the folder's lock."""
    lock = FileLock(federation.home.lock_path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def stop(root: Path, wait_s: float = STOP_WAIT_S) -> bool:
    """Ask the process that runs a folder to stop, and wait until it has.

    Args:
        root: folder of the federation.
        wait_s: how long to wait, in seconds.

    Returns:
        Whether one was running.

    Raises:
        CoordinatorError: it cannot be found, or does not stop.
    """
    federation = Federation(root)
    if not is_running(federation):
        return False
    store = federation.store()
    try:
        running = running_process(store)
    finally:
        store.close()
    if running is None:
        raise CoordinatorError("The process that runs this folder cannot be found.", "Stop it where it was started.")
    with suppress(psutil.NoSuchProcess):
        running.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + wait_s
    while is_running(federation):
        if time.monotonic() > deadline:
            raise CoordinatorError(f"Process {running.pid} does not stop.", "Look into the folder's logs.")
        time.sleep(0.1)
    return True


def running_process(store: Store) -> psutil.Process | None:
    """The process that runs the folder, by its mark; ``None`` where it is gone or another has its number."""
    return _marked(store.meta(_MARK))


def _marked(mark: str) -> psutil.Process | None:
    pid, _, started = mark.partition(" ")
    try:
        process = psutil.Process(int(pid))
        return process if abs(process.create_time() - float(started)) < 0.01 else None
    except (ValueError, psutil.NoSuchProcess):
        return None
