"""Starting and ending the engine: a process of its own that may outlive the window where the owner chose so."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from app.client import EngineLink
from core.api import interpreter
from core.api.errors import HedgerowError
from core.api.messages.base import Message

START_PATIENCE_MS = 20_000
STOP_PATIENCE_S = 5.0
_LOG_TAIL = 4_000


class EngineProcess(QObject):
    """Starts ``python -m core.engine`` when nothing answers, and asks it to end.

    Signals:
        failed: the last lines it wrote, when it does not come up.
        stopped: the engine has taken leave, or does not answer any more.
    """

    failed = Signal(str)
    stopped = Signal()

    def __init__(self, home: Path, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._home, self._link = home, link
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(START_PATIENCE_MS)
        self._patience.timeout.connect(self._give_up)
        link.attached.connect(self._patience.stop)

    @property
    def log(self) -> Path:
        """Where the engine's start writes what goes wrong."""
        return self._home / "logs" / "start.log"

    def start(self) -> bool:
        """Start an engine in a session of its own; one that finds another at work ends by itself."""
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            self.failed.emit(f"{self._home}: {error.strerror}")
            return False
        process = QProcess()
        program, *arguments = interpreter.command("core.engine")
        process.setProgram(program)
        process.setArguments([*arguments, "--home", str(self._home)])
        process.setStandardInputFile(QProcess.nullDevice())
        process.setStandardOutputFile(QProcess.nullDevice())
        process.setStandardErrorFile(str(self.log))
        # The stubs promise (ok, pid) here, PySide 6.11 gives the bool alone.
        outcome: object = process.startDetached()
        if not (outcome[0] if isinstance(outcome, tuple) else outcome):
            self.failed.emit(process.errorString())
            return False
        self._patience.start()
        self._link.retry_now()
        return True

    def stop(self) -> None:
        """Ask the engine to end; ``stopped`` follows in every case."""
        if not self._link.connected:
            QTimer.singleShot(0, self, self.stopped.emit)
            return
        self._link.request("shutdown", timeout_s=STOP_PATIENCE_S).then(self._on_stopped, self._on_not_stopped)

    def _on_stopped(self, _: Message) -> None:
        self.stopped.emit()

    def _on_not_stopped(self, _: HedgerowError) -> None:
        self.stopped.emit()

    def _give_up(self) -> None:
        try:
            tail = self.log.read_text("utf-8", "replace")[-_LOG_TAIL:].strip()
        except OSError:
            tail = ""
        self.failed.emit(tail)
