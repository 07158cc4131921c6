"""Two pipes between the leading trainer and one sibling: frames of bytes, both ways, with an eye on the pause button.

The engine makes the pipes before the sandbox closes, so a group of trainers needs no socket. A sibling that dies closes
its ends, which is how the others learn of it.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable
from typing import Final

MAX_FRAME: Final = 64 << 20
_LENGTH: Final = 4
_LOOK_MS: Final = 50
"""How often a waiting trainer looks at the pause button."""


class SiblingGone(BrokenPipeError):
    """The trainer at the other end is no longer there; the engine starts the group again."""


class Line:
    """One end of both pipes.

    Args:
        in_descriptor: what the other end writes.
        out_descriptor: what the other end reads.
        between: called often while waiting; may raise to stop.
    """

    def __init__(self, in_descriptor: int, out_descriptor: int, between: Callable[[], None] = lambda: None) -> None:
        self._in, self._out = in_descriptor, out_descriptor
        self._between = between
        self._buffer = bytearray()
        for descriptor in (in_descriptor, out_descriptor):
            os.set_blocking(descriptor, False)

    def send(self, payload: bytes) -> None:
        """Write one frame.

        Raises:
            ValueError: it is longer than ``MAX_FRAME``.
            SiblingGone: nobody reads any more.
        """
        if len(payload) > MAX_FRAME:
            raise ValueError(f"a frame of {len(payload):,} bytes is too long")
        view = memoryview(len(payload).to_bytes(_LENGTH, "big") + payload)
        while view:
            try:
                view = view[os.write(self._out, view) :]
            except BlockingIOError:
                self._wait(self._out, select.POLLOUT)
            except BrokenPipeError as error:
                raise SiblingGone("A sibling of this trainer has ended.") from error

    def receive(self) -> bytes:
        """Read one frame.

        Raises:
            SiblingGone: the other end has closed or sends what is no frame.
        """
        length = int.from_bytes(self._take(_LENGTH), "big")
        if length > MAX_FRAME:
            raise SiblingGone("A sibling of this trainer sent something too long.")
        return self._take(length)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            try:
                piece = os.read(self._in, 1 << 16)
            except BlockingIOError:
                self._wait(self._in, select.POLLIN)
                continue
            if not piece:
                raise SiblingGone("A sibling of this trainer has ended.")
            self._buffer += piece
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def wait_patiently(self) -> None:
        """From now on wait without looking at the pause button."""
        self._between = lambda: None

    def drain(self) -> None:
        """Wait until the other end has closed, whatever it still says and whatever the owner wants."""
        self.wait_patiently()
        with contextlib.suppress(SiblingGone):
            while True:
                self._take(1)

    def _wait(self, descriptor: int, event: int) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        self._between()
        while not poll.poll(_LOOK_MS):
            self._between()

    def close(self) -> None:
        """Close both ends; the sibling sees it."""
        for descriptor in (self._in, self._out):
            with contextlib.suppress(OSError):
                os.close(descriptor)
