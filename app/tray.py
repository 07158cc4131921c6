"""The tray icon: both rings, the state's sign, both figures, and the few things one wants without a window.

Every function of it is in the window too. A tray may appear minutes after login, or never: where the desktop has none
yet, the icon waits for the service that would show it and costs nothing meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtDBus import QDBusConnection, QDBusServiceWatcher
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QSystemTrayIcon

from app import icons
from app.state_view import Action
from app.stores.engine_store import EngineStore
from app.theme import Theme
from app.widgets.buttons import house_menu
from app.widgets.rings import RingFigure, ring_pixmap, tray_ink
from app.widgets.state_bar import SNOOZES
from app.words import figures

SIZES = (16, 22, 24, 32, 44, 48, 64)
WATCHER = "org.kde.StatusNotifierWatcher"
_OLD_TRAY_MS = 5_000


class Tray(QObject):
    """The icon and its menu.

    Signals:
        open_wanted: show the window.
        toggle_wanted: show or hide the window.
        upload_wanted: show the last upload.
        close_wanted: close the window, let the engine go on.
        quit_wanted: end window and engine.
        appeared: the desktop has a tray now.
    """

    open_wanted = Signal()
    toggle_wanted = Signal()
    upload_wanted = Signal()
    close_wanted = Signal()
    quit_wanted = Signal()
    appeared = Signal()

    def __init__(
        self,
        theme: Theme,
        store: EngineStore,
        act: Callable[[Action], object],
        ink: str,
        owns_engine: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._theme, self._store, self._act, self._ink = theme, store, act, ink
        self._owns_engine = owns_engine
        self._drawn: tuple[RingFigure, str] | None = None
        self.icon: QSystemTrayIcon | None = None
        self.menu = house_menu()
        self._make_menu()
        store.changed.connect(self.refresh)
        theme.changed.connect(self._redraw)
        self._watcher = QDBusServiceWatcher(
            WATCHER, QDBusConnection.sessionBus(), QDBusServiceWatcher.WatchModeFlag.WatchForRegistration, self
        )
        self._watcher.serviceRegistered.connect(self._on_registered)
        # Asking Qt whether there is a tray fixes its answer for the process, so the service is asked for first.
        interface = QDBusConnection.sessionBus().interface()
        if interface is not None and interface.isServiceRegistered(WATCHER).value():
            self._appear()
        else:
            QTimer.singleShot(_OLD_TRAY_MS, self, self._try_old_tray)

    @property
    def available(self) -> bool:
        """Whether the owner can see it."""
        return self.icon is not None and self.icon.isVisible()

    def _on_registered(self, _: str) -> None:
        # A desktop that restarts its panel needs the icon anew.
        if self.icon is not None:
            self.icon.hide()
            self.icon.deleteLater()
            self.icon = None
        self._appear()

    def _try_old_tray(self) -> None:
        if (
            self.icon is None
            and not QDBusConnection.sessionBus().isConnected()
            and (QSystemTrayIcon.isSystemTrayAvailable())
        ):
            self._appear()

    def _appear(self) -> None:
        self.icon = QSystemTrayIcon(self)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._on_activated)
        self.icon.messageClicked.connect(self.open_wanted.emit)
        self._drawn = None
        self.refresh()
        self.icon.show()
        self.appeared.emit()

    def set_ink(self, ink: str) -> None:
        """``colour``, ``light`` or ``dark``."""
        self._ink = ink
        self._redraw()

    def _make_menu(self) -> None:
        self.state_line = self._line("", None)
        self.given_line = self._line("", None)
        self.privacy_line = self._line("", None)
        self.menu.addSeparator()
        self.main_action = self._line("", lambda: self._act(self._store.view.action))
        self.snooze_menu = house_menu()
        self.snooze_menu.setTitle(self.tr("Pause for"))
        for seconds in SNOOZES:
            action = self.snooze_menu.addAction(figures.duration(seconds))
            action.triggered.connect(lambda _=False, s=seconds: self._store.snooze(s))
        tomorrow = self.snooze_menu.addAction(self.tr("Until tomorrow 08:00"))
        tomorrow.triggered.connect(lambda: self._store.snooze(figures.until_tomorrow_s(time.time())))
        self.snooze_action = self.menu.addMenu(self.snooze_menu)
        self.menu.addSeparator()
        self._line(self.tr("Open Hedgerow"), self.open_wanted.emit)
        self.upload_action = self._line(self.tr("See the last upload"), self.upload_wanted.emit)
        self.menu.addSeparator()
        self.close_action = self._line(self.tr("Close the window, keep training"), self.close_wanted.emit)
        self.quit_action = self._line(self.tr("Quit and stop training"), self.quit_wanted.emit)

    def _line(self, text: str, on_choose: Callable[[], object] | None) -> QAction:
        action = self.menu.addAction(text)
        if on_choose is None:
            action.setEnabled(False)
        else:
            action.triggered.connect(lambda: on_choose())
        return action

    def refresh(self) -> None:
        """Say what holds; draw only if something visible is another."""
        if self.icon is None:
            return
        view = self._store.view
        given, privacy = self._store.given_text(), self._store.privacy_text()
        self.state_line.setText(_plain(f"{view.word}: {view.sentence}"))
        self.given_line.setText(self.tr("Given this week: {0}").format(given))
        self.privacy_line.setText(self.tr("Privacy left: {0}").format(privacy))
        self.main_action.setText(view.action_text or self.tr("Pause"))
        self.main_action.setEnabled(view.action != Action.NOTHING)
        self.snooze_action.setEnabled(view.action == Action.PAUSE)
        self.upload_action.setEnabled(bool(self._store.snapshot and self._store.snapshot.uploads))
        self.quit_action.setText(
            self.tr("Quit and stop training") if self._owns_engine() else self.tr("Quit, the engine goes on")
        )
        tip = "\n".join([f"Hedgerow: {view.word}", given, self.tr("Privacy: {0}").format(privacy)])
        bare = self._store.unguarded()
        if bare:
            tip += "\n" + self.tr("No guarantee: {0}").format(", ".join(_plain(b.corpus_name) for b in bare[:3]))
        if self.icon.toolTip() != tip:
            self.icon.setToolTip(tip)
        self._draw(self._store.rings())

    def _redraw(self) -> None:
        self._drawn = None
        self.refresh()

    def _draw(self, figure: RingFigure) -> None:
        seen = (_coarse(figure), self._ink)
        if self.icon is None or seen == self._drawn:
            return
        self._drawn = seen
        picture = QIcon()
        for size in SIZES:
            picture.addPixmap(ring_pixmap(size, figure, tray_ink(self._ink)))
        self.icon.setIcon(picture)

    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.toggle_wanted.emit()

    def say(self, text: str) -> None:
        """A passing word while the window is hidden."""
        if self.icon is not None:
            self.icon.showMessage("Hedgerow", _plain(text), icons.application_icon())


def _coarse(figure: RingFigure) -> RingFigure:
    """What can be told apart at 64 pixels: steps of half a percent, with 0 and 1 kept apart."""

    def step(value: float | None) -> float | None:
        if value is None or value <= 0 or value >= 1:
            return value
        return min(0.995, max(0.005, round(value * 200) / 200))

    return RingFigure(step(figure.given), step(figure.privacy), figure.kind, figure.sign)


def _plain(text: str) -> str:
    """Trays read markup and mnemonics; a name must be neither."""
    return text.replace("&", "+").replace("<", "(").replace(">", ")")
