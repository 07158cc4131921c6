"""How the gateway serves: the certificate of the day, and uvicorn without a banner."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from core.coordinator.home import Federation
from core.coordinator.records.blobs import write_durably
from core.coordinator.web import certificates
from core.coordinator.web.patience import Patient, allow_connections
from core.federation.invite import GATEWAY_NAME


def renew_leaf(federation: Federation, names: tuple[str, ...]) -> tuple[Path, Path]:
    """Write a fresh leaf for the fixed name and, for browsers, the listening names. Returns certificate and key."""
    home = federation.home
    root_key = certificates.load_key(home.key_path("root.key").read_bytes())
    root = certificates.load_certificate(home.key_path("root.crt").read_bytes())
    key = certificates.new_key()
    extra = tuple(name for name in dict.fromkeys(names) if name and name not in ("0.0.0.0", "::"))  # noqa: S104
    certificate = certificates.leaf(root, root_key, key, (GATEWAY_NAME, *extra))
    certificate_path, key_path = home.key_path("gateway.crt"), home.key_path("gateway.key")
    for path, data in (
        (key_path, certificates.key_pem(key)),
        (certificate_path, certificates.cert_pem(certificate)),
    ):
        write_durably(path, data)
    return certificate_path, key_path


class _Announced(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            await self._ready()


def serve(app: ASGIApp, federation: Federation, bound: socket.socket, ready: Callable[[], Awaitable[None]]) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is awaited in the loop once it listens."""
    host = str(bound.getsockname()[0])
    address = federation.settings.address.rpartition(":")[0] or federation.settings.address
    certificate, key = renew_leaf(federation, ("localhost", host, address))
    config = uvicorn.Config(
        app,
        ssl_certfile=str(certificate),
        ssl_keyfile=str(key),
        http=Patient,
        ws="none",
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        access_log=False,
        limit_concurrency=512,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    allow_connections()
    config.load()
    assert config.ssl is not None
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    with suppress(KeyboardInterrupt):
        _Announced(config, ready).run(sockets=[bound])
