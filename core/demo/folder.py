"""Where the demo lives and where its model goes; and how a request to stop becomes one clean way out."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from core.api.errors import StorageError


def model_folder(keep: Path | None) -> Path:
    """A folder that does not exist yet: inside the kept one, else in the working directory."""
    if keep is not None:
        return keep.absolute() / "model"
    parent = Path.cwd() if os.access(Path.cwd(), os.W_OK) else Path(tempfile.gettempdir())
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = [f"demo-model-{stamp}", *(f"demo-model-{stamp}-{n}" for n in range(2, 1_000))]
    return next(parent / name for name in names if not (parent / name).exists())


@contextlib.contextmanager
def demo_folder(keep: Path | None) -> Iterator[Path]:
    """The one folder everything lies in, removed at the end; or the one to keep.

    Raises:
        StorageError: the folder to keep is not empty or cannot be written.
    """
    if keep is None:
        made = Path(tempfile.mkdtemp(prefix="hedgerow-demo-"))
        try:
            yield made
        finally:
            with signals_ignored():
                shutil.rmtree(made, ignore_errors=True)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(keep.iterdir()):
            raise StorageError(f"The folder {keep} is not empty.", "Give --keep a new folder.")
    except OSError as error:
        raise StorageError(f"The folder {keep} cannot be used: {error.strerror}.", "Give --keep another.") from error
    yield keep.absolute()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


_STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """Turn every request to stop into ``KeyboardInterrupt``, so that one clean-up serves them all."""
    before = {number: signal.signal(number, _interrupt) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def signals_ignored() -> Iterator[None]:
    """Let nothing interrupt the clean-up itself."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
