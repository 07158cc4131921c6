"""A window as a process of its own, on a screen of its own, asked through its probe; see ``app.probe``.

``core`` knows nothing of the window's code: it is started as ``python -m app`` and speaks JSON lines through a pipe.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from core.api.errors import EngineError

PATIENCE_S = 30.0
_END_S = 10.0


@contextlib.contextmanager
def screen() -> Iterator[tuple[str, dict[str, str]]]:
    """Somewhere for a window: the desktop or platform that is there, else an Xvfb of its own, else no screen at all.

    Yields:
        What it is in words, and the environment for a window on it.
    """
    environment = dict(os.environ)
    if environment.get("QT_QPA_PLATFORM"):
        yield f"Qt's {environment['QT_QPA_PLATFORM']}", environment
        return
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        yield "this desktop", environment
        return
    server, display = _start_display()
    try:
        if display:
            yield "Xvfb", environment | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        else:
            yield "Qt's offscreen", environment | {"QT_QPA_PLATFORM": "offscreen"}
    finally:
        end(server)


def _start_display() -> tuple[subprocess.Popen[bytes] | None, str]:
    program = shutil.which("Xvfb")
    if program is None:
        return None, ""
    reader, writer = os.pipe()
    command = [program, "-displayfd", str(writer), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(writer,))
    os.close(writer)
    number = _first_line(reader, PATIENCE_S)
    os.close(reader)
    if not number:
        end(server)
        return None, ""
    return server, f":{number}"


@contextlib.contextmanager
def bus() -> Iterator[str]:
    """The address of a message bus that only this benchmark uses; empty where there is no ``dbus-daemon``."""
    program = shutil.which("dbus-daemon")
    if program is None:
        yield ""
        return
    reader, writer = os.pipe()
    command = [program, "--session", "--nofork", "--nopidfile", f"--print-address={writer}"]
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(writer,))
    os.close(writer)
    try:
        yield _first_line(reader, PATIENCE_S)
    finally:
        os.close(reader)
        end(daemon)


def _first_line(reader: int, patience_s: float) -> str:
    deadline = time.monotonic() + patience_s
    found = b""
    while b"\n" not in found:
        readable, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(reader, 4_096) if readable else b""
        if not piece:
            return ""
        found += piece
    return found.partition(b"\n")[0].decode("ascii", "replace").strip()


def end(process: subprocess.Popen[bytes] | None) -> None:
    """End a process that was started here, by force if it must be."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_END_S)


class Window:
    """One window from start to end.

    Args:
        home: folder of the engine, which must be running.
        environment: as ``screen`` yields it.
        arguments: more arguments of the program.
        panel: let the window find a tray, whether the desktop has one or not.
    """

    def __init__(
        self, home: Path, environment: dict[str, str], arguments: tuple[str, ...] = (), *, panel: bool = False
    ) -> None:
        self._reader, writer = os.pipe()
        self._buffer = b""
        self._events: deque[dict[str, Any]] = deque()
        command = [sys.executable, "-m", "app", "--home", str(home), *arguments]
        variables = environment | {"HEDGEROW_PROBE": f"{writer}:panel" if panel else str(writer)}
        self.began = time.monotonic()
        """Just before it was started, on the clock that ``at`` of every event is on."""
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=variables,
            pass_fds=(writer,),
        )  # fmt: skip
        os.close(writer)

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        end(self._process)
        os.close(self._reader)

    @property
    def pid(self) -> int:
        """The window's process."""
        return self._process.pid

    def wait(self, event: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next event of one name; others that came meanwhile are kept for later.

        Raises:
            EngineError: it did not come, or the window ended.
        """
        deadline = time.monotonic() + patience_s
        while True:
            for kept in self._events:
                if kept["event"] == event:
                    self._events.remove(kept)
                    return kept
            readable, _, _ = select.select([self._reader], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._reader, 1 << 16) if readable else b""
            if not piece:
                raise EngineError(f"The window did not say {event!r} within {patience_s:g} s.", "Is a screen there?")
            *lines, self._buffer = (self._buffer + piece).split(b"\n")
            self._events.extend(json.loads(line) for line in lines)

    def ask(self, command: str, answer: str = "done") -> dict[str, Any]:
        """Give one command and wait until the window has done it.

        Raises:
            EngineError: the window ended or does not answer.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(command.encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise EngineError(f"The window ended before {command!r}.") from error
        return self.wait(answer)
