"""The tray icon on a real display with a fake watcher, as a desktop has it; and the late watcher, as some have it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QSystemTrayIcon
from support import scenes

from app.tray import SIZES, Tray

PROGRAM = Path(__file__).parent / "tray_program.py"


def play(tmp_path: Path, *, late: bool) -> dict[str, Any]:
    """Run the tray under its own display and bus; what it saw comes back as JSON."""
    for program in ("Xvfb", "xvfb-run", "dbus-run-session"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, so no tray can be shown")
    environment = {k: v for k, v in os.environ.items() if k not in ("QT_QPA_PLATFORM", "DBUS_SESSION_BUS_ADDRESS")}
    environment |= {"QT_QPA_PLATFORM": "xcb", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    tests = str(Path(__file__).resolve().parents[1])
    environment["PYTHONPATH"] = os.pathsep.join([tests, environment.get("PYTHONPATH", "")])
    tmp_path.chmod(0o700)
    command = ["xvfb-run", "-a", "dbus-run-session", "--", sys.executable, str(PROGRAM), str(tmp_path / "home")]
    done = subprocess.run(
        [*command, "late" if late else "early"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True], ids=["early", "late"])
def test_the_icon_is_registered_and_says_both_figures(tmp_path: Path, late: bool) -> None:
    seen = play(tmp_path, late=late)
    assert seen["registered"]
    assert seen["available"]
    assert "12 h of 20 h given" in seen["tip"]
    assert "61 rounds left" in seen["tip"]
    assert "No guarantee: Blog archive" in seen["tip"]
    assert seen["lines"][0].startswith("Training: ")
    for word in ("Pause", "Pause for", "Open Hedgerow", "See the last upload", "Close the window, keep training"):
        assert word in seen["lines"]
    assert "Quit, the engine goes on" in seen["lines"]
    assert seen["after_pause"] == ["pause"]
    assert seen["word_after_pause"].startswith("Pausing: ")
    assert seen["hidden_then_shown"] == [False, True]
    assert seen["sizes"] == sorted(SIZES)


def test_without_a_bus_there_is_no_icon_and_no_noise(bench: Any) -> None:
    one = bench()
    tray = Tray(one.theme, one.store, one.window.act, "colour", lambda: True)
    assert not tray.available
    tray.refresh()
    tray.set_ink("light")
    tray.say("Nobody sees this.")


def test_drawn_again_only_if_something_visible_changed(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = bench()
    tray = Tray(one.theme, one.store, one.window.act, "colour", lambda: True)
    drawn: list[int] = []

    class Icon:
        def setIcon(self, _: object) -> None:
            drawn.append(1)

        def setToolTip(self, _: str) -> None: ...

        def toolTip(self) -> str:
            return ""

        def isVisible(self) -> bool:
            return True

    tray.icon = Icon()  # type: ignore[assignment]
    tray.refresh()
    tray.refresh()
    one.store._on_snapshot(scenes.training(step=306, revision=2))
    assert drawn == [1]
    one.store._on_snapshot(scenes.in_state("paused", "paused", "x"))
    assert drawn == [1, 1]
    tray.set_ink("dark")
    assert drawn == [1, 1, 1]
    tray.icon = None
    assert QSystemTrayIcon is not None
