"""``EngineClient``: the blocking way to the engine, for the command line, the demo and scripts.

Standard library and ``core.api`` only. One connection, one thread: events that arrive while a result is awaited are
kept in order and handed out by ``events``. The window has its own client over ``QLocalSocket``; both find the socket
with ``engine_paths``. Example::

    with EngineClient(default_home()) as client:
        client.connect(start=True)
        print(client.call("status").state)
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from core.api import interpreter, wire
from core.api.errors import EngineError, UsageError
from core.api.messages.base import API_VERSION, Message, Nothing
from core.api.messages.methods import METHODS
from core.api.messages.state import Hello, HelloParams, Snapshot

MAX_SOCKET_PATH = 100
"""Longer paths do not fit ``sockaddr_un`` everywhere; the engine then writes the real one to ``run/engine.address``."""
_START_HINT = "Start it with `hedgerow engine`, or open the window."
_POLL_S = 0.1


@dataclass(frozen=True)
class EnginePaths:
    """Where one engine's files lie."""

    home: Path
    socket: Path
    token: Path
    lock: Path


def default_home() -> Path:
    """``HEDGEROW_HOME``, or the platform's folder for user data."""
    override = os.environ.get("HEDGEROW_HOME")
    if override:
        return Path(override).expanduser().absolute()
    from platformdirs import user_data_dir

    return Path(user_data_dir("hedgerow", appauthor=False))


def engine_paths(home: Path) -> EnginePaths:
    """Socket, token and lock of the engine of ``home``; follows ``run/engine.address`` where the path is too long."""
    home = Path(home).absolute()
    run = home / "run"
    address = run / "engine.sock"
    if len(os.fsencode(address)) > MAX_SOCKET_PATH:
        with contextlib.suppress(OSError):
            address = Path((run / "engine.address").read_text("utf-8").strip())
    return EnginePaths(home=home, socket=address, token=run / "engine.token", lock=home / "engine.lock")


class EngineClient:
    """A connection to the engine of one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = Path(home).absolute()
        self.snapshot: Snapshot | None = None
        """The newest state seen: from the greeting, then from every snapshot event read."""
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._number = 0
        self._pending: deque[wire.Event] = deque()

    def __enter__(self) -> EngineClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self, timeout_s: float = 20.0, start: bool = False) -> Snapshot:
        """Attach to the engine, starting one that outlives this process if ``start`` and none answers.

        Returns:
            The state at the moment of attaching.

        Raises:
            EngineError: there is no engine, it does not start, does not answer, or speaks another version.
        """
        deadline = time.monotonic() + timeout_s
        try:
            self._open(timeout_s)
        except EngineError:
            if not start:
                raise
            self._start_and_open(deadline)
        token = self._read_token()
        hello = self.call("hello", HelloParams(token=token), timeout_s=max(1.0, deadline - time.monotonic()))
        assert isinstance(hello, Hello)
        if hello.api_version != API_VERSION:
            self.close()
            raise EngineError(
                f"The engine speaks version {hello.api_version} of the interface, this program version {API_VERSION}.",
                "Quit the engine and start it again after the update.",
            )
        self.snapshot = hello.snapshot
        return hello.snapshot

    def call(self, method: str, params: Message | None = None, timeout_s: float = 120.0) -> Message:
        """Ask for one thing and wait for the answer.

        Raises:
            ValueError: there is no such method, or the parameters are of another one.
            HedgerowError: what the engine answered, or that it did not.
        """
        if method not in METHODS:
            raise ValueError(f"no method named {method!r}")
        params = Nothing() if params is None else params
        if not isinstance(params, METHODS[method][0]):
            raise ValueError(f"{method!r} takes {METHODS[method][0].__name__}, not {type(params).__name__}")
        self._number += 1
        self._send(wire.encode_request(self._number, method, params), method)
        deadline = time.monotonic() + timeout_s
        while True:
            incoming = self._receive(deadline)
            if incoming is None:
                raise EngineError(f"The engine did not answer {method!r} within {timeout_s:g} seconds.", "Try again.")
            if isinstance(incoming, wire.Event):
                self._pending.append(incoming)
            elif incoming.number == self._number:
                if isinstance(incoming, wire.Failure):
                    raise incoming.error
                return wire.decode_result(method, incoming.value)

    def next_event(self, timeout_s: float | None = None) -> wire.Event | None:
        """The next event, or ``None`` if none came within ``timeout_s``.

        Raises:
            EngineError: the engine closed the connection.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._pending:
            incoming = self._receive(deadline)
            if incoming is None:
                return None
            if isinstance(incoming, wire.Event):
                self._pending.append(incoming)
        event = self._pending.popleft()
        if isinstance(event.value, Snapshot):
            self.snapshot = event.value
        return event

    def events(self) -> Iterator[wire.Event]:
        """Every event from now on, until the engine closes the connection."""
        while True:
            try:
                event = self.next_event()
            except EngineError:
                return
            assert event is not None
            yield event

    def close(self) -> None:
        """Let go of the connection; the engine goes on."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer = b""
        self._pending.clear()

    def _open(self, timeout_s: float) -> None:
        self.close()
        if not hasattr(socket, "AF_UNIX"):
            raise EngineError("This Python has no Unix sockets, so the engine cannot be reached.")
        paths = engine_paths(self.home)
        if not paths.socket.exists():
            raise EngineError(f"No engine is running for {self.home}.", _START_HINT)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(paths.socket))
        except TimeoutError as error:
            connection.close()
            raise EngineError(f"The engine of {self.home} does not answer.", "Wait a moment and try again.") from error
        except OSError as error:
            connection.close()
            if isinstance(error, PermissionError):
                raise EngineError(f"The engine of {self.home} belongs to another user.") from error
            raise EngineError(f"The engine of {self.home} has ended.", _START_HINT) from error
        self._socket = connection

    def _start_and_open(self, deadline: float) -> None:
        process, log = start_engine(self.home)
        while True:
            with contextlib.suppress(EngineError):
                self._open(max(1.0, deadline - time.monotonic()))
                return
            code = process.poll()
            if code is not None:
                raise EngineError(f"The engine did not start: {_last_line(log) or f'it ended with code {code}'}", "")
            if time.monotonic() > deadline:
                raise EngineError("The engine was started but does not answer yet.", f"Read {log}.")
            time.sleep(_POLL_S)

    def _read_token(self) -> str:
        token = engine_paths(self.home).token
        try:
            return token.read_text("utf-8").strip()
        except OSError as error:
            self.close()
            raise EngineError(f"The engine's token {token} cannot be read.", _START_HINT) from error

    def _send(self, line: bytes, method: str) -> None:
        if self._socket is None:
            raise EngineError("Not connected to the engine.", _START_HINT)
        try:
            self._socket.sendall(line)
        except OSError as error:
            self.close()
            raise EngineError(f"The engine went away before {method!r} reached it.", _START_HINT) from error

    def _receive(self, deadline: float | None) -> wire.Result | wire.Failure | wire.Event | None:
        while True:
            line, separator, rest = self._buffer.partition(b"\n")
            if separator:
                self._buffer = rest
                try:
                    incoming = wire.decode_incoming(line)
                except UsageError as error:
                    raise EngineError(error.message, error.hint) from error
                if incoming is not None:
                    return incoming
                continue
            chunk = self._read_chunk(deadline)
            if chunk is None:
                return None
            self._buffer += chunk
            if len(self._buffer) > 4 * wire.MAX_LINE:
                self.close()
                raise EngineError("The engine sent a line longer than the interface allows.")

    def _read_chunk(self, deadline: float | None) -> bytes | None:
        if self._socket is None:
            raise EngineError("Not connected to the engine.", _START_HINT)
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([self._socket], [], [], remaining)
        if not readable:
            return None
        try:
            chunk = self._socket.recv(1 << 16)
        except OSError as error:
            self.close()
            raise EngineError("The connection to the engine broke.", _START_HINT) from error
        if not chunk:
            self.close()
            raise EngineError("The engine closed the connection.", _START_HINT)
        return chunk


def start_engine(home: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """Start an engine in a session of its own, so that it outlives this process.

    Returns:
        The process and the file its error messages go to.

    Raises:
        EngineError: the folder cannot be written.
    """
    log = Path(home) / "logs" / "start.log"
    try:
        Path(home).mkdir(parents=True, exist_ok=True, mode=0o700)
        log.parent.mkdir(exist_ok=True, mode=0o700)
        stream = log.open("wb")
    except OSError as error:
        raise EngineError(
            f"The folder {home} cannot be written: {error.strerror}.", "Choose another with HEDGEROW_HOME."
        ) from error
    with stream:
        process = subprocess.Popen(
            [*interpreter.command("core.engine"), "--home", str(home)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            start_new_session=True,
            close_fds=True,
        )
    return process, log


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:400] if lines else ""
