"""The engine's socket: JSON-RPC lines for this user's own programs and nobody else.

Folder 0700, socket and token 0600, the peer's uid checked, the token compared in constant time in the first message.
A client that does not read is never waited for: snapshots are coalesced to four a second and to the newest one, notices
beyond a bounded queue are dropped, and whoever leaves hundreds of its own answers unread is disconnected.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import shutil
import socket
import struct
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from core.api import wire
from core.api.client import MAX_SOCKET_PATH, EnginePaths
from core.api.errors import EngineError, HedgerowError, UsageError
from core.api.messages.base import API_VERSION, Message
from core.api.messages.state import Hello, HelloParams, Notice, Series, Snapshot
from core.vault import write_atomic

SNAPSHOT_INTERVAL_S = 0.25
HELLO_TIMEOUT_S = 10.0
MAX_QUEUE = 256
MAX_CLIENTS = 16
MAX_RUNNING = 16
GOODBYE_S = 0.5
"""How long connections may take to notice that the server is going."""
Handler = Callable[[wire.Request], Awaitable[Message]]
log = logging.getLogger("hedgerow.ipc")


class Server:
    """Listens, checks who is there, answers requests and pushes events."""

    def __init__(self, paths: EnginePaths, handler: Handler, snapshot: Callable[[], Snapshot], version: str) -> None:
        self._paths = paths
        self._handler = handler
        self._snapshot = snapshot
        self._version = version
        self._token = ""
        self._server: asyncio.AbstractServer | None = None
        self._clients: set[_Client] = set()
        self._meetings: set[asyncio.Task[None]] = set()
        self._line: bytes | None = None
        self._away: Path | None = None
        self.address = paths.home / "run" / "engine.sock"

    async def start(self) -> None:
        """Write the token, bind the socket and begin to listen.

        Raises:
            StorageError: the token cannot be written.
        """
        run = self._paths.home / "run"
        self._token = secrets.token_urlsafe(32)
        write_atomic(self._paths.token, self._token.encode())
        if len(os.fsencode(self.address)) > MAX_SOCKET_PATH:
            self._away = _short_folder(self._paths.home)
            self.address = self._away / "engine.sock"
            write_atomic(run / "engine.address", str(self.address).encode())
        with contextlib.suppress(FileNotFoundError):
            self.address.unlink()
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            bound.bind(str(self.address))
        finally:
            os.umask(mask)
        self._server = await asyncio.start_unix_server(self._meet, sock=bound, limit=wire.MAX_LINE)

    async def stop(self) -> None:
        """Say goodbye to every client and remove the socket."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close()
        if self._meetings:  # a connection that is cut off in its read would be logged as an error
            await asyncio.wait(self._meetings, timeout=GOODBYE_S)
        for path in (self.address, self._paths.token, self._paths.home / "run" / "engine.address"):
            path.unlink(missing_ok=True)
        if self._away is not None:
            shutil.rmtree(self._away, ignore_errors=True)

    def changed(self) -> None:
        """The state is another; every client gets the newest one soon."""
        self._line = None
        for client in self._clients:
            client.stale = True
            client.wake.set()

    def notice(self, notice: Notice) -> None:
        """Tell every client about a passing event."""
        line = wire.encode_event("notice", notice)
        for client in self._clients:
            client.offer(line)

    def snapshot_line(self) -> bytes:
        """The newest state as an event line, encoded once for all clients."""
        if self._line is None:
            snapshot = self._snapshot()
            try:
                self._line = wire.encode_event("snapshot", snapshot)
            except EngineError:  # very many texts or federations: better the state alone than none
                short = msgspec.structs.replace(snapshot, corpora=[], uploads=[], series=Series())
                self._line = wire.encode_event("snapshot", short)
        return self._line

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Client(self, reader, writer)
        meeting = asyncio.current_task()
        assert meeting is not None
        self._meetings.add(meeting)
        meeting.add_done_callback(self._meetings.discard)
        try:
            if len(self._clients) >= MAX_CLIENTS or not same_user(writer.get_extra_info("socket")):
                return
            if await self._greeted(client):
                self._clients.add(client)
                await client.serve(self._handler)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._clients.discard(client)
            client.close()

    async def _greeted(self, client: _Client) -> bool:
        """Read ``hello``; anything else ends the connection."""
        try:
            request = wire.decode_request(await asyncio.wait_for(client.reader.readuntil(b"\n"), HELLO_TIMEOUT_S))
        except TimeoutError:
            return False
        except (UsageError, asyncio.LimitOverrunError) as error:
            sentence = error if isinstance(error, UsageError) else UsageError("The first line is too long.")
            await client.send(wire.encode_error(None, sentence))
            return False
        params = request.params
        if not isinstance(params, HelloParams) or not hmac.compare_digest(params.token.encode(), self._token.encode()):
            error_line = wire.encode_error(request.number, EngineError("The engine does not know this program."))
            await client.send(error_line)
            return False
        hello = Hello(api_version=API_VERSION, engine_version=self._version, snapshot=self._snapshot())
        await client.send(wire.encode_result(request.number, hello))
        return True


class _Client:
    """One connection: a reader of requests and a writer that may fall behind."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.wake = asyncio.Event()
        self.stale = False
        self._queue: deque[bytes] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sent_at = 0.0

    def offer(self, line: bytes) -> None:
        """Queue a line that may be lost if the client does not read."""
        if len(self._queue) < MAX_QUEUE // 2:
            self.put(line)

    def put(self, line: bytes) -> None:
        """Queue an answer; a full queue means that the client asks and never reads, and it is dropped."""
        if len(self._queue) >= MAX_QUEUE:
            self.close()
            return
        self._queue.append(line)
        self.wake.set()

    def close(self) -> None:
        """End the connection; running requests go on, their answers are lost."""
        self.writer.close()
        self.wake.set()

    async def serve(self, handler: Handler) -> None:
        """Answer requests until the client goes."""
        writing = asyncio.create_task(self._write())
        try:
            while not self.writer.is_closing():
                try:
                    line = await self.reader.readuntil(b"\n")
                    request = wire.decode_request(line)
                except (UsageError, asyncio.LimitOverrunError) as error:
                    sentence = error if isinstance(error, UsageError) else UsageError("A line is longer than 1 MiB.")
                    self.put(wire.encode_error(None, sentence))
                    if not isinstance(error, UsageError):
                        return
                    continue
                if len(self._tasks) >= MAX_RUNNING:
                    self.put(wire.encode_error(request.number, EngineError("The engine is busy.", "Try again.")))
                    continue
                task = asyncio.create_task(self._answer(request, handler))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        finally:
            writing.cancel()

    async def _answer(self, request: wire.Request, handler: Handler) -> None:
        try:
            line = wire.encode_result(request.number, await handler(request))
        except HedgerowError as error:
            line = wire.encode_error(request.number, error)
        except Exception:  # the border to the app: nothing may end the engine
            log.exception("request %s failed", request.method)
            line = wire.encode_error(
                request.number, EngineError(f"The engine failed inside at {request.method!r}.", "See logs/engine.log.")
            )
        self.put(line)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.writer.is_closing():
            await self.wake.wait()
            self.wake.clear()
            while self._queue:
                await self.send(self._queue.popleft())
            wait = self._sent_at + SNAPSHOT_INTERVAL_S - loop.time()
            if self.stale and wait > 0:
                loop.call_later(wait, self.wake.set)
            elif self.stale:
                self.stale = False
                self._sent_at = loop.time()
                await self.send(self.server.snapshot_line())

    async def send(self, line: bytes) -> None:
        """Write one line and wait until there is room for another; only this client's writer waits."""
        try:
            self.writer.write(line)
            await self.writer.drain()
        except ConnectionError:
            self.writer.transport.abort()


def same_user(end: socket.socket) -> bool:
    """Whether the other end runs as this user; where the system cannot say, the folder's mode must do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(uid == os.getuid())


def _short_folder(home: Path) -> Path:
    """A private folder with a path short enough for a socket: the session's, or a fresh temporary one."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime) / f"hedgerow-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    if runtime and len(os.fsencode(folder)) < MAX_SOCKET_PATH - 20:
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True, mode=0o700)
            if folder.stat().st_uid == os.getuid():
                folder.chmod(0o700)
                return folder
    with contextlib.suppress(OSError):  # left behind by an engine that was killed
        Path((home / "run" / "engine.address").read_text("utf-8")).unlink()
    return Path(tempfile.mkdtemp(prefix="hedgerow-"))
