"""How a module of ours is started as a process: the one place that knows whether this program is frozen.

In an ordinary install every module runs under the interpreter of this process. The packaged application is frozen: its
own binary runs the few modules it carries (window, command line, engine), and the Python of the compute runtime runs
all others, from the source that the package lays beside the binary. A runtime that is not there is an error with the
command that mends it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from core.api import runtime

CARRIED = ("app", "core.engine", "core.runtime")
"""Modules and rooms that the frozen binary can run itself; its entry script refuses every other one."""


def frozen() -> bool:
    """Whether this process is the packaged binary, which is no Python interpreter."""
    return bool(getattr(sys, "frozen", False))


def carries(module: str) -> bool:
    """Whether the frozen binary runs this module itself."""
    return any(module == room or module.startswith(f"{room}.") for room in CARRIED)


def command(module: str, *, isolated: bool = False) -> list[str]:
    """How ``python -m module`` is said here; arguments follow.

    Args:
        module: dotted name of a module of ``app`` or ``core``.
        isolated: with ``-I``, so that neither the environment nor the working folder decides what is imported. What an
            isolated process starts is isolated too.

    Raises:
        RuntimeMissing: the packaged application needs its compute runtime for it, and that is not there.
    """
    elsewhere = frozen() and not carries(module)
    program = str(runtime.python()) if elsewhere else sys.executable
    flags = ["-I"] if isolated or elsewhere or sys.flags.isolated else []
    return [program, *flags, "-m", module]


def scripts() -> Path:
    """The folder of the programs that were installed with this interpreter, such as Flower's."""
    return Path(sys.executable).parent
