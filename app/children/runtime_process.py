"""The compute runtime's installer as the window runs it: asked, started, listened to line by line, cancelled.

It is the same child as ``hedgerow runtime install``; what it does, and how it switches, is its own business.
"""

from __future__ import annotations

import functools

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from app.children.ending import end
from core.api import interpreter, runtime
from core.api.errors import EngineError, HedgerowError
from core.api.runtime import RuntimeStatus, State, Step

CANCEL_MS = 5_000
"""How long a cancelled child may tidy up before it is ended."""
UNKNOWN_S = -1.0


class RuntimeProcess(QObject):
    """One child at a time, shared by every page that shows it."""

    looked = Signal(object)
    """A ``RuntimeStatus``."""
    progress = Signal(str, float, float)
    """Phase, share of the whole, seconds left or ``UNKNOWN_S``; ``step`` has the rest."""
    done = Signal()
    failed = Signal(str)
    """One sentence, with what to do."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.step: Step | None = None
        """The newest news of an installation."""
        self.status: RuntimeStatus | None = None
        """What was said last."""
        self._process: QProcess | None = None
        self._waiting = b""
        self._installing = False

    @property
    def installing(self) -> bool:
        """Whether an installation is at work."""
        return self._process is not None and self._installing

    def state(self) -> State:
        """How the runtime is; ``damaged`` where the package itself is."""
        try:
            return runtime.state()
        except HedgerowError:
            return "damaged"

    def look(self) -> None:
        """Ask what is installed and what could be; ``looked`` follows."""
        if self._process is None:
            self._start(["status", "--json-progress"], installing=False)

    def install(self, variant: str) -> None:
        """Install a variant; ``progress``, then ``done`` or ``failed``."""
        if self._process is not None:
            self.stop()
        self._start(["install", "--variant", variant, "--yes", "--json-progress"], installing=True)

    def cancel(self) -> None:
        """Ask the installation to end; ``failed`` follows with its sentence."""
        process = self._process
        if process is not None and self._installing:
            process.terminate()
            QTimer.singleShot(CANCEL_MS, process, process.kill)

    def stop(self) -> None:
        """End the child at once; nothing more is told of it."""
        process, self._process = self._process, None
        self._waiting, self.step = b"", None
        end(process, CANCEL_MS)

    def _start(self, arguments: list[str], *, installing: bool) -> None:
        try:
            program, *first = interpreter.command("core.runtime")
        except HedgerowError as error:
            QTimer.singleShot(0, self, functools.partial(self.failed.emit, str(error)))
            return
        process = QProcess(self)
        process.setStandardInputFile(QProcess.nullDevice())
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process, self._waiting, self._installing, self.step = process, b"", installing, None
        process.start(program, [*first, *arguments])

    def _read(self) -> None:
        if self._process is None:
            return
        self._waiting += bytes(self._process.readAllStandardOutput().data())
        *lines, self._waiting = self._waiting.split(b"\n")
        for line in lines:
            try:
                found = runtime.read_line(line)
            except HedgerowError as error:
                self._end(error)
                return
            if isinstance(found, Step):
                self.step = found
                left = UNKNOWN_S if found.left_s is None else found.left_s
                self.progress.emit(found.phase, found.fraction, left)
            else:
                self._end(found)
                return

    def _end(self, outcome: RuntimeStatus | HedgerowError) -> None:
        installed = self._installing
        self.stop()
        if isinstance(outcome, HedgerowError):
            self.failed.emit(str(outcome))
            return
        self.status = outcome
        self.looked.emit(outcome)
        if installed:
            self.done.emit()

    def _on_finished(self, *_: object) -> None:
        self._read()
        if self._process is not None:
            self._end(EngineError("The installer ended without a word.", "Try again."))

    def _on_error(self, kind: QProcess.ProcessError) -> None:
        if kind == QProcess.ProcessError.FailedToStart:
            self._end(EngineError("The installer could not be started.", "Is the program installed completely?"))
