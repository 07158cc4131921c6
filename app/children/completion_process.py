"""The completer child as the window runs it: given a text, listened to line by line, and ended.

The engine says where the model lies; the text goes to the child and to nobody else.
"""

from __future__ import annotations

import functools

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from app.children.ending import end
from core.api import completion
from core.api.errors import EngineError, HedgerowError
from core.api.messages.federations import ModelHere


class CompletionProcess(QObject):
    """One child at a time; asking again ends the one before."""

    grew = Signal(str)
    """What the text grew by."""
    finished = Signal(object)
    """A ``completion.Done``."""
    failed = Signal(object)
    """A ``HedgerowError``."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._waiting = b""

    @property
    def running(self) -> bool:
        """Whether a child is at work."""
        return self._process is not None

    def start(self, here: ModelHere, prompt: str, *, max_tokens: int, temperature: float, seed: int) -> None:
        """Continue a text."""
        self.stop()
        try:
            program, *arguments = completion.command()
        except HedgerowError as error:
            QTimer.singleShot(0, self, functools.partial(self.failed.emit, error))
            return
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.SeparateChannels)
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process, self._waiting = process, b""
        process.start(program, arguments)
        process.write(completion.request(here, prompt, max_tokens=max_tokens, temperature=temperature, seed=seed))
        process.closeWriteChannel()

    def stop(self) -> None:
        """End the child, if one is at work; nothing more is told of it."""
        process, self._process = self._process, None
        self._waiting = b""
        end(process)

    def _read(self) -> None:
        if self._process is None:
            return
        self._waiting += bytes(self._process.readAllStandardOutput().data())
        *lines, self._waiting = self._waiting.split(b"\n")
        if len(self._waiting) > completion.MAX_LINE:
            self._fail(EngineError("The model said more than it may."))
            return
        for line in lines:
            try:
                found = completion.read(line)
            except HedgerowError as error:
                self._fail(error)
                return
            if isinstance(found, completion.Done):
                self.stop()
                self.finished.emit(found)
                return
            self.grew.emit(found.text)

    def _on_finished(self, *_: object) -> None:
        self._read()
        if self._process is not None:
            self._fail(EngineError("The model ended without an answer.", "Try again."))

    def _on_error(self, kind: QProcess.ProcessError) -> None:
        if kind == QProcess.ProcessError.FailedToStart:
            self._fail(EngineError("The model could not be started.", "Is the program installed completely?"))

    def _fail(self, error: HedgerowError) -> None:
        self.stop()
        self.failed.emit(error)
