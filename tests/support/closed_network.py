"""Whether a network namespace can be made here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from core import loopback

NAMES = "import socket; print([name for _, name in socket.if_nameindex()])"


def interfaces(before_exec: Callable[[], None]) -> str:
    """The network interfaces that a program sees which is started in this way."""
    command = [sys.executable, "-I", "-c", NAMES]
    done = subprocess.run(command, preexec_fn=before_exec, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def has_namespaces() -> bool:
    """Whether an unprivileged process may make one."""
    return interfaces(loopback.maker()) == "['lo']"
