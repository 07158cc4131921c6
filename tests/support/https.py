"""A small HTTPS server with a private root and the gateway's fixed name, answering what a test tells it to."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from core.coordinator.web import certificates
from core.federation.invite import GATEWAY_NAME
from core.federation.transport import Endpoint


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Respond = Callable[[Asked], tuple[int, dict[str, str], bytes]]


@dataclass
class Site:
    """A running server."""

    address: str
    root: bytes
    routes: dict[tuple[str, str], Respond] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    cut_after: int | None = None
    """Send only so many bytes of the next body, then drop the line."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it is and what it must prove."""
        return Endpoint(self.address, self.root, GATEWAY_NAME)

    def give(self, method: str, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer one route with fixed bytes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.routes[method, path] = lambda asked: (status, named, body)

    def give_blob(self, path: str, content: bytes) -> None:
        """Answer one route with a file, ranges included."""

        def respond(asked: Asked) -> tuple[int, dict[str, str], bytes]:
            wanted = asked.headers.get("range", "")
            start = int(wanted.removeprefix("bytes=").split("-")[0] or 0) if wanted else 0
            if wanted and start >= len(content):
                return 416, {}, b""
            return (206 if wanted else 200), {}, content[start:]

        self.routes["GET", path] = respond


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.site.asked.append(asked)
        respond = self.site.routes.get((self.command, self.path), lambda asked: (404, {}, b""))
        status, headers, content = respond(asked)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        cut, self.site.cut_after = self.site.cut_after, None
        if cut is not None and status in (200, 206):
            self.wfile.write(content[:cut])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def site(folder: Path, name: str = GATEWAY_NAME) -> Iterator[Site]:
    """A server on loopback; ``name`` is what its certificate says."""
    root_key, key = certificates.new_key(), certificates.new_key()
    root = certificates.self_signed("test root", root_key)
    leaf = certificates.leaf(root, root_key, key, (name,))
    chain = folder / "site.pem"
    chain.write_bytes(certificates.cert_pem(leaf) + certificates.key_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    one = Site(f"127.0.0.1:{server.server_address[1]}", certificates.cert_der(root))
    handler.site = one
    server.handle_error = lambda request, client: None  # type: ignore[method-assign,assignment]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
