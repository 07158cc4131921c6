"""Small programs of the system that know what no library here can tell: asked with a time-out, believed with care."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Final

TIMEOUT_S: Final = 2.0
MAX_OUTPUT: Final = 1 << 16
_KEPT: Final = (
    "PATH", "HOME", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XDG_SESSION_ID",
    "DBUS_SESSION_BUS_ADDRESS",
)  # fmt: skip


def output_of(program: str, *arguments: str, timeout_s: float = TIMEOUT_S) -> str | None:
    """What a program prints; ``None`` if it is not installed, fails, or takes longer than ``timeout_s``."""
    path = shutil.which(program)
    if path is None:
        return None
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False,
            env=kept | {"LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:MAX_OUTPUT].decode(errors="replace") if done.returncode == 0 else None
