"""How long nobody has touched the machine. Each desktop tells it in its own way; where none does, it is unknown."""

from __future__ import annotations

import os
import re
import time
from typing import Final

from core.hardware.programs import output_of

_MUTTER: Final = "org.gnome.Mutter.IdleMonitor"
_ASK_MUTTER: Final = ("--user", "call", _MUTTER, "/org/gnome/Mutter/IdleMonitor/Core", _MUTTER, "GetIdletime")


def read_idle_s() -> float | None:
    """Seconds without keyboard and mouse, or ``None``."""
    for ask in (_of_mutter, _of_x11, _of_login):
        found = ask()
        if found is not None:
            return found
    return None


def _of_mutter() -> float | None:
    """GNOME, on Wayland as well, in milliseconds."""
    if not os.environ.get("XDG_RUNTIME_DIR"):
        return None
    return _milliseconds(output_of("busctl", *_ASK_MUTTER), r"t (\d+)\s*")


def _of_x11() -> float | None:
    """The X screen saver's clock, where a program that reads it is installed; under Wayland it sees too little."""
    if not os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return None
    return _milliseconds(output_of("xprintidle"), r"(\d+)\s*")


def _of_login() -> float | None:
    """What the desktop told logind: a hint that comes late and says nothing while somebody is there."""
    session = os.environ.get("XDG_SESSION_ID")
    if not session or not re.fullmatch(r"\w+", session):
        return None
    said = output_of("loginctl", "show-session", session, "-p", "IdleHint", "-p", "IdleSinceHint", "-p", "Type")
    fields = dict(line.partition("=")[::2] for line in (said or "").splitlines())
    if fields.get("Type") not in ("x11", "wayland", "mir") or not fields.get("IdleSinceHint", "").isdigit():
        return None  # a text session's hint is about its terminal
    if fields.get("IdleHint") == "no":
        # A desktop that never sets the hint looks as if somebody were always there: it is believed once it has.
        return 0.0 if int(fields["IdleSinceHint"]) > 0 else None
    return max(0.0, time.time() - int(fields["IdleSinceHint"]) / 1e6)


def _milliseconds(said: str | None, pattern: str) -> float | None:
    found = re.fullmatch(pattern, said) if said is not None else None
    return int(found[1]) / 1_000 if found else None
