"""What a coordinator takes before it starts anything: its folder, its ports, and a network of its own.

Flower's Control API has no authentication and listens on loopback, where any program of any user could start code
through it. So the coordinator moves, with all it will start, into a network namespace that nobody else is in, and takes
along the sockets that it bound outside. That works only as long as a process has one thread; therefore this module and
what it imports load neither Flower nor numpy, and it comes first. Where the system does not allow it, one sentence says
so before anything starts, and Flower is on the machine's loopback as it would be anywhere.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from filelock import FileLock, Timeout

from core import loopback
from core.api import interpreter
from core.api.errors import CoordinatorError
from core.coordinator.home import Federation
from core.coordinator.processes import Child, environment
from core.coordinator.web.listening import LOOPBACK, listen

LOCK_WAIT_S = 2.0
"""Whoever only looks whether the folder is run holds its lock for a moment."""
OUTSIDE_STOP_S = 10.0
"""What keeps the forwarder ends it first."""
TURNED_OFF = "it is turned off in federation.toml"


@dataclass(frozen=True, kw_only=True)
class Premises:
    """What was taken; everything is given back by the context that ``taken`` is."""

    listening: socket.socket
    """The gateway's, in the machine's network."""
    metrics: socket.socket | None = None
    """Where figures are served, on the machine's loopback."""
    outside: Child | None = None
    """Of a household: what keeps its forwarder running, in the machine's network."""
    isolated: bool = False
    """Whether everything started from now on lives in a network of its own."""
    why: str = ""
    """If not: why, as a sentence."""

    def close(self) -> None:
        """Close the sockets, so that clients are refused instead of left waiting."""
        self.listening.close()
        if self.metrics is not None:
            self.metrics.close()


@contextlib.contextmanager
def taken(
    federation: Federation, address: str, metrics_port: int, show: Callable[[dict[str, Any]], None]
) -> Iterator[Premises]:
    """Take all that, and tell in one line how the network is.

    Args:
        federation: whose folder it is.
        address: ``host:port`` to listen at.
        metrics_port: where on loopback to serve figures; 0 for nowhere.
        show: takes the line.

    Raises:
        CoordinatorError: another process runs this folder, or a port is taken.
        UsageError: not an address.
    """
    with contextlib.ExitStack() as held:
        held.enter_context(_locked(federation))
        listening = held.enter_context(listen(address))
        metrics = held.enter_context(listen(f"{LOOPBACK}:{metrics_port}")) if metrics_port else None
        outside = _forwarder(federation)
        if outside is not None:
            outside.start(pipe=True)
            held.callback(outside.stop, OUTSIDE_STOP_S)
        why = _move_in() if federation.settings.namespace == "auto" else TURNED_OFF
        sentence = f"Any program on this machine can reach Flower's control port: {why}." if why else ""
        if sentence:
            sys.stderr.write(f"{sentence} Give the coordinator a machine or container of its own.\n")
        show({"event": "network", "isolated": not why, "why": sentence})
        yield Premises(listening=listening, metrics=metrics, outside=outside, isolated=not why, why=sentence)


@contextlib.contextmanager
def _locked(federation: Federation) -> Iterator[None]:
    lock = FileLock(federation.home.lock_path)
    try:
        lock.acquire(timeout=LOCK_WAIT_S)
    except Timeout as error:
        root = federation.home.root
        raise CoordinatorError(f"{root} is already being run.", "Stop the other process first.") from error
    try:
        yield
    finally:
        lock.release()


def _forwarder(federation: Federation) -> Child | None:
    if not federation.config.forwards_to.federation_id:
        return None
    home = federation.home
    forward = [*interpreter.command("core.household"), "forward", str(home.root)]
    command = [*interpreter.command("core.coordinator.outside"), str(home.log_path("forwarder")), *forward]
    return Child("outside", command, environment(home), home.log_path("outside"))


def _move_in() -> str:
    """Move into a network of our own; why not, where that is not allowed."""
    why = loopback.why_not()
    if why:
        return f"it has no network of its own here ({why})"
    try:
        loopback.move_in()
    except OSError as error:
        raise CoordinatorError(
            f"The move into a network of our own failed half way: {error.strerror}.",
            'Set namespace = "off" in the [coordinator] part of federation.toml.',
        ) from error
    return ""
