"""What a benchmark may see and do of the window. It exists only where ``HEDGEROW_PROBE`` names an open pipe.

The variable holds the number of the pipe's writing end; ``:panel`` after it plays a desktop that has a tray.

``hedgerow bench gui`` starts the window with that variable: one JSON object a line goes out through the pipe, one of a
few fixed commands a line comes in through standard input, and the window ends when that closes. No command runs code,
takes a path or reaches more than a click does.
"""

from __future__ import annotations

import json
import os
import stat
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSocketNotifier, Qt, QTimer
from PySide6.QtDBus import QDBusConnection

from app.tray import WATCHER
from core.api.errors import HedgerowError
from core.api.messages.base import Message

if TYPE_CHECKING:
    from app.application import Session

BEAT_MS = 5
CALLS = 200
_PANEL = ":panel"
_MOST_BYTES = 4_096


def pipe_of(value: str) -> int | None:
    """The pipe that a value of the variable names; ``None`` where it is no open pipe."""
    digits = value.removesuffix(_PANEL)
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 6:
        return None
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(int(digits)).st_mode)
    except OSError:
        return None
    return int(digits) if is_pipe and int(digits) > 2 else None


def play_panel(value: str) -> None:
    """Own the name that a desktop's panel has, so that the tray icon comes up without a desktop."""
    if value.endswith(_PANEL):
        QDBusConnection.sessionBus().registerService(WATCHER)


class Probe(QObject):
    """Reports of one session. Times are seconds of ``time.monotonic``, which all processes of a machine share."""

    def __init__(self, session: Session, pipe: int) -> None:
        super().__init__(session)
        os.set_inheritable(pipe, False)
        self._session, self._pipe = session, pipe
        self._buffer = b""
        self._connected = False
        self._watched: QObject | None = None
        self._watched_for = ""
        self._turns = _Turns(self)
        self._began = 0.0
        self._latencies: list[float] = []
        session.store.changed.connect(self._on_changed)
        self._await_paint(session.window.ground, "painted")
        self._commands = QSocketNotifier(0, QSocketNotifier.Type.Read, self)
        self._commands.activated.connect(self._read)
        QTimer.singleShot(0, self, self._on_ready)

    def _tell(self, event: str, **more: object) -> None:
        line = json.dumps({"event": event, "at": time.monotonic(), **more}) + "\n"
        try:
            os.write(self._pipe, line.encode())
        except OSError:
            self._session.quit()

    def _on_ready(self) -> None:
        window = self._session.window
        self._tell(
            "ready", keys=list(window.keys), built=list(window.built), tray=self._session.tray.available,
            shown=window.isVisible(),
        )  # fmt: skip

    def _on_changed(self) -> None:
        connected = self._session.store.connected
        if connected == self._connected:
            return
        self._connected = connected
        self._tell("attached" if connected else "lost")
        if not connected:
            self._await_paint(self._session.window.state_word, "lost_shown")

    def _await_paint(self, widget: QObject, event: str) -> None:
        if self._watched is not None:
            self._watched.removeEventFilter(self)
        self._watched, self._watched_for = widget, event
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for one painting; the word about it leaves after it, with the next turn of the event loop."""
        if event.type() == QEvent.Type.Paint and watched is self._watched:
            watched.removeEventFilter(self)
            self._watched = None
            QTimer.singleShot(0, self, lambda name=self._watched_for: self._tell(name))
        return False

    def _read(self) -> None:
        data = os.read(0, _MOST_BYTES)
        if not data or len(self._buffer) > _MOST_BYTES:
            self._commands.setEnabled(False)
            self._session.quit()
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._obey(line.decode("ascii", "replace"))

    def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        window = self._session.window
        if word == "page" and rest in window.keys:
            window.open_page(rest)
        elif line == "show":
            window.show_up()
        elif line == "hide":
            window.hide()
        elif line == "watch":
            self._turns.start()
        elif line == "report":
            longest, processor = self._turns.stop()
            self._tell("turns", longest_s=longest, processor_s=processor)
        elif line == "calls":
            self._latencies = []
            self._call()
        else:
            self._tell("refused")
            return
        QTimer.singleShot(0, self, lambda: self._tell("done", command=line))

    def _call(self) -> None:
        self._began = time.perf_counter()
        self._session.store.ask_quietly("limits.show").then(self._on_answer, self._on_no_answer)

    def _on_answer(self, _: Message) -> None:
        self._latencies.append(time.perf_counter() - self._began)
        if len(self._latencies) < CALLS:
            QTimer.singleShot(0, self, self._call)
        else:
            self._tell("calls", seconds=self._latencies)

    def _on_no_answer(self, _: HedgerowError) -> None:
        self._tell("calls", seconds=self._latencies)


class _Turns:
    """The longest time between two turns of the event loop, by a timer that is due every 5 ms while it is on."""

    def __init__(self, parent: QObject) -> None:
        self._timer = QTimer(parent)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._on_beat)
        self._last = self._last_processor = 0.0
        self._longest = self._processor = 0.0

    def start(self) -> None:
        """Begin anew."""
        self._longest = self._processor = 0.0
        self._last, self._last_processor = time.perf_counter(), time.thread_time()
        self._timer.start()

    def stop(self) -> tuple[float, float]:
        """The longest time between turns and the processor time of this thread in it, in seconds."""
        self._on_beat()
        self._timer.stop()
        return self._longest, self._processor

    def _on_beat(self) -> None:
        now, processor = time.perf_counter(), time.thread_time()
        if now - self._last > self._longest:
            self._longest, self._processor = now - self._last, processor - self._last_processor
        self._last, self._last_processor = now, processor
