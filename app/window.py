"""The main window: rail, state bar, pages, toast, shortcuts. Pages are built when they are first looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QFileDialog, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app import icons, sentences, strangers
from app.pages.compute import ComputePage
from app.pages.data import DataPage
from app.pages.doctor import DoctorPage
from app.pages.federations import FederationsPage
from app.pages.first_run import STEPS, FirstRunPage
from app.pages.history import HistoryPage
from app.pages.home import HomePage
from app.pages.page import NARROW_PX, Page
from app.pages.privacy import PrivacyPage
from app.pages.settings import SettingsPage
from app.pages.try_it import TryItPage
from app.pages.uploads import UploadsPage
from app.runtime_process import RuntimeProcess
from app.state_view import Action
from app.stores.engine_store import EngineStore
from app.theme import Theme
from app.widgets.banner import Banner
from app.widgets.focus_ring import FocusRing
from app.widgets.rail import Entry, Rail
from app.widgets.state_bar import StateBar
from app.widgets.toast import Toast
from app.window_settings import WindowSettings
from core.api.errors import HedgerowError
from core.api.messages import Notice, Sentence

LEAST_WIDTH, LEAST_HEIGHT = 800, 560
FIRST_RUN = "first run"
MOST_DROPPED = 200


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
        self.setWindowTitle("Hedgerow")
        self.setWindowIcon(icons.application_icon())
        self.setAcceptDrops(True)
        self.setMinimumSize(LEAST_WIDTH, LEAST_HEIGHT)
        self._pages: dict[str, Page] = {}
        self._makers: dict[str, Callable[[], Page]] = {
            "home": self._make_home,
            "data": lambda: DataPage(theme, store, self.choose_folder, self.choose_files),
            "compute": lambda: ComputePage(theme, store, self.installer),
            FIRST_RUN: self._make_first_run,
            "privacy": lambda: PrivacyPage(theme, store),
            "uploads": lambda: UploadsPage(theme, store),
            "federations": lambda: FederationsPage(theme, store, self.choose_folder),
            "try": lambda: TryItPage(theme, store),
            "history": lambda: HistoryPage(theme, store),
            "settings": lambda: SettingsPage(theme, store, settings, self.keep_running_set.emit),
            "doctor": lambda: DoctorPage(theme, store),
        }
        self.rail = Rail(theme, self._entries(), self.open_page)
        self.bar = StateBar(theme, self.act, store.snooze)
        self.question = self._make_question()
        self._stack = QStackedWidget()
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.bar)
        right.addWidget(self.question)
        right.addWidget(self._stack, 1)
        ground = QWidget()
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
        self.open_page("home")
        ground.setFocus()

    def _entries(self) -> list[Entry]:
        return [
            Entry("home", self.tr("Home"), "home"),
            Entry("data", self.tr("Data"), "data"),
            Entry("compute", self.tr("Compute"), "compute"),
            Entry("privacy", self.tr("Privacy"), "privacy"),
            Entry("uploads", self.tr("Uploads"), "uploads"),
            Entry("federations", self.tr("Federations"), "federations"),
            Entry("try", self.tr("Try it"), "write"),
            Entry("history", self.tr("History"), "history"),
            Entry("settings", self.tr("Settings"), "settings", 1),
            Entry("doctor", self.tr("Doctor"), "doctor", 1),
        ]

    def _make_home(self) -> HomePage:
        page = HomePage(self._theme, self._store, self.act, self._store.snooze)
        page.wanted.connect(self._on_wanted)
        page.upload_wanted.connect(self.open_upload)
        return page

    def _make_first_run(self) -> FirstRunPage:
        step = self._settings.first_run_step
        page = FirstRunPage(self._theme, self._store, self.choose_folder, self.choose_files, step, self.installer)
        page.moved.connect(self._settings.set_first_run_step)
        page.left.connect(lambda: self.open_page("home"))
        page.invite_wanted.connect(self.open_invite)
        page.demo_wanted.connect(self.demo_wanted.emit)
        return page

    def _first_run_open(self) -> bool:
        """Whether this machine helps nobody yet, and the first questions were not all seen."""
        snapshot = self._store.snapshot
        helps = snapshot is None or bool(snapshot.federations)
        return not helps and self._settings.first_run_step < STEPS

    def begin_first_run(self) -> None:
        """Ask the first questions, if they are open."""
        if self._first_run_open():
            self.open_page(FIRST_RUN)

    def _make_question(self) -> QWidget:
        theme = self._theme
        self.question_banner = Banner(theme, quiet=True)
        self.question_banner.add_button(self.tr("Stay open"), self._take_question_back)
        self.question_banner.add_button(self.tr("Stop training"), lambda: self._answer(False))
        self.question_banner.add_button(self.tr("Keep training"), lambda: self._answer(True), "primary")
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(theme.px(6), theme.px(4), theme.px(6), 0)
        column.addWidget(self.question_banner)
        holder.hide()
        return holder

    def _make_shortcuts(self) -> None:
        keys: dict[str, Callable[[], object]] = {
            "Ctrl+P": self.toggle_pause,
            "Ctrl+Shift+P": self._show_pause_menu,
            "Ctrl+O": self.choose_folder,
            "Ctrl+I": self.open_invite,
            "Ctrl+,": lambda: self.open_page("settings"),
            "F6": self.next_region,
            "Esc": self.escape,
            "Ctrl+W": self.close,
        }
        for number, key in zip("1234567890", self.rail.buttons, strict=False):
            keys[f"Ctrl+{number}"] = lambda k=key: self.open_page(k)  # type: ignore[misc]
        for sequence, slot in keys.items():
            QShortcut(QKeySequence(sequence), self).activated.connect(slot)

    def page(self, key: str) -> Page:
        """A page, built at its first use."""
        if key not in self._pages:
            self._pages[key] = self._makers[key]()
            self._stack.addWidget(self._pages[key])
        return self._pages[key]

    @property
    def current(self) -> str:
        """The key of the page shown."""
        shown = self._stack.currentWidget()
        return next((key for key, page in self._pages.items() if page is shown), "home")

    def open_page(self, key: str) -> None:
        """Show a page."""
        page = self.page(key)
        self.rail.setVisible(key != FIRST_RUN)
        self.bar.setVisible(key not in ("home", FIRST_RUN))
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
        page = self.page("uploads")
        assert isinstance(page, UploadsPage)
        page.choose(upload_id)

    def open_last_upload(self) -> None:
        """Show what is inside the newest upload."""
        uploads = self._store.snapshot.uploads if self._store.snapshot else []
        if uploads:
            self.open_upload(uploads[0].upload_id)

    def open_invite(self, link: str = "") -> None:
        """Show an invite; nothing is connected."""
        self.open_page("federations")
        page = self.page("federations")
        assert isinstance(page, FederationsPage)
        page.open_invite(link)

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
        page = self.page("data")
        assert isinstance(page, DataPage)
        page.add_paths(paths)
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
        page = self.page("home")
        assert isinstance(page, HomePage)
        button = page.state.button if self.current == "home" else self.bar.button
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
            page = self.page("federations")
            assert isinstance(page, FederationsPage)
            page.back()

    def _on_changed(self) -> None:
        store = self._store
        self.rail.foot.show_figures(store.rings(), store.given_text(), store.privacy_text())
        self.bar.show_view(store.view)
        home = self._pages.get("home")
        if isinstance(home, HomePage):
            home.offer_setup(self._first_run_open() and self._settings.first_run_step > 0)

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
