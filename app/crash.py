"""What went wrong in the window itself: kept in a file of the home, shown to its owner, copied by them, never sent.

Two files: exceptions that nobody caught, with the newest words of Qt, and where the interpreter was when it died. The
second one can be read only at the next start.
"""

from __future__ import annotations

import faulthandler
import platform
import sys
import threading
import time
import traceback
from collections import deque
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import TextIO

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler, qVersion

MOST_BYTES = 64 << 10
"""A report is cut there; the newest end stays."""
_WORDS_KEPT = 20
_CAUGHT, _DIED = "window.txt", "died.txt"
_CRITICAL = (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg, QtMsgType.QtWarningMsg)


class CrashReports(QObject):
    """The reports of one home.

    Signals:
        happened: an exception reached nobody; the window goes on.
    """

    happened = Signal()

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = home / "crash"
        self._words: deque[str] = deque(maxlen=_WORDS_KEPT)
        self._last = ""
        self._died: TextIO | None = None

    def install(self) -> None:
        """From now on every exception, and a death of the process, leaves a report."""
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._keep_what_died()
            self._died = (self._folder / _DIED).open("w")
            faulthandler.enable(self._died)
        before = sys.excepthook

        def caught(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
            self.on_exception(kind, error, where)
            before(kind, error, where)

        sys.excepthook = caught

        def caught_in_thread(found: threading.ExceptHookArgs) -> None:
            caught(found.exc_type, found.exc_value or found.exc_type(), found.exc_traceback)

        threading.excepthook = caught_in_thread
        qInstallMessageHandler(self._on_words)

    def close(self) -> None:
        """The window ends as it should: nothing died."""
        if self._died is not None:
            faulthandler.disable()
            self._died.close()
            self._died = None
        with suppress(OSError):
            (self._folder / _DIED).unlink()

    def on_exception(self, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        """Keep it, unless it is the one that was kept last."""
        if issubclass(kind, KeyboardInterrupt):
            return
        told = "".join(traceback.format_exception(kind, error, where))
        if told == self._last:
            return
        self._last = told
        self._write(_CAUGHT, f"{_circumstances()}\n{told}{self._said()}")
        self.happened.emit()

    def waiting(self) -> str:
        """The report that nobody has thrown away yet; empty: there is none."""
        try:
            return _private((self._folder / _CAUGHT).read_text("utf-8", "replace"))[-MOST_BYTES:]
        except OSError:
            return ""

    def forget(self) -> None:
        """Throw it away."""
        self._last = ""
        with suppress(OSError):
            (self._folder / _CAUGHT).unlink()

    def _keep_what_died(self) -> None:
        died = self._folder / _DIED
        if died.is_file() and (told := died.read_text("utf-8", "replace")).strip():
            self._write(_CAUGHT, f"{_circumstances()}\nThe window of before ended by itself.\n{told}")

    def _write(self, name: str, text: str) -> None:
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / name
            before = path.read_text("utf-8", "replace") if path.is_file() else ""
            kept = f"{before}\n{text}".strip()[-MOST_BYTES:]
            path.touch(mode=0o600)
            path.write_text(kept + "\n", "utf-8")

    def _said(self) -> str:
        return "".join(f"Qt: {line}\n" for line in self._words)

    def _on_words(self, kind: QtMsgType, _: QMessageLogContext, text: str) -> None:
        if kind in _CRITICAL:
            self._words.append(text[:400])
        sys.stderr.write(text + "\n")


def _circumstances() -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S %z")
    try:
        version = metadata.version("hedgerow")
    except metadata.PackageNotFoundError:
        version = "of no known version"
    return f"Hedgerow {version}, Python {platform.python_version()}, Qt {qVersion()}, {platform.platform()}, {at}"


def _private(text: str) -> str:
    """Without the name of the owner's folder, which often is theirs."""
    return text.replace(str(Path.home()), "~") if str(Path.home()) != "/" else text
