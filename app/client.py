"""The window's way to the engine: ``QLocalSocket`` on one side, Qt signals on the other, nothing blocking between.

Lines are read in slices of a few milliseconds, so that a flooding engine cannot hold up the window; of many snapshots
only the newest is decoded, at most four a second. Whatever does not fit the wire is dropped; too much of it, or a line
that never ends, closes the connection. A lost engine is called again after 0.2 s, then less and less often.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal
from PySide6.QtNetwork import QLocalSocket

from core.api import wire
from core.api.client import EnginePaths, engine_paths
from core.api.errors import EngineError, HedgerowError, UsageError
from core.api.messages.base import API_VERSION, Message, Nothing
from core.api.messages.methods import METHODS
from core.api.messages.state import Hello, HelloParams, Notice, Snapshot

FIRST_RETRY_MS, LAST_RETRY_MS = 200, 5_000
SLICE_MS = 8
SNAPSHOT_INTERVAL_MS = 250
NOTICES_PER_SECOND = 5
MOST_BAD_LINES = 20
MOST_UNSENT_BYTES = 4 << 20
_SNAPSHOT_HEAD = b'{"jsonrpc":"2.0","method":"snapshot"'


class OtherVersionError(EngineError):
    """An engine answered that speaks another version. While it runs, starting one does not help."""


class Call(QObject):
    """One request under way.

    Signals:
        succeeded: the typed result.
        failed: a ``HedgerowError``.
    """

    succeeded = Signal(object)
    failed = Signal(object)

    def __init__(self, method: str, timeout_s: float, parent: QObject) -> None:
        super().__init__(parent)
        self.method = method
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(round(timeout_s * 1_000))
        self._timer.timeout.connect(self._expire)
        self._timer.start()
        self.over = False

    def succeed(self, value: Message) -> None:
        """Hand out the result, once."""
        if self._end():
            self.succeeded.emit(value)

    def fail(self, error: HedgerowError) -> None:
        """Hand out the error, once."""
        if self._end():
            self.failed.emit(error)

    def then(
        self, done: Callable[[Message], object] | None = None, failed: Callable[[HedgerowError], object] | None = None
    ) -> Call:
        """Connect both ends; bound methods of a dead ``QObject`` are left alone by Qt."""
        if done is not None:
            self.succeeded.connect(done)
        if failed is not None:
            self.failed.connect(failed)
        return self

    def _end(self) -> bool:
        if self.over:
            return False
        self.over = True
        self._timer.stop()
        self.deleteLater()
        return True

    def _expire(self) -> None:
        seconds = self._timer.interval() / 1_000
        self.fail(EngineError(f"The engine did not answer {self.method!r} within {seconds:g} seconds.", "Try again."))


class EngineLink(QObject):
    """The connection, kept up until ``stop``.

    Signals:
        attached: ``Hello``, after each successful greeting.
        lost: why there is no connection, as a ``HedgerowError``; once per loss and kind of reason.
        snapshot: the newest ``Snapshot``, at most four a second.
        notice: a ``Notice``.
    """

    attached = Signal(object)
    lost = Signal(object)
    snapshot = Signal(object)
    notice = Signal(object)

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._home = home
        self._wanted = False
        self._greeted = False
        self._told: type[HedgerowError] | None = None
        self._number = 0
        self._pending: dict[int, Call] = {}
        self._bad_lines = 0
        self._latest: bytes | None = None
        self._notice_window = (0.0, 0)
        self.dropped_notices = 0
        self._retry_ms = FIRST_RETRY_MS
        self._socket = QLocalSocket(self)
        self._socket.setReadBufferSize(2 * wire.MAX_LINE)
        self._socket.connected.connect(self._greet)
        self._socket.readyRead.connect(self._read_slice)
        self._socket.disconnected.connect(self._on_closed)
        self._socket.errorOccurred.connect(self._on_closed)
        self._retry = self._single_shot(self._open)
        self._more = self._single_shot(self._read_slice)
        self._pace = self._single_shot(self._flush_snapshot)

    def _single_shot(self, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setTimerType(Qt.TimerType.CoarseTimer)
        timer.timeout.connect(slot)
        return timer

    @property
    def connected(self) -> bool:
        """Whether the engine has greeted back."""
        return self._greeted

    def start(self) -> None:
        """Begin to look for the engine."""
        self._wanted = True
        self._open()

    def stop(self) -> None:
        """Let go; nothing is retried."""
        self._wanted = False
        for timer in (self._retry, self._more, self._pace):
            timer.stop()
        self._socket.abort()
        self._greeted = False
        self._fail_all(EngineError("The connection to the engine was closed."))

    def retry_now(self) -> None:
        """Do not wait for the next attempt."""
        if self._wanted and self._socket.state() == QLocalSocket.LocalSocketState.UnconnectedState:
            self._retry_ms = FIRST_RETRY_MS
            self._retry.start(0)

    def request(self, method: str, params: Message | None = None, timeout_s: float = 20.0) -> Call:
        """Ask the engine; the answer comes through the returned call, never before the event loop turns.

        Raises:
            ValueError: there is no such method, or the parameters are of another one.
        """
        if method not in METHODS:
            raise ValueError(f"no method named {method!r}")
        params = Nothing() if params is None else params
        if not isinstance(params, METHODS[method][0]):
            raise ValueError(f"{method!r} takes {METHODS[method][0].__name__}, not {type(params).__name__}")
        call = Call(method, timeout_s, self)
        if not self._greeted and method != "hello":
            self._fail_soon(call, EngineError("The engine is not running.", "Start it again."))
            return call
        self._number += 1
        try:
            line = wire.encode_request(self._number, method, params)
        except EngineError as error:
            self._fail_soon(call, error)
            return call
        if self._socket.bytesToWrite() > MOST_UNSENT_BYTES:
            self._fail_soon(call, EngineError("The engine does not read what is asked of it.", "Restart it."))
            return call
        self._pending[self._number] = call
        self._socket.write(line)
        return call

    def _fail_soon(self, call: Call, error: HedgerowError) -> None:
        QTimer.singleShot(0, call, lambda: call.fail(error))

    def _open(self) -> None:
        if self._wanted and self._socket.state() == QLocalSocket.LocalSocketState.UnconnectedState:
            self._socket.connectToServer(str(self._paths().socket))

    def _paths(self) -> EnginePaths:
        return engine_paths(self._home)

    def _greet(self) -> None:
        try:
            token = self._paths().token.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            self._drop(EngineError("The engine's token cannot be read.", "Restart the engine."))
            return
        self._bad_lines = 0
        self.request("hello", HelloParams(token=token), timeout_s=5.0).then(self._on_hello, self._on_refused)

    def _on_hello(self, hello: Message) -> None:
        assert isinstance(hello, Hello)
        if hello.api_version != API_VERSION:
            self._drop(
                OtherVersionError(
                    "The engine is of another version than this window.", "Quit the engine and start it again."
                )
            )
            return
        self._greeted = True
        self._told = None
        self._retry_ms = FIRST_RETRY_MS
        self.attached.emit(hello)

    def _on_refused(self, error: HedgerowError) -> None:
        if not self._greeted:
            self._drop(error)

    def _on_closed(self, *_: object) -> None:
        self._drop(EngineError("The engine is not running.", "Start it again."))

    def _drop(self, error: HedgerowError) -> None:
        self._greeted = False
        self._latest = None
        self._more.stop()
        self._pace.stop()
        self._fail_all(error)
        if self._socket.state() != QLocalSocket.LocalSocketState.UnconnectedState:
            self._socket.blockSignals(True)
            self._socket.abort()
            self._socket.blockSignals(False)
        if not self._wanted:
            return
        if type(error) is not self._told:
            self._told = type(error)
            self.lost.emit(error)
        if not self._retry.isActive():
            self._retry.start(self._retry_ms)
            self._retry_ms = min(LAST_RETRY_MS, self._retry_ms * 2)

    def _fail_all(self, error: HedgerowError) -> None:
        pending, self._pending = self._pending, {}
        for call in pending.values():
            call.fail(error)

    def _read_slice(self) -> None:
        """Take lines for a few milliseconds, then let the window live."""
        watch = QElapsedTimer()
        watch.start()
        while self._socket.canReadLine():
            self._take(bytes(self._socket.readLine(wire.MAX_LINE + 2).data()))
            if watch.elapsed() >= SLICE_MS:
                self._more.start(0)
                return
        if self._socket.bytesAvailable() > wire.MAX_LINE:
            self._drop(EngineError("The engine sent a line that does not end.", "Restart the engine."))

    def _take(self, line: bytes) -> None:
        if line.startswith(_SNAPSHOT_HEAD):
            self._latest = line
            if not self._pace.isActive():
                self._pace.start(0)
            return
        try:
            incoming = wire.decode_incoming(line)
        except UsageError:
            self._count_bad_line()
            return
        if isinstance(incoming, wire.Result):
            self._answer(incoming)
        elif isinstance(incoming, wire.Failure):
            call = self._pending.pop(incoming.number, None)
            if call is not None:
                call.fail(incoming.error)
        elif incoming is not None and isinstance(incoming.value, Notice):
            self._pass_notice(incoming.value)

    def _answer(self, result: wire.Result) -> None:
        call = self._pending.pop(result.number, None)
        if call is None or call.over:
            return
        try:
            call.succeed(wire.decode_result(call.method, result.value))
        except EngineError as error:
            call.fail(error)

    def _flush_snapshot(self) -> None:
        line, self._latest = self._latest, None
        if line is None:
            return
        self._pace.start(SNAPSHOT_INTERVAL_MS)
        try:
            incoming = wire.decode_incoming(line)
        except UsageError:
            self._count_bad_line()
            return
        if self._greeted and isinstance(incoming, wire.Event) and isinstance(incoming.value, Snapshot):
            self.snapshot.emit(incoming.value)

    def _pass_notice(self, notice: Notice) -> None:
        began, passed = self._notice_window
        now = time.monotonic()
        if now - began >= 1.0:
            began, passed = now, 0
        self._notice_window = (began, passed + 1)
        if passed < NOTICES_PER_SECOND:
            self.notice.emit(notice)
        else:
            self.dropped_notices += 1

    def _count_bad_line(self) -> None:
        self._bad_lines += 1
        if self._bad_lines > MOST_BAD_LINES:
            self._drop(EngineError("The engine sends what this window does not understand.", "Restart the engine."))
