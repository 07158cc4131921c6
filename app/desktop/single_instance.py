"""One window per home folder: a second start hands over its invite, raises the first window and ends."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_WAIT_MS = 1_000
_MOST_BYTES = 8_192
_MOST_PATH = 90


class SingleInstance(QObject):
    """The door of the first window.

    Signals:
        called: a second start came; its invite, or empty.
    """

    called = Signal(str)

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._address = _address(home)
        self._callers: list[QLocalSocket] = []
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)

    def hand_over(self, invite: str) -> bool:
        """Tell a window that runs already; ``False`` if there is none."""
        socket = QLocalSocket()
        socket.connectToServer(self._address)
        if not socket.waitForConnected(_WAIT_MS):
            return False
        socket.write(invite.encode()[:_MOST_BYTES] + b"\n")
        written = socket.waitForBytesWritten(_WAIT_MS)
        socket.abort()
        return written

    def listen(self) -> bool:
        """Become the first window."""
        if self._server.listen(self._address):
            return True
        # Nobody answered ``hand_over``, so what is left there is of a window that died.
        QLocalServer.removeServer(self._address)
        return self._server.listen(self._address)

    def close(self) -> None:
        """Close the door."""
        for socket in list(self._callers):
            self._let_go(socket)
        self._server.close()

    def _on_connection(self) -> None:
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            socket.setReadBufferSize(_MOST_BYTES + 1)
            self._callers.append(socket)
            # Methods, not functions that hold the socket: PySide frees those in the midst of the socket's destructor.
            socket.readyRead.connect(self._listen)
            socket.disconnected.connect(self._listen)
        self._listen()

    def _listen(self) -> None:
        for socket in list(self._callers):
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if socket.canReadLine():
            line = bytes(socket.readLine(_MOST_BYTES + 1).data()).decode("utf-8", "replace").strip()
            self._let_go(socket)
            self.called.emit(line)
        elif socket.bytesAvailable() > _MOST_BYTES or socket.state() == QLocalSocket.LocalSocketState.UnconnectedState:
            self._let_go(socket)

    def _let_go(self, socket: QLocalSocket) -> None:
        """End a caller in silence."""
        if socket in self._callers:
            self._callers.remove(socket)
            socket.blockSignals(True)
            socket.abort()
            socket.deleteLater()


def _address(home: Path) -> str:
    run = home / "run"
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    address = str(run / "window.sock")
    if os.name == "posix" and len(os.fsencode(address)) <= _MOST_PATH:
        return address
    digest = hashlib.sha256(os.fsencode(str(home))).hexdigest()[:16]
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if os.name == "posix" and runtime.is_dir() and not stat.S_IMODE(runtime.stat().st_mode) & 0o077:
        return str(runtime / f"hedgerow-window-{digest}")
    return f"hedgerow-window-{digest}"
