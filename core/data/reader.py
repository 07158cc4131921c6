"""The reader child: files in, encrypted token shards out, no network, no programs, one batch, then gone.

``python -I -m core.data.reader --in-fd A --out-fd B --key-fd C``. It imports everything, takes its job and the store
key, locks itself down, and only then opens the owner's files. What goes up the pipe are counts, file names and keyed
hashes; never text. A file that cannot be used costs that file.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from core import jobs, vault
from core.api.errors import CorpusError, EngineError, HedgerowError, StorageError
from core.data.formats import registry
from core.data.reading import Reading
from core.jobs import Failed, Job, ReadJob
from core.sandbox import lock_down

ALIVE_EVERY_S = 1.0
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Options of glibc's ``mallopt``."""


class Pipe:
    """The way up, shared by the worker and the sign-of-life thread."""

    def __init__(self, descriptor: int) -> None:
        self._stream = os.fdopen(descriptor, "wb", buffering=0)
        self._lock = threading.Lock()

    def send(self, message: Job) -> None:
        """One line, whole; lines of several threads never mix."""
        line = memoryview(jobs.encode(message))
        with self._lock:
            while line:
                line = line[self._stream.write(line) or 0 :]


def work(in_descriptor: int, pipe: Pipe, key_descriptor: int) -> int:
    """Read one job and do it; 0 if it worked."""
    try:
        _work(in_descriptor, pipe, key_descriptor)
    except BrokenPipeError:
        return 1  # the engine is gone; the generation on the disk is complete
    except Exception as error:  # noqa: BLE001 - the border: whatever it is, one sentence goes up
        # Places only: an exception's own words could quote the text.
        sys.stderr.write("".join(traceback.format_tb(error.__traceback__)) + type(error).__name__ + "\n")
        with contextlib.suppress(OSError, ValueError):
            pipe.send(_failed(error))
        return 1
    return 0


def _work(in_descriptor: int, pipe: Pipe, key_descriptor: int) -> None:
    with os.fdopen(in_descriptor, "rb") as stream:
        job = jobs.decode_down(stream.readline(jobs.MAX_JOB_LINE + 1))
        if not isinstance(job, ReadJob):
            raise EngineError("The reader was started with another job.")
        key = jobs.read_key(key_descriptor)
        Path(job.store_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
        _limit_memory(job.max_memory_bytes)
        roots = [os.path.realpath(path) for path in job.paths]
        level = lock_down(
            read_paths=[*roots, job.tokenizer_path, *job.elsewhere, *registry.late_folders()],
            write_paths=[job.store_dir],
        )
        threading.Thread(target=_show_life, args=(pipe,), daemon=True).start()
        pipe.send(jobs.Ready(sandbox=level, pid=os.getpid()))
        reading = Reading(job, key, pipe.send, _end_after)
        result = reading.run()
        if reading.tokenizer.slow_because:
            sys.stderr.write(f"Tokenized the slow way: {reading.tokenizer.slow_because}.\n")
        pipe.send(result)


def _end_after(seconds: float) -> None:
    """SIGALRM keeps its default action: it ends the process even where native code holds the interpreter's lock."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _keep_heap_small() -> None:
    """One heap for all threads, and large blocks outside of it, which go back to the system as they are freed."""
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, 1 << 20)


def _limit_memory(most: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _show_life(pipe: Pipe) -> None:
    with contextlib.suppress(OSError, ValueError):
        while True:
            pipe.send(jobs.Alive())
            time.sleep(ALIVE_EVERY_S)


def _failed(error: Exception) -> Failed:
    if isinstance(error, HedgerowError):
        return Failed(code=error.code, message=error.message, hint=error.hint)
    if isinstance(error, MemoryError):
        return Failed(
            code=CorpusError.code, message="The text needs more memory than the reader may use.", hint="Add less."
        )
    if isinstance(error, OSError):
        stored = vault.storage_error(Path("the prepared text"), error)
        return Failed(code=StorageError.code, message=stored.message, hint=stored.hint)
    return Failed(code=EngineError.code, message=f"The reader failed inside ({type(error).__name__}).")


def main(arguments: list[str]) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="core.data.reader", allow_abbrev=False)
    for name in ("--in-fd", "--out-fd", "--key-fd"):
        parser.add_argument(name, type=int, required=True)
    options = parser.parse_args(arguments)
    # One thread, one heap: what pools reserve would count against the memory limit in large, unforeseeable steps.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    _keep_heap_small()
    return work(options.in_fd, Pipe(options.out_fd), options.key_fd)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
