"""The entry in the desktop's menu, with icon and handler of ``hedgerow:`` links.

The .deb brings one for everybody, made from the same text. An install with pip or pipx has none until its owner asks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from core.api import interpreter

ID = "org.hedgerow.Hedgerow"
ICONS = Path(__file__).resolve().parents[2] / "resources" / "icons"
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_TEXT = """[Desktop Entry]
Type=Application
Version=1.4
Name=Hedgerow
GenericName=Federated learning
GenericName[de]=Föderiertes Lernen
GenericName[fr]=Apprentissage fédéré
Comment=Pre-train a language model together, without your text leaving this machine
Comment[de]=Gemeinsam ein Sprachmodell vortrainieren, ohne dass dein Text diesen Rechner verlässt
Comment[fr]=Préentraîner ensemble un modèle de langue, sans que vos textes quittent cette machine
Exec={command} %u
Icon=org.hedgerow.Hedgerow
Terminal=false
Categories=Science;ArtificialIntelligence;Qt;
Keywords=federation;language model;privacy;training;
MimeType=x-scheme-handler/hedgerow;
StartupNotify=true
StartupWMClass=org.hedgerow.Hedgerow
"""


def text(command: Sequence[str]) -> str:
    """The desktop file of a program that is started by ``command``."""
    return _TEXT.format(command=" ".join(quoted(part) for part in command))


def quoted(argument: str) -> str:
    """One argument as an ``Exec`` line wants it (Desktop Entry Specification, "The Exec key").

    Raises:
        ValueError: it has a line break or a control character.
    """
    if not argument.isprintable():
        raise ValueError("an argument of a desktop entry has no control characters")
    escaped = argument.replace("%", "%%")
    if _PLAIN.fullmatch(argument):
        return escaped
    inner = re.sub(r'(["`$\\])', r"\\\1", escaped)
    return '"' + inner.replace("\\", "\\\\") + '"'


def program() -> list[str]:
    """How the owner's desktop starts this program, whatever the working folder."""
    if interpreter.frozen():
        usual = shutil.which("hedgerow")
        here = Path(sys.executable).resolve()
        return [usual if usual and Path(usual).resolve() == here else str(here)]
    script = Path(sys.executable).parent / ("hedgerow.exe" if sys.platform == "win32" else "hedgerow")
    return [str(script)] if os.access(script, os.X_OK) else interpreter.command("app")


def data_home() -> Path:
    """``XDG_DATA_HOME``."""
    return _folder("XDG_DATA_HOME", ".local/share")


def config_home() -> Path:
    """``XDG_CONFIG_HOME``."""
    return _folder("XDG_CONFIG_HOME", ".config")


def _folder(variable: str, usual: str) -> Path:
    named = os.environ.get(variable, "")
    return Path(named) if os.path.isabs(named) else Path.home() / usual


def paths() -> dict[str, Path]:
    """What ``install`` writes: name of the picture, or empty for the entry itself, to its place."""
    icons = data_home() / "icons" / "hicolor"
    return {
        "": data_home() / "applications" / f"{ID}.desktop",
        "app.svg": icons / "scalable" / "apps" / f"{ID}.svg",
        "leaf.svg": icons / "symbolic" / "apps" / f"{ID}-symbolic.svg",
    }


def installed() -> bool:
    """Whether this user has an entry of their own."""
    return paths()[""].exists()


def install() -> list[Path]:
    """Write entry and icons for this user, and tell the desktop that there is a new handler of links.

    Raises:
        OSError: a folder cannot be written.
    """
    for picture, path in paths().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        content = (ICONS / picture).read_bytes() if picture else text(program()).encode()
        path.write_bytes(content)
    _tell_desktop()
    return list(paths().values())


def remove() -> list[Path]:
    """Remove what ``install`` wrote, and folders that are empty then; what was there."""
    gone = [path for path in paths().values() if path.exists()]
    for path in gone:
        path.unlink()
    if gone:
        _tell_desktop()
        applications = paths()[""].parent
        cache = applications / "mimeinfo.cache"
        if cache.exists() and not any(applications.glob("*.desktop")):
            cache.unlink()
        for path in gone:
            prune(path.parent, data_home())
    return gone


def prune(folder: Path, upto: Path) -> None:
    """Remove a folder and its parents below ``upto`` as long as they are empty."""
    while folder != upto and upto in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _tell_desktop() -> None:
    """Desktops without this program look at the folder themselves."""
    tool = shutil.which("update-desktop-database")
    if tool:
        subprocess.run([tool, "-q", str(paths()[""].parent)], check=False, capture_output=True, timeout=30)
