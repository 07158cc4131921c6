"""The composition root of the window: theme, link, store, engine, window, tray, and what closing means."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

from app import icons
from app.children.engine_process import EngineProcess
from app.client import EngineLink, OtherVersionError
from app.crash import CrashReports
from app.desktop.colour_scheme import PortalColourScheme
from app.desktop.single_instance import SingleInstance
from app.notifications import Notifications
from app.state_view import Action
from app.stores.engine_store import EngineStore
from app.theme import Theme
from app.tray import Tray
from app.window import MainWindow
from app.window_settings import WindowSettings
from app.words.languages import load_translations
from core.api import interpreter
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.machine import LimitsParams, LimitsView

APPLICATION_ID = "org.hedgerow.Hedgerow"
PROBE = "HEDGEROW_PROBE"
"""Set by ``hedgerow bench gui`` alone; see ``app.probe``."""


def run(home: Path, invite: str = "", *, background: bool = False, start_engine: bool = True) -> int:
    """Show the window until the owner quits.

    Args:
        home: folder of the engine.
        invite: a link to show at once; nothing is joined by it.
        background: start in the tray without a window; where there is no tray, the window shows all the same.
        start_engine: start an engine if none answers.

    Returns:
        The exit code of the application.
    """
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("Hedgerow")
    application.setDesktopFileName(APPLICATION_ID)
    application.setWindowIcon(icons.application_icon())
    application.setQuitOnLastWindowClosed(False)
    load_translations(application, WindowSettings(home).value("language"))
    instance = SingleInstance(home)
    if instance.hand_over(invite):
        return 0
    instance.listen()
    probed = os.environ.pop(PROBE, "")
    if probed:
        session = _probed_session(application, home, start_engine, probed)
    else:
        session = Session(application, home, start_engine=start_engine)
    instance.called.connect(session.on_called)
    restore = _quit_on_signals(session)
    session.reports.install()
    session.begin(invite, background=background)
    code = application.exec()
    restore()
    session.reports.close()
    instance.close()
    return code


class Session(QObject):
    """Everything that lives as long as the application."""

    def __init__(self, application: QApplication, home: Path, *, start_engine: bool = True) -> None:
        super().__init__()
        self._application, self._start_engine, self._home = application, start_engine, home
        self._first_run_offered = False
        self._keep_running: bool | None = None
        self._owned = False
        self._invite = ""
        self.settings = WindowSettings(home, self)
        self.theme = Theme(application, self.settings.value("theme"))
        self.theme.reduced_motion = self.settings.value("reduced_motion") == "yes"
        self._portal = PortalColourScheme(self.theme.set_system_dark, self)
        self.link = EngineLink(home, self)
        self.store = EngineStore(self.link, self)
        self.engine = EngineProcess(home, self.link, self)
        self.window = MainWindow(self.theme, self.store, self.settings, application)
        self.window.must_ask = self._must_ask
        self.tray = Tray(
            self.theme, self.store, self._act, self.settings.value("tray_ink"), lambda: self.will_stop_engine
        )
        self.notifications = Notifications(self.store, self.settings, self.tray.say, self._is_seen, self)
        self.reports = CrashReports(home, self)
        self.window.reports = self.reports
        self.reports.happened.connect(self._on_crash)
        self._connect()

    def _is_seen(self) -> bool:
        return self.window.isVisible() and self.window.isActiveWindow()

    def _on_crash(self) -> None:
        # It may come from another thread or from the middle of a painting.
        QTimer.singleShot(0, self.window, self.window.offer_report)

    def _connect(self) -> None:
        self.settings.changed.connect(self._on_setting)
        self.link.attached.connect(self._on_attached)
        self.link.lost.connect(self._on_lost)
        self.engine.failed.connect(self._on_engine_failed)
        self.engine.stopped.connect(self._leave)
        self.window.start_engine_wanted.connect(self._start)
        self.window.closed.connect(self._on_closed)
        self.window.answered.connect(self._on_answered)
        self.window.keep_running_set.connect(self._on_keep_running)
        self.window.demo_wanted.connect(self._run_demo)
        self.tray.open_wanted.connect(self.window.show_up)
        self.tray.toggle_wanted.connect(self._toggle_window)
        self.tray.upload_wanted.connect(self._show_last_upload)
        self.tray.close_wanted.connect(self._close_keep_training)
        self.tray.quit_wanted.connect(self.quit)

    def begin(self, invite: str, *, background: bool) -> None:
        """Look for the engine and show the window."""
        geometry = self.settings.geometry()
        if not geometry.isEmpty():
            self.window.restoreGeometry(geometry)
        self._invite = invite
        if self.reports.waiting():
            self._on_crash()
        if not background or not self.tray.available:
            self.window.show_up()
        self.link.start()

    def on_called(self, invite: str) -> None:
        """A second start came."""
        self.window.show_up()
        if invite:
            self.window.open_invite(invite)

    def _act(self, action: Action) -> None:
        if action in (Action.CHANGE_RULE, Action.SEE_PRIVACY, Action.OPEN_INVITE):
            self.window.show_up()
        self.window.act(action)

    def _start(self) -> None:
        if self.engine.start():
            self._owned = True

    def _on_lost(self, error: HedgerowError) -> None:
        # Only the first silence means that none was running; one that stops later is the owner's to start again.
        if isinstance(error, OtherVersionError):
            return
        if self._start_engine and not self.store.ever_connected and not self._owned:
            self._start()

    def _on_attached(self, _: object) -> None:
        self.store.ask_quietly("limits.show").then(self._on_limits)
        if self._invite:
            invite, self._invite = self._invite, ""
            self.window.open_invite(invite)
        else:
            self.window.meet_engine(first=not self._first_run_offered)
        self._first_run_offered = True

    def _run_demo(self) -> None:
        """In a process and a window of its own, in this home's folder so that its model is found again."""
        try:
            interpreter.command("core.demo")  # what ``app demo`` becomes
            program, *arguments = interpreter.command("app")
        except HedgerowError as error:
            self.window.say("demo_failed", str(error), "error")
            return
        if not QProcess.startDetached(program, [*arguments, "demo"], str(self._home))[0]:
            self.window.say("demo_failed", self.tr("The demo does not start. Try: hedgerow demo"), "error")

    def _on_limits(self, view: Message) -> None:
        assert isinstance(view, LimitsView)
        self._keep_running = view.values.get("keep_running", "no") in ("yes", "true", "True")

    def _on_engine_failed(self, tail: str) -> None:
        lines = tail.splitlines()
        text = self.tr("The engine does not start. {0}").format(lines[-1] if lines else self.tr("Look into its log."))
        self.window.say("engine_failed", text, "error")

    def _on_setting(self, key: str) -> None:
        value = self.settings.value(key)
        if key == "theme":
            self.theme.set_choice(value)
        elif key == "tray_ink":
            self.tray.set_ink(value)
        elif key == "reduced_motion":
            self.theme.reduced_motion = value == "yes"

    def _on_keep_running(self, keep: bool) -> None:
        self._keep_running = keep
        # Whoever switches it off here means the engine that runs now.
        self._owned = self._owned or not keep
        self.tray.refresh()

    @property
    def will_stop_engine(self) -> bool:
        """Whether quitting ends the engine: only one that this window started, or was told to stop."""
        return self._owned and self.store.connected

    def _must_ask(self) -> bool:
        if not self._owned or not self.store.connected or self.settings.asked_about_closing:
            return False
        return self._keep_running is not True

    def _on_answered(self, keep: bool) -> None:
        # The window closes only once the engine has written the choice down; a refusal is shown and nothing closes.
        params = LimitsParams(key="keep_running", value="yes" if keep else "no")
        self.store.ask("limits.set", params).then(lambda _: self._on_choice_kept(keep))

    def _on_choice_kept(self, keep: bool) -> None:
        self.settings.remember_asked()
        self._keep_running = keep
        self.window.close()

    def _on_closed(self) -> None:
        if self._keep_running and self.tray.available:
            return
        if self._keep_running or not self.will_stop_engine:
            self._leave()
        else:
            self.quit()

    def _close_keep_training(self) -> None:
        if not self._keep_running:
            self._on_answered(True)
        elif self.tray.available:
            self.window.hide()
        else:
            self._leave()

    def quit(self) -> None:
        """End the window, and the engine if it is this window's."""
        self.window.hide()
        if self.will_stop_engine:
            self.engine.stop()
        else:
            self._leave()

    def _leave(self) -> None:
        self.link.stop()
        self._application.quit()

    def _toggle_window(self) -> None:
        if self.window.isVisible() and self.window.isActiveWindow():
            self.window.hide()
        else:
            self.window.show_up()

    def _show_last_upload(self) -> None:
        self.window.show_up()
        self.window.open_last_upload()


def _probed_session(application: QApplication, home: Path, start_engine: bool, value: str) -> Session:
    from app import probe

    probe.play_panel(value)
    session = Session(application, home, start_engine=start_engine)
    pipe = probe.pipe_of(value)
    if pipe is not None:
        probe.Probe(session, pipe)
    return session


def _quit_on_signals(session: Session) -> Callable[[], None]:
    """Ctrl-C and SIGTERM quit in order; a socket wakes the event loop, so no timer has to."""
    if sys.platform == "win32":
        return lambda: None
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    old_wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    notifier = QSocketNotifier(reading.fileno(), QSocketNotifier.Type.Read, session)

    def on_signal() -> None:
        reading.recv(64)
        QTimer.singleShot(0, session.quit)

    notifier.activated.connect(on_signal)
    old = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        notifier.setEnabled(False)
        signal.set_wakeup_fd(old_wakeup)
        for number, handler in old.items():
            signal.signal(number, handler)
        reading.close()
        writing.close()

    return restore
