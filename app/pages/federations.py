"""Federations: whom do I help. A list with the terms in words, the way in by invite, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from PySide6.QtCore import QItemSelection
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QStackedWidget, QVBoxLayout

from app.pages.consent import ConsentPage
from app.pages.federation_share import ShareRow
from app.pages.invite import InvitePage
from app.pages.page import EmptyState, Page, PageTitle, ScrollColumn
from app.stores.engine_store import EngineStore
from app.stores.federation_model import FederationModel
from app.theme import Theme, Type
from app.widgets.banner import Banner
from app.widgets.buttons import Button
from app.widgets.chip import Chip
from app.widgets.labels import ElidedLabel, Label
from app.widgets.panel import Columns, Hairline, Panel, fact, row
from app.widgets.rows import HouseList
from app.words import figures, strangers
from app.words.units import unit_words
from core.api.errors import HedgerowError
from core.api.messages.base import Message
from core.api.messages.federations import FederationInfo, FederationParams, ShareParams, TermsView

LIST, INVITE, CONSENT = range(3)


class FederationsPage(Page):
    """Three steps in one place: the list, the invite as it reads without any connection, the consent."""

    def __init__(self, theme: Theme, store: EngineStore, choose_folder: Callable[[], object]) -> None:
        super().__init__(theme, store)
        self._choose_folder = choose_folder
        self.overview = _Overview(theme, store)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.overview)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)
        self.overview.open_invite.clicked.connect(lambda: self.open_invite())
        self.overview.empty_invite.clicked.connect(lambda: self.open_invite())

    @cached_property
    def invite(self) -> InvitePage:
        """The second step, built when it is first gone to."""
        page = InvitePage(self.theme, self.store)
        page.left.connect(self.back)
        page.terms.connect(self._show_terms)
        self._stack.addWidget(page)
        return page

    @cached_property
    def consent(self) -> ConsentPage:
        """The third step, built when it is first gone to."""
        page = ConsentPage(self.theme, self.store, self._choose_folder)
        page.left.connect(self.back)
        page.joined.connect(self._on_joined)
        self._stack.addWidget(page)
        return page

    def refresh(self) -> None:
        """The parts refresh themselves."""

    def open_invite(self, link: str = "") -> None:
        """Go to the invite; ``link`` is what was pasted or opened, empty takes a link from the clipboard."""
        self._stack.setCurrentWidget(self.invite)
        self.invite.begin(link)

    def back(self) -> None:
        """Return to the list; nothing is sent."""
        self._stack.setCurrentWidget(self.overview)

    def step(self) -> int:
        """Which of the three parts is shown."""
        shown = self._stack.currentWidget()
        if shown is self.overview:
            return LIST
        return INVITE if shown is self.__dict__.get("invite") else CONSENT

    def _show_terms(self, link: str, terms: TermsView) -> None:
        self._stack.setCurrentWidget(self.consent)
        self.consent.begin(link, terms)

    def _on_joined(self, federation_id: str) -> None:
        self._stack.setCurrentWidget(self.overview)
        self.overview.choose(federation_id)

    def entered(self) -> None:
        """Nothing is fetched for the list."""


class _Overview(Page):
    """The list of federations and what the chosen one asks for."""

    def __init__(self, theme: Theme, store: EngineStore) -> None:
        super().__init__(theme, store)
        self._wanted = ""
        self.title = PageTitle(theme)
        self.open_invite = Button(theme, self.tr("Open invite"), kind="primary", icon="invite")
        self.title.add(self.open_invite)
        self.trouble = Banner(theme)
        self.trouble.hide()
        self.model = FederationModel(self)
        self.list = HouseList(theme, self.tr("Federations"))
        self.list.setModel(self.model)
        self.list.selectionModel().selectionChanged.connect(self._on_selected)
        holder = Panel(theme, padding=0, gap=0)
        holder.body.setContentsMargins(1, 1, 1, 1)
        holder.body.addWidget(self.list)
        self.detail = _Detail(theme, self._leave, self._weigh)
        self._columns = Columns(theme, holder, self.detail, left_share=3, right_share=7)
        self.empty_invite = Button(theme, self.tr("Open invite"), kind="primary", icon="invite")
        sentence = self.tr("An invite is a link that begins with hedgerow://join. Reading it opens no connection.")
        empty_panel = Panel(theme)
        empty_panel.body.addWidget(
            EmptyState(theme, "federations", self.tr("You help nobody now"), sentence, [self.empty_invite])
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._columns)
        self._stack.addWidget(empty_panel)
        column = self.column()
        column.addWidget(self.title)
        column.addWidget(self.trouble)
        column.addWidget(self._stack, 1)

    def refresh(self) -> None:
        """Show who is helped."""
        federations = [f for f in (self.store.snapshot.federations if self.store.snapshot else []) if f.state != "left"]
        chosen = self._chosen()
        self.model.set_rows(federations)
        self._stack.setCurrentIndex(0 if federations else 1)
        self.open_invite.setVisible(bool(federations))
        active = sum(f.state in ("active", "unreachable") for f in federations)
        if federations:
            names = ", ".join(strangers.name(f.name) for f in federations[:3])
            self.title.say(
                self.tr("You train with %n federation(s)", "", active)
                if active
                else self.tr("No federation is active"),
                names,
            )
        else:
            self.title.say(self.tr("Nothing is sent to anybody"))
        key = self._wanted or (chosen.federation_id if chosen else "")
        number = self.model.find(key) if key else -1
        if federations and number < 0:
            number = 0
        if number >= 0 and self.list.currentIndex().row() != number:
            self.list.setCurrentIndex(self.model.index(number, 0))
        if self._wanted and number >= 0:
            self._wanted = ""
        self._show_chosen()

    def choose(self, federation_id: str) -> None:
        """Show one federation, now or as soon as the engine lists it."""
        self._wanted = federation_id
        self.refresh()

    def _chosen(self) -> FederationInfo | None:
        return self.model.row(self.list.currentIndex().row())

    def _on_selected(self, _: QItemSelection, __: QItemSelection) -> None:
        self.detail.forget_question()
        self._show_chosen()

    def _show_chosen(self) -> None:
        chosen = self._chosen()
        self.detail.setVisible(chosen is not None)
        if chosen is not None:
            corpora = [self.store.corpus(c) for c in chosen.corpora]
            self.detail.show_federation(chosen, [c.name for c in corpora if c is not None])
            self.detail.share.show_share(chosen, self.model.share(chosen))

    def _weigh(self, federation_id: str, weight: float) -> None:
        call = self.store.ask_quietly("federation.share", ShareParams(federation_id=federation_id, weight=weight))
        call.then(self._on_done, self._on_not_weighed)

    def _on_not_weighed(self, error: HedgerowError) -> None:
        self._on_refused(error)
        self.detail.share.forget()
        self._show_chosen()

    def _leave(self) -> None:
        chosen = self._chosen()
        if chosen is not None and self.detail.confirmed():
            call = self.store.ask_quietly(
                "federation.leave", FederationParams(federation_id=chosen.federation_id), 60.0
            )
            call.then(self._on_done, self._on_refused)

    def _on_done(self, _: Message) -> None:
        self.trouble.hide()

    def _on_refused(self, error: HedgerowError) -> None:
        self.trouble.say(strangers.plain(error.message), strangers.plain(error.hint))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns become one where it is narrow."""
        self._columns.set_narrow(self.narrow)
        super().resizeEvent(event)


class _Detail(Panel):
    """The terms of one federation in words, and the way out."""

    def __init__(self, theme: Theme, leave: Callable[[], object], weigh: Callable[[str, float], object]) -> None:
        super().__init__(theme, padding=0, gap=0)
        self._asked = False
        scroll = ScrollColumn(theme)
        scroll.lie_on_panel()
        body = scroll.column
        inset = theme.px(4)
        body.setContentsMargins(inset, inset, inset, inset)
        body.setSpacing(theme.px(2))
        self.name = ElidedLabel(theme, "", Type.TITLE, weight=600)
        self.state = Chip(theme)
        head = row(self.name, gap=theme.px(2))
        head.addStretch(1)
        head.addWidget(self.state)
        self.operator = Label(theme, "", Type.BODY, "muted", wrap=True)
        self.error = Label(theme, "", Type.SMALL, "danger", wrap=True)
        self.purpose = Label(theme, "", Type.BODY, wrap=True)
        self.facts: dict[str, ElidedLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.px(4))
        grid.setVerticalSpacing(theme.px(2))
        grid.setColumnStretch(1, 1)
        names = {
            "unit": self.tr("Privacy"),
            "text": self.tr("Your text"),
            "model": self.tr("Model"),
            "rounds": self.tr("Rounds"),
            "leaves": self.tr("Leaves"),
            "comes": self.tr("Comes in"),
            "licence": self.tr("Licence"),
            "contact": self.tr("Last contact"),
            "address": self.tr("Address"),
            "manifest": self.tr("Manifest"),
        }
        for number, (key, name) in enumerate(names.items()):
            label, value = fact(theme, name, mono=key in ("address", "manifest"))
            grid.addWidget(label, number, 0)
            grid.addWidget(value, number, 1)
            self.facts[key] = value
        self.share = ShareRow(theme, weigh)
        self.question = Label(theme, "", Type.SMALL, wrap=True)
        self.question.hide()
        self.leave = Button(theme, self.tr("Leave…"), leave, size="small")
        self.stay = Button(theme, self.tr("Stay"), self.forget_question, size="small")
        self.stay.hide()
        body.addLayout(head)
        body.addWidget(self.operator)
        body.addWidget(self.error)
        body.addWidget(Label(theme, self.tr("Purpose, in their words"), Type.SMALL, "muted"))
        body.addWidget(self.purpose)
        body.addWidget(Hairline())
        body.addLayout(grid)
        body.addWidget(Hairline())
        body.addWidget(self.share)
        body.addStretch(1)
        body.addWidget(Hairline())
        body.addWidget(self.question)
        body.addLayout(row(self.leave, self.stay, 1, gap=theme.px(2)))
        self.body.addWidget(scroll)

    def show_federation(self, info: FederationInfo, corpora: list[str]) -> None:
        """Show one federation."""
        manifest = info.manifest
        words = {
            "active": (self.tr("joined"), "accent", "check"),
            "unreachable": (self.tr("no answer"), "danger", "warning"),
            "below_floor": (self.tr("rests: below your floor"), "text", "pause"),
            "resting": (self.tr("rests: its share is 0"), "text", "pause"),
            "finished": (self.tr("finished"), "muted", "check"),
            "left": (self.tr("left"), "muted", ""),
        }
        self.state.show_fact(*words[info.state])
        self.name.setText(strangers.name(info.name))
        by = self.tr("Run by {0}, {1}").format(strangers.name(info.operator), strangers.name(manifest.jurisdiction))
        self.operator.setText(by)
        self.error.setText(strangers.plain(info.last_error))
        self.error.setVisible(bool(info.last_error) and info.state in ("unreachable", "below_floor"))
        self.error.set_ink("text" if info.state == "below_floor" else "danger")
        self.purpose.setText(strangers.paragraph(manifest.purpose))
        done = self.tr("{0} of {1} done here, now at round {2}")
        parameters = self.tr("{0}, {1} parameters").format(
            strangers.name(manifest.preset), figures.short_count(manifest.parameters)
        )
        values = {
            "unit": self._unit(manifest.unit, manifest.seq_len),
            "text": ", ".join(strangers.name(n) for n in corpora) or self.tr("none"),
            "model": parameters,
            "rounds": done.format(info.rounds_done, figures.count(manifest.rounds), info.server_round),
            "leaves": self.tr("{0} of numbers a round").format(figures.size(manifest.upload_bytes)),
            "comes": self.tr("{0} of weights a round").format(figures.size(manifest.download_bytes)),
            "licence": strangers.name(manifest.licence),
            "contact": figures.when(info.last_contact_at) if info.last_contact_at else self.tr("none yet"),
            "address": strangers.plain(info.address, 80),
            "manifest": figures.hash_groups(info.manifest_hash, 16),
        }
        for key, value in values.items():
            self.facts[key].setText(value)
        self.facts["unit"].set_ink("danger" if manifest.unit == "none" else "text")
        self.leave.setVisible(info.state != "left")
        self._withdrawal = strangers.paragraph(manifest.withdrawal)

    def _unit(self, unit: str, seq_len: int) -> str:
        if unit == "record":
            return self.tr("{0} of {1} tokens, guaranteed here").format(unit_words(unit), seq_len)
        return unit_words(unit) if unit == "none" else self.tr("{0}, guaranteed here").format(unit_words(unit))

    def forget_question(self) -> None:
        """Take the question back."""
        self._asked = False
        self.question.hide()
        self.stay.hide()
        self.leave.set_label(self.tr("Leave…"))

    def confirmed(self) -> bool:
        """Say what stays and what is deleted the first time, agree the second time."""
        if self._asked:
            self.forget_question()
            return True
        self._asked = True
        stays = self.tr(
            "Deleted: the key for this federation, here and there; unfinished rounds. "
            "Stays: numbers already sent, in the shared model; your text, ledger and spent privacy, here."
        )
        theirs = self.tr("In their words: {0}").format(self._withdrawal) if self._withdrawal else ""
        self.question.setText(f"{stays}\n{theirs}".strip())
        self.question.show()
        self.stay.show()
        self.leave.set_label(self.tr("Leave this federation"))
        return False
