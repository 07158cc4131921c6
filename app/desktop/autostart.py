"""Starting with the session, into the tray: off until the owner wants it. An XDG autostart entry."""

from __future__ import annotations

import os
from pathlib import Path

from app.desktop.desktop_entry import ID, config_home, program, prune, quoted

DELAY_S = 20
"""After login; the tray of a desktop is often later than its first programs."""
_TEXT = """[Desktop Entry]
Type=Application
Version=1.4
Name=Hedgerow
Exec={command}
Icon=org.hedgerow.Hedgerow
Terminal=false
X-GNOME-Autostart-enabled=true
X-GNOME-Autostart-Delay={delay}
X-KDE-autostart-after=panel
"""


def path() -> Path:
    """Where the entry lies when it is on."""
    return config_home() / "autostart" / f"{ID}.desktop"


def is_on() -> bool:
    """Whether the session starts Hedgerow; a desktop may have switched the entry off inside the file."""
    try:
        lines = path().read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    off = {"hidden=true", "x-gnome-autostart-enabled=false"}
    return not any(line.replace(" ", "").lower() in off for line in lines)


def switch_on() -> Path:
    """Write the entry.

    Raises:
        OSError: the folder cannot be written.
    """
    home = os.environ.get("HEDGEROW_HOME")
    command = [*program(), *(["--home", home] if home else []), "--background"]
    path().parent.mkdir(parents=True, exist_ok=True)
    words = " ".join(quoted(part) for part in command)
    path().write_text(_TEXT.format(command=words, delay=DELAY_S), encoding="utf-8")
    return path()


def switch_off() -> bool:
    """Remove the entry; whether there was one."""
    there = path().exists()
    path().unlink(missing_ok=True)
    if there:
        prune(path().parent, config_home())
    return there
