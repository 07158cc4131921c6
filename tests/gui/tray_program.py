"""Run by ``test_tray`` under Xvfb and a session bus of its own: a fake StatusNotifierWatcher, then the real tray."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import ClassInfo, QCoreApplication, QObject, Slot
from PySide6.QtDBus import QDBusConnection

WATCHER = "org.kde.StatusNotifierWatcher"


@ClassInfo(**{"D-Bus Interface": WATCHER})
class Watcher(QObject):
    """What a desktop's panel offers, as far as Qt asks for it."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log

    @Slot(str)
    def RegisterStatusNotifierItem(self, service: str) -> None:
        self._log.write_text(service)

    @Slot(str)
    def RegisterStatusNotifierHost(self, service: str) -> None: ...


def watch(log: Path, delay_s: float) -> int:
    """Be the panel."""
    application = QCoreApplication([])
    time.sleep(delay_s)
    watcher = Watcher(log)
    bus = QDBusConnection.sessionBus()
    options = QDBusConnection.RegisterOption.ExportAllSlots | QDBusConnection.RegisterOption.ExportAllProperties
    assert bus.registerObject("/StatusNotifierWatcher", watcher, options)
    assert bus.registerService(WATCHER)
    print("ready", flush=True)
    return application.exec()


def wait(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    """Turn the event loop until something holds."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QCoreApplication.processEvents()
        time.sleep(0.01)
    return bool(condition())


def show(home: Path, late: bool) -> int:
    """Be the application."""
    from PySide6.QtWidgets import QApplication
    from support import scenes
    from support.fake_engine import FakeEngine

    from app.application import Session, load_translations
    from app.tray import SIZES

    log = home.with_suffix(".registered")
    panel = subprocess.Popen(
        [sys.executable, __file__, "--watch", str(log), "1.5" if late else "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        if not late:
            assert panel.stdout is not None
            assert panel.stdout.readline().strip() == "ready"
        application = QApplication([])
        load_translations(application)
        engine = FakeEngine(home, scenes.training(), scenes.replies()).start()  # type: ignore[arg-type]
        session = Session(application, home, start_engine=False)
        session.begin("", background=False)
        wait(lambda: session.store.connected and session.tray.available and log.exists())
        tray = session.tray
        assert tray.icon is not None, "no tray icon"
        seen: dict[str, object] = {
            "registered": log.exists(),
            "available": tray.available,
            "tip": tray.icon.toolTip(),
            "lines": [a.text() for a in tray.menu.actions()],
            "sizes": sorted(s.width() for s in tray.icon.icon().availableSizes()),
        }
        assert len(SIZES) == len(seen["sizes"])  # type: ignore[arg-type]
        tray.main_action.trigger()
        seen["word_after_pause"] = tray.state_line.text()
        wait(lambda: "pause" in engine.methods())
        seen["after_pause"] = [m for m in engine.methods() if m == "pause"]
        session.window.hide()
        hidden = session.window.isVisible()
        tray.toggle_wanted.emit()
        wait(session.window.isVisible)
        seen["hidden_then_shown"] = [hidden, session.window.isVisible()]
        print(json.dumps(seen), flush=True)
        session.link.stop()
        engine.stop()
        return 0
    finally:
        panel.kill()
        panel.wait()


if __name__ == "__main__":
    if sys.argv[1] == "--watch":
        sys.exit(watch(Path(sys.argv[2]), float(sys.argv[3])))
    sys.exit(show(Path(sys.argv[1]), sys.argv[2] == "late"))
