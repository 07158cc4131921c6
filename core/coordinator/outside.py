"""``python -m core.coordinator.outside LOG COMMAND…``: keeps one program running in the network it was started in.

A household's forwarder speaks to the larger federation, but its coordinator moves into a network that reaches nobody.
So this is started before the move, and starts the forwarder, again where it ended. Each new start is one line of JSON
on standard output. It imports little, because it lives as long as the coordinator does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from core.api.errors import HedgerowError
from core.coordinator.processes import Child, rotate

REST_S = 10.0
"""Between two starts at least."""
LOOK_S = 0.5
ROTATE_EVERY_S = 60.0


def keep(child: Child, stopping: threading.Event) -> None:
    """Start ``child``, and start it again whenever it has ended, until asked to stop."""
    next_start = rotated = time.monotonic()
    while not stopping.is_set():
        now = time.monotonic()
        if not child.alive() and now >= next_start:
            next_start = now + REST_S
            if child.starts:
                _say({"restarted": child.name, "why": child.last_words(1)})
            try:
                child.start()
            except HedgerowError as error:
                _say({"restarted": child.name, "why": error.message})
        if now - rotated > ROTATE_EVERY_S:
            rotated = now
            rotate(child.log_path)
        stopping.wait(LOOK_S)
    child.stop()


def _say(line: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Entry point."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    log = Path(arguments[0])
    keep(Child(log.stem, arguments[1:], os.environ, log), stopping)


if __name__ == "__main__":
    main(sys.argv[1:])
