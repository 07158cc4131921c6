"""Whether a program fills the screen: a game, a film, a talk. Under Wayland only programs that use X11 are seen."""

from __future__ import annotations

import os
import re

from core.hardware.programs import output_of

OURS = "hedgerow"


def read_full_screen() -> bool | None:
    """``True`` if the window in front fills the screen, ``None`` where that cannot be known."""
    if not os.environ.get("DISPLAY"):
        return None
    # Under Wayland a program of its own kind is invisible here, so "no" would be a guess.
    otherwise = None if os.environ.get("WAYLAND_DISPLAY") else False
    said = output_of("xprop", "-root", "_NET_ACTIVE_WINDOW")
    if said is None:
        return None
    found = re.search(r"# (0x[0-9a-f]+)", said)
    if found is None or int(found[1], 16) == 0:
        return otherwise
    state = output_of("xprop", "-id", found[1], "_NET_WM_STATE", "WM_CLASS")
    if state is None:
        return otherwise
    return True if "_NET_WM_STATE_FULLSCREEN" in state and OURS not in state.lower() else otherwise
