"""The engine as a service of the user's systemd, by choice: it runs while nobody has the window open.

The unit narrows nothing: the engine's children lock themselves down, and a sandbox around the engine would take away
what they need for that. Without a keyring the passphrase comes as a systemd credential, see ``CREDENTIAL``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from app.desktop.desktop_entry import config_home, program, prune

NAME = "hedgerow-engine.service"
CREDENTIAL = "hedgerow-passphrase"
_TEXT = """# Written by `hedgerow service install`; `hedgerow service remove` takes it away.
[Unit]
Description=Hedgerow engine
Documentation=man:hedgerow(1)
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=10
TimeoutStopSec=30
# Without a keyring, give the passphrase as a credential, in a drop-in (`systemctl --user edit {name}`):
#   [Service]
#   LoadCredential={credential}:/path/to/a/file/that/only/you/can/read
# It wins over the keyring. Where systemd can encrypt for users, LoadCredentialEncrypted= is better.

[Install]
WantedBy=default.target
"""


def path() -> Path:
    """Where the unit lies."""
    return config_home() / "systemd" / "user" / NAME


def text(home: Path) -> str:
    """The unit for the engine of a home."""
    command = " ".join(_quoted(part) for part in (*program(), "--home", str(home), "engine"))
    return _TEXT.format(command=command, name=NAME, credential=CREDENTIAL)


def available() -> bool:
    """Whether a systemd of this user answers."""
    return _systemctl("show-environment")[0]


def install(home: Path) -> tuple[bool, str]:
    """Write the unit, and start it now and at every login; whether that worked, else what systemd said.

    Raises:
        OSError: the folder cannot be written.
    """
    path().parent.mkdir(parents=True, exist_ok=True)
    path().write_text(text(home), encoding="utf-8")
    if not available():
        return False, ""
    _systemctl("daemon-reload")
    return _systemctl("enable", "--now", NAME)


def remove() -> bool:
    """Stop it and take the unit away; whether there was one."""
    there = path().exists()
    if there and available():
        _systemctl("disable", "--now", NAME)
    path().unlink(missing_ok=True)
    for link in (path().parent / "default.target.wants" / NAME,):  # where no systemd took it away itself
        if link.is_symlink():
            link.unlink()
            prune(link.parent, config_home())
    if there:
        prune(path().parent, config_home())
        if available():
            _systemctl("daemon-reload")
    return there


def state() -> str:
    """``active``, ``inactive``, ``failed``, … as systemd says it; empty where it does not answer."""
    return _systemctl("is-active", NAME)[1] if available() else ""


def _systemctl(*arguments: str) -> tuple[bool, str]:
    tool = shutil.which("systemctl")
    if tool is None:
        return False, ""
    command: Sequence[str] = (tool, "--user", *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0, (done.stdout.strip() or done.stderr.strip())[-400:]


def _quoted(argument: str) -> str:
    """One word of ``ExecStart`` (systemd.service(5), "Command lines"): % and $ are systemd's own."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if re.fullmatch(r"[\w@%+=:,./-]+", escaped) else f'"{escaped}"'
