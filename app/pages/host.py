"""Host: federations of the owner's own. Create one, run it, invite, watch rounds and volunteers, export the model.

A coordinator is a process that outlives this window. The page looks at it when it writes an event into its log, and
only while somebody looks at the page.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QItemSelection, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QStackedWidget

from app.children.host_process import HostProcess, free_port
from app.pages.host_create import EVERYWHERE, FIRST_PORT, LOOPBACK, HostCreate
from app.pages.host_detail import HostDetail
from app.pages.host_invite import HostInvite
from app.pages.page import EmptyState, Page, PageTitle
from app.stores.engine_store import EngineStore
from app.stores.hosted_model import HostedPlace, HostedPlaceModel
from app.theme import Theme
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.panel import Columns, Panel
from app.widgets.rows import HouseList
from app.words import strangers
from core.api import hosting
from core.api.errors import HedgerowError
from core.api.hosting import Created, Exported, Hosted, Invitation, NewFederation
from core.api.messages.base import Message

LOOK_MS = 1_500
"""Events of one second are looked at together."""
START_LOOKS = 40
"""How often a federation that was told to run is looked at before that is called trouble."""
DAY_HOURS = 24


class HostPage(Page):
    """The owner's federations at the left, one of them at the right; or the form for a new one."""

    def __init__(self, theme: Theme, store: EngineStore, folder: Path) -> None:
        super().__init__(theme, store)
        self._folder = folder
        self._found: dict[str, Hosted] = {}
        self._starting: dict[str, int] = {}
        self._inviting, self._creating = False, False
        self._working: set[str] = set()
        self._port, self._model_dir = 0, ""
        self.process = HostProcess(self)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.fileChanged.connect(lambda _: self._look_soon())
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self._look_now)
        self.title = PageTitle(theme)
        self.another = Button(theme, self.tr("New federation"), self._begin_form, icon="plus")
        self.title.add(self.another)
        self.trouble = Banner(theme)
        self.other_port = self.trouble.add_button("", self._run_elsewhere)
        self.trouble.hide()
        self.exported = Banner(theme, quiet=True)
        self.exported.add_button(self.tr("Open folder"), self._open_exported)
        self.exported.hide()
        self.model = HostedPlaceModel(self)
        self.list = HouseList(theme, self.tr("Federations on this machine"))
        self.list.setModel(self.model)
        self.list.selectionModel().selectionChanged.connect(self._on_selected)
        self.detail = HostDetail(theme, self._run, self._stop, self._invite, self._export)
        self._right = QStackedWidget()
        self._right.addWidget(self.detail)
        rows = Panel(theme, padding=0, gap=0)
        rows.body.setContentsMargins(1, 1, 1, 1)
        rows.body.addWidget(self.list, 1)
        self._columns = Columns(theme, rows, self._right, left_share=3, right_share=8)
        empty = Panel(theme)
        self.first = Button(theme, self.tr("Create a federation"), self._begin_form, kind="primary")
        sentence = self.tr(
            "You choose the model, the rounds and the privacy, and invite whom you like. Volunteers send numbers; "
            "their text stays with them. This machine sums them up, so it must be on while rounds run."
        )
        empty.body.addWidget(
            EmptyState(theme, "host", self.tr("You host no federation yet"), sentence, [self.first])
        )  # fmt: skip
        self._stack = QStackedWidget()
        for part in (empty, self._columns):
            self._stack.addWidget(part)
        column = self.column()
        column.addWidget(self.title)
        column.addWidget(self.trouble)
        column.addWidget(self.exported)
        column.addWidget(self._stack, 1)

    # Form and invite are built when they are first gone to: all at once would hold the window up.

    @cached_property
    def form(self) -> HostCreate:
        """The form for a new federation."""
        form = HostCreate(self.theme)
        form.wanted.connect(self._create)
        form.left.connect(self._leave_form)
        self._stack.addWidget(form)
        return form

    @cached_property
    def invite(self) -> HostInvite:
        """The invite to the chosen federation."""
        invite = HostInvite(self.theme, self._make_invite, self._leave_invite)
        self._right.addWidget(invite)
        return invite

    @property
    def _at_form(self) -> bool:
        return "form" in self.__dict__ and self._stack.currentWidget() is self.form

    # What is there

    def entered(self) -> None:
        """Look at every federation of the folder."""
        self._look_now()

    def showEvent(self, event: QShowEvent) -> None:
        """Coordinators run without an engine, so they are looked at without one."""
        super().showEvent(event)
        self._look_now()

    def _on_changed(self) -> None:
        """Nothing here comes from the engine: its snapshots need no look into the folder."""

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks, so nothing is asked."""
        self._look.stop()
        super().hideEvent(event)

    def _places(self) -> list[Path]:
        return hosting.hosted(self._folder)

    def _look_soon(self) -> None:
        if self.isVisible() and not self._look.isActive():
            self._look.start()

    def _look_now(self) -> None:
        for path in self._places():
            self._ask("status", path)
            log = str(path / hosting.RUN_LOG)
            if log not in self._watcher.files() and Path(log).is_file():
                self._watcher.addPath(log)
        self.refresh()

    def _ask(self, verb: str, path: Path, *rest: str) -> None:
        place = str(path)
        self.process.ask(
            verb, (place, *rest), lambda answer: self._on_answer(place, answer), lambda e: self._on_refused(place, e)
        )

    def _on_answer(self, place: str, answer: Message) -> None:
        if isinstance(answer, Hosted):
            self._found[place] = answer
            self._follow(place, answer)
        elif isinstance(answer, Invitation):
            self.invite.show_invitation(answer)
        elif isinstance(answer, Exported):
            self._model_dir = answer.model_dir
            self._working.discard(place)
            self.exported.say(self.tr("The model after round {0} is written").format(answer.round), answer.model_dir)
        else:
            self._working.discard(place)
            self._ask("status", Path(place))
        self.refresh()

    def _follow(self, place: str, found: Hosted) -> None:
        """What was told to run is looked at until it answers, says why it does not, or has been silent for long."""
        if found.running:
            self._starting.pop(place, None)
            self._look_on(place)
        elif place in self._starting:
            trouble = hosting.last_trouble(self._log_end(place))
            self._starting[place] -= 1
            if trouble is not None or self._starting[place] <= 0:
                del self._starting[place]
                self._on_refused(place, trouble or HedgerowError(self.tr("It does not start."), self._log_path(place)))
            else:
                self._look_soon()

    def _look_on(self, place: str) -> None:
        """A process that has said its last word is still there for a moment."""
        if b'"finished"' in self._log_end(place)[-4_096:]:
            self._look_soon()

    def _log_path(self, place: str) -> str:
        return str(Path(place) / hosting.RUN_LOG)

    def _log_end(self, place: str) -> bytes:
        try:
            with Path(self._log_path(place)).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - 65_536))
                return file.read()
        except OSError:
            return b""

    def _on_refused(self, place: str, error: HedgerowError) -> None:
        self._creating = False
        self._working.discard(place)
        if self._inviting:
            self.invite.make.setEnabled(True)
        taken = hosting.is_address_taken(error)
        found = self._found.get(place)
        self.other_port.setVisible(taken and found is not None)
        if taken:
            self._port = free_port(FIRST_PORT)
            self.other_port.set_label(self.tr("Run it on port {0}").format(self._port))
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))
        self.refresh()

    # Showing it

    def refresh(self) -> None:
        """Show what was found."""
        places = [
            HostedPlace(path=str(path), found=self._found.get(str(path)), starting=str(path) in self._starting)
            for path in self._places()
        ]
        self.model.set_rows(places)
        if places and not self.list.currentIndex().isValid():
            self.list.setCurrentIndex(self.model.index(len(places) - 1, 0))
        form = self._at_form
        if not form:
            self._stack.setCurrentIndex(1 if places else 0)
        self.another.setVisible(bool(places) and not form)
        if form:
            self.form.show_busy(self._creating)
        self._show_chosen()
        self._say_title(len(places), form)

    def _say_title(self, count: int, form: bool) -> None:
        chosen = self._chosen()
        if form:
            self.title.say(
                self.tr("A federation of your own"),
                self.tr("Volunteers see these terms before they join, and this machine holds them to it."),
            )
        elif not count or chosen is None or chosen.found is None:
            self.title.say(self.tr("Host a federation"), "" if not count else self.tr("Looking at it"))
        else:
            self.title.say(*self._answer(chosen.found))

    def _answer(self, found: Hosted) -> tuple[str, str]:
        name = strangers.name(found.name)
        note = self.tr("%n volunteer(s) joined", "", found.volunteers)
        current = next((item for item in found.rounds if item.state == "open"), None)
        done = sum(item.state == "closed" for item in found.rounds)
        if done >= found.rounds_planned:
            return self.tr("{0} has finished its rounds").format(name), note
        if not found.running:
            return self.tr("{0} is at rest").format(name), note
        if current is not None:
            words = self.tr("{0} trains round {1} of {2}")
            return words.format(name, current.round, found.rounds_planned), note
        return self.tr("{0} waits for volunteers").format(name), note

    def _chosen(self) -> HostedPlace | None:
        return self.model.row(self.list.currentIndex().row())

    def _show_chosen(self) -> None:
        chosen = self._chosen()
        self.detail.setVisible(chosen is not None and chosen.found is not None)
        self._right.setCurrentWidget(self.invite if self._inviting else self.detail)
        if chosen is not None and chosen.found is not None:
            self.detail.show_federation(
                chosen.found, chosen.path, starting=chosen.starting, busy=chosen.path in self._working
            )

    def _on_selected(self, _: QItemSelection, __: QItemSelection) -> None:
        self._inviting = False
        self.trouble.hide()
        self.exported.hide()
        self.refresh()

    # What the owner does

    def _begin_form(self) -> None:
        self.trouble.hide()
        self._stack.setCurrentWidget(self.form)
        self.form.begin()
        self.refresh()

    def _leave_form(self) -> None:
        self.trouble.hide()
        self._stack.setCurrentIndex(0)
        self.refresh()

    def _create(self, wanted: object) -> None:
        assert isinstance(wanted, NewFederation)
        self.trouble.hide()
        self._creating = True
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._on_refused("", HedgerowError(str(error.strerror), str(self._folder)))
            return
        path = hosting.new_folder(self._folder, wanted.name)
        arguments = hosting.create_arguments(path, wanted)
        self.process.ask("create", tuple(arguments), self._on_created, lambda e: self._on_refused("", e))
        self.refresh()

    def _on_created(self, answer: Message) -> None:
        assert isinstance(answer, Created)
        self._creating = False
        self._stack.setCurrentIndex(1)
        self.refresh()
        self.list.setCurrentIndex(self.model.index(self.model.rowCount() - 1, 0))
        self._start(Path(answer.dir))

    def _run(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self._start(Path(chosen.path))

    def _run_elsewhere(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            host = LOOPBACK if self._is_here(chosen.path) else EVERYWHERE
            self._start(Path(chosen.path), f"{host}:{self._port}")

    def _is_here(self, place: str) -> bool:
        try:
            return 'listen = "127.' in (Path(place) / hosting.SETTINGS_FILE).read_text("utf-8")
        except OSError:
            return True

    def _start(self, path: Path, listen: str = "") -> None:
        self.trouble.hide()
        if self.process.run(path, listen):
            self._starting[str(path)] = START_LOOKS
        self._look_now()

    def _stop(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self._working.add(chosen.path)
            self._ask("stop", Path(chosen.path))

    def _invite(self) -> None:
        chosen = self._chosen()
        if chosen is not None and chosen.found is not None:
            self._inviting = True
            self.invite.begin(strangers.name(chosen.found.name))
            self.refresh()
            self.invite.make.setFocus()

    def _leave_invite(self) -> None:
        self._inviting = False
        self.refresh()

    def _make_invite(self, uses: int, days: int) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.trouble.hide()
            self.invite.show_busy()
            self._ask("invite", Path(chosen.path), f"--uses={uses}", f"--expires={days * DAY_HOURS}h")

    def _export(self) -> None:
        chosen = self._chosen()
        folder = QFileDialog.getExistingDirectory(self, self.tr("Folder for the model"))
        if chosen is not None and folder:
            self.exported.hide()
            out = hosting.new_folder(Path(folder), f"{Path(chosen.path).name} model")
            self._working.add(chosen.path)
            self._ask("export", Path(chosen.path), str(out))
            self.refresh()

    def _open_exported(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._model_dir))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one where it is narrow."""
        self._columns.set_narrow(self.narrow)
        self.detail.set_narrow(self.narrow)
        super().resizeEvent(event)
