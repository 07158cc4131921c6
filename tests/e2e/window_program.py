"""Run by ``test_window`` under a display and a bus of its own: the whole application, and a hand that uses it.

Writes one JSON object: what was clicked and typed, how long things took, what was seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from hand import Courier, Hand, Panel
from PySide6.QtWidgets import QApplication, QWidget

from app.window import MainWindow

TRAY = Path(__file__).resolve().parents[1] / "gui" / "tray_program.py"


def window() -> MainWindow | None:
    """The main window, once it is there."""
    return next((w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow)), None)


def page(key: str) -> Any:
    """A page of it."""
    found = window()
    assert found is not None
    return found.page(key)


def store() -> Any:
    """What the window knows of the engine."""
    found = window()
    assert found is not None
    return found._store


def rail(key: str) -> QWidget:
    """A page's entry in the rail."""
    found = window()
    assert found is not None
    return found.rail.buttons[key]


def rounds() -> int:
    """Rounds this machine finished."""
    snapshot = store().snapshot
    return snapshot.contribution.rounds if snapshot else 0


class Visit:
    """One person's way from a link to leaving again."""

    def __init__(self, text: Path, registered: Path, pictures: Path) -> None:
        self.courier = Courier()
        self.hand = Hand(self.courier)
        self._text, self._registered, self._pictures = text, registered, pictures
        self.seen: dict[str, Any] = {}

    def picture(self, name: str) -> None:
        """Keep what the window shows."""
        self._pictures.mkdir(exist_ok=True)
        self.courier.ask(lambda: window().grab().save(str(self._pictures / f"{name}.png")))  # type: ignore[union-attr]

    def run(self) -> None:
        """Everything in order; whatever happens, the application ends."""
        try:
            self._join()
            self._contribute()
            self._pause_from_the_tray()
            self._leave()
            self._quit()
        except BaseException:  # noqa: BLE001 - told to the test, which fails on it
            self.seen["failed"] = traceback.format_exc()
            try:
                self.picture("failed")
            finally:
                self.courier.ask(lambda: QApplication.exit(1))

    def _join(self) -> None:
        hand, began = self.hand, time.monotonic()
        hand.wait("the window", lambda: window() is not None and window().isVisible())  # type: ignore[union-attr]
        self.seen["window_s"] = time.monotonic() - began
        hand.wait("the invite", lambda: store().connected and page("federations").invite.isVisible())
        self.picture("1-invite")
        hand.click("Show the terms", lambda: page("federations").invite.go_on)
        consent = lambda: page("federations").consent  # noqa: E731
        hand.wait("the terms", lambda: consent().isVisible())
        hand.click("Add folder", lambda: consent().texts.add)
        hand.wait("the question for a folder", lambda: QApplication.activeModalWidget() is not None)
        hand.type(str(self._text))
        hand.wait("the folder", lambda: QApplication.activeModalWidget() is None)
        hand.wait("a text that is read", lambda: consent().join.isEnabled(), 120)
        self.picture("2-terms")
        hand.click("Join and start", lambda: consent().join)
        hand.wait("to have joined", lambda: bool(store().snapshot.federations), 90)
        hand.wait("training", lambda: store().view.key == "training", 120)
        self.seen |= {"clicks_to_training": hand.clicks, "training_s": time.monotonic() - began}

    def _contribute(self) -> None:
        self.hand.click("Home", lambda: rail("home"))
        self.seen["round_s"] = self.hand.wait("a finished round", lambda: rounds() >= 1, 240)
        sent = lambda: [u for u in store().snapshot.uploads if u.state == "accepted"]  # noqa: E731
        self.hand.wait("a receipt", sent, 120)
        self.picture("3-home")
        self.seen["uploads"] = self.courier.ask(lambda: len(sent()))
        self.hand.click("Uploads", lambda: rail("uploads"))
        self.hand.wait("what is inside", lambda: page("uploads").detail.layers.isVisible(), 30)
        self.picture("4-uploads")

    def _pause_from_the_tray(self) -> None:
        self.hand.wait("the tray icon", self._registered.exists)
        panel = Panel(self._registered.read_text("utf-8"))
        self.seen["tray"] = sorted(panel.lines())
        panel.choose("Pause")
        self.seen["paused_s"] = self.hand.wait("the pause", lambda: store().view.key == "paused", 30)
        panel.choose("Resume")
        self.hand.wait("to go on", lambda: store().view.key != "paused", 30)

    def _leave(self) -> None:
        before = self.hand.clicks
        self.hand.click("Federations", lambda: rail("federations"))
        leave = lambda: page("federations").overview.detail.leave  # noqa: E731
        self.hand.click("Leave", leave)
        self.hand.wait("the question", lambda: page("federations").overview.detail.question.isVisible())
        self.picture("5-leave")
        self.hand.click("Leave this federation", leave)
        self.hand.wait("to have left", lambda: all(f.state == "left" for f in store().snapshot.federations), 60)
        self.seen["clicks_to_leave"] = self.hand.clicks - before
        self.picture("6-left")

    def _quit(self) -> None:
        panel = Panel(self._registered.read_text("utf-8"))
        panel.choose("Quit and stop training")


def main() -> int:
    """Be the desktop and its user."""
    home, invite, text, pictures = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    registered = home.with_suffix(".registered")
    panel = subprocess.Popen(
        [sys.executable, str(TRAY), "--watch", str(registered), "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert panel.stdout is not None
        assert panel.stdout.readline().strip() == "ready"
        application = QApplication([])
        visit = Visit(text, registered, pictures)
        thread = threading.Thread(target=visit.run, daemon=True)
        thread.start()
        from app.application import run

        code = run(home, invite)
        thread.join(30)
        print(json.dumps(visit.seen | {"clicks": visit.hand.clicks, "code": code}), flush=True)
        assert application is not None
    finally:
        panel.kill()
        panel.wait()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
