"""``python -m core.coordinator.launch PARENT_PID COMMAND…``: run a program that dies with its parent.

flower-superlink has no such option, so this sets the parent-death signal (Linux) and then becomes the program. Started
this way instead of by ``preexec_fn``, which may deadlock in a process with threads. Imports nothing but the standard
library and costs one interpreter start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Set the signal, make sure the parent did not die in between, and become the program."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(1)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
