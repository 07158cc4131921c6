"""The sockets of a coordinator, bound before anything else so that a taken port is said at once.

They are bound where the operator's network is, and handed to the gateway as descriptors: it may live where no other
network is, and one that is started again finds its port as it was.
"""

from __future__ import annotations

import errno
import socket

from core.api.errors import CoordinatorError, UsageError

BACKLOG = 256
LOOPBACK = "127.0.0.1"


def listen(address: str) -> socket.socket:
    """Bind ``host:port``.

    Raises:
        UsageError: not an address.
        CoordinatorError: the port is taken or not ours to take.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"{address!r} is not host:port.", "Write it like 0.0.0.0:8443.")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host.strip("[]"), int(port)))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        reason = (
            "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        )
        raise CoordinatorError(f"The address {address} {reason}.", "Choose another with --listen.") from error
    return bound


def address_of(bound: socket.socket) -> str:
    """Where a socket listens, as ``host:port``."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
