"""A network namespace that holds nothing but a loopback interface (Linux).

Nothing in it can reach the machine's network, nor be reached from it, but through sockets that were opened outside and
handed in. Two use it:

* Trainers that must talk to each other. The first makes one between fork and exec, the others enter it there. Where the
  system does not allow it nothing happens here, and the trainers, which look before they use it, say so.
* A coordinator, which moves in with all it will start, so that Flower's ports are nobody else's. It asks first
  (``why_not``), since half a move cannot be undone.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

if sys.platform == "linux":
    import fcntl

SEVERAL_THREADS: Final = "the process has several threads already"
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
            _keep_names(user, group)
        with contextlib.suppress(OSError):
            _raise_loopback()

    return make


def move_in() -> None:
    """Move this process, which must have one thread, for good into a network of its own, and all it starts later.

    Root needs a network namespace only, everybody else a user namespace to make it in; user and group stay as they are.

    Raises:
        OSError: the system does not allow it. Where that is not known, ask ``why_not`` before.
    """
    libc = _libc()
    if libc is None:
        raise OSError(errno.ENOSYS, "only Linux has network namespaces")
    if _threads() > 1:
        raise OSError(errno.EBUSY, SEVERAL_THREADS)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_NETWORK):
        if libc.unshare(_NEW_USER | _NEW_NETWORK):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        _keep_names(user, group)
    _raise_loopback()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=2.0):
        return


def why_not() -> str:
    """Why this process cannot ``move_in``, in a few words; empty if it can. A child tries it and ends.

    Some systems allow the namespace and refuse what it needs afterwards, so all of it is tried.
    """
    if _libc() is None:
        return "only Linux has network namespaces"
    if _threads() > 1:  # the child would have one
        return SEVERAL_THREADS
    ours, childs = os.pipe()
    child = os.fork()
    if not child:
        words = "it failed"
        try:
            move_in()
            words = ""
        except OSError as error:
            words = error.strerror or str(error)
        finally:  # whatever happened, the child never returns into its caller
            os.write(childs, words.encode())
            os._exit(0)
    os.close(childs)
    with os.fdopen(ours, "rb") as said:
        words = said.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return words if not status else "the attempt was ended by the system"


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _keep_names(user: int, group: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack(_INTERFACE, b"lo", 0)
        flags = struct.unpack(_INTERFACE, fcntl.ioctl(any_socket, _GET_FLAGS, request))[1]
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack(_INTERFACE, b"lo", flags | _UP))


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
