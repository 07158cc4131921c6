"""A TCP relay that counts bytes, limits the rate and can cut the line: the network of a test, on loopback only."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class SlowLink:
    """Relays ``127.0.0.1:port`` to a target, both directions, at most ``bytes_per_s`` each.

    ``retarget`` may be called at any time; new connections go to the new target. ``cut`` drops all connections.
    """

    def __init__(self, target: tuple[str, int] | None = None, bytes_per_s: float = 0.0) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.target = target
        self.bytes_per_s = bytes_per_s
        self.down_bytes = 0
        self.up_bytes = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            target = self.target
            if target is None:
                client.close()
                continue
            try:
                server = socket.create_connection(target, timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pump, args=(client, server, "up"), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, "down"), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        try:
            while data := source.recv(16_384):
                if self.bytes_per_s:
                    time.sleep(len(data) / self.bytes_per_s)
                sink.sendall(data)
                if direction == "up":
                    self.up_bytes += len(data)
                else:
                    self.down_bytes += len(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
                with self._lock:
                    self._open.discard(end)

    def cut(self) -> None:
        """Drop every open connection; new ones are still accepted."""
        with self._lock:
            ends = list(self._open)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop for good."""
        self._stopped.set()
        self._listener.close()
        self.cut()
