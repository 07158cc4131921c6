"""A network namespace that holds nothing but a loopback interface, for trainers that must talk to each other.

The first trainer makes one between fork and exec, the others enter it there (Linux, unprivileged user namespaces).
Nothing in it can reach the machine's network, nor be reached from it. Where the system does not allow it nothing
happens here, and the trainers, which look before they use it, say so.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

_NEW_USER: Final = 0x10000000
_NEW_NETWORK: Final = 0x40000000
_GET_FLAGS: Final = 0x8913
_SET_FLAGS: Final = 0x8914
_UP: Final = 0x1
_INTERFACE: Final = "16sh14x"


def maker() -> Callable[[], None]:
    """What the first trainer runs between fork and exec."""
    libc = _libc()
    user, group = os.getuid(), os.getgid()

    def make() -> None:
        if libc is None or libc.unshare(_NEW_USER | _NEW_NETWORK):
            return
        with contextlib.suppress(OSError):  # without names for user and group it works as well
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack(_INTERFACE, b"lo", 0)
            flags = struct.unpack(_INTERFACE, fcntl.ioctl(any_socket, _GET_FLAGS, request))[1]
            fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack(_INTERFACE, b"lo", flags | _UP))

    return make


@contextlib.contextmanager
def enterer(pid: int) -> Iterator[Callable[[], None]]:
    """What the other trainers run between fork and exec, to be where the first one is."""
    libc = _libc()
    with contextlib.ExitStack() as opened:
        spaces = []
        with contextlib.suppress(OSError):
            for name, kind in (("user", _NEW_USER), ("net", _NEW_NETWORK)):
                descriptor = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
                opened.callback(os.close, descriptor)
                spaces.append((descriptor, kind))

        def enter() -> None:
            for descriptor, kind in spaces:
                if libc is None or libc.setns(descriptor, kind):
                    return

        yield enter


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
