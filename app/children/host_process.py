"""Coordinators as the window drives them: short commands one after the other, and a long one that outlives the window.

A federation must not end because a window closed, so ``run`` is started detached; what it says goes into a file of the
federation's own folder, and that file is watched.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QTimer
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QNetworkInterface, QTcpServer

from app.children.ending import end
from core.api import hosting
from core.api.errors import EngineError, HedgerowError
from core.api.messages.base import Message

TIMEOUT_MS = 180_000
"""An export of a large model takes its time; everything else is done in seconds."""
Done = Callable[[Message], object]
Failed = Callable[[HedgerowError], object]


class HostProcess(QObject):
    """Commands of ``hedgerow host``, one at a time, in the order they were asked."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[tuple[str, tuple[str, ...], Done, Failed]] = deque()
        self._process: QProcess | None = None
        self._output = b""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(TIMEOUT_MS)
        self._patience.timeout.connect(lambda: self._fail(EngineError("The coordinator took too long.", "Try again.")))

    @property
    def busy(self) -> bool:
        """Whether a command is at work or waits."""
        return self._process is not None or bool(self._waiting)

    def ask(self, verb: str, arguments: tuple[str, ...], done: Done, failed: Failed) -> None:
        """Run a command; one that waits already with the same arguments is not asked twice."""
        if any((verb, arguments) == (waiting[0], waiting[1]) for waiting in self._waiting):
            return
        self._waiting.append((verb, arguments, done, failed))
        self._next()

    def stop(self) -> None:
        """End what is at work, and forget what waits."""
        self._waiting.clear()
        self._end()

    def run(self, folder: Path, listen: str = "") -> bool:
        """Start a coordinator that goes on without this window.

        Returns:
            Whether a process was started; what comes of it stands in ``hosting.RUN_LOG``.
        """
        try:
            program, *arguments = hosting.command("run", str(folder), *([f"--listen={listen}"] if listen else []))
        except HedgerowError:
            return False
        process = QProcess()
        process.setProgram(program)
        process.setArguments(arguments)
        process.setStandardInputFile(QProcess.nullDevice())
        process.setStandardOutputFile(str(folder / hosting.RUN_LOG))
        process.setStandardErrorFile(QProcess.nullDevice())
        started = process.startDetached()
        return bool(started[0] if isinstance(started, tuple) else started)

    def _next(self) -> None:
        if self._process is not None or not self._waiting:
            return
        verb, arguments, _, failed = self._waiting[0]
        try:
            program, *rest = hosting.command(verb, *arguments)
        except HedgerowError as error:
            self._waiting.popleft()
            QTimer.singleShot(0, self, functools.partial(failed, error))
            return
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.SeparateChannels)
        process.setStandardInputFile(QProcess.nullDevice())
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process, self._output = process, b""
        process.start(program, rest)
        self._patience.start()

    def _end(self) -> None:
        self._patience.stop()
        process, self._process = self._process, None
        end(process)

    def _read(self) -> None:
        if self._process is not None:
            self._output += bytes(self._process.readAllStandardOutput().data())
            if len(self._output) > hosting.MAX_ANSWER:
                self._fail(EngineError("The coordinator said more than it may."))

    def _on_finished(self, *_: object) -> None:
        self._read()
        if self._process is None:
            return
        verb, _, done, failed = self._waiting.popleft()
        output = self._output
        self._end()
        try:
            answer = hosting.read(verb, output)
        except HedgerowError as error:
            failed(error)
        else:
            done(answer)
        self._next()

    def _on_error(self, kind: QProcess.ProcessError) -> None:
        if kind == QProcess.ProcessError.FailedToStart:
            self._fail(EngineError("The coordinator could not be started.", "Is the program installed completely?"))

    def _fail(self, error: HedgerowError) -> None:
        if self._process is None:
            return
        _, _, _, failed = self._waiting.popleft()
        self._end()
        failed(error)
        self._next()


def free_port(first: int) -> int:
    """The first port from ``first`` on that nobody listens on; ``first`` itself where none of the next hundred is."""
    for port in range(first, min(first + 100, 65_536)):
        server = QTcpServer()
        if server.listen(QHostAddress(QHostAddress.SpecialAddress.AnyIPv4), port):
            server.close()
            return port
    return first


def home_address() -> str:
    """This machine's address in its private network, or nothing where it is in none."""
    for address in QNetworkInterface.allAddresses():
        text = address.toString()
        if address.protocol() == QAbstractSocket.NetworkLayerProtocol.IPv4Protocol and address.isPrivateUse():
            return text
    return ""
