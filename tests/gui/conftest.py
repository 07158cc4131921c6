"""GUI tests: no screen, no real engine, no folder of the owner's; every Qt warning fails."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QEvent
from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication
from support import scenes
from support.fake_engine import FakeEngine

from app.client import EngineLink
from app.stores.engine_store import EngineStore
from app.theme import Theme
from app.window import MainWindow
from app.window_settings import WindowSettings
from app.words.languages import load_translations
from core.api.messages.state import Snapshot

TESTS_A_COLLECTION = 10
_tests_run = [0]


class Bench:
    """A window on a fake engine."""

    def __init__(self, home: Path, application: QApplication, engine: FakeEngine, choice: str) -> None:
        self.engine = engine
        self.theme = Theme(application, choice)
        self.theme.reduced_motion = True
        self.settings = WindowSettings(home)
        self.link = EngineLink(home)
        self.store = EngineStore(self.link)
        self.window = MainWindow(self.theme, self.store, self.settings, application)

    def close(self) -> None:
        """Take it down without questions."""
        self.window.must_ask = lambda: False
        self.link.stop()
        self.window.close()
        self.window.deleteLater()
        self.engine.stop()


@pytest.fixture(scope="session", autouse=True)
def _reading_font(qapp: QApplication) -> None:
    load_translations(qapp)
    families = QFontDatabase.families()
    wanted = os.environ.get("HEDGEROW_TEST_FONT", "Inter")
    font = QFont(wanted if wanted in families else "DejaVu Sans")
    font.setPixelSize(14)
    qapp.setFont(font)


@pytest.fixture(scope="module", autouse=True)
def _collect_at_last() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _collect_in_this_thread() -> Iterator[None]:
    """Rubbish with widgets in it must be taken out where widgets live, not in a thread of a fake engine."""
    gc.disable()
    yield
    _tests_run[0] += 1
    if _tests_run[0] % TESTS_A_COLLECTION == 0:
        gc.collect()
    gc.enable()


@pytest.fixture
def bench(tmp_path: Path, qapp: QApplication, qtbot: Any) -> Iterator[Callable[..., Bench]]:
    """Makes windows on fake engines and takes them down again."""
    made: list[Bench] = []

    def make(
        snapshot: Snapshot | None = None,
        *,
        theme: str = "light",
        show: bool = True,
        unit: str = "record",
        wait: bool = True,
    ) -> Bench:
        home = tmp_path / f"home{len(made)}"
        engine = FakeEngine(home, snapshot or scenes.training(), scenes.replies(unit)).start()  # type: ignore[arg-type]
        one = Bench(home, qapp, engine, theme)
        made.append(one)
        if show:
            one.window.show()
        one.link.start()
        if wait:
            qtbot.waitUntil(lambda: one.store.connected, timeout=5_000)
        return one

    yield make
    for one in made:
        one.close()
    # Outside a running event loop only this deletes; what is left over would be polished with every next theme.
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
