"""The window as a newcomer uses it: from an invite link to a finished round, a pause from the tray, and out again.

A real display, real pointer and keys, a real coordinator on loopback, the real engine with its reader and trainer.
"""

from __future__ import annotations

import json
import os
import pydoc_data.topics
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.live_federation import BASE_ENV, Coordinator, end_tree, wait_for
from support.slow_link import SlowLink

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
PROGRAM = Path(__file__).parent / "window_program.py"
TERMS = {
    "name": "Evening hedge", "operator": "A neighbour", "purpose": "To see it work", "preset": "tiny",
    "privacy": "record", "rounds": 6, "cohort": 1, "quorum": 1, "local_steps": 4, "batch_size": 16, "seq_len": 64,
    "upload_slot": "5s",
}  # fmt: skip
MOST_CLICKS_TO_TRAINING = 3


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder of its own; short, because sockets lie in it."""
    for program in ("Xvfb", "xvfb-run", "dbus-run-session", "xdotool", "dbus-send"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, so nobody can use the window")
    with tempfile.TemporaryDirectory(prefix="hr-", dir="/tmp") as folder:
        yield Path(folder)


def surroundings(scratch: Path) -> dict[str, str]:
    """A user of their own: an empty home, a passphrase instead of a keyring, a display that is not ours."""
    passphrase = scratch / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery staple")
    kept = {k: v for k, v in BASE_ENV.items() if k not in ("QT_QPA_PLATFORM", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY")}
    root = Path(__file__).resolve().parents[2]
    paths = (str(root), str(root / "tests"), str(Path(__file__).parent))
    (scratch / "user").mkdir(mode=0o700)
    return kept | {
        "QT_QPA_PLATFORM": "xcb",
        "HOME": str(scratch / "user"),
        "XDG_RUNTIME_DIR": str(scratch / "user"),
        "HEDGEROW_PASSPHRASE_FILE": str(passphrase),
        "PYTHONPATH": os.pathsep.join(paths),
        "LANG": "C.UTF-8",
    }


def test_from_a_link_to_a_finished_round_and_out_again(scratch: Path) -> None:
    text, home = scratch / "notes", scratch / "home"
    text.mkdir()
    for number, (name, words) in enumerate(sorted(pydoc_data.topics.topics.items())):
        (text / f"{number:03}-{name}.txt").write_text(words, "utf-8")
    pictures = Path(os.environ.get("HEDGEROW_SCREENSHOTS") or scratch) / "visit"
    pictures.parent.mkdir(parents=True, exist_ok=True)
    environment = surroundings(scratch)
    link = SlowLink()
    coordinator = Coordinator(scratch / "host", link, **TERMS)
    try:
        coordinator.start()
        screen = ["xvfb-run", "-a", "-s", "-screen 0 1280x900x24", "dbus-run-session", "--"]
        done = subprocess.run(
            [*screen, sys.executable, str(PROGRAM), str(home), coordinator.invite(), str(text), str(pictures)],
            env=environment, capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        assert done.stdout.strip(), done.stderr[-3_000:]
        seen = json.loads(done.stdout.strip().splitlines()[-1])
        assert "failed" not in seen, seen["failed"]
        assert seen["clicks_to_training"] <= MOST_CLICKS_TO_TRAINING
        assert seen["uploads"] >= 1
        assert "Pause" in seen["tray"]
        assert seen["clicks_to_leave"] == 3
        assert coordinator.closed_rounds()
        wait_for(lambda: not running(home), 20, "the engine to end with its window")
    finally:
        coordinator.stop()
        link.close()
        end(home)
    uninstall(home, environment)
    assert not home.exists()
    print(json.dumps(seen))


def end(home: Path) -> None:
    """Nothing of a test that failed goes on."""
    for process in psutil.process_iter(["cmdline"]):
        if str(home) in (process.info["cmdline"] or []):
            end_tree(process.pid)


def running(home: Path) -> list[str]:
    """Processes that belong to a home."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(home) in line and "core.engine" in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


def uninstall(home: Path, environment: dict[str, str]) -> None:
    """As the owner does it."""
    done = subprocess.run(
        [sys.executable, "-m", "app", "--home", str(home), "uninstall", "--yes"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
