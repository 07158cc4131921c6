"""The main window: rail, state bar, pages, toast, shortcuts. Pages are built when they are first looked at."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app import icons
from app.children.runtime_process import RuntimeProcess
from app.pages.page import NARROW_PX, Page
from app.state_view import Action
from app.stores.engine_store import EngineStore
from app.theme import Theme
from app.widgets.banner import Banner
from app.widgets.focus_ring import FocusRing
from app.widgets.rail import Entry, Rail
from app.widgets.state_bar import StateBar
from app.widgets.toast import Toast
from app.window_settings import WindowSettings
from app.words import sentences, strangers
from core.api import hosting
from core.api.errors import HedgerowError
from core.api.messages.base import Sentence
from core.api.messages.state import Notice

if TYPE_CHECKING:
    from app.crash import CrashReports
    from app.pages.data import DataPage
    from app.pages.federations import FederationsPage
    from app.pages.home import HomePage
    from app.pages.uploads import UploadsPage

LEAST_WIDTH, LEAST_HEIGHT = 800, 560
FIRST_RUN = "first run"
LAST_GROUP = ("host", "doctor", "settings")
"""Pages below the line of the rail."""
MOST_DROPPED = 200
_LOAD_AFTER_MS = 400
_LATER = (
    "compute", "data", "privacy", "uploads", "federations", "try_it", "history", "host", "settings", "doctor",
    "first_run",
)  # fmt: skip
"""Modules of pages that load one by one once the window has been seen, so that no click waits for them."""


class MainWindow(QMainWindow):
    """The window.

    Signals:
        start_engine_wanted: the owner wants the engine back.
        closed: the window was closed and the owner said, now or earlier, what that means.
        answered: whether the engine goes on when the window closes.
        keep_running_set: the same choice, changed on the settings page.
        demo_wanted: run a whole federation on this machine, in a window of its own.
    """

    start_engine_wanted = Signal()
    closed = Signal()
    answered = Signal(bool)
    keep_running_set = Signal(bool)
    demo_wanted = Signal()

    def __init__(self, theme: Theme, store: EngineStore, settings: WindowSettings, application: QApplication) -> None:
        super().__init__()
        self._theme, self._store, self._settings = theme, store, settings
        self.installer = RuntimeProcess(self)
        self.must_ask: Callable[[], bool] = lambda: False
        self.reports: CrashReports | None = None
        self.setWindowTitle("Hedgerow")
        self.setWindowIcon(icons.application_icon())
        self.setAcceptDrops(True)
        self.setMinimumSize(LEAST_WIDTH, LEAST_HEIGHT)
        self._pages: dict[str, Page] = {}
        self._home: HomePage | None = None
        self._makers: dict[str, Callable[[], Page]] = {
            "home": self._make_home,
            "data": self._make_data,
            "compute": self._make_compute,
            FIRST_RUN: self._make_first_run,
            "privacy": self._make_privacy,
            "uploads": self._make_uploads,
            "federations": self._make_federations,
            "try": self._make_try_it,
            "history": self._make_history,
            "host": self._make_host,
            "settings": self._make_settings,
            "doctor": self._make_doctor,
        }
        self.rail = Rail(theme, self._entries(), self.open_page)
        self.bar = StateBar(theme, self.act, store.snooze)
        self.question = self._make_question()
        self.report = self._make_report()
        self._stack = QStackedWidget()
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.bar)
        right.addWidget(self.question)
        right.addWidget(self.report)
        right.addWidget(self._stack, 1)
        self.ground = ground = QWidget()
        ground.setObjectName("ground")
        ground.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        line = QHBoxLayout(ground)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(self.rail)
        line.addLayout(right, 1)
        self.setCentralWidget(ground)
        self.toast = Toast(theme, ground)
        self.focus_ring = FocusRing(theme, self, application)
        self._make_shortcuts()
        store.changed.connect(self._on_changed)
        store.noticed.connect(self._on_notice)
        store.refused.connect(self._on_refused)
        self.resize(1100, 720)
        self._on_changed()
        ground.setFocus()

    def _entries(self) -> list[Entry]:
        names = {
            "home": (self.tr("Home"), "home"),
            "data": (self.tr("Data"), "data"),
            "compute": (self.tr("Compute"), "compute"),
            "privacy": (self.tr("Privacy"), "privacy"),
            "uploads": (self.tr("Uploads"), "uploads"),
            "federations": (self.tr("Federations"), "federations"),
            "try": (self.tr("Try it"), "write"),
            "history": (self.tr("History"), "history"),
            "host": (self.tr("Host"), "host"),
            "doctor": (self.tr("Doctor"), "doctor"),
            "settings": (self.tr("Settings"), "settings"),
        }
        digits = iter("1234567890")
        return [
            Entry(key, *words, "Ctrl+," if key == "settings" else f"Ctrl+{next(digits)}", int(key in LAST_GROUP))
            for key, words in names.items()
        ]

    # Modules of pages load after the first painting: together they are a fifth of the start.
    def _make_home(self) -> Page:
        from app.pages.home import HomePage

        page = HomePage(self._theme, self._store, self.act, self._store.snooze)
        page.wanted.connect(self._on_wanted)
        page.upload_wanted.connect(self.open_upload)
        self._home = page
        return page

    def _make_data(self) -> Page:
        from app.pages.data import DataPage

        return DataPage(self._theme, self._store, self.choose_folder, self.choose_files)

    def _make_compute(self) -> Page:
        from app.pages.compute import ComputePage

        return ComputePage(self._theme, self._store, self.installer)

    def _make_first_run(self) -> Page:
        from app.pages.first_run import FirstRunPage

        step = self._settings.first_run_step
        page = FirstRunPage(self._theme, self._store, self.choose_folder, self.choose_files, step, self.installer)
        page.moved.connect(self._settings.set_first_run_step)
        page.left.connect(lambda: self.open_page("home"))
        page.invite_wanted.connect(self.open_invite)
        page.demo_wanted.connect(self.demo_wanted.emit)
        return page

    def _make_privacy(self) -> Page:
        from app.pages.privacy import PrivacyPage

        return PrivacyPage(self._theme, self._store)

    def _make_uploads(self) -> Page:
        from app.pages.uploads import UploadsPage

        return UploadsPage(self._theme, self._store)

    def _make_federations(self) -> Page:
        from app.pages.federations import FederationsPage

        return FederationsPage(self._theme, self._store, self.choose_folder)

    def _make_try_it(self) -> Page:
        from app.pages.try_it import TryItPage

        return TryItPage(self._theme, self._store)

    def _make_history(self) -> Page:
        from app.pages.history import HistoryPage

        return HistoryPage(self._theme, self._store)

    def _make_host(self) -> Page:
        from app.pages.host import HostPage

        return HostPage(self._theme, self._store, hosting.home_of_hosted(self._settings.home))

    def _make_settings(self) -> Page:
        from app.pages.settings import SettingsPage

        return SettingsPage(self._theme, self._store, self._settings, self.keep_running_set.emit)

    def _make_doctor(self) -> Page:
        from app.pages.doctor import DoctorPage

        return DoctorPage(self._theme, self._store, self.reports)

    def _first_run_open(self) -> bool:
        """Whether this machine helps nobody yet, and the first questions were not all seen."""
        snapshot = self._store.snapshot
        if snapshot is None or snapshot.federations:
            return False
        from app.pages.first_run import STEPS

        return self._settings.first_run_step < STEPS

    def show_help(self) -> None:
        """Say what this is, what leaves the machine and what stays; the steps lead to everything else."""
        from app.pages.first_run import FirstRunPage

        page = self.page(FIRST_RUN)
        assert isinstance(page, FirstRunPage)
        self.open_page(FIRST_RUN)
        page.show_first()

    def begin_first_run(self) -> None:
        """Ask the first questions, if they are open."""
        if self._first_run_open():
            self.open_page(FIRST_RUN)

    def meet_engine(self, *, first: bool) -> None:
        """The engine is there: ask it what the page shown needs. A window that nobody has seen yet waits until then."""
        if self._pages:
            self.open_page(self.current)
            if first:
                self.begin_first_run()

    def _make_question(self) -> QWidget:
        theme = self._theme
        self.question_banner = Banner(theme, quiet=True)
        self.question_banner.add_button(self.tr("Stay open"), self._take_question_back)
        self.question_banner.add_button(self.tr("Stop training"), lambda: self._answer(False))
        self.question_banner.add_button(self.tr("Keep training"), lambda: self._answer(True), "primary")
        return self._hold(self.question_banner)

    def _make_report(self) -> QWidget:
        self.report_banner = Banner(self._theme)
        self.report_banner.add_button(self.tr("Read the report"), lambda: self._read_report(True))
        self.report_banner.add_button(self.tr("Close"), lambda: self._read_report(False))
        return self._hold(self.report_banner)

    def offer_report(self) -> None:
        """Something of the window itself went wrong, now or the last time."""
        self.report_banner.say(
            self.tr("Something in this window went wrong"),
            self.tr("Training is not touched by it. A report lies on this machine; it is sent nowhere."),
        )
        self.report.show()

    def _read_report(self, read: bool) -> None:
        self.report.hide()
        if read:
            self.open_page("doctor")

    def _hold(self, banner: Banner) -> QWidget:
        theme = self._theme
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(theme.px(6), theme.px(4), theme.px(6), 0)
        column.addWidget(banner)
        holder.hide()
        return holder

    def _make_shortcuts(self) -> None:
        keys: dict[str, Callable[[], object]] = {
            "Ctrl+P": self.toggle_pause,
            "Ctrl+Shift+P": self._show_pause_menu,
            "Ctrl+O": self.choose_folder,
            "Ctrl+I": self.open_invite,
            "F1": self.show_help,
            "F6": self.next_region,
            "Esc": self.escape,
            "Ctrl+W": self.close,
        }
        for entry in self._entries():
            keys[entry.keys] = lambda k=entry.key: self.open_page(k)  # type: ignore[misc]
        for sequence, slot in keys.items():
            QShortcut(QKeySequence(sequence), self).activated.connect(slot)

    def page(self, key: str) -> Page:
        """A page, built at its first use."""
        if key not in self._pages:
            self._pages[key] = self._makers[key]()
            self._stack.addWidget(self._pages[key])
        return self._pages[key]

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of every page, built or not."""
        return tuple(self._makers)

    @property
    def built(self) -> tuple[str, ...]:
        """The keys of the pages that were looked at."""
        return tuple(self._pages)

    @property
    def state_word(self) -> QWidget:
        """Where the state is said now: in the bar, or on Home."""
        return self._home.state.word if self._home is not None and self.current == "home" else self.bar.word

    @property
    def current(self) -> str:
        """The key of the page shown."""
        shown = self._stack.currentWidget()
        return next((key for key, page in self._pages.items() if page is shown), "home")

    def open_page(self, key: str) -> None:
        """Show a page."""
        page = self.page(key)
        self.rail.setVisible(key != FIRST_RUN)
        self._stack.setCurrentWidget(page)
        self.rail.choose(key)
        self._on_changed()
        if self._store.connected:
            page.entered()

    def _on_wanted(self, key: str) -> None:
        if key == "add_folder":
            self.choose_folder()
        else:
            self.open_page(key)

    def open_upload(self, upload_id: str) -> None:
        """Show what is inside one upload."""
        self.open_page("uploads")
        cast("UploadsPage", self.page("uploads")).choose(upload_id)

    def open_last_upload(self) -> None:
        """Show what is inside the newest upload."""
        uploads = self._store.snapshot.uploads if self._store.snapshot else []
        if uploads:
            self.open_upload(uploads[0].upload_id)

    def open_invite(self, link: str = "") -> None:
        """Show an invite; nothing is connected."""
        self.open_page("federations")
        cast("FederationsPage", self.page("federations")).open_invite(link)

    def choose_folder(self) -> None:
        """Ask for a folder of text."""
        folder = QFileDialog.getExistingDirectory(self, self.tr("Add folder"))
        if folder:
            self.add_paths([folder])

    def choose_files(self) -> None:
        """Ask for files of text."""
        kinds = self.tr("Text (*.txt *.md *.markdown *.rst);;All files (*)")
        files, _ = QFileDialog.getOpenFileNames(self, self.tr("Add files"), "", kinds)
        if files:
            self.add_paths(files)

    def add_paths(self, paths: list[str]) -> None:
        """Hand text to the engine; an invite in progress stays on the screen."""
        joining = self.current == "federations" and getattr(self.page("federations"), "step", lambda: 0)() != 0
        joining = joining or self.current == FIRST_RUN
        cast("DataPage", self.page("data")).add_paths(paths)
        if not joining:
            self.open_page("data")

    def act(self, action: Action) -> None:
        """Carry out what the state's button says."""
        match action:
            case Action.PAUSE:
                self._store.pause()
            case Action.RESUME:
                self._store.resume()
            case Action.RETRY:
                self._store.ask("start")
            case Action.START_ENGINE:
                self.start_engine_wanted.emit()
            case Action.CHANGE_RULE:
                self.open_page("settings")
            case Action.SEE_PRIVACY:
                self.open_page("privacy")
            case Action.OPEN_INVITE:
                self.open_invite()

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        if self._store.connected:
            self.act(Action.RESUME if self._store.paused else Action.PAUSE)

    def _show_pause_menu(self) -> None:
        on_home = self._home if self.current == "home" else None
        button = self.bar.button if on_home is None else on_home.state.button
        if self._store.view.action == Action.PAUSE:
            button.split.arrow.showMenu()

    def next_region(self) -> None:
        """Move the focus on: rail, bar, page, toast."""
        regions = [self.rail, self.bar, self._stack, self.toast]
        shown = [r for r in regions if r.isVisible()]
        focus = QApplication.focusWidget()
        at = next((n for n, r in enumerate(shown) if focus is not None and (r is focus or r.isAncestorOf(focus))), -1)
        for step in range(1, len(shown) + 1):
            target = _first_stop(shown[(at + step) % len(shown)])
            if target is not None:
                target.setFocus(Qt.FocusReason.TabFocusReason)
                return

    def escape(self) -> None:
        """Close what lies on top: the toast, the question, the way to an invite."""
        if self.toast.isVisible():
            self.toast.dismiss()
        elif self.question.isVisible():
            self._take_question_back()
        elif self.current == "federations":
            cast("FederationsPage", self.page("federations")).back()

    def _on_changed(self) -> None:
        store = self._store
        self.rail.foot.show_figures(store.rings(), store.given_text(), store.privacy_text())
        self.bar.show_view(store.view)
        # The first run needs no state until the engine is lost, and then it is the only place that says so.
        bare = self.current == "home" or (self.current == FIRST_RUN and store.lost_at is None)
        self.bar.setVisible(not bare)
        if self._home is not None:
            self._home.offer_setup(self._first_run_open() and self._settings.first_run_step > 0)

    def _on_notice(self, notice: Notice) -> None:
        text = sentences.say(notice.sentence)
        upload = notice.sentence.code.startswith("update_")
        action = self.tr("See inside") if upload else ""
        self.toast.say(text, notice.level, action, self.open_last_upload if upload else None)

    def _on_refused(self, error: HedgerowError) -> None:
        self.toast.say(strangers.plain(f"{error.message} {error.hint}".strip()), "error")

    def say(self, code: str, text: str, level: str = "info") -> None:
        """A passing word of the window's own."""
        self.toast.say(sentences.say(Sentence(code=code, text=text)), level)

    def show_up(self) -> None:
        """Come to the front."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def _take_question_back(self) -> None:
        self.question.hide()

    def _answer(self, keep: bool) -> None:
        self.question.hide()
        self.answered.emit(keep)

    def ask_about_closing(self) -> None:
        """Ask once, inside the window, what closing it means."""
        self.question_banner.say(
            self.tr("Keep training when the window is closed?"),
            self.tr("The engine then works on within your limits. You can change this in Settings at any time."),
        )
        self.question.show()
        self.question_banner.buttons[0].setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        """Build the first page; what starts in the tray needs none before."""
        if not self._pages:
            self.open_page("home")
            if self._store.connected:
                self.begin_first_run()
            QTimer.singleShot(_LOAD_AFTER_MS, self, self._load_next)
        super().showEvent(event)

    def _load_next(self) -> None:
        name = next((f"app.pages.{part}" for part in _LATER if f"app.pages.{part}" not in sys.modules), None)
        if name is not None:
            importlib.import_module(name)
            QTimer.singleShot(0, self, self._load_next)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask once; afterwards do what the owner chose."""
        self._settings.set_geometry(self.saveGeometry())
        if self.must_ask() and not self.question.isVisible():
            event.ignore()
            self.ask_about_closing()
            return
        event.accept()
        self.closed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Icons only where it is narrow."""
        self.rail.set_narrow(self.width() < NARROW_PX)
        super().resizeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Folders and files of this machine are welcome anywhere."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add what was dropped."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.add_paths([str(Path(p)) for p in paths[:MOST_DROPPED]])


def _first_stop(region: QWidget) -> QWidget | None:
    """The first widget of a region that takes the focus by Tab."""
    for widget in region.findChildren(QWidget):
        if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            return widget
    return None
