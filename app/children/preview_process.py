"""The preview child as the window runs it: started, listened to, and ended, while the window lives on.

The engine gives a ticket; the child gets the key with it and writes the text to its own pipe, which ends here. Nothing
is kept: one document is held at a time, of bounded length.
"""

from __future__ import annotations

import functools

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from app.children.ending import end
from core.api import preview
from core.api.errors import EngineError, HedgerowError
from core.api.messages.corpora import PreviewTicket


class PreviewProcess(QObject):
    """One child at a time; asking again ends the one before."""

    shown = Signal(object)
    """A ``PreviewText``."""
    failed = Signal(object)
    """A ``HedgerowError``."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._output = b""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self._too_slow)

    def start(self, source: PreviewTicket | str, document: int = 1, field: str = "") -> None:
        """Show one document: of a ticket, or the first of a file, read from this field."""
        self.stop()
        try:
            program, *arguments = preview.command(source, document, field)
        except HedgerowError as error:
            QTimer.singleShot(0, self, functools.partial(self.failed.emit, error))
            return
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.SeparateChannels)
        process.setStandardInputFile(QProcess.nullDevice())
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process, self._output = process, b""
        process.start(program, arguments)
        self._patience.start(int(preview.TIMEOUT_S * 1_000))

    def stop(self) -> None:
        """End the child, if one is at work; nothing more is told of it."""
        self._patience.stop()
        process, self._process = self._process, None
        self._output = b""
        end(process)

    def _read(self) -> None:
        if self._process is not None:
            self._output += bytes(self._process.readAllStandardOutput().data())
            if len(self._output) > preview.MAX_BYTES:
                self._fail(EngineError("The preview is longer than it may be."))

    def _on_finished(self, *_: object) -> None:
        self._read()
        if self._process is None:
            return
        output = self._output
        self.stop()
        try:
            found = preview.read(output)
        except HedgerowError as error:
            self.failed.emit(error)
        else:
            self.shown.emit(found)

    def _on_error(self, kind: QProcess.ProcessError) -> None:
        if kind == QProcess.ProcessError.FailedToStart:
            self._fail(EngineError("The preview could not be started.", "Is the program installed completely?"))

    def _too_slow(self) -> None:
        self._fail(EngineError("The preview took too long.", "Try another document."))

    def _fail(self, error: HedgerowError) -> None:
        self.stop()
        self.failed.emit(error)
