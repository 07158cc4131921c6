"""An engine for GUI tests: a real local socket that speaks the wire, tells scripted snapshots and answers requests.

Unlike a double inside the process it can flood, send garbage, stall or die, and the window must live with it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from core.api import wire
from core.api.client import engine_paths
from core.api.errors import HedgerowError, UsageError
from core.api.messages.base import API_VERSION, Acknowledged, Message
from core.api.messages.machine import LimitsParams, LimitsView
from core.api.messages.state import Hello, HelloParams, Snapshot

TOKEN = "a-token-of-the-test"
LIMITS = {
    "cpu_threads": "0",
    "floor_unit": "none",
    "floor_epsilon": "8",
    "floor_noise": "0",
    "memory_gb": "0",
    "devices": "",
    "offered_hours_per_week": "20",
    "disk_gb": "5",
    "keep_running": "no",
    "worker_interpreter": "",
    "checkpoint_interval_s": "60",
    "duty_cycle": "1",
    "gpu_memory_gb": "0",
    "gpu_temperature_c": "85",
    "gpu_temperature_gap_c": "5",
    "schedule": "",
    "only_when_idle": "no",
    "idle_minutes": "5",
    "train_on_battery": "no",
    "pause_on_full_screen": "yes",
    "other_gpu_percent": "50",
    "other_cpu_percent": "0",
    "hold_s": "20",
    "quiet_s": "120",
    "upload_mbit_s": "0",
    "download_mbit_s": "0",
    "monthly_gb": "0",
    "use_metered": "no",
}
Reply = Message | HedgerowError | Callable[[Message], Message | HedgerowError]


class FakeEngine:
    """Serves one home folder until ``stop``."""

    def __init__(self, home: Path, snapshot: Snapshot, replies: Mapping[str, Reply] | None = None) -> None:
        self.home, self.snapshot = home, snapshot
        self.replies: dict[str, Reply] = dict(replies or {})
        self.seen: list[wire.Request] = []
        self.limits = dict(LIMITS)
        self.api_version = API_VERSION
        self.silent: set[str] = set()
        """Methods that get no answer."""
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._server: socket.socket | None = None

    def start(self) -> FakeEngine:
        """Listen."""
        run = self.home / "run"
        run.mkdir(parents=True, exist_ok=True)
        (run / "engine.token").write_text(TOKEN)
        path = engine_paths(self.home).socket
        path.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(path))
        self._server.listen(8)
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Die as a killed engine does: every connection closes, the socket file stays."""
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            self._server = None
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
            self._connections.clear()

    def push(self, snapshot: Snapshot) -> None:
        """Tell every window a new state."""
        self.snapshot = snapshot
        self.send(wire.encode_event("snapshot", snapshot))

    def send(self, raw: bytes) -> None:
        """Send bytes, whatever they are."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(raw)

    def flood(self, line: bytes, seconds: float) -> threading.Thread:
        """Send one line over and over from a thread, as fast as the window takes it."""

        def run() -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end and self._server is not None:
                self.send(line * 50)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def methods(self) -> list[str]:
        """Names of the requests seen, the greeting left out."""
        return [r.method for r in self.seen if r.method != "hello"]

    def params(self, method: str) -> list[Message]:
        """Parameters of every request of one name."""
        return [r.params for r in self.seen if r.method == method]

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with self._lock:
                self._connections.append(connection)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in connection.makefile("rb"):
                request = wire.decode_request(line)
                self.seen.append(request)
                if request.method not in self.silent:
                    connection.sendall(self._answer(request))

    def _answer(self, request: wire.Request) -> bytes:
        reply = self._reply(request)
        if isinstance(reply, HedgerowError):
            return wire.encode_error(request.number, reply)
        return wire.encode_result(request.number, reply)

    def _reply(self, request: wire.Request) -> Message | HedgerowError:
        params = request.params
        if isinstance(params, HelloParams):
            if params.token != TOKEN:
                return UsageError("The token is wrong.")
            return Hello(api_version=self.api_version, engine_version="0.1.0", snapshot=self.snapshot)
        reply = self.replies.get(request.method)
        if reply is not None:
            return reply(params) if callable(reply) else reply
        if isinstance(params, LimitsParams):
            self.limits[params.key] = params.value
        if request.method.startswith("limits."):
            return LimitsView(values=dict(self.limits))
        return Acknowledged()
