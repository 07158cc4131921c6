"""A few words in the desktop's corner, only while the window is out of sight, each kind with a switch of its own."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from app.stores.engine_store import EngineStore
from app.window_settings import WindowSettings
from app.words import strangers

KINDS = {"problem": "notify_problem", "no_budget": "notify_budget"}
"""State of the engine → the setting that lets it be told."""
ROUND = "notify_round"


class Notifications(QObject):
    """Watches the store and speaks when a state begins, never while it lasts."""

    def __init__(
        self,
        store: EngineStore,
        settings: WindowSettings,
        say: Callable[[str], object],
        is_seen: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        """Watch.

        Args:
            store: what is known of the engine.
            settings: which kinds are wanted.
            say: shows a text in the desktop's corner.
            is_seen: whether the owner looks at the window, where all of it stands anyway.
            parent: whose life it shares.
        """
        super().__init__(parent)
        self._store, self._settings, self._say, self._is_seen = store, settings, say, is_seen
        self._state = ""
        self._rounds: int | None = None
        store.changed.connect(self._on_changed)

    def _on_changed(self) -> None:
        view, snapshot = self._store.view, self._store.snapshot
        before, self._state = self._state, view.key
        if before and view.key != before and view.key in KINDS:
            self._tell(KINDS[view.key], f"{view.word}: {view.sentence}")
        if snapshot is None:
            return
        rounds, self._rounds = self._rounds, snapshot.contribution.rounds
        if rounds is not None and self._rounds > rounds:
            self._tell(ROUND, self.tr("%n round(s) finished on this machine so far", "", self._rounds))

    def _tell(self, setting: str, text: str) -> None:
        if self._settings.value(setting) == "yes" and not self._is_seen():
            self._say(strangers.plain(text, 200))
