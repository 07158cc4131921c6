"""A hand on a real display: moves the pointer, presses buttons and keys of the X server, and asks the panel's menu.

It works from a thread of its own while the application turns its event loop, as a person would: nothing is called in
the program but the question where a widget is.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QApplication, QWidget

Found = TypeVar("Found")


class Courier(QObject):
    """Carries a question into the thread of the widgets and its answer back."""

    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.asked.connect(lambda job: job(), Qt.ConnectionType.QueuedConnection)

    def ask(self, question: Callable[[], Found]) -> Found:
        """The answer, or what the question raised."""
        future: Future[Found] = Future()

        def job() -> None:
            try:
                future.set_result(question())
            except BaseException as error:  # noqa: BLE001 - it is raised again where it was asked
                future.set_exception(error)

        self.asked.emit(job)
        return future.result(30)


class Hand:
    """Counts what it does."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self.clicks = 0
        self.typed = 0

    def wait(self, what: str, condition: Callable[[], Any], seconds: float = 60.0) -> float:
        """Wait until something holds and return how long that took."""
        began = time.monotonic()
        while not self._courier.ask(condition):
            if time.monotonic() - began > seconds:
                raise AssertionError(f"waited {seconds:g} s in vain: {what}")
            time.sleep(0.02)
        return time.monotonic() - began

    def click(self, what: str, widget: Callable[[], QWidget]) -> None:
        """Press the left button on a widget that is there, enabled and still."""

        def ready() -> bool:
            found = widget()
            return found.isVisible() and found.isEnabled() and found.width() > 0

        def centre() -> QPoint:
            found = widget()
            # A scroll area may show only a part of it, so the middle of what is seen is pressed.
            return found.mapToGlobal(found.visibleRegion().boundingRect().center())

        self.wait(what, ready)
        at = self._courier.ask(centre)
        for _ in range(100):
            time.sleep(0.05)
            before, at = at, self._courier.ask(centre)
            if before == at:
                break
        xdotool("mousemove", str(at.x()), str(at.y()), "click", "1")
        self.clicks += 1

    def type(self, text: str) -> None:
        """Press the keys of a text and Return."""
        self.wait("a window that takes keys", lambda: QApplication.focusWidget() is not None)
        xdotool("type", "--delay", "4", text)
        xdotool("key", "Return")
        self.typed += len(text) + 1

    def press(self, keys: str) -> None:
        """Press one combination of keys."""
        xdotool("key", keys)


def xdotool(*arguments: str) -> None:
    """Real events of the X server."""
    subprocess.run(["xdotool", *arguments], check=True, timeout=30)


class Panel:
    """What a desktop's panel does with the tray icon's menu, over the session bus."""

    MENU = "com.canonical.dbusmenu"

    def __init__(self, service: str) -> None:
        self._service = service

    def _call(self, method: str, *arguments: str) -> str:
        command = ["dbus-send", "--session", "--print-reply", f"--dest={self._service}", "/MenuBar"]
        done = subprocess.run(
            [*command, f"{self.MENU}.{method}", *arguments], capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout

    def lines(self) -> dict[str, int]:
        """Label → id of every line of the menu."""
        layout = self._call("GetLayout", "int32:0", "int32:-1", "array:string:label")
        lines = re.findall(r"struct \{\s+int32 (\d+)\s+array \[(.*?)\n\s+\]", layout, re.DOTALL)
        labels = ((re.search(r'string "label"\s+variant\s+string "([^"]*)"', body), number) for number, body in lines)
        return {found[1].replace("_", ""): int(number) for found, number in labels if found}

    def choose(self, label: str) -> None:
        """Choose a line as a click in the panel does."""
        lines = self.lines()
        assert label in lines, f"no {label!r} among {sorted(lines)}"
        number = lines[label]
        self._call("Event", f"int32:{number}", "string:clicked", "variant:int32:0", "uint32:0")
